/* test_pty.c: the whole screen on a real pty, read back by libvterm, against a server written
 * by hand. */
#include "fake.h"

#ifdef HAVE_VTERM
#include "drillbook/tui.h"

#include <vterm.h>

struct emulator {
	VTerm *vterm;
	VTermScreen *screen;
	bool alternate, cursor;
	size_t replies; /* bytes the terminal was made to answer */
};

static struct emulator emulator;

static int on_property(VTermProp property, VTermValue *value, void *user)
{
	(void)user;
	if (property == VTERM_PROP_ALTSCREEN)
		emulator.alternate = value->boolean;
	if (property == VTERM_PROP_CURSORVISIBLE)
		emulator.cursor = value->boolean;
	return 1;
}

static void on_reply(const char *bytes, size_t len, void *user)
{
	(void)bytes;
	(void)user;
	emulator.replies += len;
}

static void heard(struct fake *fake, const char *bytes, size_t len)
{
	(void)fake;
	vterm_input_write(emulator.vterm, bytes, len);
}

static void emulate(int width, int height)
{
	static const VTermScreenCallbacks callbacks = { .settermprop = on_property };

	emulator = (struct emulator){ .cursor = true };
	emulator.vterm = vterm_new(height, width);
	vterm_set_utf8(emulator.vterm, 1);
	vterm_output_set_callback(emulator.vterm, on_reply, NULL);
	emulator.screen = vterm_obtain_screen(emulator.vterm);
	vterm_screen_set_callbacks(emulator.screen, &callbacks, NULL);
	vterm_screen_enable_altscreen(emulator.screen, 1);
	vterm_screen_reset(emulator.screen, 1);
}

/* A row of the emulated screen as ASCII ('?' for the rest). */
static void row_text(int y, char *out, size_t size)
{
	int width, height;

	vterm_get_size(emulator.vterm, &height, &width);
	size_t len = 0;
	for (int x = 0; x < width && y < height && len + 1 < size; x++) {
		VTermScreenCell cell;
		vterm_screen_get_cell(emulator.screen, (VTermPos){ .row = y, .col = x }, &cell);
		out[len++] = cell.chars[0] == 0	    ? ' '
			     : cell.chars[0] < 0x7f ? (char)cell.chars[0]
						    : '?';
	}
	out[len] = '\0';
}

static bool shown(const char *text)
{
	char row[1024];
	int width, height;

	vterm_get_size(emulator.vterm, &height, &width);
	for (int y = 0; y < height; y++) {
		row_text(y, row, sizeof(row));
		if (strstr(row, text) != NULL)
			return true;
	}
	return false;
}

static void print_screen(void)
{
	char row[1024];
	int width, height;

	vterm_get_size(emulator.vterm, &height, &width);
	for (int y = 0; y < height; y++) {
		row_text(y, row, sizeof(row));
		fprintf(stderr, "%s\n", row);
	}
}

static void wait_shown(struct fake *fake, const char *text, bool wanted)
{
	const struct mono begin = mono_now();

	while (shown(text) != wanted) {
		if (mono_ms_since(begin) > PATIENCE_MS || fake->ended) {
			print_screen();
			fail_msg("the screen %s \"%s\"",
				wanted ? "never shows" : "goes on showing", text);
		}
		json_decref(fake_pump(fake));
	}
}

static size_t idle_marks(const struct fake *fake)
{
	size_t count = 0;

	for (const char *at = fake->said;
		at != NULL && (at = strstr(at, "\033]7719;idle\007")) != NULL; at++)
		count++;
	return count;
}

/* Waits for an idle mark that comes after now. */
static void wait_idle(struct fake *fake)
{
	const struct mono begin = mono_now();
	const size_t had = idle_marks(fake);

	while (idle_marks(fake) == had) {
		if (mono_ms_since(begin) > PATIENCE_MS || fake->ended)
			fail_msg("the client never becomes idle");
		json_decref(fake_pump(fake));
	}
}

/* ------------------------------------------------------------------ the client */

static const char *settings_text; /* screen.yaml of the next client; NULL = none */

static int client_body(struct fake *fake)
{
	struct client *client;
	struct err err = { 0 };
	int status = 99;

	setenv("TERM", "xterm-256color", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("DRILLBOOK_TEST_IDLE", "1", 1);
	if (client_open(&client, fake->dir, 0, &err) != ERR_NONE)
		return 98;
	json_t *settings = settings_text != NULL ? fake_json(settings_text) : NULL;
	unsetenv("TMUX");
	const struct tui_options options = { .client = client,
		.run = FAKE_RUN,
		.settings = settings,
		.color = fake->arg == NULL };
	if (tui_run(&options, &status, &err) != ERR_NONE)
		printf("error: %s\n", err.text);
	fflush(stdout);
	client_close(client);
	return status;
}

static void begin(struct fake *fake, int width, int height)
{
	fake_listen(fake);
	emulate(width, height);
	fake->heard = heard;
	fake_on_terminal(fake, width, height, client_body);
	fake_connected(fake);
	fake_event(fake, "run.started", fake_started);
	fake_push(fake, "{\"people\":{\"run\":2042,\"lead\":\"op1\",\"lead_is_you\":true,"
			"\"watching\":1}}");
	fake_push(fake, "{\"caught_up\":{\"run\":2042,\"next\":1}}");
	wait_shown(fake, "STEPS 0/2 done", true);
}

static void end(struct fake *fake)
{
	fake_release(fake);
	vterm_free(emulator.vterm);
}

static void assert_given_back(struct fake *fake)
{
	struct termios after;

	tcgetattr(fake->slave, &after);
	assert_int_equal(after.c_iflag, fake->before.c_iflag);
	assert_int_equal(after.c_oflag, fake->before.c_oflag);
	assert_int_equal(after.c_cflag, fake->before.c_cflag);
	assert_int_equal(after.c_lflag, fake->before.c_lflag);
	assert_memory_equal(after.c_cc, fake->before.c_cc, sizeof(after.c_cc));
	assert_false(emulator.alternate);
	assert_true(emulator.cursor);
	assert_non_null(strstr(fake->said, "\033[?2004l"));
}

static void attach_act_leave(void **state)
{
	struct fake fake;
	char row[256];

	(void)state;
	begin(&fake, 80, 24);
	assert_true(emulator.alternate);
	row_text(0, row, sizeof(row));
	assert_int_equal(strncmp(row, " [DRILL] orders / failover", 26), 0);
	fake_type(&fake, "p");
	json_t *request = fake_grant(&fake, "act");
	assert_string_equal(json_str(request, "action", ""), "pause");
	json_decref(request);
	fake_event(&fake, "run.paused", "{\"reason\":\"\"}");
	wait_shown(&fake, "PAUSED", true);
	fake_type(&fake, "?");
	wait_shown(&fake, "Keys valid now", true);
	fake_type(&fake, "\033");
	wait_shown(&fake, "Keys valid now", false);
	fake_type(&fake, "q");
	assert_int_equal(fake_exit(&fake), 5); /* the run is open */
	assert_given_back(&fake);
	assert_non_null(strstr(fake.said, "run 2042 continues"));
	assert_int_equal(emulator.replies, 0);
	end(&fake);
}

static void confirming(void **state)
{
	struct fake fake;

	(void)state;
	begin(&fake, 80, 24);
	fake_event(&fake, "step.started", "{\"step\":\"fence\",\"attempt\":1,\"iteration\":0}");
	fake_event(&fake, "step.asked",
		"{\"step\":\"fence\",\"attempt\":1,\"ask\":1,\"kind\":\"confirm\",\"level\":2,"
		"\"title\":\"failover.fence db\",\"digest\":\"abc\","
		"\"choices\":[{\"id\":\"yes\",\"label\":\"do "
		"it\"},{\"id\":\"no\",\"label\":\"no\"}],\"detail\":{\"op\":\"failover.fence\","
		"\"target\":\"db\"}}");
	wait_shown(&fake, "Will do     failover.fence on db", true);
	wait_idle(&fake); /* idle: the 300 ms in which keys are dropped are over */
	fake_type(&fake, "\r");
	wait_shown(&fake, "Enter does nothing here", true);
	fake_type(&fake, "\033[200~Y\033[201~");
	wait_shown(&fake, "pasted text", true);
	fake_type(&fake, "Y");
	json_t *request = fake_grant(&fake, "answer");
	assert_string_equal(json_str(request, "answer", ""), "yes");
	assert_string_equal(json_str(request, "digest", ""), "abc");
	json_decref(request);
	fake_event(&fake, "step.answered", "{\"ask\":1,\"step\":\"fence\",\"answer\":\"yes\"}");
	fake_event(&fake, "run.ended", "{\"status\":\"failed\",\"reason\":\"\"}");
	wait_shown(&fake, "RUN failed", true);
	fake_type(&fake, "\003\003");
	assert_int_equal(fake_exit(&fake), 1);
	end(&fake);
}

static void hostile_output(void **state)
{
	struct fake fake;

	(void)state;
	begin(&fake, 80, 24);
	fake.output = "one\n\033]52;c;cm0=\007\033[6n\033[c\033[?1049l\033]0;"
		      "x\007\233c\r\nback\rwards\n\xe2\x80\xae"
		      "flip\nlast line\n";
	fake_event(&fake, "step.started", "{\"step\":\"fence\",\"attempt\":1,\"iteration\":0}");
	fake_push(&fake,
		"{\"tail\":{\"run\":2042,\"step\":\"fence\",\"attempt\":1,\"size\":80}}");
	wait_shown(&fake, "last line", true);
	assert_true(shown("^[]52;c;cm0=^G^[[6n^[[c"));
	assert_true(shown("back^Mwards"));
	assert_true(shown("<U+202E>flip"));
	assert_true(emulator.alternate);
	assert_int_equal(emulator.replies, 0);
	assert_null(strstr(fake.said, "\033]52"));
	assert_null(strstr(fake.said, "\033[6n"));
	end(&fake);
}

static void resizing(void **state)
{
	static const struct {
		unsigned short width, height;
		const char *shows, *hides;
	} sizes[] = { { 60, 16, "STEPS 0/2", "OUTPUT" }, { 200, 50, "PEOPLE", NULL },
		{ 30, 5, "[DRILL]", "STEPS" }, { 80, 24, "OUTPUT", "PEOPLE" } };
	struct fake fake;

	(void)state;
	begin(&fake, 80, 24);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		const struct winsize size = { .ws_col = sizes[i].width,
			.ws_row = sizes[i].height };
		vterm_set_size(emulator.vterm, sizes[i].height, sizes[i].width);
		assert_int_equal(ioctl(fake.slave, TIOCSWINSZ, &size), 0);
		wait_shown(&fake, sizes[i].shows, true);
		if (sizes[i].hides != NULL)
			wait_shown(&fake, sizes[i].hides, false);
	}
	end(&fake);
}

static void given_back_after_signals(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV, SIGABRT,
		SIGBUS, SIGFPE };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(signals); i++) {
		struct fake fake;
		begin(&fake, 80, 24);
		struct termios during;
		tcgetattr(fake.slave, &during);
		assert_int_equal(during.c_lflag & (tcflag_t)ICANON, 0);
		kill(fake.child, signals[i]);
		assert_int_equal(fake_exit(&fake), 256 + signals[i]);
		assert_given_back(&fake);
		end(&fake);
	}
}

static void the_server_goes_away(void **state)
{
	struct fake fake;

	(void)state;
	begin(&fake, 80, 24);
	wire_release(&fake.wire);
	close(fake.conn);
	fake.conn = -1;
	assert_int_equal(fake_exit(&fake), 5);
	assert_given_back(&fake);
	assert_non_null(strstr(fake.said, "drillbook attach 2042"));
	end(&fake);
}

/* A second of the clock costs a few bytes; a message that changes nothing costs none. */
static void little_is_sent(void **state)
{
	struct fake fake;

	(void)state;
	begin(&fake, 80, 24);
	wait_idle(&fake);
	for (int i = 0; i < 3; i++) {
		const size_t had = fake.said_len;
		wait_idle(&fake);
		assert_true(fake.said_len - had < 120);
	}
	fake_event(&fake, "run.ended", "{\"status\":\"done\",\"reason\":\"\"}");
	wait_shown(&fake, "RUN done", true);
	wait_idle(&fake);
	const size_t had = fake.said_len;
	fake_push(&fake, "{\"people\":{\"run\":2042,\"lead\":\"op1\",\"lead_is_you\":true,"
			 "\"watching\":1}}");
	wait_idle(&fake);
	/* nothing but idle marks */
	const size_t mark = strlen("\033]7719;idle\007");
	assert_int_equal((fake.said_len - had) % mark, 0);
	end(&fake);
}

/* The limits of a bad line: 600 bytes for a row, 4 KiB for everything. */
static void traffic(void **state)
{
	struct fake fake;
	const size_t mark = strlen("\033]7719;idle\007");

	(void)state;
	begin(&fake, 80, 24);
	fake.output = "ordinary line\nanother one\n";
	fake_event(&fake, "step.started", "{\"step\":\"fence\",\"attempt\":1,\"iteration\":0}");
	fake_push(&fake, "{\"tail\":{\"run\":2042,\"step\":\"fence\",\"attempt\":1,\"size\":26}}");
	wait_shown(&fake, "another one", true);
	wait_idle(&fake);
	for (int i = 0; i < 4; i++) {
		const size_t had = fake.said_len;
		fake_type(&fake, i % 2 ? "\033[A" : "\033[B");
		wait_shown(&fake, i % 2 ? "another one" : "IRREVERSIBLE", true);
		wait_idle(&fake);
		assert_true(fake.said_len - had < 600 + 2 * mark);
	}
	const size_t had = fake.said_len;
	fake_type(&fake, "\014");
	wait_idle(&fake);
	assert_true(fake.said_len - had > 200);
	assert_true(fake.said_len - had < 4096);
	end(&fake);
}

static const char asked[] =
	"{\"step\":\"fence\",\"attempt\":1,\"ask\":1,\"kind\":\"confirm\",\"level\":2,"
	"\"title\":\"failover.fence \\u001b]0;x\\u0007db\",\"digest\":\"abc\",\"choices\":[],"
	"\"detail\":{\"op\":\"failover.fence\",\"target\":\"db\"}}";

static void ask(struct fake *fake)
{
	begin(fake, 80, 24);
	wait_idle(fake);
	fake_event(fake, "step.started", "{\"step\":\"fence\",\"attempt\":1,\"iteration\":0}");
	fake_event(fake, "step.asked", asked);
	wait_shown(fake, "Will do", true);
	wait_idle(fake);
}

/* BELs that end no sequence of ours. */
static size_t bells(const struct fake *fake)
{
	size_t count = 0;

	for (size_t i = 0; i < fake->said_len; i++)
		count += fake->said[i] == 7;
	return count - idle_marks(fake);
}

/* A question rings; a message on the desktop and the clipboard are only for who asked for them. */
static void calling(void **state)
{
	struct fake fake;

	(void)state;
	ask(&fake);
	assert_int_equal(bells(&fake), 1);
	assert_null(strstr(fake.said, "\033]777"));
	assert_null(strstr(fake.said, "\033]9;"));
	fake_type(&fake, "\033");
	wait_shown(&fake, "Will do     failover.fence on db", true); /* in the pane now */
	fake_type(&fake, "y");
	wait_shown(&fake, "screen.yaml allows it", true);
	assert_null(strstr(fake.said, "\033]52"));
	end(&fake);
	settings_text = "{\"bell\":false,\"notify\":\"osc777\",\"clipboard\":\"osc52\"}";
	ask(&fake);
	assert_non_null(strstr(fake.said,
		"\033]777;notify;drillbook;run 2042 failover: step fence asks\007"));
	assert_int_equal(bells(&fake), 1); /* the end of that sequence */
	fake_type(&fake, "\033");
	wait_idle(&fake);
	fake_type(&fake, "y");
	wait_shown(&fake, "lines copied", true);
	assert_non_null(strstr(fake.said, "\033]52;c;"));
	end(&fake);
	settings_text = "{\"notify\":\"osc9\",\"lines\":\"box\"}";
	ask(&fake);
	assert_non_null(strstr(fake.said, "\033]9;run 2042 failover: step fence asks\007"));
	assert_non_null(strstr(fake.said, "\xe2\x94\x80")); /* a rule */
	end(&fake);
	settings_text = "{\"theme\":\"pink\"}";
	begin(&fake, 80, 24);
	wait_shown(&fake, "theme must be dark, light or mono", true);
	end(&fake);
	settings_text = NULL;
}

/* A program of the operator's own is started with what happened, and nobody waits for it. */
static void a_command_is_told(void **state)
{
	struct fake fake;
	char *path = xasprintf("/tmp/drillbook-told-%d", (int)getpid()), *settings;
	const struct mono begin_at = mono_now();
	struct buf told;
	struct err err = { 0 };

	(void)state;
	settings = xasprintf("{\"notify_command\":[\"/bin/sh\",\"-c\",\"printf %%s \\\"$0\\\" >%s.new; mv "
			     "%s.new %s\"]}",
		path, path, path);
	settings_text = settings;
	ask(&fake);
	while (!path_exists(path) && mono_ms_since(begin_at) < PATIENCE_MS)
		json_decref(fake_pump(&fake));
	assert_int_equal(file_read(path, 1000, &told, &err), ERR_NONE);
	assert_string_equal(told.data, "run 2042 failover: step fence asks");
	buf_release(&told);
	unlink(path);
	end(&fake);
	settings_text = NULL;
	free(settings);
	free(path);
}

/* Mouse reports are asked for only after %, and the terminal gets its mouse back. */
static void the_mouse(void **state)
{
	struct fake fake;

	(void)state;
	begin(&fake, 80, 24);
	wait_idle(&fake);
	assert_null(strstr(fake.said, "\033[?1000h"));
	fake_type(&fake, "%");
	wait_shown(&fake, "the wheel scrolls", true);
	assert_non_null(strstr(fake.said, "\033[?1000h"));
	fake_type(&fake, "\033[<65;10;10M"); /* the wheel, down */
	wait_shown(&fake, "> 2", true);
	fake_type(&fake, "\033[<0;10;10M\033[<0;10;10m"); /* a click is nobody's key */
	fake_type(&fake, "q");
	assert_int_equal(fake_exit(&fake), 5);
	assert_non_null(strstr(fake.said, "\033[?1000l"));
	assert_given_back(&fake);
	end(&fake);
}

/* Fifty sizes in a row: the last one counts. */
static void a_storm_of_sizes(void **state)
{
	struct fake fake;

	(void)state;
	begin(&fake, 80, 24);
	for (unsigned short i = 0; i < 50; i++) {
		const struct winsize size = { .ws_col = (unsigned short)(20 + i * 37 % 200),
			.ws_row = (unsigned short)(2 + i * 13 % 60) };
		assert_int_equal(ioctl(fake.slave, TIOCSWINSZ, &size), 0);
		json_decref(fake_pump(&fake));
	}
	const struct winsize last = { .ws_col = 80, .ws_row = 24 };
	assert_int_equal(ioctl(fake.slave, TIOCSWINSZ, &last), 0);
	wait_idle(&fake);
	fake_type(&fake, "\014");
	wait_shown(&fake, "STEPS 0/2 done", true);
	wait_shown(&fake, "? help", true);
	end(&fake);
}

/* Without colour the mode is still told: by its word, in reverse. */
static void mono(void **state)
{
	struct fake fake;

	(void)state;
	for (int color = 0; color < 2; color++) {
		fake_listen(&fake);
		emulate(80, 24);
		fake.heard = heard;
		fake.arg = color ? NULL : "no colour";
		fake_on_terminal(&fake, 80, 24, client_body);
		fake_connected(&fake);
		fake_event(&fake, "run.started", fake_started);
		fake_push(&fake, "{\"caught_up\":{\"run\":2042,\"next\":1}}");
		wait_shown(&fake, "STEPS 0/2 done", true);
		VTermScreenCell cell;
		vterm_screen_get_cell(emulator.screen, (VTermPos){ .row = 0, .col = 1 }, &cell);
		assert_int_equal(cell.chars[0], '[');
		assert_true(cell.attrs.reverse);
		assert_int_equal(VTERM_COLOR_IS_DEFAULT_FG(&cell.fg) == 0, color);
		assert_int_equal(strstr(fake.said, "\033[32m") != NULL, color);
		end(&fake);
	}
}

static int unknown_terminal(struct fake *fake)
{
	struct client *client;
	struct err err = { 0 };
	int status = 99;

	setenv("TERM", "no-such-terminal", 1);
	if (client_open(&client, fake->dir, 0, &err) != ERR_NONE)
		return 98;
	const struct tui_options options = { .client = client, .run = FAKE_RUN, .color = true };
	return tui_run(&options, &status, &err) == ERR_UNSUPPORTED ? 42 : 0;
}

static void an_unknown_terminal_is_refused(void **state)
{
	struct fake fake;

	(void)state;
	fake_listen(&fake);
	emulate(80, 24);
	fake_on_terminal(&fake, 80, 24, unknown_terminal);
	assert_int_equal(fake_exit(&fake), 42);
	end(&fake);
}
#else
static void left_out(void **state)
{
	(void)state;
	skip(); /* libvterm is not installed */
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef HAVE_VTERM
		cmocka_unit_test(attach_act_leave),
		cmocka_unit_test(confirming),
		cmocka_unit_test(hostile_output),
		cmocka_unit_test(resizing),
		cmocka_unit_test(given_back_after_signals),
		cmocka_unit_test(the_server_goes_away),
		cmocka_unit_test(little_is_sent),
		cmocka_unit_test(traffic),
		cmocka_unit_test(calling),
		cmocka_unit_test(a_command_is_told),
		cmocka_unit_test(the_mouse),
		cmocka_unit_test(a_storm_of_sizes),
		cmocka_unit_test(mono),
		cmocka_unit_test(an_unknown_terminal_is_refused),
#else
		cmocka_unit_test(left_out),
#endif
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
