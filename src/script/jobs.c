/* jobs.c: the jobs that are no step: did an intent happen, resolve the secrets, look at a
 * target. */
#include "job.h"

#include <regex.h>
#include <stdlib.h>
#include <unistd.h>

static enum err_code new_call(struct job *job, const char *target, const char *op,
	const json_t *args, const json_t *before, struct call **call, struct err *err)
{
	const json_t *object = json_object_get(job->targets, target);

	if (object == NULL)
		return err_set(err, ERR_NOT_FOUND, "there is no target \"%s\"", target);
	return call_new(call, target, object, op, args, before, job->key, job->workspace,
		job->timeout_ms, &job->hooks, err);
}

static json_t *answer_new(const char *kind, enum err_code code, const struct err *err)
{
	json_t *answer = message_new(kind);

	json_put_flag(answer, "ok", code == ERR_NONE);
	if (code != ERR_NONE)
		json_put(answer, "error", error_json(err, false));
	return answer;
}

void verify_run(struct job *job)
{
	struct err err = { 0 };
	struct call *call = NULL;
	json_t *evidence = json_object();
	enum verdict verdict = VERDICT_CANNOT_TELL;
	const char *op = json_str(job->json, "op", "");

	enum err_code code = new_call(job, json_str(job->json, "target", ""), op,
		json_object_get(job->json, "args"), json_object_get(job->json, "before"), &call,
		&err);
	if (code == ERR_NONE && call_operation(call)->verify == NULL)
		json_put_str(evidence, "reason", "the operation has no verify");
	else if (code == ERR_NONE)
		code = call_operation(call)->verify(call, evidence, &verdict, &err);
	json_t *answer = answer_new("verdict", code, &err);
	json_put_str(answer, "verdict",
		verdict_name(code == ERR_NONE ? verdict : VERDICT_CANNOT_TELL));
	json_put(answer, "evidence", evidence);
	job_finish(job, answer);
}

void doctor_run(struct job *job)
{
	struct err err = { 0 };
	struct call *call = NULL;
	json_t *report = json_object();

	enum err_code code =
		new_call(job, json_str(job->json, "target", ""), NULL, NULL, NULL, &call, &err);
	if (code == ERR_NONE)
		code = call_probe(call, report, &err);
	json_t *answer = answer_new("doctor", code, &err);
	json_put(answer, "report", report);
	job_finish(job, answer);
}

int pattern_matches(const char *text, const char *pattern)
{
	regex_t regex;

	if (pattern == NULL || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return -1;
	const int yes = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return yes;
}

/* A condition with a regular expression: it may take for ever, so it takes a process. */
void condition_run(struct job *job)
{
	const struct condition_world world = { .mode = job->mode,
		.params = json_object_get(job->json, "params"),
		.outputs = json_object_get(job->json, "outputs"),
		.item = json_object_get(job->json, "item"),
		.matches = pattern_matches };
	struct err err = { 0 };
	bool holds = false;
	const enum err_code code = condition_holds(
		json_object_get(job->json, "condition"), &world, &holds, &err);

	json_t *answer = answer_new("condition", code, &err);
	json_put_flag(answer, "holds", holds);
	job_finish(job, answer);
}

void secrets_run(struct job *job)
{
	struct err err = { 0 };
	int fd = -1;

	enum err_code code =
		secrets_resolve(&job->secrets, job->targets, NULL, job->workspace, &err);
	if (code == ERR_NONE)
		code = secrets_seal(&job->secrets, &fd, &err);
	json_t *answer = answer_new("secrets", code, &err);
	if (fd >= 0) {
		channel_send_fd(&job->channel, answer, fd);
		answer = NULL; /* it was the last message */
	}
	job_finish(job, answer);
}
