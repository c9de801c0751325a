/* check.h: what every unit test starts with. */
#ifndef CHECK_H
#define CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

/* How often something is tried: the suite takes a slice, the campaign (./bootstrap campaign, which sets
 * DRILLBOOK_CAMPAIGN) the whole. */
static inline int times(int slice, int whole)
{
	return getenv("DRILLBOOK_CAMPAIGN") != NULL ? whole : slice;
}

/* A call that must succeed; prints the error's own words when it does not. */
#define ok(expr)                                                                                 \
	do {                                                                                     \
		const enum err_code ok_code_ = (expr);                                           \
		if (ok_code_ != ERR_NONE)                                                        \
			fail_msg("%s: %s: %s", #expr, err_name(ok_code_), err.text);             \
	} while (0)
/* A call that must fail with this code. */
#define refused(code, expr)                                                                      \
	do {                                                                                     \
		const enum err_code refused_code_ = (expr);                                      \
		if (refused_code_ != (code))                                                     \
			fail_msg("%s: %s instead of %s", #expr, err_name(refused_code_), err_name(code)); \
	} while (0)

#endif
