/* kubernetes.c: workloads of a cluster through kubectl: look, wait, scale, restart; the tables.
 * Source: https://kubernetes.io/docs/reference/kubectl/ */
#include "internal.h"

#include "kubernetes.h"

#include <stdlib.h>
#include <string.h>

#define RESTARTED_AT "kubectl.kubernetes.io/restartedAt"

static const char *resource_of(struct call *call)
{
	return call_string(call, "resource");
}

/* ------------------------------------------------------------------ looking and waiting */

static enum err_code get(struct call *call, json_t *result, struct err *err)
{
	json_t *object = NULL;

	TRY(kubectl_get(call, resource_of(call), &object, err));
	kubernetes_put(object, result);
	json_decref(object);
	return ERR_NONE;
}

static bool condition_is(const json_t *object, const char *wanted)
{
	json_t *row;
	size_t i;

	json_array_foreach(
		json_object_get(json_object_get(object, "status"), "conditions"), i, row) {
		if (str_eq(json_str(row, "type", ""), wanted))
			return str_eq(json_str(row, "status", ""), "True");
	}
	return false;
}

/* kubectl waits on a watch; what it says is looked at once more. */
static enum err_code wait_for(struct call *call, json_t *result, struct err *err)
{
	const char *condition = call_string(call, "condition");
	char *what = xasprintf("--for=condition=%s", condition);
	const int64_t left = call_left_ms(call), wait = call_int(call, "wait");
	char *limit = xasprintf("--timeout=%lldms", (long long)(wait < left ? wait : left));
	const char *const args[] = { "wait", resource_of(call), what, limit, NULL };
	json_t *object = NULL;
	enum err_code code = kubernetes_check_resource(resource_of(call), err);

	call_progress(call, -1, "waiting for %s to be %s", resource_of(call), condition);
	if (code == ERR_NONE)
		code = kubectl(call, args, NULL, NULL, err);
	if (code == ERR_NONE)
		code = kubectl_get(call, resource_of(call), &object, err);
	if (code == ERR_NONE && !condition_is(object, condition))
		code = err_set(err, ERR_CONFLICT, "%s was %s for a moment and is not any more",
			resource_of(call), condition);
	if (code == ERR_NONE)
		kubernetes_put(object, result);
	json_decref(object);
	free(what);
	free(limit);
	return code;
}

static enum err_code rollout(struct call *call, json_t *result, struct err *err)
{
	json_t *object = NULL;
	const enum err_code code = kubernetes_settle(
		call, resource_of(call), call_int(call, "wait"), &object, err);

	if (object != NULL)
		kubernetes_put(object, result);
	json_decref(object);
	return code;
}

/* ------------------------------------------------------------------ workload.scale */

static enum err_code read_replicas(
	struct call *call, json_t **object, int64_t *n, struct err *err)
{
	TRY(kubectl_get(call, resource_of(call), object, err));
	const json_t *spec = json_object_get(*object, "spec");
	*n = json_int(spec, "replicas", -1);
	if (*n >= 0)
		return ERR_NONE;
	json_decref(*object);
	*object = NULL;
	return err_set(err, ERR_USAGE, "%s has no replicas", resource_of(call));
}

static enum err_code prepare_scale(struct call *call, json_t *before, struct err *err)
{
	json_t *object;
	int64_t replicas;

	TRY(read_replicas(call, &object, &replicas, err));
	json_put_int(before, "replicas", replicas);
	json_put_int(before, "ready",
		json_int(json_object_get(object, "status"), "readyReplicas", 0));
	json_put(before, "undo",
		json_pack("{s:s, s:{s:s, s:I}}", "op", "workload.scale", "args", "resource",
			resource_of(call), "replicas", (json_int_t)replicas));
	json_decref(object);
	return ERR_NONE;
}

/* After the change was taken: an error leaves the world changed, as far as it is known. */
static enum err_code settle_after(
	struct call *call, json_t *result, json_t **object, struct err *err)
{
	const int64_t wait_ms = call_int(call, "wait");
	enum err_code code =
		wait_ms > 0 ? kubernetes_settle(call, resource_of(call), wait_ms, object, err)
			    : kubectl_get(call, resource_of(call), object, err);

	if (*object != NULL)
		kubernetes_put(*object, result);
	if (code != ERR_NONE)
		err->world = *object != NULL ? WORLD_CHANGED : WORLD_UNKNOWN;
	return code;
}

static enum err_code run_scale(struct call *call, json_t *result, struct err *err)
{
	const int64_t wanted = call_int(call, "replicas");
	char *to = xasprintf("--replicas=%lld", (long long)wanted);
	/* nobody else may have scaled it since it was shown */
	char *from = xasprintf("--current-replicas=%lld",
		(long long)json_int(call_before(call), "replicas", 0));
	const char *const args[] = { "scale", resource_of(call), to, from, NULL };
	json_t *object = NULL;
	enum err_code code = kubectl(call, args, NULL, NULL, err);

	free(to);
	free(from);
	TRY(code);
	code = settle_after(call, result, &object, err);
	if (code == ERR_NONE &&
		json_int(json_object_get(object, "spec"), "replicas", -1) != wanted) {
		code = err_set(err, ERR_CONFLICT,
			"the API server took the change, and %s is to have %lld replicas; an "
			"autoscaler?",
			resource_of(call),
			(long long)json_int(json_object_get(object, "spec"), "replicas", -1));
		err->world = WORLD_UNKNOWN;
	}
	json_decref(object);
	return code;
}

static enum err_code verify_scale(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	json_t *object;
	int64_t replicas;

	TRY(read_replicas(call, &object, &replicas, err));
	kubernetes_put(object, evidence);
	json_decref(object);
	*verdict = VERDICT_CANNOT_TELL;
	if (replicas == call_int(call, "replicas"))
		*verdict = VERDICT_DONE;
	else if (replicas == json_int(call_before(call), "replicas", -1))
		*verdict = VERDICT_NOT_DONE;
	else
		json_put_str(evidence, "reason",
			"the number is neither the old nor the new one; an autoscaler?");
	return ERR_NONE;
}

/* ------------------------------------------------------------------ workload.restart */

static const char *restarted_at(const json_t *object)
{
	const json_t *template = json_object_get(json_object_get(object, "spec"), "template");
	const json_t *meta = json_object_get(template, "metadata");

	return json_str(json_object_get(meta, "annotations"), RESTARTED_AT, "");
}

static enum err_code prepare_restart(struct call *call, json_t *before, struct err *err)
{
	json_t *object;
	int64_t replicas;

	TRY(read_replicas(call, &object, &replicas, err));
	json_put_int(before, "replicas", replicas);
	json_put_str(before, "restarted_at", restarted_at(object));
	json_decref(object);
	return ERR_NONE;
}

static enum err_code run_restart(struct call *call, json_t *result, struct err *err)
{
	const char *const args[] = { "rollout", "restart", resource_of(call), NULL };
	json_t *object = NULL;

	TRY(kubectl(call, args, NULL, NULL, err));
	enum err_code code = settle_after(call, result, &object, err);
	if (code == ERR_NONE &&
		str_eq(restarted_at(object), json_str(call_before(call), "restarted_at", ""))) {
		code = err_set(err, ERR_CONFLICT,
			"the API server took the restart, and %s does not have it",
			resource_of(call));
		err->world = WORLD_UNKNOWN;
	}
	json_decref(object);
	return code;
}

static enum err_code verify_restart(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	json_t *object;
	int64_t replicas;

	TRY(read_replicas(call, &object, &replicas, err));
	kubernetes_put(object, evidence);
	json_put_str(evidence, "restarted_at", restarted_at(object));
	*verdict = str_eq(restarted_at(object), json_str(call_before(call), "restarted_at", ""))
			   ? VERDICT_NOT_DONE
			   : VERDICT_DONE;
	json_decref(object);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ doctor */

static void put_check(json_t *checks, const char *name, bool ok, const char *detail)
{
	json_array_append_new(checks, json_pack("{s:s, s:b, s:o}", "name", name, "ok", ok,
					      "detail", json_text(detail, strlen(detail))));
}

static void probe_right(struct call *call, json_t *checks, const char *verb, const char *what)
{
	const char *const args[] = { "auth", "can-i", verb, what, NULL };
	struct err why = { 0 };
	const bool ok = kubectl(call, args, NULL, NULL, &why) == ERR_NONE;
	char *name = xasprintf("%s %s", verb, what);

	put_check(checks, name, ok, ok ? "allowed" : "these credentials may not");
	free(name);
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	static const char *const version[] = { "version", "-o", "json", NULL };
	json_t *checks = json_array(), *json = NULL;
	struct buf out = { 0 };
	struct err why = { 0 };
	char detail[300];

	(void)err;
	json_put(report, "checks", checks);
	bool ok =
		kubectl(call, version, NULL, &out, &why) == ERR_NONE &&
		json_parse(out.data != NULL ? out.data : "", out.len, &json, &why) == ERR_NONE;
	buf_release(&out);
	snprintf(detail, sizeof(detail), "server %s, kubectl %s",
		json_str(json_object_get(json, "serverVersion"), "gitVersion", "?"),
		json_str(json_object_get(json, "clientVersion"), "gitVersion", "?"));
	put_check(checks, "server", ok, ok ? detail : why.text);
	json_decref(json);
	if (ok) {
		probe_right(call, checks, "get", "deployments");
		probe_right(call, checks, "patch", "deployments");
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

#define RESOURCE                                                                               \
	{                                                                                      \
		.name = "resource", .type = FIELD_STRING, .required = true,                    \
		.help = "kind/name, such as deployment/shop"                                   \
	}
#define WAIT(length)                                                                           \
	{                                                                                      \
		.name = "wait", .type = FIELD_DURATION, .unit = "ms", .fallback = length,      \
		.help = "how long until every replica is new and ready; 0 = not at all"        \
	}

static const struct field settings[] = {
	{ .name = "kubeconfig",
		.type = FIELD_PATH,
		.help = "the file with cluster and credentials" },
	{ .name = "context", .type = FIELD_STRING, .help = "one of its contexts" },
	{ .name = "namespace",
		.type = FIELD_STRING,
		.fallback = "default",
		.help = "where the workloads are" },
	{ .name = "server",
		.type = FIELD_STRING,
		.help = "with a token: the API server, https://" },
	{ .name = "ca_file",
		.type = FIELD_PATH,
		.help = "with a token: the CA certificates to trust, PEM" },
	{ .name = "token",
		.type = FIELD_SECRET,
		.help = "instead of a kubeconfig; handed over on a descriptor" },
	{ .name = "program",
		.type = FIELD_STRING,
		.fallback = "kubectl",
		.help = "kubectl, or a path to it" },
	{ .name = "validate",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "let kubectl check manifests against the cluster's schema" },
	FIELD_END
};
static const struct field get_params[] = { RESOURCE, FIELD_END };
static const struct field wait_params[] = { RESOURCE,
	{ .name = "condition",
		.type = FIELD_STRING,
		.fallback = "Available",
		.help = "a condition of its status that is to be True" },
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "2m",
		.help = "how long to wait for it" },
	FIELD_END };
static const struct field rollout_params[] = { RESOURCE, WAIT("5m"), FIELD_END };
static const struct field scale_params[] = { RESOURCE,
	{ .name = "replicas",
		.type = FIELD_INT,
		.required = true,
		.min = 0,
		.max = 100000,
		.help = "how many there are to be" },
	WAIT("5m"), FIELD_END };
static const struct field apply_params[] = {
	{ .name = "file", .type = FIELD_PATH, .help = "a manifest: YAML or JSON" },
	{ .name = "manifest", .type = FIELD_MAP, .help = "or the manifest itself" }, FIELD_END
};
static const struct field delete_params[] = { { .name = "resources",
						      .type = FIELD_STRINGS,
						      .required = true,
						      .help = "kind/name of each" },
	FIELD_END };
static const struct field object_results[] = {
	{ .name = "kind", .type = FIELD_STRING, .help = "such as Deployment" },
	{ .name = "name", .type = FIELD_STRING, .help = "its name" },
	{ .name = "namespace", .type = FIELD_STRING, .help = "where it is" },
	{ .name = "generation", .type = FIELD_INT, .help = "of its spec" },
	{ .name = "observed_generation",
		.type = FIELD_INT,
		.help = "of the spec that its status is about" },
	{ .name = "replicas", .type = FIELD_INT, .help = "how many there are to be" },
	{ .name = "ready", .type = FIELD_INT, .help = "how many answer" },
	{ .name = "updated", .type = FIELD_INT, .help = "how many are of the newest spec" },
	{ .name = "available", .type = FIELD_INT, .help = "how many are ready long enough" },
	{ .name = "conditions", .type = FIELD_MAP, .help = "type -> True, False or Unknown" },
	FIELD_END
};
static const struct field apply_results[] = {
	{ .name = "objects",
		.type = FIELD_MAP,
		.help = "kind/name -> created, configured or unchanged" },
	FIELD_END
};
static const struct field delete_results[] = {
	{ .name = "deleted", .type = FIELD_INT, .help = "how many are gone" }, FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "workload",
		.verb = "get",
		.effect = EFFECT_READ,
		.params = get_params,
		.results = object_results,
		.run = get,
		.cancel_help = "at once",
		.timeout_ms = 30000,
		.help = "replicas and conditions of a workload" },
	{ .capability = "workload",
		.verb = "wait",
		.effect = EFFECT_READ,
		.params = wait_params,
		.results = object_results,
		.run = wait_for,
		.cancel_help = "at once",
		.timeout_ms = 600000,
		.help = "wait until a condition is true" },
	{ .capability = "workload",
		.verb = "rollout",
		.effect = EFFECT_READ,
		.params = rollout_params,
		.results = object_results,
		.run = rollout,
		.cancel_help = "between polls",
		.timeout_ms = 900000,
		.help = "wait until every replica is of the newest spec and ready" },
	{ .capability = "workload",
		.verb = "scale",
		.effect = EFFECT_CHANGE,
		.params = scale_params,
		.results = object_results,
		.prepare = prepare_scale,
		.run = run_scale,
		.verify = verify_scale,
		.undo = "workload.scale",
		.cancel_help = "between polls; the new number stays",
		.timeout_ms = 900000,
		.help = "change the number of replicas and wait until they are ready" },
	{ .capability = "workload",
		.verb = "restart",
		.effect = EFFECT_COSTLY,
		.params = rollout_params,
		.results = object_results,
		.prepare = prepare_restart,
		.run = run_restart,
		.verify = verify_restart,
		.cancel_help = "between polls; the restart goes on",
		.timeout_ms = 900000,
		.help = "replace every replica by a new one, a few at a time" },
	{ .capability = "workload",
		.verb = "apply",
		.effect = EFFECT_COSTLY,
		.params = apply_params,
		.results = apply_results,
		.prepare = kubernetes_prepare_apply,
		.run = kubernetes_apply,
		.verify = kubernetes_verify_apply,
		.undo = "workload.apply",
		.cancel_help = "between objects; those applied stay",
		.timeout_ms = 300000,
		.help = "make the cluster hold what a manifest says" },
	{ .capability = "workload",
		.verb = "delete",
		.effect = EFFECT_IRREVERSIBLE,
		.params = delete_params,
		.results = delete_results,
		.prepare = kubernetes_prepare_delete,
		.run = kubernetes_delete,
		.verify = kubernetes_verify_delete,
		.cancel_help = "between objects; those deleted are gone",
		.timeout_ms = 300000,
		.help = "take objects out of the cluster" },
	OPERATION_END
};

const struct provider kubernetes_provider = {
	.name = "kubernetes",
	.summary = "Kubernetes workloads, through kubectl",
	.source = "Kubernetes 1.20 to 1.32, kubectl reference",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
