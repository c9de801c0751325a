/* fake_worker.c: a worker that runs no Lua and touches nothing: it does what the words of its script say.
 *
 * Stands in for libexec/drillbook/worker in the model's test, as one process for all workers, so that a
 * hundred thousand runs of the real engine take minutes.  The word for an attempt is the attempt's in a
 * list ("fail,ok"), the last one for all later ones:
 *   ok       nothing, then success        fail      a known failure
 *   change   an operation, then success   unknown   an operation whose outcome nobody knows
 *   hang     nothing until it is stopped
 * In phase "undo" it takes back what it is told to; a verify cannot tell. */
#include "drillbook/wire.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS_MAX = 256, CONTROL_FD = 3 };

struct fake {
	int64_t id;
	struct wire wire;
	json_t *job;      /* NULL = waits for it */
	char word[32];
	size_t taken_back; /* phase undo */
	int64_t ordinal;
	bool over;
};
static struct fake fakes[WORKERS_MAX];

static void send_to(int fd, json_t *message)
{
	struct err err;

	if (wire_send(fd, message, NULL, 0, &err) != ERR_NONE)
		err.code = ERR_NONE; /* the server has gone: so does this process, soon */
	json_decref(message);
}

static void control(const char *what, int64_t worker)
{
	send_to(CONTROL_FD, json_pack("{s:s, s:I, s:i, s:i, s:i}", "t", what, "worker", (json_int_t)worker,
			    "pid", (int)getpid(), "status", 0, "signal", 0));
}

static void end(struct fake *fake, json_t *done)
{
	if (done != NULL)
		send_to(fake->wire.fd, done);
	fake->over = true;
}

static void finish(struct fake *fake, const char *code)
{
	json_t *done = json_pack("{s:s, s:b, s:{}, s:I}", "t", "done", "ok", code == NULL, "outputs", "next_ordinal",
		(json_int_t)fake->ordinal);

	if (code != NULL)
		json_object_set_new(done, "error",
			json_pack("{s:s, s:s, s:s}", "code", code, "text", "as the script says", "world", "unchanged"));
	end(fake, done);
}

static void intend(struct fake *fake, const char *op, const char *target, json_t *args)
{
	char *key = xasprintf("%s/%lld", json_str(fake->job, "key", ""), (long long)fake->ordinal);
	const bool undo = str_eq(json_str(fake->job, "phase", ""), "undo");

	send_to(fake->wire.fd,
		json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:O, s:s, s:{}, s:o, s:b}", "t", "intent", "ordinal",
			(json_int_t)fake->ordinal, "key", key, "op", op, "target", target, "effect", "read", "args", args,
			"digest", key, "before", "undo",
			undo ? json_null()
			     : json_pack("{s:s, s:s, s:{s:s}}", "op", "action.run", "target", "tools", "args", "undo", key),
			"idempotent", 0));
	free(key);
}

static void result(struct fake *fake, bool known)
{
	char *key = xasprintf("%s/%lld", json_str(fake->job, "key", ""), (long long)fake->ordinal);
	json_t *message = json_pack("{s:s, s:I, s:s, s:b, s:I, s:I}", "t", "result", "ordinal",
		(json_int_t)fake->ordinal, "key", key, "ok", known, "began_ns", (json_int_t)1, "ended_ns", (json_int_t)2);

	json_object_set_new(message, known ? "result" : "error",
		known ? json_object()
		      : json_pack("{s:s, s:s, s:s}", "code", "TIMEOUT", "text", "no answer", "world", "unknown"));
	send_to(fake->wire.fd, message);
	fake->ordinal++;
	free(key);
}

static void next_undo(struct fake *fake)
{
	const json_t *row = json_array_get(json_object_get(fake->job, "compensate"), fake->taken_back);

	if (row == NULL)
		finish(fake, NULL);
	else
		intend(fake, json_str(row, "op", ""), json_str(row, "target", ""), json_object_get(row, "args"));
}

static void choose_word(struct fake *fake)
{
	const char *words = json_str(json_object_get(fake->job, "script"), "source", "ok");

	for (int64_t n = 1; n < json_int(fake->job, "attempt", 1) && strchr(words, ',') != NULL; n++)
		words = strchr(words, ',') + 1;
	snprintf(fake->word, sizeof(fake->word), "%.*s", (int)strcspn(words, ","), words);
}

static void begin(struct fake *fake, json_t *job)
{
	json_t *none;

	fake->job = job;
	for (int fd; (fd = wire_take_fd(&fake->wire)) >= 0;)
		close(fd);
	if (str_eq(json_str(job, "t", ""), "verify")) {
		end(fake, json_pack("{s:s, s:b, s:s, s:{s:s}}", "t", "verdict", "ok", 1, "verdict", "cannot_tell",
				  "evidence", "reason", "nobody can tell"));
		return;
	}
	fake->ordinal = json_int(job, "first_ordinal", 0);
	if (str_eq(json_str(job, "phase", ""), "undo")) {
		next_undo(fake);
		return;
	}
	choose_word(fake);
	none = json_object();
	if (str_eq(fake->word, "ok"))
		finish(fake, NULL);
	else if (str_eq(fake->word, "fail"))
		finish(fake, "FAILED");
	else if (!str_eq(fake->word, "hang"))
		intend(fake, "action.run", "tools", none);
	json_decref(none);
}

static void acked(struct fake *fake)
{
	if (str_eq(json_str(fake->job, "phase", ""), "undo")) {
		result(fake, true);
		fake->taken_back++;
		next_undo(fake);
	} else if (str_eq(fake->word, "unknown")) {
		result(fake, false);
		finish(fake, "TIMEOUT");
	} else {
		result(fake, true);
		finish(fake, NULL);
	}
}

static void hear(struct fake *fake)
{
	struct err err = {0};
	json_t *message;

	if (wire_read(&fake->wire, &err) != ERR_NONE)
		fake->wire.closed = true;
	while (!fake->over && wire_next(&fake->wire, &message, &err) == ERR_NONE && message != NULL) {
		const char *what = json_str(message, "t", "");
		if (fake->job == NULL)
			begin(fake, json_incref(message));
		else if (str_eq(what, "ack"))
			acked(fake);
		else if (str_eq(what, "stop"))
			finish(fake, "CANCELLED");
		else if (str_eq(what, "refuse"))
			finish(fake, json_str(message, "code", "FORBIDDEN"));
		json_decref(message);
	}
	if (fake->wire.closed)
		fake->over = true;
	if (!fake->over)
		return;
	close(fake->wire.fd);
	wire_release(&fake->wire);
	json_decref(fake->job);
	control("exited", fake->id);
	*fake = (struct fake){0};
}

static void forked(int64_t id, int fd)
{
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (fakes[i].id == 0) {
			fakes[i].id = id;
			wire_init(&fakes[i].wire, fd, WIRE_LINE_MAX);
			control("forked", id);
			return;
		}
	base_die("more workers than the fake has room for");
}

int main(void)
{
	struct wire orders;
	struct err err = {0};
	json_t *message;

	wire_init(&orders, CONTROL_FD, WIRE_LINE_MAX);
	while (!orders.closed) {
		struct pollfd polls[WORKERS_MAX + 1] = {{.fd = CONTROL_FD, .events = POLLIN}};
		size_t of[WORKERS_MAX + 1], count = 1;
		for (size_t i = 0; i < WORKERS_MAX; i++)
			if (fakes[i].id != 0) {
				polls[count] = (struct pollfd){.fd = fakes[i].wire.fd, .events = POLLIN};
				of[count++] = i;
			}
		if (poll(polls, count, -1) < 0)
			return 1;
		for (size_t i = 1; i < count; i++)
			if (polls[i].revents != 0)
				hear(&fakes[of[i]]);
		if (polls[0].revents == 0)
			continue;
		if (wire_read(&orders, &err) != ERR_NONE)
			break;
		while (wire_next(&orders, &message, &err) == ERR_NONE && message != NULL) {
			if (str_eq(json_str(message, "t", ""), "fork"))
				forked(json_int(message, "worker", 0), wire_take_fd(&orders));
			json_decref(message);
		}
	}
	return 0;
}
