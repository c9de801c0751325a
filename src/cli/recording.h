/* recording.h: what a simulation answers from. */
#ifndef CLI_RECORDING_H
#define CLI_RECORDING_H

#include "cli.h"

/* From --from, --scenario, --speed and --replay-answers; owned.  ERR_USAGE, ERR_NOT_FOUND, … */
enum err_code recording_make(const struct args *args, json_t **out, struct err *err) MUST_CHECK;

#endif
