/* examine.h: the word of `drillbook server` that only a server says. */
#ifndef CLI_EXAMINE_H
#define CLI_EXAMINE_H

#include "cli.h"

int server_examine(const struct args *args, struct err *err);

#endif
