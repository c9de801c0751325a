/* form.h: what a runbook is started with: its parameters by their types, the mode, why.  Pure;
 * the screen draws it, the plain client asks it line by line. */
#ifndef DRILLBOOK_TUI_FORM_H
#define DRILLBOOK_TUI_FORM_H

#include "drillbook/base.h"

enum { FORM_FIELDS = 40, FORM_CHOICES = 24, FORM_TEXT = 512 };

/* One line of text being typed. */
struct field {
	char text[FORM_TEXT];
	size_t len;
};
bool field_key(struct field *field, uint32_t key); /* true when the key was typing */
void field_clear(struct field *field);
void field_set(struct field *field, const char *text);

struct form_field {
	char name[64], type[16], help[160];
	char min[32], max[32];
	bool required, param; /* param: a parameter of the runbook, not of the run */
	char choices[FORM_CHOICES][64];
	size_t choice_count;
	struct field value;
};

struct form {
	char runbook[128];
	bool ready; /* its parameters are known */
	struct form_field fields[FORM_FIELDS];
	size_t count;
	size_t focus; /* of count: the last row, which starts */
};

/* With the fields every run has: mode, why, impact. */
void form_open(struct form *form, const char *runbook, const char *mode);
/* Adds the parameters of an outline ("params" of workspace_outline) before those. */
void form_params(struct form *form, const json_t *params);
/* NULL when the field can be taken as it is; else what is wrong, borrowed from out. */
const char *form_wrong(const struct form_field *field, char *out, size_t size);
/* First field that is wrong; form->count when none is. */
size_t form_first_wrong(const struct form *form);
/* A field with choices turns to the next (by > 0) or the one before. */
void form_turn(struct form_field *field, int by);
const struct form_field *form_field(const struct form *form, const char *name);
/* {"runbook", "mode", "note", "from", "impact", "params": {…}}: what is empty is left out;
 * owned. */
json_t *form_json(const struct form *form);

#endif
