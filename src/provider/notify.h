/* notify.h: what the files of the notify provider share. */
#ifndef PROVIDER_NOTIFY_H
#define PROVIDER_NOTIFY_H

#include "drillbook/provider.h"

/* One thing to tell, the same for every way; strings are borrowed unless said otherwise. */
struct notice {
	struct call *call;
	const char *event; /* "open" "update" "resolve" */
	const char *summary, *text, *severity, *link;
	const json_t *details; /* name -> text or whole number */
	char *run;	       /* owned: what the incident belongs to */
	char *incident;	 /* owned: source/run/incident */
	const char *key; /* of this call: a retry has the same */
};

/* A way of telling: result gets id and, when there is one, answer. */
typedef enum err_code notify_way(const struct notice *notice, json_t *result, struct err *err);
enum err_code notify_email(const struct notice *notice, json_t *result, struct err *err);
enum err_code notify_webhook(const struct notice *notice, json_t *result, struct err *err);
enum err_code notify_pagerduty(const struct notice *notice, json_t *result, struct err *err);
enum err_code notify_command(const struct notice *notice, json_t *result, struct err *err);
/* What a way needs of the settings, without sending anything. */
enum err_code notify_check_email(struct call *call, struct err *err) MUST_CHECK;

/* "RESOLVED: " and the like before a summary. */
const char *notify_mark(const struct notice *notice);
/* The details as lines "name: value", each with before in front.  err as buf_add. */
enum err_code notify_details(const struct notice *notice, const char *before, struct buf *out,
	struct err *err) MUST_CHECK;

#endif
