/* test_hostile.c: text from outside cannot do anything to the terminal, wherever it is shown
 * (reliability: terminal injection).  Cases are built from payloads and the ways they are cut;
 * each is sent through output, titles, notes, step ids, questions, and every cell drawn is
 * looked at. */
#include "scene.h"
#include "view.h"

#include <stdio.h>

static size_t cases;

static const struct {
	const char *bytes;
	size_t len;
} payloads[] = {
#define P(s)                                                                                   \
	{                                                                                      \
		s, sizeof(s) - 1                                                               \
	}
	P("\033[2J"),
	P("\033[31m"),
	P("\033[1;1H"),
	P("\033[?1049l"),
	P("\033[6n"),
	P("\033[c"),
	P("\033[>c"),
	P("\033[21t"),
	P("\033]0;title\007"),
	P("\033]8;;http://x\033\\link\033]8;;\033\\"),
	P("\033]52;c;cm0gLXJmIC8=\007"),
	P("\033]777;notify;a;b\007"),
	P("\033]7719;idle\007"),
	P("\033P$q\"p\033\\"),
	P("\033_apc\033\\"),
	P("\033^pm\033\\"),
	P("\033Xsos\033\\"),
	P("\033"),
	P("\033["),
	P("\033]0;never ends"),
	P("\033P never ends"),
	P("\033#8"),
	P("\033c"),
	P("\x9b"
	  "2J"),
	P("\x9d"
	  "0;t\x9c"),
	P("\x90q\x9c"),
	P("\xc2\x9b"
	  "2J"),
	P("\xc2\x9d"
	  "0;t\xc2\x9c"),
	P("\xc2\x90"
	  "q"),
	P("safe\rEVIL"),
	P("safe\b\b\b\bEVIL"),
	P("a\vb\fc"),
	P("bell\007"),
	P("\016shift\017"),
	P("nul\0nul"),
	P("\177del"),
	P("\xe2\x80\xae"
	  "desrever"),
	P("\xe2\x80\xad"
	  "lro"),
	P("\xe2\x81\xa6"
	  "isolate\xe2\x81\xa9"),
	P("a\xe2\x80\x8b"
	  "b"),
	P("a\xe2\x80\x8d"
	  "b"),
	P("a\xef\xbb\xbf"
	  "b"),
	P("\xf3\xa0\x81\x81\xf3\xa0\x81\x82"),
	P("\xe2\x80\xa8"
	  "sep"),
	P("\xc2\xad"
	  "shy"),
	P("\xef\xb8\x8f"
	  "vs16"),
	P("\xf3\xa0\x84\x80"),
	P("\xcd\x8f"
	  "cgj"),
	P("\xe1\xa0\x8e"
	  "mvs"),
	P("\xff\xfe"),
	P("\xc0\xaf"),
	P("\xed\xa0\x80"),
	P("\xf4\x90\x80\x80"),
	P("\xe2\x82"),
	P("\x80"),
	P("\xf0\x9f\x98"),
	P("Z\xcc\x80\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85\xcc\x86\xcc\x87 zalgo"),
	P("\xe6\xbc\xa2\xe5\xad\x97 wide"),
	P("\t\t\ttabs"),
	P("\xc2\x85nel"),
	P("\xee\x80\x80private"),
	P("\xf0\x9f\x98\x80\xf0\x9f\x91\xa8"),
#undef P
};

static bool combining(uint32_t ch)
{
	return ch != 0 && code_columns(ch) == 0;
}

/* What deceives or cannot be seen: may be in no cell, neither as character nor as mark. */
static bool deceives(uint32_t ch)
{
	static const uint32_t ranges[][2] = { { 1, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad },
		{ 0x34f, 0x34f }, { 0x61c, 0x61c }, { 0x180b, 0x180f }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xd800, 0xdfff }, { 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
		{ 0x110000, UINT32_MAX } };

	for (size_t i = 0; i < COUNT_OF(ranges); i++)
		if (ch >= ranges[i][0] && ch <= ranges[i][1])
			return true;
	return false;
}

static void look(struct scene *scene)
{
	scene_draw(scene);
	for (int y = 0; y < scene->cells.height; y++)
		for (int x = 0; x < scene->cells.width; x++) {
			const struct cell *cell = &scene->cells.at[y * scene->cells.width + x];
			const uint32_t ch = cell->ch;
			bool bad = deceives(ch) || deceives(cell->mark) || combining(ch);
			bad = bad || (cell->mark != 0 && !combining(cell->mark));
			/* the right half of a wide character belongs to one */
			if (ch == 0)
				bad = bad || x == 0 || code_columns(cell[-1].ch) != 2;
			if (bad)
				fail_msg("cell %d,%d holds U+%04X mark U+%04X", x, y,
					(unsigned)ch, (unsigned)cell->mark);
		}
	cases++;
}

/* ------------------------------------------------------------------ output */

static void show_output(struct scene *scene, const char *bytes, size_t len)
{
	json_t *answer = json_object();
	char *data = base64_encode(bytes, len);
	struct input input = scene_input(scene, INPUT_ANSWER);

	scene->screen.out.len = 0;
	scene->screen.out.from = scene->screen.out.upto = 0;
	json_put_flag(answer, "ok", true);
	json_put_str(answer, "data", data);
	json_put_int(answer, "offset", 0);
	json_put_int(answer, "size", (int64_t)len);
	input.tag = TAG_OUTPUT;
	input.message = answer;
	screen_reduce(&scene->screen, &input);
	json_decref(answer);
	free(data);
}

static void through_output(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	screen_frame(&scene.screen);
	for (size_t i = 0; i < COUNT_OF(payloads); i++) {
		char line[256];
		const size_t len = payloads[i].len;
		memcpy(line, "before ", 7);
		memcpy(line + 7, payloads[i].bytes, len);
		memcpy(line + 7 + len, " after\n", 7);
		/* whole, and the window ending or beginning inside it */
		for (size_t cut = 0; cut <= len; cut++) {
			show_output(&scene, line, 7 + cut);
			look(&scene);
			show_output(&scene, line + 7 + cut, len - cut + 7);
			look(&scene);
		}
		scene.screen.wrap = !scene.screen.wrap;
	}
	scene_release(&scene);
}

static void long_lines(void **state)
{
	struct scene scene;
	char *line = xmalloc(OUTPUT_WINDOW);

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	screen_frame(&scene.screen);
	for (size_t i = 0; i < OUTPUT_WINDOW; i++)
		line[i] = (char)(i % 3 == 0 ? 0x1b : i % 3 == 1 ? '[' : 'J');
	for (int wrap = 0; wrap < 2; wrap++) {
		scene.screen.wrap = wrap;
		show_output(&scene, line, OUTPUT_WINDOW);
		look(&scene);
		memset(line, '\n', OUTPUT_WINDOW);
	}
	free(line);
	scene_release(&scene);
}

/* ------------------------------------------------------------------ names, titles, notes,
 * questions */

/* Any bytes as a JSON string, as base.h's json_text makes them valid. */
static void put(json_t *object, const char *key, size_t i)
{
	json_put(object, key, json_text(payloads[i].bytes, payloads[i].len));
}

static void hostile_event(struct scene *scene, const char *kind, json_t *data)
{
	char *text = json_line(data);

	scene_event(scene, kind, text);
	free(text);
	json_decref(data);
}

static json_t *hostile_start(size_t i)
{
	json_t *started = scene_json(scene_started), *steps = json_object_get(started, "steps"),
	       *row;
	json_t *service = json_array_get(json_object_get(started, "services"), 0);
	size_t at;

	put(json_object_get(started, "runbook"), "name", i);
	put(json_object_get(started, "runbook"), "title", i);
	put(json_object_get(started, "workspace"), "commit", i);
	put(started, "mode", i);
	put(service, "name", i);
	json_array_foreach(steps, at, row)
	{
		json_t *id = json_text(payloads[i].bytes, payloads[i].len);
		char *name = xasprintf("%s%zu", json_string_value(id), at);
		json_put_str(row, "id", name);
		json_put(row, "needs", json_array());
		put(row, "title", i);
		put(row, "owner", i);
		free(name);
		json_decref(id);
	}
	return started;
}

static json_t *hostile_ask(const char *step, size_t i, int level)
{
	json_t *ask = json_object(), *detail = json_object(), *args = json_object(),
	       *choices = json_array(), *row = json_object();
	json_t *list = json_array();

	json_put_str(ask, "step", step);
	json_put_int(ask, "attempt", 1);
	json_put_int(ask, "ask", level + 1);
	json_put_int(ask, "level", level % 4);
	json_put_str(ask, "kind", level < 4 ? "confirm" : level == 4 ? "manual" : "decide");
	put(ask, "title", i);
	put(ask, "text", i);
	put(ask, "digest", i);
	put(ask, "word", i);
	put(detail, "op", i);
	put(detail, "target", i);
	json_put(args, "key", json_text(payloads[i].bytes, payloads[i].len));
	json_put(detail, "args", json_incref(args));
	json_put(detail, "before", args);
	json_array_append_new(list, json_text(payloads[i].bytes, payloads[i].len));
	json_put(detail, "checklist", list);
	put(row, "id", i);
	put(row, "label", i);
	json_array_append_new(choices, row);
	json_put(ask, "choices", choices);
	json_put(ask, "detail", detail);
	return ask;
}

static void everywhere_else(size_t i, int width, int height)
{
	struct scene scene = { .wall_ms = SCENE_BEGIN_MS, .mono_ms = 1000000 };
	json_t *data;

	screen_init(&scene.screen, NULL, false);
	cells_init(&scene.cells, width, height);
	scene_size(&scene, width, height);
	screen_open(&scene.screen, SCENE_RUN);
	hostile_event(&scene, "run.started", hostile_start(i));
	scene_push(&scene, "{\"caught_up\":{\"run\":2042,\"next\":1}}");
	char *step = xstrdup(scene.screen.run->steps[4].id);
	data = json_object();
	json_put_str(data, "step", step);
	json_put_int(data, "attempt", 1);
	hostile_event(&scene, "step.started", data);
	data = json_object();
	put(data, "text", i);
	hostile_event(&scene, "note.added", data);
	look(&scene);
	data = json_object();
	json_put_int(data, "run", SCENE_RUN);
	json_put_str(data, "step", step);
	json_put_int(data, "attempt", 1);
	put(data, "text", i);
	json_t *push = json_object();
	json_put(push, "progress", data);
	scene_push_json(&scene, push);
	look(&scene);
	for (int level = 0; level < 6; level++) {
		hostile_event(&scene, "step.asked", hostile_ask(step, i, level));
		look(&scene);
		scene_pass(&scene, 400);
		scene_key(&scene, K_ESC);
		scene_key(&scene, 'A');
		look(&scene);
		scene_key(&scene, K_ESC);
	}
	scene_key(&scene, ':');
	for (size_t b = 0; b < payloads[i].len; b++) {
		struct input input = scene_input(&scene, INPUT_KEY);
		input.key = (unsigned char)payloads[i].bytes[b];
		if (input.key < 0x20 || input.key == K_BACKSPACE)
			continue;
		screen_reduce(&scene.screen, &input);
	}
	look(&scene);
	scene_key(&scene, K_ENTER);
	look(&scene);
	free(step);
	scene_release(&scene);
}

static void through_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(payloads); i++) {
		everywhere_else(i, 80, 24);
		everywhere_else(i, 60, 16);
		everywhere_else(i, 200, 60);
	}
}

static void through_home(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(payloads); i++) {
		struct scene scene = { .wall_ms = SCENE_BEGIN_MS, .mono_ms = 1000000 };
		json_t *home = json_object(), *rows = json_array(), *row = json_object(),
		       *runs = json_object();
		put(row, "name", i);
		put(row, "standby", i);
		put(row, "digest", i);
		put(row, "runbook", i);
		put(row, "mode", i);
		json_put_str(row, "status", "open");
		json_array_append_new(rows, row);
		json_put(home, "services", json_incref(rows));
		json_put(home, "runbooks", json_incref(rows));
		json_put(runs, "runs", rows);
		json_put_flag(runs, "ok", true);
		screen_init(&scene.screen, home, false);
		cells_init(&scene.cells, 80, 24);
		struct input input = scene_input(&scene, INPUT_ANSWER);
		input.tag = TAG_RUNS;
		input.message = runs;
		screen_reduce(&scene.screen, &input);
		look(&scene);
		scene_release(&scene);
		json_decref(runs);
		json_decref(home);
	}
}

/* ------------------------------------------------------------------ documents */

/* Every string of the value becomes the payload; members keep their names, and one more comes
 * whose name is the payload. */
static json_t *poisoned(const json_t *value, size_t i)
{
	const char *name;
	json_t *member, *out;
	size_t at;

	if (json_is_string(value))
		return json_text(payloads[i].bytes, payloads[i].len);
	if (json_is_array(value)) {
		out = json_array();
		json_array_foreach(value, at, member)
			json_array_append_new(out, poisoned(member, i));
		return out;
	}
	if (!json_is_object(value))
		return json_deep_copy(value);
	out = json_object();
	json_object_foreach((json_t *)(uintptr_t)value, name, member)
		json_put(out, name, poisoned(member, i));
	json_t *key = json_text(payloads[i].bytes, payloads[i].len);
	if (json_string_length(key) == strlen(json_string_value(key)))
		json_put(out, json_string_value(key), json_incref(key));
	json_decref(key);
	return out;
}

static const char report_document[] =
	"{\"mode\":\"x\",\"run\":1,\"status\":\"x\",\"reason\":\"x\",\"runbook\":{\"name\":\"x\","
	"\"digest\":\"x\"},\"people\":{\"lead\":\"x\",\"started_by\":{\"who\":\"x\"}},\"services\":[{"
	"\"name\":\"x\",\"rto\":{\"verdict\":\"x\"},\"rpo\":{\"verdict\":\"x\",\"basis\":\"x\",\"lost\":1,"
	"\"unit\":\"x\"},\"partition_ms\":{\"x\":1}}],\"steps\":[{\"id\":\"x\",\"state\":\"x\",\"actual_ms\":"
	"5,\"error\":{\"code\":\"x\",\"text\":\"x\"}}],\"deviations\":[{\"who\":\"x\",\"step\":\"x\",\"what\":"
	"\"x\",\"why\":\"x\"}],\"notes\":[{\"who\":\"x\",\"text\":\"x\"}],\"operations\":[{\"step\":\"x\","
	"\"op\":\"x\",\"target\":\"x\",\"effect\":\"x\",\"outcome\":\"x\",\"confirmed\":{\"who\":\"x\"}}],"
	"\"record\":{\"head\":\"x\",\"evidence\":\"x\"}}";
static const char compare_document[] =
	"{\"a\":{\"run\":1,\"mode\":\"x\",\"status\":\"x\",\"verdict\":\"x\",\"runbook\":{\"name\":\"x\","
	"\"digest\":\"x\"}},\"b\":{\"mode\":\"x\"},\"steps\":[{\"id\":\"x\",\"a\":{\"state\":\"x\",\"ms\":1},"
	"\"b\":{\"state\":\"y\",\"ms\":2},\"delta_ms\":1},{\"id\":\"x\",\"a\":null,\"b\":{}}],\"kinds\":[{"
	"\"kind\":\"x\",\"a\":{\"ms\":1},\"b\":{\"ms\":1}}],\"params\":[{\"name\":\"x\",\"a\":\"x\",\"b\":"
	"{\"k\":\"x\"}}],\"files\":[{\"path\":\"x\",\"change\":\"x\",\"lines\":[\"x\",\"x\"]}]}";
static const char book_document[] =
	"{\"name\":\"x\",\"title\":\"x\",\"description\":\"x\",\"params\":[{\"name\":\"x\",\"type\":\"x\","
	"\"default\":\"x\",\"help\":\"x\",\"min\":\"x\",\"max\":\"x\",\"choices\":[\"x\"]}],\"steps\":[{\"id\":"
	"\"x\",\"title\":\"x\",\"kind\":\"x\",\"level\":2,\"uses\":{\"x\":[\"x\"]}}],\"problems\":[{"
	"\"severity\":\"x\",\"file\":\"x\",\"text\":\"x\"}],\"versions\":[{\"commit\":\"x\",\"when\":\"x\","
	"\"author\":\"x\",\"subject\":\"x\"}]}";
static const char home_document[] =
	"{\"workspace\":{\"name\":\"x\",\"commit\":\"x\"},\"services\":[{\"name\":\"x\",\"standby\":\"x\"}],"
	"\"runbooks\":[{\"name\":\"x\",\"digest\":\"x\",\"valid\":true}],\"drills\":[{\"name\":\"x\","
	"\"runbook\":\"x\",\"mode\":\"x\",\"title\":\"x\",\"owner\":\"x\",\"from\":\"x\",\"until\":\"x\","
	"\"every_ms\":1}]}";
static const char run_rows[] =
	"[{\"run\":1,\"runbook\":\"x\",\"title\":\"x\",\"mode\":\"x\",\"status\":\"x\",\"reason\":\"x\","
	"\"lead\":\"x\",\"started_by\":\"x\",\"digest\":\"x\",\"rto\":\"x\",\"asks\":1,\"unknown\":1,"
	"\"services\":[{\"name\":\"x\",\"rto\":\"x\",\"rpo\":\"x\",\"unit\":\"x\",\"lost\":1}]}]";

static json_t *poison_text(const char *text, size_t i)
{
	json_t *clean = scene_json(text), *out = poisoned(clean, i);

	json_decref(clean);
	return out;
}

static void show_document(struct scene *scene, enum document_kind kind, const char *text, size_t i)
{
	struct document *document = &scene->screen.documents[kind];

	json_decref(document->json);
	document->json = poison_text(text, i);
	document->asked = true;
	if (kind == DOCUMENT_BOOK)
		snprintf(document->about, sizeof(document->about), "%.150s",
			json_str(json_array_get(json_object_get(scene->screen.home, "runbooks"), 0),
				"name", ""));
	scene->screen.stamp++;
}

static void through_documents(void **state)
{
	static const uint32_t views[] = { '1', '2', '4', '5', '6' };
	static const int sizes[][2] = { { 60, 16 }, { 80, 24 }, { 200, 60 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(payloads); i++) {
		struct scene scene = { .wall_ms = SCENE_BEGIN_MS, .mono_ms = 1000000 };
		json_t *home = poison_text(home_document, i);
		screen_init(&scene.screen, home, false);
		cells_init(&scene.cells, 80, 24);
		scene.screen.runs = poison_text(run_rows, i);
		scene.screen.report_run = 1;
		show_document(&scene, DOCUMENT_REPORT, report_document, i);
		snprintf(scene.screen.documents[DOCUMENT_REPORT].about, 8, "1");
		for (size_t s = 0; s < COUNT_OF(sizes); s++) {
			scene_size(&scene, sizes[s][0], sizes[s][1]);
			for (size_t v = 0; v < COUNT_OF(views); v++) {
				scene_key(&scene, views[v]);
				if (views[v] == '2')
					show_document(&scene, DOCUMENT_BOOK, book_document, i);
				if (views[v] == '6')
					show_document(&scene, DOCUMENT_REPORT, report_document, i);
				look(&scene);
				scene_key(&scene, 'G');
				look(&scene);
				scene_key(&scene, 'A');
				look(&scene);
				scene_key(&scene, K_ESC);
			}
			scene.screen.compare_a = scene.screen.compare_b = 1;
			view_turn(&scene.screen, VIEW_COMPARE);
			show_document(&scene, DOCUMENT_COMPARE, compare_document, i);
			look(&scene);
			form_open(&scene.screen.form, "x", "drill");
			form_params(&scene.screen.form,
				json_object_get(scene.screen.documents[DOCUMENT_BOOK].json, "params"));
			scene.screen.overlay = OVERLAY_FORM;
			for (size_t f = 0; f < 3; f++) {
				scene.screen.form.focus = f;
				look(&scene);
			}
			scene.screen.overlay = OVERLAY_NONE;
		}
		scene_release(&scene);
		json_decref(home);
	}
}

/* Values, timeline and step of a run whose every name is hostile. */
static void through_the_parts_of_a_run(void **state)
{
	static const uint32_t keys[] = { 'v', 't', 'i' };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(payloads); i++) {
		struct scene scene = { .wall_ms = SCENE_BEGIN_MS, .mono_ms = 1000000 };
		json_t *data = json_object(), *outputs = json_object();
		screen_init(&scene.screen, NULL, false);
		cells_init(&scene.cells, 80, 24);
		scene_size(&scene, 80, 24);
		screen_open(&scene.screen, SCENE_RUN);
		hostile_event(&scene, "run.started", hostile_start(i));
		scene_push(&scene, "{\"caught_up\":{\"run\":2042,\"next\":1}}");
		char *step = xstrdup(scene.screen.run->steps[0].id);
		json_put_str(data, "step", step);
		json_put_int(data, "attempt", 1);
		hostile_event(&scene, "step.started", json_deep_copy(data));
		put(outputs, "value", i);
		json_put(data, "outputs", outputs);
		json_put_str(data, "outcome", "failed");
		json_put(data, "error", poison_text("{\"code\":\"x\",\"text\":\"x\",\"world\":\"x\"}", i));
		put(data, "reason", i);
		hostile_event(&scene, "step.finished", data);
		for (size_t k = 0; k < COUNT_OF(keys); k++) {
			scene_key(&scene, keys[k]);
			look(&scene);
			scene_key(&scene, 'G');
			look(&scene);
			scene_key(&scene, K_ESC);
		}
		free(step);
		scene_release(&scene);
	}
}

static void enough_cases(void **state)
{
	(void)state;
	assert_true(cases >= 200);
	printf("%zu drawings looked at\n", cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(through_output),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(through_names),
		cmocka_unit_test(through_home),
		cmocka_unit_test(through_documents),
		cmocka_unit_test(through_the_parts_of_a_run),
		cmocka_unit_test(enough_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
