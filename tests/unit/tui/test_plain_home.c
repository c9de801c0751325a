/* test_plain_home.c: Home as lines, and what may be typed while a run is followed: everything the
 * screen can do has a command here. */
#include "fake.h"

#include "action.h"
#include "drillbook/tui.h"

/* ------------------------------------------------------------------ the client */

static enum err_code look(
	void *arg, const char *what, const json_t *about, json_t **out, struct err *err)
{
	(void)arg;
	*out = json_object();
	if (str_eq(what, "home"))
		json_put(*out, "document",
			fake_json("{\"workspace\":{\"root\":\"/srv/shop\"},\"services\":[{\"name\":"
				  "\"orders\",\"tier\":1,\"rto_ms\":600000,\"rpo_ms\":0}],\"runbooks\":[{"
				  "\"name\":\"move\",\"version\":3,\"digest\":\"aa\",\"valid\":true}]}"));
	else if (str_eq(what, "runbook") && str_eq(json_str(about, "runbook", ""), "move"))
		json_put(*out, "document",
			fake_json("{\"name\":\"move\",\"title\":\"Move it\",\"params\":[{\"name\":"
				  "\"site\",\"type\":\"choice\",\"choices\":[\"east\",\"west\"],\"default\":"
				  "\"west\"},{\"name\":\"ticket\",\"type\":\"string\",\"required\":true}],"
				  "\"steps\":[{\"id\":\"fence\",\"level\":2}]}"));
	else if (str_eq(what, "report"))
		json_put(*out, "document",
			fake_json("{\"run\":7,\"services\":[{\"name\":\"orders\",\"rto\":{\"verdict\":"
				  "\"met\",\"objective_ms\":600000,\"actual_ms\":60000}}]}"));
	else if (str_eq(what, "compare"))
		json_put(*out, "document", fake_json("{\"steps\":[{\"id\":\"fence\",\"delta_ms\":80000}]}"));
	else if (str_eq(what, "verify"))
		json_put_str(*out, "text", "VERIFIES\nnothing was changed");
	else {
		json_decref(*out);
		*out = NULL;
		return err_set(err, ERR_NOT_FOUND, "there is no such thing");
	}
	return ERR_NONE;
}

static enum err_code start(void *arg, const json_t *what, int64_t *run, struct err *err)
{
	char *line = json_line(what);

	(void)arg;
	printf("STARTED %s\n", line);
	free(line);
	if (str_eq(json_str(json_object_get(what, "params"), "ticket", ""), "bad"))
		return err_set(err, ERR_HELD, "another run holds it");
	*run = FAKE_RUN;
	return ERR_NONE;
}

static int body(struct fake *fake)
{
	struct client *client;
	struct err err = { 0 };
	int status = 99;

	if (client_open(&client, fake->dir, 0, &err) != ERR_NONE)
		return 98;
	const struct plain_options options = { .client = client,
		.run = fake->arg != NULL ? FAKE_RUN : 0,
		.in = stdin,
		.out = stdout,
		.interactive = true,
		.start = start,
		.look = look };
	const enum err_code code = fake->arg != NULL ? plain_run(&options, &status, &err)
						     : plain_home(&options, &status, &err);
	if (code != ERR_NONE)
		printf("error: %s\n", err.text);
	fflush(stdout);
	client_close(client);
	return status;
}

static void type(struct fake *fake, const char *line, const char *says)
{
	free(fake->said);
	fake->said = NULL;
	fake->said_len = 0;
	fake_type(fake, line);
	fake_type(fake, "\n");
	fake_says(fake, says);
}

/* ------------------------------------------------------------------ Home */

static void home(void **state)
{
	struct fake fake;

	(void)state;
	fake_listen(&fake);
	fake_on_terminal(&fake, 100, 30, body);
	fake_says(&fake, "what next?");
	type(&fake, "help", "start       RUNBOOK");
	type(&fake, "services", "1 orders, tier 1, RTO 10m, RPO 0");
	type(&fake, "runbooks", "1 move                 v3");
	type(&fake, "runbook move", "1 fence!");
	type(&fake, "runbook other", "there is no such thing");
	type(&fake, "report 7", "recovered in 1:00   met");
	type(&fake, "compare 6 7", "fence");
	type(&fake, "compare 6", "needs the numbers of two runs");
	type(&fake, "verify 7", "nothing was changed");
	type(&fake, "drills", "plans no drill");
	type(&fake, "history", "nothing has been run yet");
	type(&fake, "runs", "no run is open");
	type(&fake, "attach x", "needs a run's number");
	type(&fake, "nonsense", "no command \"nonsense\"");
	fake_type(&fake, "stop-drills smoke in the hall\n");
	json_t *request = fake_grant(&fake, "drills");
	assert_string_equal(json_str(request, "action", ""), "stop");
	assert_string_equal(json_str(request, "workspace", ""), "/srv/shop");
	assert_string_equal(json_str(request, "note", ""), "smoke in the hall");
	json_decref(request);
	fake_type(&fake, "leave\n");
	assert_int_equal(fake_exit(&fake), 0);
	fake_release(&fake);
}

static void starting(void **state)
{
	struct fake fake;

	(void)state;
	fake_listen(&fake);
	fake_on_terminal(&fake, 100, 30, body);
	fake_says(&fake, "what next?");
	type(&fake, "start move", "site [west]:");
	type(&fake, "north", "is none of the choices");
	type(&fake, "1", "ticket []:");
	type(&fake, "", "must be given");
	type(&fake, "bad", "mode [drill]:");
	type(&fake, "", "note []:");
	type(&fake, "because", "from []:");
	type(&fake, "", "impact []:");
	type(&fake, "soon", "for so long ago");
	type(&fake, "12m", "not started: another run holds it");
	type(&fake, "start move", "site [west]:");
	type(&fake, "cancel", "what next?");
	type(&fake, "start move", "site [west]:");
	type(&fake, "", "ticket []:");
	type(&fake, "CH-1", "mode [drill]:");
	type(&fake, "live", "note []:");
	type(&fake, "", "from []:");
	type(&fake, "", "impact []:");
	type(&fake, "", "This is LIVE.  Type move to start it:");
	type(&fake, "yes", "nothing was started");
	type(&fake, "start move", "site [west]:");
	type(&fake, "", "ticket []:");
	type(&fake, "CH-1", "mode [drill]:");
	type(&fake, "5", "note []:");
	type(&fake, "", "from []:");
	type(&fake, "", "impact []:");
	type(&fake, "", "This is LIVE.");
	type(&fake, "move", "STARTED {\"mode\":\"live\"");
	fake_release(&fake);
}

/* ------------------------------------------------------------------ while a run is followed */

static void begin_run(struct fake *fake)
{
	fake_listen(fake);
	fake->arg = "a run";
	fake_on_terminal(fake, 100, 30, body);
	fake_connected(fake);
	fake_event(fake, "run.started", fake_started);
	fake_push(fake, "{\"people\":{\"run\":2042,\"lead\":\"op1\",\"lead_is_you\":true,"
			"\"watching\":2}}");
	fake_push(fake, "{\"caught_up\":{\"run\":2042,\"next\":1}}");
	fake_says(fake, "2 steps, lead op1");
}

static void looking(void **state)
{
	struct fake fake;

	(void)state;
	begin_run(&fake);
	fake.output = "one\nneedle \033[31mred\033[0m\nthree\n";
	fake_event(&fake, "step.started", "{\"step\":\"fence\",\"attempt\":1,\"iteration\":0}");
	fake_event(&fake, "step.finished",
		"{\"step\":\"fence\",\"attempt\":1,\"outcome\":\"ok\",\"outputs\":{\"lag\":3},"
		"\"output\":{\"bytes\":30}}");
	fake_says(&fake, "step 1/2 fence: ok");
	type(&fake, "values", "lag = 3");
	type(&fake, "step promote", "IRREVERSIBLE");
	type(&fake, "step 1", "State       ok");
	type(&fake, "step nine", "the run has no step \"nine\"");
	type(&fake, "output 1", "fence | three");
	type(&fake, "output fence RED", "fence | needle red");
	assert_null(strstr(fake.said, "fence | one"));
	type(&fake, "who", "2 attached");
	type(&fake, "notes", "no notes");
	type(&fake, "asks", "nothing is asked now");
	type(&fake, "status", "orders: elapsed");
	type(&fake, "report", "recovered in 1:00");
	type(&fake, "statsu", "did you mean status?");
	fake_release(&fake);
}

static void acting(void **state)
{
	static const struct {
		const char *line, *action, *step, *note;
		bool undo;
	} rows[] = {
		{ "note all is well", "note", "", "all is well", false },
		{ "pause", "pause", "", "", false },
		{ "continue", "continue", "", "", false },
		{ "skip promote not today", "skip", "promote", "not today", false },
		{ "skip 2 not today", "skip", "promote", "not today", false },
		{ "retry fence", "retry", "fence", "", false },
		{ "undo 1", "undo", "fence", "", false },
		{ "force fence looked myself", "force", "fence", "looked myself", false },
		{ "stop fence", "stop_step", "fence", "", false },
		{ "abort smoke", "abort", "", "smoke", false },
		{ "abort-undo smoke", "abort", "", "smoke", true },
		{ "impact 12m", "clock", "", "", false },
	};
	struct fake fake;

	(void)state;
	begin_run(&fake);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		fake_type(&fake, rows[i].line);
		fake_type(&fake, "\n");
		json_t *request = fake_grant(&fake, "act");
		assert_string_equal(json_str(request, "action", ""), rows[i].action);
		assert_string_equal(json_str(request, "step", ""), rows[i].step);
		assert_string_equal(json_str(request, "note", ""), rows[i].note);
		assert_int_equal(json_flag(request, "undo", false), rows[i].undo);
		if (str_eq(rows[i].action, "clock"))
			assert_true(json_int(request, "at_ns", 0) < wall_now().ns - INT64_C(700000000000));
		json_decref(request);
	}
	type(&fake, "impact soon", "for so long ago");
	fake_release(&fake);
}

static void approving(void **state)
{
	struct fake fake;

	(void)state;
	begin_run(&fake);
	fake_event(&fake, "step.started", "{\"step\":\"fence\",\"attempt\":1,\"iteration\":0}");
	fake_event(&fake, "step.asked",
		"{\"step\":\"fence\",\"attempt\":1,\"ask\":1,\"kind\":\"approve\",\"level\":0,\"title\":"
		"\"Switch?\",\"choices\":[{\"id\":\"approve\",\"label\":\"yes\"},{\"id\":\"reject\","
		"\"label\":\"no\"}],\"detail\":{\"count\":2,\"not\":\"op1\"}}");
	fake_says(&fake, "APPROVAL asked for by step fence");
	fake_says(&fake, "0 of 2, by anybody but op1");
	type(&fake, "approve promote", "asks for no approval");
	fake_type(&fake, "approve fence\n");
	json_t *request = fake_grant(&fake, "answer");
	assert_string_equal(json_str(request, "answer", ""), "approve");
	json_decref(request);
	fake_type(&fake, "reject fence too early\n");
	request = fake_grant(&fake, "answer");
	assert_string_equal(json_str(request, "answer", ""), "reject");
	assert_string_equal(json_str(request, "note", ""), "too early");
	json_decref(request);
	fake_release(&fake);
}

/* What only a screen has, or has by another name here. */
static const char *const plain_names[][2] = { { "open", "" }, { "attention", "asks" },
	{ "output", "output" }, { "pane", "" }, { "follow", "" }, { "wrap", "" },
	{ "timeline", "status" }, { "look", "" }, { "swap", "compare" }, { "markdown", "report" },
	{ "json", "report" }, { "search", "output" }, { "search-next", "" }, { "search-before", "" },
	{ "editor", "note" }, { "edit", "" }, { "copy", "" }, { "shell", "" }, { "mouse", "" },
	{ "reload", "" }, { "wheel-up", "" }, { "wheel-down", "" }, { "out", "" }, { "up", "" },
	{ "down", "" }, { "page-up", "" }, { "page-down", "" }, { "top", "" }, { "bottom", "" },
	{ "command", "" }, { "halt", "pause" }, { "home", "" }, { "run", "" }, { "interrupt", "" },
	{ "suspend", "" }, { "redraw", "" }, { "run-again", "" } };

/* Every action of the screens has a command of its name, or stands in the list above. */
static void nothing_is_missing(void **state)
{
	struct fake run, outside;
	char *both;

	(void)state;
	begin_run(&run);
	type(&run, "help", "write : before a command");
	fake_listen(&outside);
	fake_on_terminal(&outside, 100, 30, body);
	fake_says(&outside, "what next?");
	type(&outside, "help", "verify ");
	both = xasprintf("%s%s", run.said, outside.said);
	for (size_t i = 0; i < action_count; i++) {
		const char *name = actions[i].name;
		if (!(actions[i].contexts & CONTEXT_SCREENS))
			continue;
		for (size_t k = 0; k < COUNT_OF(plain_names); k++)
			if (str_eq(plain_names[k][0], name))
				name = plain_names[k][1];
		char *wanted = xasprintf("    %s ", name);
		if (name[0] != '\0' && strstr(both, wanted) == NULL)
			fail_msg("%s cannot be done in plain mode", actions[i].name);
		free(wanted);
	}
	free(both);
	fake_release(&run);
	fake_release(&outside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(home),
		cmocka_unit_test(starting),
		cmocka_unit_test(looking),
		cmocka_unit_test(acting),
		cmocka_unit_test(approving),
		cmocka_unit_test(nothing_is_missing),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
