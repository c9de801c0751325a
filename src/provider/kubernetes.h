/* kubernetes.h: what the files of the kubernetes provider share. */
#ifndef PROVIDER_KUBERNETES_H
#define PROVIDER_KUBERNETES_H

#include "drillbook/provider.h"

enum { KUBECTL_OUT_MAX = 8 << 20, KUBECTL_WORDS_MAX = 64 };

/* Runs kubectl with the target's cluster, credentials and namespace.  args ends with NULL;
 * input is its standard input (may be NULL).  *out is owned (may be NULL).  A failure is told
 * in kubectl's words with the code they stand for; err->world is UNCHANGED when nothing can
 * have been sent. */
enum err_code kubectl(struct call *call, const char *const *args, const char *input,
	struct buf *out, struct err *err) MUST_CHECK;
/* One object as JSON, owned. */
enum err_code kubectl_get(
	struct call *call, const char *resource, json_t **object, struct err *err) MUST_CHECK;
/* kind/name, lower case, and no Secret: its values would be in the record. */
enum err_code kubernetes_check_resource(const char *resource, struct err *err) MUST_CHECK;
/* Polls until what was asked of a workload is so: replicas -1 = as many as its spec says.
 * *object is what was seen last; owned, may be NULL. */
enum err_code kubernetes_settle(struct call *call, const char *resource, int64_t wait_ms,
	json_t **object, struct err *err) MUST_CHECK;
/* What results say of an object. */
void kubernetes_put(const json_t *object, json_t *result);

/* kubernetes_apply.c */
enum err_code kubernetes_prepare_apply(struct call *call, json_t *before, struct err *err);
enum err_code kubernetes_apply(struct call *call, json_t *result, struct err *err);
enum err_code kubernetes_verify_apply(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);
enum err_code kubernetes_prepare_delete(struct call *call, json_t *before, struct err *err);
enum err_code kubernetes_delete(struct call *call, json_t *result, struct err *err);
enum err_code kubernetes_verify_delete(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);

#endif
