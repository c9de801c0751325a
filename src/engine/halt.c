/* halt.c: the kill switch: all drills of a workspace stop and are undone, new ones are refused, until it
 * is lifted.
 *
 * Thrown by a request (a command, a key) or by a file STOP-DRILLS in the workspace's directory, whose
 * first line is the reason: anybody who can write there can stop a drill without this program.  It is
 * kept in DATA/halted.json, so that a new server knows it; the ledger says who and why. */
#include "internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 1000, FILE_MAX_BYTES = 1 << 20, REASON_BYTES = 500 };

#define STOP_FILE "STOP-DRILLS"

static char *state_path(const struct server *server)
{
	return path_join(server->options->data_dir, "halted.json");
}

static enum err_code save(const struct server *server, struct err *err)
{
	char *path = state_path(server), *line = json_line(server->halted);
	const enum err_code code = file_replace(path, line, strlen(line), 0600, err);

	free(line);
	free(path);
	return code;
}

/* The first line of the workspace's stop file as text for people, or NULL when there is none; owned. */
static char *file_reason(const char *workspace)
{
	char *path = path_join(workspace, STOP_FILE), text[REASON_BYTES];
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = 0;

	free(path);
	if (fd < 0)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	json_t *clean = json_text(text, strlen(text));
	char *reason = xasprintf("%s", json_string_length(clean) > 0 ? json_string_value(clean)
								     : "file " STOP_FILE);
	json_decref(clean);
	return reason;
}

static bool is_drill(const struct live *live)
{
	return str_eq(live->run->mode, "drill") && !live->ending;
}

/* Records it and ends what is open; runs that are being ended already are left to it. */
static void throw_switch(struct server *server, const char *workspace, const char *reason,
	const struct actor *actor)
{
	json_t *payload = json_object(), *runs = json_array();
	char *why = xasprintf("drills were stopped: %s", reason);

	for (struct live *live = server->lives; live != NULL; live = live->next)
		if (is_drill(live) && str_eq(live->run->workspace_root, workspace))
			json_array_append_new(runs, json_integer(live->id));
	json_put_str(payload, "workspace", workspace);
	json_put_str(payload, "reason", reason);
	json_put_str(payload, "who", actor->name);
	json_put(payload, "runs", runs);
	ledger_emit(server, EVENT_DRILLS_STOPPED, payload);
	batch_urgent(server);
	for (struct live *live = server->lives; live != NULL; live = live->next)
		if (is_drill(live) && str_eq(live->run->workspace_root, workspace) &&
			!(live->run->aborting && live->run->undo))
			run_abort(live, why, true, false, actor);
	free(why);
}

static json_t *row_of(const char *reason, const struct actor *actor, bool by_file)
{
	json_t *row = json_object();

	json_put_str(row, "reason", reason);
	json_put_str(row, "who", actor->name);
	json_put_int(row, "at_ns", wall_now().ns);
	json_put_flag(row, "by_file", by_file);
	return row;
}

static enum err_code stop(struct server *server, const char *workspace, const char *reason,
	const struct actor *actor, bool by_file, struct err *err)
{
	json_put(server->halted, workspace, row_of(reason, actor, by_file));
	const enum err_code code = save(server, err);
	/* written or not: what runs is stopped */
	throw_switch(server, workspace, reason, actor);
	return code;
}

enum err_code halt_set(struct server *server, const char *workspace, bool stopped,
	const char *reason, const struct actor *actor, json_t *answer, struct err *err)
{
	char *held = file_reason(workspace);
	json_t *payload;

	json_put_str(answer, "workspace", workspace);
	if (stopped) {
		free(held);
		return stop(server, workspace, reason, actor, false, err);
	}
	if (held != NULL) {
		free(held);
		return err_set(err, ERR_HELD, "the file %s/" STOP_FILE " is still there: remove it first",
			workspace);
	}
	if (json_object_get(server->halted, workspace) == NULL)
		return err_set(err, ERR_NOT_FOUND, "the drills of \"%s\" are not stopped", workspace);
	json_object_del(server->halted, workspace);
	payload = json_object();
	json_put_str(payload, "workspace", workspace);
	json_put_str(payload, "reason", reason);
	json_put_str(payload, "who", actor->name);
	ledger_emit(server, EVENT_DRILLS_ALLOWED, payload);
	batch_urgent(server);
	return save(server, err);
}

json_t *halt_list(const struct server *server)
{
	return json_deep_copy(server->halted);
}

/* A new drill of a stopped workspace is not held. */
enum err_code halt_check(struct server *server, const json_t *plan, struct err *err)
{
	const char *root = json_str(json_object_get(plan, "workspace"), "root", "");
	const json_t *row = json_object_get(server->halted, root);

	if (!str_eq(json_str(plan, "mode", ""), "drill"))
		return ERR_NONE;
	char *reason = file_reason(root);
	if (reason == NULL && row == NULL)
		return ERR_NONE;
	err_set(err, ERR_NOT_HELD, "drills of \"%s\" are stopped: %s (over? %s)", root,
		reason != NULL ? reason : json_str(row, "reason", ""),
		reason != NULL ? "remove the file STOP-DRILLS there" : "drillbook halt --lift");
	free(reason);
	return ERR_NOT_HELD;
}

/* The file is looked for where a drill runs. */
static void look(uv_timer_t *timer)
{
	struct server *server = timer->data;
	bool again = true;

	while (again) { /* stopping one changes what the others are */
		again = false;
		for (struct live *live = server->lives; live != NULL && !again; live = live->next) {
			if (!is_drill(live) || (live->run->aborting && live->run->undo))
				continue;
			char *reason = file_reason(live->run->workspace_root);
			struct err err = { 0 };
			if (reason != NULL) {
				char *root = xstrdup(live->run->workspace_root);
				if (stop(server, root, reason, &program_actor, true, &err) !=
					ERR_NONE)
					log_line(LOG_ERROR, "the kill switch: %s", err.text);
				again = true;
				free(root);
			}
			/* thrown, and the server died before it was carried out */
			const json_t *row = json_object_get(server->halted, live->run->workspace_root);
			if (reason == NULL && row != NULL && !live->run->aborting) {
				char *root = xstrdup(live->run->workspace_root);
				throw_switch(server, root, json_str(row, "reason", ""), &program_actor);
				again = true;
				free(root);
			}
			free(reason);
		}
	}
}

void halt_load(struct server *server)
{
	char *path = state_path(server);
	struct err err = { 0 };
	struct buf bytes;

	server->halted = NULL;
	if (path_exists(path) && file_read(path, FILE_MAX_BYTES, &bytes, &err) == ERR_NONE) {
		if (json_parse(bytes.data, bytes.len, &server->halted, &err) != ERR_NONE)
			log_line(LOG_ERROR, "\"%s\": %s", path, err.text);
		buf_release(&bytes);
	}
	if (!json_is_object(server->halted)) {
		json_decref(server->halted);
		server->halted = json_object();
	}
	free(path);
	uv_timer_init(&server->loop, &server->halt_timer);
	server->halt_timer.data = server;
	uv_timer_start(&server->halt_timer, look, LOOK_EVERY_MS, LOOK_EVERY_MS);
	uv_unref((uv_handle_t *)&server->halt_timer);
}

void halt_free(struct server *server)
{
	json_decref(server->halted);
}
