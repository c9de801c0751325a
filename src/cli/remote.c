/* remote.c: the record of a team server, whose files belong to the server: it is asked for over
 * its socket. */
#include "remote.h"

#include "drillbook/report.h"

#include <stdlib.h>
#include <string.h>

enum { QUIET_MS = 30000, REPORT_MAX = 256 << 20, EVENTS_MAX = 1000000 };

enum err_code remote_runs(const struct args *args, const struct journal_filter *filter,
	json_t **out, struct err *err)
{
	struct client *client;
	json_t *body = json_object(), *answer = NULL;

	json_put_str(body, "runbook", filter->runbook);
	json_put_str(body, "service", filter->service);
	json_put_str(body, "mode", filter->mode);
	json_put_int(body, "limit", filter->limit);
	enum err_code code = cli_connect(&client, args, 0, err);
	if (code != ERR_NONE) {
		json_decref(body);
		return code;
	}
	code = client_ask(client, "runs", body, &answer, err);
	client_close(client);
	if (code == ERR_NONE)
		*out = json_incref(json_object_get(answer, "runs"));
	json_decref(answer);
	return code;
}

/* All that is on disk of a run, in order. */
static enum err_code collect_events(
	struct client *client, int64_t run, json_t *events, struct err *err)
{
	json_t *body = json_object(), *message;
	bool all = false;

	json_put_int(body, "run", run);
	json_put_flag(body, "watch", true);
	TRY(client_ask(client, "attach", body, NULL, err));
	while (!all) {
		TRY(client_next(client, QUIET_MS, &message, err));
		if (message == NULL)
			return err_set(err, ERR_TIMEOUT, "the server sends no more of run %lld",
				(long long)run);
		json_t *event = json_object_get(message, "event");
		if (event != NULL && json_array_size(events) < EVENTS_MAX)
			json_array_append(events, event);
		all = json_object_get(message, "caught_up") != NULL;
		json_decref(message);
	}
	return ERR_NONE;
}

enum err_code remote_report(const struct args *args, int64_t run, enum report_format format,
	struct buf *out, struct err *err)
{
	struct client *client;
	json_t *events = json_array(), *body = json_object(), *answer = NULL;

	json_put_int(body, "run", run);
	enum err_code code = cli_connect(&client, args, 0, err);
	if (code != ERR_NONE) {
		json_decref(body);
		json_decref(events);
		return code;
	}
	/* the seal after the events: one of a run that ends meanwhile does not fit them, and
	 * the report says so */
	code = collect_events(client, run, events, err);
	if (code == ERR_NONE)
		code = client_ask(client, "evidence", body, &answer, err);
	else
		json_decref(body);
	client_close(client);
	buf_init(out, REPORT_MAX);
	if (code == ERR_NONE)
		code = report_render_events(events, answer, format, out, err);
	if (code != ERR_NONE)
		buf_release(out);
	json_decref(events);
	json_decref(answer);
	return code;
}

enum err_code remote_run(
	const struct args *args, int64_t number, struct run **out, struct err *err)
{
	struct client *client;
	json_t *events = json_array();
	const json_t *row;
	struct run *run = run_new();
	size_t i;

	enum err_code code = cli_connect(&client, args, 0, err);
	if (code == ERR_NONE) {
		code = collect_events(client, number, events, err);
		client_close(client);
	}
	json_array_foreach(events, i, row) {
		struct event event = { 0 };
		if (code == ERR_NONE)
			code = event_from_json(row, &event, err);
		if (code == ERR_NONE)
			code = run_apply(run, &event, err);
		event_release(&event);
	}
	if (code == ERR_NONE)
		*out = run;
	else
		run_free(run);
	json_decref(events);
	return code;
}
