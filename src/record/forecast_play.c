/* forecast_play.c: one draw played through what is left of a graph, as the engine would: steps
 * in the order of the runbook, as many at once as the run and the groups around them allow. */
#include "forecast.h"

#include <stdlib.h>
#include <string.h>

static const size_t no_step = SIZE_MAX;

static void link_graph(struct player *player, const struct run *run)
{
	size_t *from = player->next_from, total = 0;

	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = 0; k < run->steps[i].needs_count; k++, total++)
			from[run->steps[i].needs_index[k] + 1]++;
	for (size_t i = 0; i < run->step_count; i++)
		from[i + 1] += from[i];
	size_t *filled = xmalloc((run->step_count + 1) * sizeof(*filled));
	player->next = xmalloc((total + 1) * sizeof(*player->next));
	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = 0; k < run->steps[i].needs_count; k++) {
			const size_t need = run->steps[i].needs_index[k];
			player->next[from[need] + filled[need]++] = i;
		}
	free(filled);
}

void player_init(struct player *player, const struct run *run, size_t parallel)
{
	const size_t steps = run->step_count;

	*player = (struct player){ .steps = steps, .ready_words = steps / 64 + 1 };
	player->parallel = parallel > 0 ? parallel : SIZE_MAX;
	if (run->parallel > 0 && (size_t)run->parallel < player->parallel)
		player->parallel = (size_t)run->parallel;
	for (size_t i = 0; i < steps; i++)
		player->limits = player->limits || run->steps[i].parallel > 0;
	player->next_from = xmalloc((steps + 2) * sizeof(*player->next_from));
	player->doing = xmalloc((steps + 1) * sizeof(*player->doing));
	player->end = xmalloc((steps + 1) * sizeof(*player->end));
	player->cause = xmalloc((steps + 1) * sizeof(*player->cause));
	player->left = xmalloc((steps + 1) * sizeof(*player->left));
	player->left_at_first = xmalloc((steps + 1) * sizeof(*player->left_at_first));
	player->ready = xmalloc(player->ready_words * sizeof(*player->ready));
	player->ready_at_first = xmalloc(player->ready_words * sizeof(*player->ready_at_first));
	player->active = xmalloc((steps + 1) * sizeof(*player->active));
	player->members = xmalloc((steps + 1) * sizeof(*player->members));
	link_graph(player, run);
}

void player_release(struct player *player)
{
	void *const all[] = { player->next, player->next_from, player->doing, player->end,
		player->cause, player->left, player->left_at_first, player->ready,
		player->ready_at_first, player->active, player->members };

	for (size_t i = 0; i < COUNT_OF(all); i++)
		free(all[i]);
}

/* ------------------------------------------------------------------ what could begin */

static void ready_push(struct player *player, size_t step)
{
	player->ready[step / 64] |= UINT64_C(1) << (step % 64);
	player->ready_count++;
	if (step / 64 < player->ready_low)
		player->ready_low = step / 64;
}

static bool has_room(const struct player *player, const struct run *run, size_t step)
{
	for (size_t i = 0; player->limits && i < run->steps[step].within_count; i++) {
		const size_t group = run->steps[step].within_index[i];
		if (run->steps[group].parallel > 0 &&
			player->members[group] >= (size_t)run->steps[group].parallel)
			return false;
	}
	return true;
}

/* The first in the order of the runbook for which there is room; no_step when there is none. */
static size_t ready_pop(struct player *player, const struct run *run)
{
	bool passed_over = false;

	for (size_t word = player->ready_low; word < player->ready_words; word++)
		for (uint64_t bits = player->ready[word]; bits != 0; bits &= bits - 1) {
			const size_t step = word * 64 + (size_t)__builtin_ctzll(bits);
			if (!has_room(player, run, step)) {
				passed_over = true;
				continue;
			}
			player->ready[word] &= ~(UINT64_C(1) << (step % 64));
			player->ready_count--;
			if (!passed_over)
				player->ready_low = word;
			return step;
		}
	return no_step;
}

/* ------------------------------------------------------------------ what is under way */

static void begin(struct player *player, const struct run *run, size_t step, int64_t end)
{
	player->active[player->active_count++] = (struct active){ end, step };
	for (size_t i = 0; player->limits && i < run->steps[step].within_count; i++)
		player->members[run->steps[step].within_index[i]]++;
}

static struct active end_first(struct player *player, const struct run *run)
{
	struct active *active = player->active;
	size_t best = 0;

	for (size_t i = 1; i < player->active_count; i++)
		if (active[i].end < active[best].end)
			best = i;
	const struct active first = active[best];
	active[best] = active[--player->active_count];
	for (size_t i = 0; player->limits && i < run->steps[first.step].within_count; i++)
		player->members[run->steps[first.step].within_index[i]]--;
	return first;
}

/* ------------------------------------------------------------------ playing */

void player_set_up(struct player *player, const struct run *run)
{
	const size_t bytes = player->ready_words * sizeof(*player->ready);

	memset(player->ready, 0, bytes);
	player->ready_count = player->ready_low = 0;
	for (size_t i = 0; i < run->step_count; i++) {
		const struct step *step = &run->steps[i];
		player->cause[i] = no_step;
		player->left_at_first[i] = 0;
		for (size_t k = 0; k < step->needs_count; k++)
			player->left_at_first[i] +=
				player->doing[step->needs_index[k]] != DOING_NOTHING;
		if (player->doing[i] == DOING_LATER && player->left_at_first[i] == 0)
			ready_push(player, i);
	}
	player->ready_count_at_first = player->ready_count;
	memcpy(player->ready_at_first, player->ready, bytes);
}

static void rewind_to_first(struct player *player)
{
	const size_t steps = player->steps;

	memset(player->end, 0xff, steps * sizeof(*player->end)); /* -1 each */
	memcpy(player->left, player->left_at_first, steps * sizeof(*player->left));
	memset(player->members, 0, steps * sizeof(*player->members));
	memcpy(player->ready, player->ready_at_first,
		player->ready_words * sizeof(*player->ready));
	player->ready_count = player->ready_count_at_first;
	player->ready_low = player->active_count = 0;
}

void player_play(struct player *player, const struct run *run, const int32_t *ms,
	const size_t *now, const int64_t *rest_ms, size_t now_count)
{
	struct active last = { 0,
		no_step }; /* what ended last: what begins now waited for it */

	rewind_to_first(player);
	for (size_t i = 0; i < now_count; i++)
		begin(player, run, now[i], rest_ms[i]);
	for (;;) {
		while (player->ready_count > 0 && player->active_count < player->parallel) {
			const size_t step = ready_pop(player, run);
			if (step == no_step)
				break;
			player->cause[step] = last.step;
			begin(player, run, step, last.end + ms[step]);
		}
		if (player->active_count == 0)
			break;
		last = end_first(player, run);
		player->end[last.step] = last.end;
		const size_t to = player->next_from[last.step + 1];
		for (size_t i = player->next_from[last.step]; i < to; i++) {
			const size_t step = player->next[i];
			if (--player->left[step] == 0 && player->doing[step] == DOING_LATER)
				ready_push(player, step);
		}
	}
}
