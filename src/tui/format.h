/* format.h: quantities as the screens write them. */
#ifndef DRILLBOOK_TUI_FORMAT_H
#define DRILLBOOK_TUI_FORMAT_H

#include "drillbook/base.h"

/* A duration as an objective is stated: "30m", "1h30m", "0"; "--" when there is none. */
const char *format_objective(char *out, size_t size, int64_t ms);
/* "12m" "3h" "12d": how long ago. */
const char *format_age(char *out, size_t size, int64_t ms);
/* "2026-11-18 14:02"; "--" for a moment that is not known. */
const char *format_moment(char *out, size_t size, int64_t ns);
/* format_clock with a sign always: "+1:20" "-0:05" "0:00". */
const char *format_delta(char *out, size_t size, int64_t ms);
/* A JSON value as an operator reads it; owned. */
char *format_value(const json_t *value);

#endif
