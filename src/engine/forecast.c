/* forecast.c: what the rest of a run will take, told to the terminals that watch it.
 *
 * Drawn from the journal once, when the first terminal watches, and played again after every
 * turn of the loop in which the run has moved; time alone is looked at once a second.  It is a
 * hint and no event: not recorded, and it goes out only once everything it was made from is on
 * disk. */
#include "internal.h"

#include <stdlib.h>

enum {
	TICK_MS = 1000,
	LOOP_SHARE = 20 /* a forecast that took 2 ms is not made again for 40 */
};

static bool watched(const struct live *live)
{
	for (const struct conn *conn = live->server->conns; conn != NULL; conn = conn->next)
		if (conn->run == live->id && conn->caught_up)
			return true;
	return false;
}

void forecast_wanted(struct live *live)
{
	live->moved = live->tell = true;
}

void forecast_forget(struct live *live)
{
	forecast_free(live->forecast);
	json_decref(live->told);
	json_decref(live->untold);
}

/* ------------------------------------------------------------------ telling */

/* Whether an operator would see a difference: seconds, hundredths. */
static bool looks_the_same(const json_t *a, const json_t *b)
{
	static const struct {
		const char *name;
		int64_t unit;
	} shown[] = { { "p50_ms", 1000 }, { "p90_ms", 1000 }, { "miss_per_mille", 10 } };
	const json_t *before = json_object_get(a, "services"),
		     *now = json_object_get(b, "services");
	const json_t *row;
	size_t i;

	if (a == NULL || json_array_size(before) != json_array_size(now))
		return false;
	json_array_foreach(now, i, row) {
		const json_t *old = json_array_get(before, i);
		if (!str_eq(json_str(row, "service", ""), json_str(old, "service", "")))
			return false;
		for (size_t k = 0; k < COUNT_OF(shown); k++)
			if (json_int(row, shown[k].name, 0) / shown[k].unit !=
				json_int(old, shown[k].name, 0) / shown[k].unit)
				return false;
	}
	return true;
}

static void tell(struct live *live)
{
	if (live->untold == NULL || live->committed < live->untold_pos)
		return;
	json_t *push = json_object();
	json_put(push, "forecast", json_incref(live->untold));
	conns_push_run(live->server, live->id, push);
	json_decref(live->told);
	live->told = live->untold;
	live->untold = NULL;
}

void forecasts_tell(struct server *server)
{
	for (struct live *live = server->lives; live != NULL; live = live->next)
		tell(live);
}

/* ------------------------------------------------------------------ making */

static void draw(struct live *live)
{
	struct err err = { 0 };
	json_t *history = NULL;

	if (journal_passes(live->server->reader, live->run, &history, &err) != ERR_NONE)
		log_line(LOG_WARN, "run %lld is forecast without its history: %s",
			(long long)live->id, err.text);
	live->forecast = forecast_new(live->run, history, PARALLEL_STEPS, (uint64_t)live->id);
	json_decref(history);
}

static void make(struct live *live, bool by_itself)
{
	const struct mono begin = mono_now();

	if (live->forecast == NULL)
		draw(live);
	json_t *message = projection_to_json(
		forecast_project(live->forecast, live->run, wall_now()), live->run);
	const struct mono end = mono_now();
	live->forecast_from.ns = end.ns + (end.ns - begin.ns) * LOOP_SHARE;
	live->moved = false;
	if (by_itself && !live->tell && looks_the_same(live->told, message)) {
		json_decref(message);
		return;
	}
	live->tell = false;
	live->untold = message;
	live->untold_pos = live->run->next_pos;
	tell(live);
}

static void make_late(struct server *server, int64_t run, int64_t none)
{
	struct live *live = live_find(server, run);

	(void)none;
	if (live != NULL)
		live->forecast_armed = false; /* the end of this turn makes it */
}

static void tick(uv_timer_t *timer)
{
	struct server *server = timer->data;
	bool any = false;

	for (struct live *live = server->lives; live != NULL; live = live->next) {
		if (live->ending || !live->run->started || !watched(live))
			continue;
		any = true;
		if (live->untold == NULL && mono_now().ns >= live->forecast_from.ns)
			make(live, !live->moved);
	}
	server->forecast_ticks = any;
	if (!any)
		uv_timer_stop(timer);
}

void forecasts_make(struct server *server)
{
	for (struct live *live = server->lives; live != NULL; live = live->next) {
		if (!live->moved || live->ending || live->forecast_armed ||
			!live->run->started || !watched(live))
			continue;
		const int64_t early_ns = live->forecast_from.ns - mono_now().ns;
		if (early_ns > 0) {
			live->forecast_armed = true;
			timer_start(server, early_ns / 1000000 + 1, make_late, live->id, 0);
			continue;
		}
		make(live, false);
		if (!server->forecast_ticks) {
			server->forecast_ticks = true;
			uv_timer_start(&server->forecast_tick, tick, TICK_MS, TICK_MS);
		}
	}
}
