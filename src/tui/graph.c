/* graph.c: lanes for the needs of steps. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

/* Who needs each step, as one array with an offset per step. */
struct followers {
	size_t *first, *steps;
};

static struct followers followers_of(const struct run *run)
{
	struct followers out = { .first = xmalloc((run->step_count + 2) * sizeof(size_t)) };
	size_t total = 0;

	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = 0; k < run->steps[i].needs_count; k++)
			out.first[run->steps[i].needs_index[k] + 2]++;
	for (size_t i = 2; i <= run->step_count + 1; i++) {
		out.first[i] += out.first[i - 1];
		total = out.first[i];
	}
	out.steps = xmalloc((total + 1) * sizeof(size_t));
	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = 0; k < run->steps[i].needs_count; k++)
			out.steps[out.first[run->steps[i].needs_index[k] + 1]++] = i;
	return out;
}

static const size_t FREE = SIZE_MAX;

static int lane_of(const size_t lanes[GRAPH_LANES], size_t step)
{
	for (int l = 0; l < GRAPH_LANES; l++)
		if (lanes[l] == step)
			return l;
	return -1;
}

/* One row: the lanes that lead to the step join in the leftmost; those that leave it begin. */
static void draw_row(char row[GRAPH_LANES + 2], size_t lanes[GRAPH_LANES], size_t step,
	const size_t *next, size_t next_count)
{
	int own = lane_of(lanes, step);
	bool more = false;

	if (own < 0)
		own = lane_of(lanes, FREE);
	for (int l = 0; l < GRAPH_LANES; l++) {
		row[l] = lanes[l] == FREE ? ' ' : lanes[l] == step ? '/' : '|';
		if (lanes[l] == step)
			lanes[l] = FREE;
	}
	if (own >= 0)
		row[own] = 'o';
	for (size_t k = 0; k < next_count; k++) {
		if (next[k] <= step)
			continue; /* written above what it needs: no line leads up */
		const int l = k == 0 && own >= 0 ? own : lane_of(lanes, FREE);
		if (l < 0) {
			more = true;
			continue;
		}
		if (row[l] == ' ')
			row[l] = '\\';
		lanes[l] = next[k];
	}
	row[GRAPH_LANES] = more || own < 0 ? '+' : ' ';
	int len = GRAPH_LANES + 1;
	while (len > 0 && row[len - 1] == ' ')
		len--;
	row[len] = '\0';
}

void graph_make(struct graph *graph, const struct run *run)
{
	struct followers followers = followers_of(run);
	size_t lanes[GRAPH_LANES];

	graph_release(graph);
	graph->rows = xmalloc((run->step_count + 1) * sizeof(*graph->rows));
	for (int l = 0; l < GRAPH_LANES; l++)
		lanes[l] = FREE;
	for (size_t i = 0; i < run->step_count; i++) {
		const size_t from = followers.first[i], to = followers.first[i + 1];
		draw_row(graph->rows[i], lanes, i, followers.steps + from, to - from);
		const int width = (int)strlen(graph->rows[i]);
		graph->width = width > graph->width ? width : graph->width;
	}
	free(followers.first);
	free(followers.steps);
}

void graph_release(struct graph *graph)
{
	free(graph->rows);
	*graph = (struct graph){ 0 };
}
