/* story.h: tells a run as events, for tests of whatever reads them.
 *
 * A story has a clock of its own that starts at 2026-11-18T14:00:00Z; story_at() moves it.  Payloads are written as JSON with
 * single quotes. */
#ifndef STORY_H
#define STORY_H

#include "drillbook/record.h"

#include <stdlib.h>
#include <string.h>

enum { STORY_RUN = 2042 };
#define STORY_BEGIN_NS INT64_C(1795010400000000000)

struct story {
	int64_t set_ms;   /* how far somebody has set the wall clock */
	int64_t ms, ns;   /* since the beginning; ns on top, for stamps between two milliseconds */
	int64_t pos;
	int64_t epoch;
	const char *who;  /* NULL = the program itself */
	const char *boot;
	/* where the events go */
	enum err_code (*take)(void *arg, const struct event *event, struct err *err);
	void *arg;
};

static inline struct wall story_wall(int64_t ms)
{
	return (struct wall){STORY_BEGIN_NS + ms * 1000000};
}

static inline json_t *story_json(const char *text)
{
	char *copy = xstrdup(text);
	json_t *value;
	struct err err = {0};

	for (char *at = copy; *at != '\0'; at++)
		if (*at == '\'')
			*at = '"';
	if (json_parse(copy, strlen(copy), &value, &err) != ERR_NONE)
		base_die("the story's payload %s: %s", copy, err.text);
	free(copy);
	return value;
}

static inline struct event story_event(const struct story *story, enum event_kind kind, json_t *payload)
{
	const struct wall wall = {story_wall(story->ms + story->set_ms).ns + story->ns};
	struct event event = {.chain = STORY_RUN, .pos = story->pos, .kind = kind, .epoch = story->epoch,
		.wall = wall, .mono = {story->ms * 1000000 + story->ns + 5000000000}, .payload = payload};

	snprintf(event.boot, sizeof(event.boot), "%s", story->boot ? story->boot : "boot-a");
	snprintf(event.actor.name, sizeof(event.actor.name), "%s", story->who ? story->who : "drillbook");
	event.actor.uid = story->who ? 1000 : -1;
	return event;
}

/* payload NULL = erased. */
PRINTF(4, 5) static inline enum err_code story_tell(
	struct story *story, enum event_kind kind, struct err *err, const char *payload, ...)
{
	json_t *json = NULL;

	if (payload != NULL) {
		char *text;
		va_list args;
		va_start(args, payload);
		if (vasprintf(&text, payload, args) < 0)
			base_die("out of memory");
		va_end(args);
		json = story_json(text);
		free(text);
	}
	struct event event = story_event(story, kind, json);
	const enum err_code code = story->take(story->arg, &event, err);
	if (code == ERR_NONE)
		story->pos++;
	event_release(&event);
	return code;
}

static inline enum err_code story_into_run(void *arg, const struct event *event, struct err *err)
{
	return run_apply(arg, event, err);
}

#endif
