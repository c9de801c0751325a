/* mode_call.c: `worker --call`: one operation on one target, for whoever writes a provider and
 * for tests.
 *
 * stdin:  {"target", "targets": {…}, "op", "args": {}, "phase": "run|prepare|verify|probe",
 * "before": {}, "key", "workspace", "timeout_ms", "secrets_inline": {"target/setting":
 * "value"}} stdout: {"ok", "effect", "result", "before", "verdict", "evidence", "report",
 * "error": {code, text, world}} What the operation logs goes to stderr.  No mode, no policy and
 * no journal stand in between: it does what it is told. */
#include "failpoint.h"
#include "modes.h"
#include "secrets.h"

#include "drillbook/provider.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 16 << 20 };

static volatile bool stopped;

static void on_signal(int signal)
{
	(void)signal;
	stopped = true;
}

static void say(const struct mask *mask, const char *text)
{
	size_t len;
	char *masked = mask_string(mask, text, strlen(text), &len);

	fprintf(stderr, "%s\n", masked != NULL ? masked : text);
	free(masked);
}

static void on_progress(void *arg, int per_mille, const char *text)
{
	struct secrets *secrets = arg;
	char line[600];

	snprintf(line, sizeof(line), "progress %d: %s", per_mille, text);
	say(&secrets->mask, line);
}

static void on_log(void *arg, const char *text)
{
	struct secrets *secrets = arg;

	say(&secrets->mask, text);
}

struct request {
	const json_t *json;
	const char *target, *op, *phase, *key, *workspace;
	const json_t *target_json;
	struct call_hooks hooks;
};

static enum err_code make(struct call **call, const struct request *request,
	const json_t *before, struct err *err)
{
	const bool probe = str_eq(request->phase, "probe");

	return call_new(call, request->target, request->target_json, probe ? NULL : request->op,
		json_object_get(request->json, "args"), before, request->key,
		request->workspace, json_int(request->json, "timeout_ms", 0), &request->hooks,
		err);
}

static enum err_code do_probe(const struct request *request, json_t *answer, struct err *err)
{
	struct call *call;
	json_t *report = json_object();

	json_put(answer, "report", report);
	TRY(make(&call, request, NULL, err));
	const enum err_code code = call_probe(call, report, err);
	call_free(call);
	return code;
}

static enum err_code do_verify(const struct request *request, json_t *answer, struct err *err)
{
	struct call *call;
	enum verdict verdict = VERDICT_CANNOT_TELL;
	json_t *evidence = json_object();

	json_put(answer, "evidence", evidence);
	TRY(make(&call, request, json_object_get(request->json, "before"), err));
	enum err_code code;
	if (call_operation(call)->verify == NULL)
		code = err_set(err, ERR_UNSUPPORTED, "%s has no verify", request->op);
	else
		code = call_operation(call)->verify(call, evidence, &verdict, err);
	if (code == ERR_NONE)
		json_put_str(answer, "verdict", verdict_name(verdict));
	call_free(call);
	return code;
}

/* Fills before; nothing to do for reads and operations without prepare. */
static enum err_code do_prepare(const struct request *request, json_t *before, struct err *err)
{
	struct call *call;
	enum err_code code = ERR_NONE;

	TRY(make(&call, request, NULL, err));
	if (call_operation(call)->prepare != NULL && call_effect(call, NULL) != EFFECT_READ)
		code = call_operation(call)->prepare(call, before, err);
	call_free(call);
	return code;
}

static enum err_code do_run(const struct request *request, json_t *answer, struct err *err)
{
	struct call *call;
	json_t *result = json_object();
	json_t *before = json_incref(json_object_get(request->json, "before"));
	const bool prepare_only = str_eq(request->phase, "prepare");
	enum err_code code = ERR_NONE;

	if (before == NULL) {
		before = json_object();
		code = do_prepare(request, before, err);
	}
	json_put(answer, "before", before);
	json_put(answer, "result", result);
	if (code != ERR_NONE || (code = make(&call, request, before, err)) != ERR_NONE)
		return code;
	const enum effect effect = call_effect(call, before);
	json_put_str(answer, "effect", effect_name(effect));
	json_put(answer, "args", json_incref((json_t *)(uintptr_t)call_arguments(call)));
	if (effect == EFFECT_READ) {
		call_free(call);
		TRY(make(&call, request, NULL, err)); /* reads see no before-state */
	}
	if (!prepare_only) {
		if (effect != EFFECT_READ)
			failpoint("effect.before", call_op(call));
		code = call_operation(call)->run(call, result, err);
		if (effect != EFFECT_READ)
			failpoint("effect.after", call_op(call));
	}
	call_free(call);
	return code;
}

static enum err_code serve(
	const json_t *json, struct secrets *secrets, json_t *answer, struct err *err)
{
	static const struct {
		const char *phase;
		enum err_code (*serve)(
			const struct request *request, json_t *answer, struct err *err);
	} phases[] = { { "run", do_run }, { "prepare", do_run }, { "verify", do_verify },
		{ "probe", do_probe } };
	const json_t *targets = json_object_get(json, "targets");
	struct request request = {
		.json = json,
		.target = json_str(json, "target", ""),
		.op = json_str(json, "op", ""),
		.phase = json_str(json, "phase", "run"),
		.key = json_str(json, "key", ""),
		.workspace = json_str(json, "workspace", ""),
		.hooks = { on_progress, on_log, secrets_look, secrets, &stopped },
	};
	const char *name;
	json_t *value;

	request.target_json = json_object_get(targets, request.target);
	if (request.target_json == NULL)
		return err_set(err, ERR_USAGE, "there is no target \"%s\" in \"targets\"",
			request.target);
	json_object_foreach(json_object_get(json, "secrets_inline"), name, value)
	{
		if (json_is_string(value))
			TRY(secrets_add(secrets, name, json_string_value(value),
				json_string_length(value), err));
	}
	TRY(secrets_resolve(secrets, targets, request.target, request.workspace, err));
	secrets_ready(secrets);
	for (size_t i = 0; i < COUNT_OF(phases); i++)
		if (str_eq(phases[i].phase, request.phase))
			return phases[i].serve(&request, answer, err);
	return err_set(err, ERR_USAGE, "\"phase\" is run, prepare, verify or probe");
}

static enum err_code read_stdin(json_t **out, struct err *err)
{
	struct buf text;
	char chunk[65536];
	ssize_t n;
	enum err_code code = ERR_NONE;

	buf_init(&text, INPUT_MAX);
	while (code == ERR_NONE && (n = read(0, chunk, sizeof(chunk))) > 0)
		code = buf_add(&text, chunk, (size_t)n, err);
	if (code == ERR_NONE)
		code = json_parse(text.data != NULL ? text.data : "", text.len, out, err);
	buf_release(&text);
	return code;
}

int call_main(void)
{
	struct err err = { 0 };
	struct secrets secrets;
	json_t *json = NULL, *answer = json_object();
	/* only the answer goes to stdout, whatever a library or a child prints */
	FILE *out = fdopen(fcntl(1, F_DUPFD_CLOEXEC, 3), "w");

	if (out == NULL || dup2(2, 1) < 0)
		return 1;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGPIPE, SIG_IGN);
	secrets_init(&secrets);
	enum err_code code = read_stdin(&json, &err);
	if (code == ERR_NONE)
		code = serve(json, &secrets, answer, &err);
	json_put_flag(answer, "ok", code == ERR_NONE);
	if (code != ERR_NONE)
		json_put(answer, "error",
			json_pack("{s:s, s:o, s:s}", "code", err_name(err.code), "text",
				json_text(err.text, strlen(err.text)), "world",
				world_name(err.world)));
	json_t *masked = mask_message(&secrets.mask, answer);
	char *line = json_line(masked);
	fprintf(out, "%s\n", line);
	fclose(out);
	free(line);
	json_decref(masked);
	json_decref(answer);
	json_decref(json);
	secrets_release(&secrets);
	return code == ERR_NONE ? 0 : 1;
}
