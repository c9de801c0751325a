/* scene.h: a screen fed by hand: what the server would push, keys, a clock that only the test
 * moves. */
#ifndef DRILLBOOK_TEST_SCENE_H
#define DRILLBOOK_TEST_SCENE_H

#include "keymap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { SCENE_RUN = 2042 };

struct scene {
	struct screen screen;
	struct cells cells;
	int64_t pos;	 /* of the next event */
	int64_t wall_ms; /* the clock */
	int64_t mono_ms;
};

/* 2026-11-18T14:02:31Z */
#define SCENE_BEGIN_MS INT64_C(1795010551000)

static json_t *scene_json(const char *text)
{
	json_error_t why;
	json_t *json = json_loads(text, 0, &why);

	if (json == NULL)
		fail_msg("the test's own JSON: %s at %d: %s", why.text, why.column, text);
	return json;
}

static void scene_pass(struct scene *scene, int64_t ms)
{
	scene->wall_ms += ms;
	scene->mono_ms += ms;
}

static struct input scene_input(const struct scene *scene, enum input_kind kind)
{
	return (struct input){
		.kind = kind, .now = { scene->wall_ms * 1000000 }, .mono_ms = scene->mono_ms
	};
}

static void scene_push_json(struct scene *scene, json_t *message)
{
	struct input input = scene_input(scene, INPUT_PUSH);

	input.message = message;
	screen_reduce(&scene->screen, &input);
	json_decref(message);
}

static void scene_push(struct scene *scene, const char *text)
{
	scene_push_json(scene, scene_json(text));
}

/* An event of the scene's run; data is JSON text; steals nothing. */
static void scene_event(struct scene *scene, const char *kind, const char *data)
{
	json_t *message = json_object(), *event = json_object();

	json_put_int(event, "run", SCENE_RUN);
	json_put_int(event, "pos", scene->pos++);
	json_put_str(event, "kind", kind);
	json_put_int(event, "wall_ns", scene->wall_ms * 1000000);
	json_put_int(event, "mono_ns", scene->mono_ms * 1000000);
	json_put_str(event, "boot", "11111111-2222-3333-4444-555555555555");
	json_put_int(event, "epoch", 1);
	json_put_int(event, "uid", 1000);
	json_put_str(event, "who", "op1");
	json_put(event, "data", scene_json(data));
	json_put(message, "event", event);
	scene_push_json(scene, message);
	if (scene->screen.broken)
		fail_msg("event %s: %s", kind, scene->screen.message);
}

static void scene_answer(struct scene *scene, enum tag tag, const char *text)
{
	struct input input = scene_input(scene, INPUT_ANSWER);

	input.tag = tag;
	input.message = scene_json(text);
	screen_reduce(&scene->screen, &input);
	json_decref(input.message);
}

static void scene_key(struct scene *scene, uint32_t key)
{
	struct input input = scene_input(scene, INPUT_KEY);

	input.key = key;
	screen_reduce(&scene->screen, &input);
}

static void scene_type(struct scene *scene, const char *text)
{
	while (*text != '\0')
		scene_key(scene, utf8_next(&text));
}

static void scene_paste(struct scene *scene, const char *text)
{
	while (*text != '\0') {
		struct input input = scene_input(scene, INPUT_KEY);
		input.key = utf8_next(&text);
		input.key = input.key == '\n' ? K_ENTER : input.key;
		input.pasted = true;
		screen_reduce(&scene->screen, &input);
	}
}

static void scene_size(struct scene *scene, int width, int height)
{
	struct input input = scene_input(scene, INPUT_RESIZE);

	input.width = width;
	input.height = height;
	screen_reduce(&scene->screen, &input);
	cells_resize(&scene->cells, width, height);
}

static void scene_draw(struct scene *scene)
{
	struct input input = scene_input(scene, INPUT_TICK);

	screen_reduce(&scene->screen, &input);
	screen_draw(&scene->screen, &scene->cells);
}

/* The last request left for the server, whose members the test then looks at; NULL when none.
 * Borrowed. */
static const struct request *scene_request(const struct scene *scene, const char *what)
{
	for (size_t i = scene->screen.request_count; i-- > 0;)
		if (str_eq(scene->screen.requests[i].what, what))
			return &scene->screen.requests[i];
	return NULL;
}

static void scene_forget_requests(struct scene *scene)
{
	for (size_t i = 0; i < scene->screen.request_count; i++)
		json_decref(scene->screen.requests[i].body);
	scene->screen.request_count = 0;
}

/* Whether any row shows the text. */
static bool scene_shows(struct scene *scene, const char *text)
{
	bool found = false;

	scene_draw(scene);
	for (int y = 0; y < scene->cells.height && !found; y++) {
		char *row = cells_row(&scene->cells, y);
		found = strstr(row, text) != NULL;
		free(row);
	}
	return found;
}

static void scene_print(struct scene *scene)
{
	for (int y = 0; y < scene->cells.height; y++) {
		char *row = cells_row(&scene->cells, y);
		fprintf(stderr, "%s\n", row);
		free(row);
	}
}

#define assert_shows(scene, text)                                                              \
	do {                                                                                   \
		if (!scene_shows(scene, text)) {                                               \
			scene_print(scene);                                                    \
			fail_msg("the screen does not show \"%s\"", text);                     \
		}                                                                              \
	} while (0)
#define assert_hides(scene, text)                                                              \
	do {                                                                                   \
		if (scene_shows(scene, text)) {                                                \
			scene_print(scene);                                                    \
			fail_msg("the screen shows \"%s\"", text);                             \
		}                                                                              \
	} while (0)

static const char scene_started[] =
	"{\"plan\":\"ab\",\"runbook\":{\"name\":\"failover-to-dr\",\"title\":\"Fail "
	"over\",\"version\":7,"
	"\"digest\":\"9e107d9d372bb6826bd81d3542a419d6\",\"path\":\"failover-to-dr.yaml\"},"
	"\"workspace\":{\"name\":\"shop\",\"root\":\"/srv/"
	"shop\",\"commit\":\"3f2c1a9aa\",\"dirty\":false},"
	"\"mode\":\"drill\",\"services\":[{\"name\":\"orders-db\",\"rto_ms\":1800000,\"rpo_"
	"ms\":300000,\"tier\":1,"
	"\"owner\":\"db-oncall\"}],\"params\":{},\"files\":[],\"steps\":["
	"{\"id\":\"declare\",\"title\":\"Declare\",\"kind\":\"script\",\"needs\":[],\"uses\":{}"
	",\"level\":0,\"expect_ms\":15000,\"marks\":[],\"owner\":\"\"},"
	"{\"id\":\"freeze-writes\",\"title\":\"Freeze the "
	"writers\",\"kind\":\"script\",\"needs\":[\"declare\"],\"uses\":{},\"level\":1,"
	"\"expect_ms\":40000,\"marks\":[],\"owner\":\"\"},"
	"{\"id\":\"check-lag\",\"title\":\"How far "
	"behind?\",\"kind\":\"script\",\"needs\":[\"freeze-writes\"],\"uses\":{},\"level\":0,"
	"\"expect_ms\":10000,\"marks\":[],\"owner\":\"\"},"
	"{\"id\":\"notify-vendor\",\"title\":\"Call the "
	"vendor\",\"kind\":\"manual\",\"needs\":[\"check-lag\"],\"uses\":{},\"level\":0,"
	"\"expect_ms\":0,\"marks\":[],\"owner\":\"\"},"
	"{\"id\":\"promote-standby\",\"title\":\"Promote the "
	"standby\",\"kind\":\"script\",\"needs\":[\"notify-vendor\"],"
	"\"uses\":{\"failover.promote\":[\"orders-standby\"]},\"level\":3,\"expect_ms\":120000,"
	"\"marks\":[],\"owner\":\"dba\"},"
	"{\"id\":\"repoint-dns\",\"title\":\"Point the name at "
	"it\",\"kind\":\"script\",\"needs\":[\"promote-standby\"],\"uses\":{},\"level\":2,"
	"\"expect_ms\":90000,\"marks\":[],\"owner\":\"\"},"
	"{\"id\":\"which\",\"title\":\"Who is "
	"told?\",\"kind\":\"decide\",\"needs\":[\"repoint-dns\"],\"uses\":{},\"level\":0,"
	"\"expect_ms\":0,\"marks\":[],\"owner\":\"\"},"
	"{\"id\":\"verify-ttl\",\"title\":\"Wait for "
	"caches\",\"kind\":\"wait\",\"needs\":[\"which\"],\"uses\":{},\"level\":0,\"expect_"
	"ms\":300000,\"marks\":[],\"owner\":\"\"}]}";

/* A screen attached to a run whose first event has come. */
static void scene_init(struct scene *scene, int width, int height)
{
	*scene = (struct scene){ .wall_ms = SCENE_BEGIN_MS, .mono_ms = 1000000 };
	screen_init(&scene->screen, NULL, false);
	cells_init(&scene->cells, width, height);
	scene_size(scene, width, height);
	screen_open(&scene->screen, SCENE_RUN);
	scene_answer(scene, TAG_ATTACH,
		"{\"id\":2,\"ok\":true,\"run\":2042,\"lead\":\"op1\",\"lead_is_you\":true}");
	scene_push(scene, "{\"people\":{\"run\":2042,\"lead\":\"op1\",\"lead_is_you\":true,"
			  "\"watching\":1}}");
	scene_event(scene, "run.started", scene_started);
	scene_push(scene, "{\"caught_up\":{\"run\":2042,\"next\":1}}");
	scene_forget_requests(scene);
}

static void scene_step(
	struct scene *scene, const char *step, int64_t took_ms, const char *outcome)
{
	char text[400];

	snprintf(text, sizeof(text), "{\"step\":\"%s\",\"attempt\":1,\"iteration\":0}", step);
	scene_event(scene, "step.started", text);
	scene_pass(scene, took_ms);
	if (outcome == NULL)
		return;
	snprintf(text, sizeof(text),
		"{\"step\":\"%s\",\"attempt\":1,\"outcome\":\"%s\",\"outputs\":{\"lag_bytes\":"
		"0},\"reason\":\"%s\"}",
		step, outcome, str_eq(outcome, "skipped") ? "drill" : "");
	scene_event(scene, "step.finished", text);
}

/* Four steps done, promote-standby running since `for_ms`. */
static void scene_promoting(struct scene *scene, int64_t for_ms)
{
	scene_step(scene, "declare", 12000, "ok");
	scene_step(scene, "freeze-writes", 50000, "ok");
	scene_step(scene, "check-lag", 5000, "ok");
	scene_step(scene, "notify-vendor", 30000, "skipped");
	scene_event(scene, "note.added",
		"{\"text\":\"snapshot slow, storage team looking\",\"step\":\"check-lag\"}");
	scene_step(scene, "promote-standby", for_ms, NULL);
}

static const char scene_intent[] =
	"{\"step\":\"promote-standby\",\"attempt\":1,\"ordinal\":2,\"key\":\"2042/"
	"promote-standby/0/2\",\"op\":\"failover.promote\","
	"\"target\":\"orders-standby\",\"effect\":\"irreversible\",\"args\":{\"wait\":\"30s\"},"
	"\"digest\":\"d1g35t0123456789abcdef\","
	"\"before\":{\"role\":\"standby\",\"lag_bytes\":0},\"idempotent\":false,\"declared\":"
	"false}";

/* A question about promote-standby. */
static void scene_ask(
	struct scene *scene, int64_t id, const char *kind, int level, const char *more)
{
	char *text = xasprintf("{\"step\":\"promote-standby\",\"attempt\":1,\"ask\":%lld,"
			       "\"kind\":\"%s\",\"level\":%d%s%s}",
		(long long)id, kind, level, more[0] ? "," : "", more);

	scene_event(scene, "step.asked", text);
	free(text);
}

static const char scene_confirm[] =
	"\"title\":\"failover.promote orders-standby\",\"text\":\"This cannot be "
	"undone.\",\"word\":\"drill\","
	"\"digest\":\"d1g35t0123456789abcdef\",\"choices\":[{\"id\":\"yes\",\"label\":\"do "
	"it\"},{\"id\":\"no\",\"label\":\"do nothing\"}],"
	"\"detail\":{\"op\":\"failover.promote\",\"target\":\"orders-standby\",\"key\":\"2042/"
	"promote-standby/0/2\"}";

static void scene_release(struct scene *scene)
{
	screen_release(&scene->screen);
	cells_release(&scene->cells);
}

/* Every helper is used by some test program, none by all. */
static inline void scene_uses(void)
{
	(void)scene_paste;
	(void)scene_request;
	(void)scene_promoting;
	(void)scene_ask;
	(void)scene_intent;
	(void)scene_confirm;
	(void)scene_type;
	(void)scene_shows;
	(void)scene_print;
	(void)scene_init;
	(void)scene_release;
	(void)scene_draw;
	(void)scene_key;
}

#endif
