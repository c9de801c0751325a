/* rig.h: the real server and real workers, driven through the socket with hand-made plans.
 *
 * Effects are lines appended to a file by /bin/sh, so that "how often did it happen" is counted and not
 * believed.  For one test program each: everything is static. */
#ifndef TEST_ENGINE_RIG_H
#define TEST_ENGINE_RIG_H

#include "drillbook/base.h"
#include "drillbook/record.h"
#include "drillbook/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000 };

struct rig {
	char dir[64]; /* data directory */
	struct client *client;
	struct run *run;
	int64_t id;
	bool caught_up;
	json_t *forecast; /* the last one pushed */
};

static __attribute__((unused)) void must(enum err_code code, const struct err *err)
{
	if (code != ERR_NONE)
		fail_msg("%s: %s", err_name(code), err->text);
}

static __attribute__((unused)) void server_command(const struct rig *rig, const char *what)
{
	const char *argv[] = { TEST_BINARY "/bin/drillbook", "--data", rig->dir, "server", what,
		"--force", NULL };
	struct child child = { .argv = argv, .timeout_ms = 15000 };
	struct err err = { 0 };

	must(child_run(&child, &err), &err);
	if (child.exit_status != 0)
		fail_msg("server %s: %s", what, child.errout.data);
	child_release(&child);
}

/* Whatever a test did to its runs: the parts of each recovery sum to its RTA. */
static __attribute__((unused)) void times_add_up(const struct rig *rig)
{
	const char *argv[] = { TEST_BINARY "/bin/drillbook", "--data", rig->dir, "journal", "check",
		NULL };
	struct child child = { .argv = argv, .timeout_ms = 15000 };
	struct err err = { 0 };

	must(child_run(&child, &err), &err);
	if (child.exit_status != 0)
		fail_msg("journal check: %s", child.errout.data);
	child_release(&child);
}

static __attribute__((unused)) void connect_rig(struct rig *rig)
{
	struct err err = { 0 };

	server_command(rig, "start");
	must(client_open(&rig->client, rig->dir, 0, &err), &err);
}

static __attribute__((unused)) int setup(void **state)
{
	struct rig *rig = xmalloc(sizeof(*rig));

	strcpy(rig->dir, "/tmp/drillbook-test-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	connect_rig(rig);
	*state = rig;
	return 0;
}

static __attribute__((unused)) int teardown(void **state)
{
	struct rig *rig = *state;
	const char *argv[] = { "rm", "-rf", rig->dir, NULL };
	struct child child = { .argv = argv, .timeout_ms = 15000 };
	struct err err = { 0 };

	client_close(rig->client);
	server_command(rig, "stop");
	times_add_up(rig);
	must(child_run(&child, &err), &err);
	child_release(&child);
	run_free(rig->run);
	json_decref(rig->forecast);
	free(rig);
	return 0;
}

/* ------------------------------------------------------------------ plans */

/* make NAME and create NAME write "+NAME" and a file made-NAME; unmake takes it away and writes "-NAME",
 * slowly when there is a file "slow", and fails when there is a file "stuck". */
#define TAKING_BACK                                                                                   \
	"\"make\":{\"argv\":[\"/bin/sh\",\"-c\",\"echo +$1 >> effects; touch made-$1\",\"sh\",\"{n}\"]," \
	"\"params\":[\"n\"],\"effect\":\"change\",\"verify\":\"is-made\",\"undo\":\"unmake\"},"             \
	"\"create\":{\"argv\":[\"/bin/sh\",\"-c\",\"echo +$1 >> effects; touch made-$1\",\"sh\",\"{n}\"]," \
	"\"params\":[\"n\"],\"effect\":\"change\",\"verify\":\"is-made\",\"undo\":\"unmake\",\"creates\":true},"  \
	"\"unmake\":{\"argv\":[\"/bin/sh\",\"-c\",\"test -e stuck && exit 1; if test -e slow; then touch undoing; sleep 1; fi; "  \
	"echo -$1 >> effects; rm made-$1\",\"sh\",\"{n}\"],\"params\":[\"n\"],\"effect\":\"costly\",\"fails_clean\":true,"  \
	"\"verify\":\"is-unmade\"},"                                                                     \
	"\"is-made\":{\"argv\":[\"/bin/sh\",\"-c\",\"test -e made-$1\",\"sh\",\"{n}\"],\"params\":[\"n\"]," \
	"\"effect\":\"read\"},"                                                                          \
	"\"is-unmade\":{\"argv\":[\"/bin/sh\",\"-c\",\"! test -e made-$1\",\"sh\",\"{n}\"],\"params\":[\"n\"],"  \
	"\"effect\":\"read\"},"                                                                          \
	"\"there\":{\"argv\":[\"/bin/sh\",\"-c\",\"test -e $1 && echo yes || echo no\",\"sh\",\"{n}\"],"         \
	"\"params\":[\"n\"],\"effect\":\"read\"}"

static __attribute__((unused)) json_t *parse(const char *text)
{
	json_error_t why;
	json_t *json = json_loads(text, 0, &why);

	if (json == NULL)
		fail_msg("test's own JSON, line %d: %s", why.line, why.text);
	return json;
}

/* A plan with one service "shop" and the given steps; target "tools" appends words to
 * DIR/effects. */
static __attribute__((unused)) json_t *plan_of(const struct rig *rig, const char *steps)
{
	char *text = xasprintf(
		"{\"format\":\"plan/"
		"1\",\"mode\":\"drill\",\"workspace\":{\"name\":\"t\",\"root\":\"%s\","
		"\"commit\":null,\"dirty\":false},"
		"\"runbook\":{\"name\":\"t\",\"path\":\"t.yaml\",\"title\":\"T\",\"version\":1,"
		"\"digest\":\"00\"},"
		"\"files\":[{\"path\":\"t.yaml\",\"sha256\":\"\",\"text\":\"x\"}],"
		"\"services\":[{\"name\":\"shop\",\"rto_ms\":60000,\"rpo_ms\":-1,\"tier\":1,"
		"\"owner\":\"me\"}],"
		"\"environments\":{\"lab\":{\"modes\":[\"probe\",\"drill\"]},\"prod\":{"
		"\"modes\":[\"live\"]}},"
		"\"targets\":{\"tools\":{\"provider\":\"command\",\"environment\":\"lab\","
		"\"settings\":{},\"secrets\":{},\"actions\":{"
		"\"count\":{\"argv\":[\"/bin/sh\",\"-c\",\"cat effects | wc "
		"-l\"],\"effect\":\"read\"},"
		"\"add\":{\"argv\":[\"/bin/sh\",\"-c\",\"echo x >> "
		"effects\"],\"effect\":\"change\",\"verify\":\"added\"},"
		"\"slow\":{\"argv\":[\"/bin/sh\",\"-c\",\"touch began; sleep 1; echo x >> "
		"effects\"],\"effect\":\"costly\",\"verify\":\"added\"},"
		"\"drop\":{\"argv\":[\"/bin/sh\",\"-c\",\"echo x >> "
		"effects\"],\"effect\":\"irreversible\"},"
		"\"mark\":{\"argv\":[\"/bin/sh\",\"-c\",\"echo $1 >> "
		"effects\",\"sh\",\"{n}\"],\"params\":[\"n\"],\"effect\":\"change\",\"verify\":"
		"\"marked\"},"
		"\"marked\":{\"argv\":[\"/bin/sh\",\"-c\",\"touch effects; grep -qx $1 "
		"effects\",\"sh\",\"{n}\"],\"params\":[\"n\"],\"effect\":\"read\"},"
		"\"added\":{\"argv\":[\"/bin/sh\",\"-c\",\"test -s "
		"effects\"],\"effect\":\"read\"}," TAKING_BACK "}},"
		"\"far\":{\"provider\":\"command\",\"environment\":\"prod\",\"settings\":{},"
		"\"secrets\":{},\"actions\":{"
		"\"add\":{\"argv\":[\"/bin/sh\",\"-c\",\"echo x >> "
		"effects\"],\"effect\":\"change\"}}}},"
		"\"params\":{\"who\":\"world\"},\"modules\":{},\"steps\":%s}",
		rig->dir, steps);
	json_t *plan = parse(text);

	free(text);
	return plan;
}

#define SCRIPT(source)                                                                         \
	"\"kind\":\"script\",\"script\":{\"file\":\"t.yaml\",\"line\":1,\"source\":\"" source  \
	"\"}"

static __attribute__((unused)) void attach(struct rig *rig)
{
	struct err err = { 0 };
	json_t *body = json_object();

	run_free(rig->run);
	rig->run = run_new();
	rig->run->id = rig->id;
	rig->caught_up = false;
	json_put_int(body, "run", rig->id);
	must(client_ask(rig->client, "attach", body, NULL, &err), &err);
}

static __attribute__((unused)) void start_in(struct rig *rig, const char *mode, const char *steps)
{
	struct err err = { 0 };
	json_t *body = json_object(), *answer;

	json_put(body, "plan", plan_of(rig, steps));
	json_put_str(json_object_get(body, "plan"), "mode", mode);
	must(client_ask(rig->client, "start", body, &answer, &err), &err);
	rig->id = json_int(answer, "run", 0);
	json_decref(answer);
	attach(rig);
}

static __attribute__((unused)) void start(struct rig *rig, const char *steps)
{
	start_in(rig, "drill", steps);
}

/* JSON with ' for " and ` for ': plans can be read. */
static __attribute__((unused)) char *quoted(const char *text)
{
	char *out = xstrdup(text);

	for (char *c = out; *c != '\0'; c++)
		*c = (char)(*c == '\'' ? '"' : *c == '`' ? '\'' : *c);
	return out;
}

/* more: members added to the plan, or NULL. */
static __attribute__((unused)) void start_plan(struct rig *rig, const char *mode, const char *steps, const char *more)
{
	struct err err = { 0 };
	json_t *body = json_object(), *reply, *plan;
	char *text = quoted(steps);

	plan = plan_of(rig, text);
	free(text);
	json_put_str(plan, "mode", mode);
	if (more != NULL) {
		text = quoted(more);
		json_t *extra = parse(text);
		json_object_update(plan, extra);
		json_decref(extra);
		free(text);
	}
	json_put(body, "plan", plan);
	must(client_ask(rig->client, "start", body, &reply, &err), &err);
	rig->id = json_int(reply, "run", 0);
	json_decref(reply);
	attach(rig);
}

static __attribute__((unused)) enum err_code act(
	struct rig *rig, const char *action, const char *step, const char *note, bool undo, struct err *err)
{
	json_t *body = json_object();

	json_put_int(body, "run", rig->id);
	json_put_str(body, "action", action);
	json_put_str(body, "step", step);
	json_put_str(body, "note", note);
	json_put_flag(body, "undo", undo);
	return client_ask(rig->client, "act", body, NULL, err);
}

/* The lines of the effects file, joined by spaces; a static buffer. */
static __attribute__((unused)) const char *effect_lines(const struct rig *rig)
{
	static char line[4096];
	char *path = path_join(rig->dir, "effects");
	struct buf bytes;
	struct err err = { 0 };

	line[0] = '\0';
	if (file_read(path, sizeof(line) - 1, &bytes, &err) == ERR_NONE) {
		snprintf(line, sizeof(line), "%s", bytes.data);
		buf_release(&bytes);
	}
	for (char *c = line; *c != '\0'; c++)
		if (*c == '\n')
			*c = c[1] == '\0' ? '\0' : ' ';
	free(path);
	return line;
}

static __attribute__((unused)) void touch(const struct rig *rig, const char *name, const char *text)
{
	char *path = path_join(rig->dir, name);
	struct err err = { 0 };

	must(file_replace(path, text, strlen(text), 0600, &err), &err);
	free(path);
}

/* ------------------------------------------------------------------ following */

static __attribute__((unused)) void follow_one(struct rig *rig)
{
	struct err err = { 0 };
	json_t *message;
	struct event event;

	must(client_next(rig->client, 100, &message, &err), &err);
	const json_t *body = json_object_get(message, "event");
	if (body != NULL) {
		must(event_from_json(body, &event, &err), &err);
		must(run_apply(rig->run, &event, &err), &err);
		event_release(&event);
	}
	if (json_object_get(message, "caught_up") != NULL)
		rig->caught_up = true;
	if (json_object_get(message, "forecast") != NULL) {
		json_decref(rig->forecast);
		rig->forecast = json_incref(json_object_get(message, "forecast"));
	}
	json_decref(message);
}

static __attribute__((unused)) void wait_for(struct rig *rig, bool (*holds)(const struct rig *rig, const char *what),
	const char *what)
{
	const struct mono begin = mono_now();

	while (!holds(rig, what)) {
		follow_one(rig);
		if (mono_ms_since(begin) < PATIENCE_MS)
			continue;
		for (size_t i = 0; i < rig->run->step_count; i++)
			print_message("  %s: %s %s\n", rig->run->steps[i].id,
				step_state_name(rig->run->steps[i].state),
				rig->run->steps[i].error_text ? rig->run->steps[i].error_text
							      : "");
		fail_msg("waited in vain for \"%s\"", what);
	}
}

static __attribute__((unused)) bool ended(const struct rig *rig, const char *what)
{
	(void)what;
	return rig->run->status != RUN_OPEN;
}

static __attribute__((unused)) bool asks(const struct rig *rig, const char *kind)
{
	return rig->run->ask_count > 0 && str_eq(rig->run->asks[0].kind, kind);
}

static __attribute__((unused)) bool file_there(const struct rig *rig, const char *name)
{
	char *path = path_join(rig->dir, name);
	const bool there = path_exists(path);

	free(path);
	return there;
}

static __attribute__((unused)) enum err_code answer(
	struct rig *rig, const char *word, const char *note, const char *typed, struct err *err)
{
	const struct ask *ask = &rig->run->asks[0];
	json_t *body = json_object();

	json_put_int(body, "run", rig->id);
	json_put_int(body, "ask", ask->id);
	json_put_str(body, "answer", word);
	json_put_str(body, "digest", ask->digest);
	json_put_str(body, "note", note);
	json_put_str(body, "word", typed);
	return client_ask(rig->client, "answer", body, NULL, err);
}

static __attribute__((unused)) void say(struct rig *rig, const char *word, const char *note, const char *typed)
{
	struct err err = { 0 };
	const int64_t id = rig->run->asks[0].id;

	must(answer(rig, word, note, typed, &err), &err);
	while (run_ask(rig->run, id) != NULL)
		follow_one(rig);
}

static __attribute__((unused)) int effects(const struct rig *rig)
{
	char *path = path_join(rig->dir, "effects");
	struct buf bytes;
	struct err err = { 0 };
	int count = 0;

	if (file_read(path, 1 << 20, &bytes, &err) == ERR_NONE) {
		for (size_t i = 0; i < bytes.len; i++)
			count += bytes.data[i] == '\n';
		buf_release(&bytes);
	}
	free(path);
	return count;
}

static __attribute__((unused)) pid_t server_pid(struct rig *rig)
{
	struct err err = { 0 };
	json_t *answer;

	must(client_ask(rig->client, "status", NULL, &answer, &err), &err);
	const pid_t pid = (pid_t)json_int(answer, "pid", 0);
	json_decref(answer);
	assert_true(pid > 1);
	return pid;
}

static __attribute__((unused)) void kill_server(struct rig *rig)
{
	const pid_t pid = server_pid(rig);
	const int64_t resumes = rig->run->resumes;

	assert_int_equal(kill(pid, SIGKILL), 0);
	client_close(rig->client);
	rig->client = NULL;
	connect_rig(rig); /* its start waits for the lock of the dead one to be free */
	attach(rig);
	/* the new server listens before what it found is on disk; a run that had ended stays as
	 * it was */
	while (rig->run->resumes == resumes && rig->run->status == RUN_OPEN)
		follow_one(rig);
}

static __attribute__((unused)) const struct step *step(const struct rig *rig, const char *id)
{
	const struct step *found = run_step(rig->run, id);

	assert_non_null(found);
	return found;
}

#endif
