/* resume.c: what a new server makes of the runs an old one left open (docs/architecture.md,
 * "When the server dies").
 *
 * Workers of the old server finish the effect they are in, write its result to their outbox and
 * go; they hold a lock on that file as long as they live.  So for each step that was running:
 * wait for the lock, read the outbox, and only then say what is interrupted and what is
 * UNKNOWN. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { LOCK_POLL_MS = 50, OUTBOX_MAX = 64 << 20, PLAN_MAX = 64 << 20, STUCK_NOTE_MS = 10000 };

/* Each line is the result message the worker could not send. */
static void take_result(struct live *live, size_t step, const json_t *message)
{
	static const char *const names[] = { "ok", "result", "error", "began_ns", "ended_ns" };
	const struct op *op = run_op(live->run, json_str(message, "key", NULL));

	if (!str_eq(json_str(message, "t", ""), "result") || op == NULL ||
		op->state != OP_STATE_ALLOWED)
		return;
	json_t *payload = op_base(live, step, op->attempt, op->ordinal, op->key);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (json_object_get(message, names[i]) != NULL)
			json_object_set(payload, names[i], json_object_get(message, names[i]));
	json_put_str(payload, "source", "outbox");
	live_emit(live, EVENT_OP_RESULT, payload, NULL);
}

void resume_outbox(struct live *live, size_t step, const struct buf *bytes)
{
	const char *at = bytes->data, *end = bytes->data + bytes->len;

	while (at < end) {
		struct err err;
		json_t *message;
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		if (newline == NULL)
			break; /* torn: the worker died while writing it, so it never became a
				  result */
		if (json_parse(at, (size_t)(newline - at), &message, &err) == ERR_NONE) {
			take_result(live, step, message);
			json_decref(message);
		}
		at = newline + 1;
	}
}

/* 1 free (or gone), 0 still held. */
static bool outbox_free(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return true;
	const bool free_now = flock(fd, LOCK_EX | LOCK_NB) == 0;
	close(fd);
	return free_now;
}

static void step_arrived(struct live *live, size_t step, const char *path)
{
	struct buf bytes;
	struct err err;

	if (file_read(path, OUTBOX_MAX, &bytes, &err) == ERR_NONE) {
		resume_outbox(live, step, &bytes);
		buf_release(&bytes);
	}
	unlink(path);
	live->steps[step].arriving = false;
	step_lost(live, step, "the server died while this step ran", true);
}

static void look_again(struct server *server, int64_t run, int64_t step)
{
	struct live *live = live_find(server, run);

	if (live == NULL || live->ending || !live->steps[step].arriving)
		return;
	char *path = outbox_path(server, run, (size_t)step, live->run->steps[step].attempt);
	if (outbox_free(path))
		step_arrived(live, (size_t)step, path);
	else /* shown as running; it is its timeout's or a human's to end it */
		timer_start(server, LOCK_POLL_MS, look_again, run, step);
	free(path);
}

static void resume_step(struct live *live, size_t index)
{
	const struct step *step = &live->run->steps[index];

	if (step->state == STEP_RUNNING) {
		live->active++;
		live->watching += step->kind == KIND_WATCH;
		if (str_eq(live->run->mode, "tabletop"))
			return; /* its question is open */
		live->steps[index].arriving =
			step->kind == KIND_SCRIPT || step->undoing || step_polls(live, index);
		if (live->steps[index].arriving)
			look_again(live->server, live->id, (int64_t)index);
		else if (step->kind == KIND_WAIT)
			step_arm_wait(live, index);
		else if (step->kind == KIND_APPROVE)
			approve_arm(live, index);
		else if (step->kind == KIND_GROUP)
			step_finish(live, index, STEP_OK, NULL, NULL);
	} else if (step->state == STEP_UNKNOWN && run_step_ask(live->run, index) == NULL) {
		step_settle_unknown(live, index);
	} else if (live->run->aborting && !step->undoing) {
		return; /* nothing is begun or asked any more */
	} else if (step->state == STEP_INTERRUPTED && run_step_ask(live->run, index) == NULL) {
		step_restart(live, index, false, NULL);
	} else if ((step->state == STEP_FAILED || step->state == STEP_STOPPED) &&
		   run_step_ask(live->run, index) == NULL) {
		step_failed_again(live, index);
	}
}

static enum err_code resume_run(struct server *server, int64_t id, struct err *err)
{
	struct run *run;
	struct buf bytes;
	struct sha256 digest;
	json_t *plan = NULL;

	TRY(journal_run(server->reader, id, &run, err));
	enum err_code code = ERR_NONE;
	if (!sha256_parse(run->plan_sha, &digest))
		code = err_set(err, ERR_JOURNAL, "run %lld names no plan", (long long)id);
	if (code == ERR_NONE)
		code = journal_kept(server->reader, digest, &bytes, err);
	if (code == ERR_NONE) {
		code = json_parse(bytes.data, bytes.len, &plan, err);
		buf_release(&bytes);
	}
	if (code != ERR_NONE) {
		run_free(run);
		return err_context(err, "run %lld cannot be taken up", (long long)id);
	}
	struct live *live = live_adopt(server, run, plan);
	json_t *payload = json_object();
	json_put_int(payload, "epoch", server->epoch);
	json_put_str(payload, "reason", "a new server took the run up");
	json_put_flag(payload, "boot_changed", strcmp(run->began_boot, boot_id()) != 0);
	live_emit(live, EVENT_RUN_RESUMED, payload, NULL);
	for (size_t i = 0; i < run->step_count; i++)
		resume_step(live, i);
	for (size_t i = 0; i < run->ask_count; i++) /* those the recording was to answer */
		simulate_asked(live, run->asks[i].id);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ ended, and the server died
 * before the seal */

enum { SEALS_BACK = 400, RUNS_BACK = 50 };

static enum err_code note_seal(void *arg, const struct event *event, struct err *err)
{
	char name[32];

	(void)err;
	if (event->kind == EVENT_RUN_SEALED && event->payload != NULL) {
		snprintf(name, sizeof(name), "%lld",
			(long long)json_int(event->payload, "run", 0));
		json_put_flag(arg, name, true);
	}
	return ERR_NONE;
}

static enum err_code seal_ended(struct server *server, struct err *err)
{
	const struct journal_filter filter = { .limit = RUNS_BACK };
	json_t *runs = NULL, *sealed = json_object();
	const json_t *row;
	struct sha256 head;
	int64_t last = 0;
	size_t i;

	enum err_code code = journal_head(server->reader, 0, &last, &head, err);
	if (code == ERR_NOT_FOUND) /* a new journal */
		code = ERR_NONE;
	else if (code == ERR_NONE)
		code = journal_events(server->reader, 0,
			last > SEALS_BACK ? last - SEALS_BACK : 0, note_seal, sealed, err);
	if (code == ERR_NONE)
		code = journal_runs(server->reader, &filter, &runs, err);
	json_array_foreach(runs, i, row) {
		char name[32];
		snprintf(name, sizeof(name), "%lld", (long long)json_int(row, "run", 0));
		if (!str_eq(json_str(row, "status", "open"), "open") &&
			json_object_get(sealed, name) == NULL)
			run_seal(server, json_int(row, "run", 0));
	}
	json_decref(sealed);
	json_decref(runs);
	return code;
}

enum err_code resume_all(struct server *server, struct err *err)
{
	const struct journal_filter filter = { .open_only = true, .limit = 1000 };
	json_t *runs = NULL;
	const json_t *row;
	size_t i;

	TRY(journal_runs(server->reader, &filter, &runs, err));
	json_array_foreach(runs, i, row) {
		struct err why = { 0 };
		if (resume_run(server, json_int(row, "run", 0), &why) != ERR_NONE)
			log_line(LOG_ERROR, "%s", why.text);
	}
	json_decref(runs);
	return seal_ended(server, err);
}
