/* kubernetes_run.c: running kubectl.
 *
 * The credentials are a kubeconfig file, or a token, which goes to kubectl in a kubeconfig of
 * its own on a descriptor.  kubectl ends with status 1 for everything; what went wrong is in
 * its words. */
#include "kubernetes.h"

#include "tool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Words of kubectl, and what they mean.  The first that fits counts. */
static const struct {
	const char *words;
	enum err_code code;
	enum world world;
} meanings[] = {
	{ "(NotFound)", ERR_NOT_FOUND, WORLD_UNCHANGED },
	{ "(Forbidden)", ERR_AUTH, WORLD_UNCHANGED },
	{ "(Unauthorized)", ERR_AUTH, WORLD_UNCHANGED },
	{ "You must be logged in", ERR_AUTH, WORLD_UNCHANGED },
	{ "the server has asked for the client to provide credentials", ERR_AUTH,
		WORLD_UNCHANGED },
	{ "(AlreadyExists)", ERR_CONFLICT, WORLD_UNCHANGED },
	{ "(Conflict)", ERR_CONFLICT, WORLD_UNCHANGED },
	{ "Expected replicas to be", ERR_CONFLICT, WORLD_UNCHANGED },
	{ "x509:", ERR_AUTH, WORLD_UNCHANGED },
	{ "connection refused", ERR_UNREACHABLE, WORLD_UNCHANGED },
	{ "was refused - did you specify", ERR_UNREACHABLE, WORLD_UNCHANGED },
	{ "no such host", ERR_UNREACHABLE, WORLD_UNCHANGED },
	{ "no route to host", ERR_UNREACHABLE, WORLD_UNCHANGED },
	{ "TLS handshake timeout", ERR_TIMEOUT, WORLD_UNCHANGED },
	{ "timed out waiting", ERR_TIMEOUT, WORLD_UNKNOWN },
	{ "Client.Timeout", ERR_TIMEOUT, WORLD_UNKNOWN },
	{ "i/o timeout", ERR_TIMEOUT, WORLD_UNKNOWN },
	{ "context deadline exceeded", ERR_TIMEOUT, WORLD_UNKNOWN },
	{ "Unable to connect to the server", ERR_UNREACHABLE, WORLD_UNKNOWN },
	{ "doesn't have a resource type", ERR_USAGE, WORLD_UNCHANGED },
	{ "(BadRequest)", ERR_REFUSED, WORLD_UNCHANGED },
	{ "(Invalid)", ERR_REFUSED, WORLD_UNCHANGED },
	{ "error validating", ERR_REFUSED, WORLD_UNCHANGED },
	{ "error parsing", ERR_USAGE, WORLD_UNCHANGED },
};

static enum err_code explain(const struct tool *tool, struct err *err)
{
	char said[TOOL_SAID_BYTES];

	tool_said(tool, said, sizeof(said));
	for (size_t i = 0; i < COUNT_OF(meanings); i++) {
		if (strstr(tool->errout.data, meanings[i].words) == NULL)
			continue;
		err_set(err, meanings[i].code, "kubectl: %s", said);
		err->world = meanings[i].world;
		return err->code;
	}
	tool_failed(tool, err);
	err->world = WORLD_UNKNOWN;
	return err->code;
}

/* A kubeconfig of the settings server and ca_file with the secret token; owned, NULL without a
 * token.  JSON is YAML. */
static char *own_config(struct call *call, size_t *len)
{
	const char *token = call_secret(call, "token", len);
	const char *ca = setting_string(call, "ca_file");

	if (token == NULL)
		return NULL;
	json_t *cluster = json_pack("{s:s?}", "server", setting_string(call, "server"));
	if (ca != NULL)
		json_put_str(cluster, "certificate-authority", ca);
	json_t *config = json_pack("{s:s, s:s, s:[{s:s, s:o}], s:[{s:s, s:{s:o}}], "
				   "s:[{s:s, s:{s:s, s:s}}], s:s}",
		"apiVersion", "v1", "kind", "Config", "clusters", "name", "c", "cluster",
		cluster, "users", "name", "u", "user", "token", json_text(token, *len),
		"contexts", "name", "x", "context", "cluster", "c", "user", "u",
		"current-context", "x");
	char *text = json_line(config);
	json_decref(config);
	*len = strlen(text);
	return text;
}

static enum err_code check_settings(struct call *call, struct err *err)
{
	const bool token = setting_has(call, "token");

	if (token && !setting_has(call, "server"))
		return err_set(err, ERR_USAGE, "target \"%s\": with a token, name the server",
			call_target(call));
	if (token == setting_has(call, "kubeconfig"))
		return err_set(err, ERR_USAGE,
			"target \"%s\" needs the setting kubeconfig or the secret token",
			call_target(call));
	if (token && !str_starts(setting_string(call, "server"), "https://"))
		return err_set(err, ERR_FORBIDDEN,
			"target \"%s\": a token is sent to an https:// server only",
			call_target(call));
	return ERR_NONE;
}

enum err_code kubectl(struct call *call, const char *const *args, const char *input,
	struct buf *out, struct err *err)
{
	static const char *const env[] = { "KUBECONFIG", "KUBECTL_*", "POD_NAMESPACE", NULL };
	const char *argv[KUBECTL_WORDS_MAX + 8] = { setting_string(call, "program") };
	const char *context = setting_string(call, "context");
	size_t n = 1, len = 0;

	err->world = WORLD_UNCHANGED;
	TRY(check_settings(call, err));
	char *config = own_config(call, &len);
	char *file = config != NULL
			     ? xstrdup("--kubeconfig={secret}")
			     : xasprintf("--kubeconfig=%s", setting_string(call, "kubeconfig"));
	char *space = xasprintf("--namespace=%s", setting_string(call, "namespace"));
	char *where = context != NULL ? xasprintf("--context=%s", context) : NULL;
	/* a server that is silent; without the option kubectl would wait for ever */
	char *limit = xasprintf("--request-timeout=%lldms",
		(long long)(call_left_ms(call) > 1 ? call_left_ms(call) : 1));
	for (; args[n - 1] != NULL && n < KUBECTL_WORDS_MAX; n++)
		argv[n] = args[n - 1];
	argv[n++] = file;
	argv[n++] = space;
	argv[n++] = limit;
	argv[n++] = where;
	struct tool tool = { .call = call,
		.argv = argv,
		.env = env,
		.cwd = call_workspace(call)[0] != '\0' ? call_workspace(call) : NULL,
		.secret = config,
		.secret_len = len,
		.input = input,
		.input_bytes = input != NULL ? strlen(input) : 0,
		.max_output_bytes = KUBECTL_OUT_MAX };
	enum err_code code = tool_run(&tool, err);
	if (code == ERR_NONE && tool.exit_status != 0)
		code = explain(&tool, err);
	if (code == ERR_NONE && out != NULL) {
		*out = tool.out;
		buf_init(&tool.out, 0);
	}
	tool_release(&tool);
	if (config != NULL)
		explicit_bzero(config, len);
	free(config);
	free(file);
	free(space);
	free(where);
	free(limit);
	return code;
}

/* ------------------------------------------------------------------ objects */

enum err_code kubernetes_check_resource(const char *resource, struct err *err)
{
	const char *slash = strchr(resource, '/');
	bool good = slash != NULL && slash != resource && slash[1] != '\0' &&
		    strlen(resource) < 512 && isalpha((unsigned char)resource[0]);

	for (const char *c = resource; good && *c != '\0'; c++)
		good = islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '-' ||
		       *c == '.' || (*c == '/' && c == slash);
	if (!good || slash[1] == '-')
		return err_set(err, ERR_USAGE,
			"\"%.200s\" must be kind/name in lower case, such as deployment/shop",
			resource);
	if (str_starts(resource, "secret/") || str_starts(resource, "secrets/"))
		return err_set(err, ERR_FORBIDDEN,
			"a Secret is not touched: its values would be in the record");
	return ERR_NONE;
}

enum err_code kubectl_get(
	struct call *call, const char *resource, json_t **object, struct err *err)
{
	const char *const args[] = { "get", resource, "-o", "json", NULL };
	struct buf out = { 0 };

	TRY(kubernetes_check_resource(resource, err));
	TRY(kubectl(call, args, NULL, &out, err));
	const enum err_code code =
		json_parse(out.data != NULL ? out.data : "", out.len, object, err);
	buf_release(&out);
	return code == ERR_NONE ? code : err_context(err, "kubectl get %s", resource);
}

static void put_conditions(const json_t *status, json_t *result)
{
	json_t *map = json_object(), *row;
	size_t i;

	json_array_foreach(json_object_get(status, "conditions"), i, row)
		json_put_str(map, json_str(row, "type", "?"), json_str(row, "status", "?"));
	json_put(result, "conditions", map);
}

void kubernetes_put(const json_t *object, json_t *result)
{
	static const char *const counts[][2] = {
		{ "readyReplicas", "ready" },
		{ "updatedReplicas", "updated" },
		{ "availableReplicas", "available" },
	};
	const json_t *meta = json_object_get(object, "metadata");
	const json_t *spec = json_object_get(object, "spec");
	const json_t *status = json_object_get(object, "status");

	json_put_str(result, "kind", json_str(object, "kind", "?"));
	json_put_str(result, "name", json_str(meta, "name", "?"));
	json_put_str(result, "namespace", json_str(meta, "namespace", ""));
	json_put_int(result, "generation", json_int(meta, "generation", 0));
	json_put_int(result, "observed_generation", json_int(status, "observedGeneration", 0));
	if (json_is_integer(json_object_get(spec, "replicas"))) {
		json_put_int(result, "replicas", json_int(spec, "replicas", 0));
		/* Kubernetes leaves out what is 0 */
		for (size_t i = 0; i < COUNT_OF(counts); i++)
			json_put_int(result, counts[i][1], json_int(status, counts[i][0], 0));
	}
	put_conditions(status, result);
}

/* Everything of the newest generation is there and nothing of an older one; a StatefulSet says
 * "ready" where it has no "available". */
static bool settled(const json_t *object)
{
	const json_t *status = json_object_get(object, "status");
	const int64_t wanted = json_int(json_object_get(object, "spec"), "replicas", 0);
	const int64_t ready = json_int(status, "readyReplicas", 0);

	return json_int(status, "observedGeneration", 0) >=
		       json_int(json_object_get(object, "metadata"), "generation", 0) &&
	       json_int(status, "replicas", 0) == wanted &&
	       json_int(status, "updatedReplicas", 0) == wanted && ready == wanted &&
	       json_int(status, "availableReplicas", ready) == wanted;
}

enum err_code kubernetes_settle(struct call *call, const char *resource, int64_t wait_ms,
	json_t **object, struct err *err)
{
	const struct mono start = mono_now();

	while (true) {
		json_t *now = NULL;
		const enum err_code code = kubectl_get(call, resource, &now, err);

		if (code != ERR_NONE)
			return code;
		json_decref(*object);
		*object = now;
		const json_t *status = json_object_get(now, "status");
		const int64_t wanted = json_int(json_object_get(now, "spec"), "replicas", 0);
		const int64_t ready = json_int(status, "readyReplicas", 0);
		if (settled(now))
			return ERR_NONE;
		call_progress(call, -1, "%s: %lld of %lld ready", resource, (long long)ready,
			(long long)wanted);
		if (mono_ms_since(start) >= wait_ms)
			return err_set(err, ERR_TIMEOUT,
				"%s: %lld of %lld are ready, %lld of them new, after %lld ms",
				resource, (long long)ready, (long long)wanted,
				(long long)json_int(status, "updatedReplicas", 0),
				(long long)mono_ms_since(start));
		TRY(call_sleep(call, 500, err));
	}
}
