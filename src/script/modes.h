/* modes.h: what the worker executable can be started as. */
#ifndef SCRIPT_MODES_H
#define SCRIPT_MODES_H

int call_main(void);   /* --call: one operation, described on stdin */
int lint_main(void);   /* --lint: the syntax of scripts */
int secrets_main(void); /* --secrets: which can be read, without saying any */
int zygote_main(void); /* --zygote: the control socket is descriptor 3 */

#endif
