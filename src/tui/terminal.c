/* terminal.c: ncurses as a painter, and the terminal's safe return.
 *
 * ncurses restores the terminal on INT and TERM only.  Here the sequences that undo everything
 * are made once, at the start, and the handler of a fatal signal only calls write and
 * tcsetattr, which are async-signal-safe, and raises the signal again.  Keys are read and
 * decoded by keys.c: getch would paint by itself and wait where we must not. */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <curses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h> /* tigetstr, tputs */
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

struct terminal {
	SCREEN *curses;
	struct cells shown;
	bool utf8, suspended, mouse;
	enum theme theme; /* mono also where the terminal has no colours */
	int pipe[2];
	struct sigaction before[16];
};

/* What the handlers may touch; one terminal per process. */
static struct {
	volatile sig_atomic_t armed;
	int in, out, pipe;
	struct termios termios;
	char restore[512];
	size_t restore_len;
} saved;

static const int fatal_signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV, SIGABRT, SIGBUS,
	SIGFPE };
static const int told_signals[] = { SIGWINCH, SIGTSTP };

/* ------------------------------------------------------------------ signals */

static void give_back(void)
{
	const char *at = saved.restore;
	size_t left = saved.restore_len;

	while (left > 0) {
		const ssize_t n = write(saved.out, at, left);
		if (n <= 0)
			break;
		at += n;
		left -= (size_t)n;
	}
	tcsetattr(saved.in, TCSANOW, &saved.termios);
}

static void on_fatal(int signal_number)
{
	if (saved.armed) {
		saved.armed = 0;
		give_back();
	}
	raise(signal_number); /* SA_RESETHAND: the default action, when this handler returns */
}

static void on_told(int signal_number)
{
	const int before = errno;
	const char byte = signal_number == SIGTSTP ? TERM_STOP : TERM_RESIZED;

	if (write(saved.pipe, &byte, 1) < 0) {
		/* full: the loop has enough to read already */
	}
	errno = before;
}

static void handle_signals(struct terminal *term)
{
	struct sigaction fatal = { .sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND };
	struct sigaction told = { .sa_handler = on_told, .sa_flags = SA_RESTART };
	size_t n = 0;

	sigemptyset(&fatal.sa_mask);
	sigemptyset(&told.sa_mask);
	for (size_t i = 0; i < COUNT_OF(fatal_signals); i++)
		sigaction(fatal_signals[i], &fatal, &term->before[n++]);
	for (size_t i = 0; i < COUNT_OF(told_signals); i++)
		sigaction(told_signals[i], &told, &term->before[n++]);
}

static void unhandle_signals(struct terminal *term)
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(fatal_signals); i++)
		sigaction(fatal_signals[i], &term->before[n++], NULL);
	for (size_t i = 0; i < COUNT_OF(told_signals); i++)
		sigaction(told_signals[i], &term->before[n++], NULL);
}

unsigned terminal_signals(struct terminal *term)
{
	char bytes[64];
	unsigned bits = 0;
	ssize_t n;

	while ((n = read(term->pipe[0], bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++)
			bits |= (unsigned)bytes[i];
	return bits;
}

/* ------------------------------------------------------------------ what undoes everything */

static int collect(int ch)
{
	if (saved.restore_len < sizeof(saved.restore))
		saved.restore[saved.restore_len++] = (char)ch;
	return ch;
}

static void make_restore(void)
{
	/* the mouse goes, too: it may be on when a signal comes */
	static const char paste_off[] = "\033[?2004l\033[?1000l\033[?1006l";
	static const char *const capabilities[] = { "op", "sgr0", "cnorm", "rmcup" };

	saved.restore_len = 0;
	for (const char *c = paste_off; *c != '\0'; c++)
		collect(*c);
	for (size_t i = 0; i < COUNT_OF(capabilities); i++) {
		char *text = tigetstr(capabilities[i]);
		if (text != NULL && text != (char *)-1)
			tputs(text, 1, collect);
	}
}

static void paste_mode(bool on)
{
	const char *text = on ? "\033[?2004h" : "\033[?2004l";

	if (write(saved.out, text, strlen(text)) < 0) {
		/* the terminal has gone: the next read says so */
	}
}

/* ------------------------------------------------------------------ colours */

/* Colour pairs 1…7 are the terminal's own colours on its own background. */
static void make_colors(struct terminal *term)
{
	if (term->theme == THEME_MONO)
		return;
	if (!has_colors() || start_color() != OK || use_default_colors() != OK) {
		term->theme = THEME_MONO;
		return;
	}
	for (short color = COLOR_RED; color <= COLOR_WHITE; color++)
		init_pair(color, color, -1);
}

/* ------------------------------------------------------------------ opening and closing */

static void take_terminal(struct terminal *term)
{
	raw();
	noecho();
	nonl();
	typeahead(-1); /* a frame is painted whole also while keys wait: they are read in the
			  next turn */
	paste_mode(true);
	if (term->mouse)
		terminal_mouse(term, true);
	saved.armed = 1;
	term->suspended = false;
}

enum err_code terminal_open(struct terminal **out, enum theme theme, struct err *err)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
		tcgetattr(STDIN_FILENO, &saved.termios) != 0)
		return err_set(err, ERR_UNSUPPORTED, "this is no terminal: use --plain");
	if (str_eq(setlocale(LC_CTYPE, NULL), "C"))
		setlocale(LC_CTYPE, "");
	struct terminal *term = xmalloc(sizeof(*term));
	if (pipe2(term->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
		free(term);
		return err_errno(err, "cannot make a pipe for signals");
	}
	term->curses = newterm(NULL, stdout, stdin);
	if (term->curses == NULL) {
		const char *type = getenv("TERM");
		close(term->pipe[0]);
		close(term->pipe[1]);
		free(term);
		return err_set(err, ERR_UNSUPPORTED,
			"terminal type \"%s\" is not known here: set TERM or use --plain",
			type != NULL ? type : "");
	}
	saved.in = STDIN_FILENO;
	saved.out = STDOUT_FILENO;
	saved.pipe = term->pipe[1];
	term->utf8 = str_eq(nl_langinfo(CODESET), "UTF-8");
	term->theme = theme;
	make_colors(term);
	make_restore();
	handle_signals(term);
	take_terminal(term);
	cells_init(&term->shown, 1, 1);
	*out = term;
	return ERR_NONE;
}

void terminal_suspend(struct terminal *term)
{
	if (term->suspended)
		return;
	endwin();
	give_back();
	saved.armed = 0;
	term->suspended = true;
}

void terminal_resume(struct terminal *term)
{
	int width, height;

	refresh(); /* leaves what endwin began: raw mode and the alternate screen again */
	take_terminal(term);
	terminal_size(term, &width, &height);
	resizeterm(height, width);
	cells_resize(&term->shown, 1, 1);
}

void terminal_close(struct terminal *term)
{
	if (term == NULL)
		return;
	terminal_suspend(term);
	unhandle_signals(term);
	delscreen(term->curses);
	close(term->pipe[0]);
	close(term->pipe[1]);
	cells_release(&term->shown);
	free(term);
}

void terminal_size(const struct terminal *term, int *width, int *height)
{
	struct winsize size;

	(void)term;
	*width = 80;
	*height = 24;
	if (ioctl(saved.out, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		*width = size.ws_col > 1000 ? 1000 : size.ws_col;
		*height = size.ws_row > 500 ? 500 : size.ws_row;
	}
}

int terminal_fd(const struct terminal *term)
{
	(void)term;
	return saved.in;
}

int terminal_signal_fd(const struct terminal *term)
{
	return term->pipe[0];
}

/* ------------------------------------------------------------------ beside the screen */

static void write_out(const char *text, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(saved.out, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* the terminal has gone: the next read says so */
		text += n;
		len -= (size_t)n;
	}
}

/* tmux hands a sequence on only when it is wrapped (tmux(1), allow-passthrough). */
static void write_sequence(const char *sequence)
{
	if (getenv("TMUX") == NULL) {
		write_out(sequence, strlen(sequence));
		return;
	}
	write_out("\033Ptmux;", 7);
	for (const char *at = sequence; *at != '\0'; at++) {
		if (*at == '\033')
			write_out("\033", 1);
		write_out(at, 1);
	}
	write_out("\033\\", 2);
}

void terminal_attention(struct terminal *term, bool ring, enum notify notify, const char *text)
{
	char clean[160];
	size_t len = 0;

	(void)term;
	for (; *text != '\0' && len + 1 < sizeof(clean); text++)
		clean[len++] = *text >= 0x20 && *text < 0x7f && *text != ';' ? *text : ' ';
	clean[len] = '\0';
	if (notify != NOTIFY_NONE) {
		char *sequence =
			xasprintf(notify == NOTIFY_OSC9 ? "\033]9;%s\007"
							: "\033]777;notify;drillbook;%s\007",
				clean);
		write_sequence(sequence);
		free(sequence);
	}
	if (ring) /* bell is a capability's name here */
		write_out("\007", 1);
}

void terminal_clipboard(struct terminal *term, const char *text, size_t len)
{
	char *data = base64_encode(text, len);
	char *sequence = xasprintf("\033]52;c;%s\007", data);

	(void)term;
	write_sequence(sequence);
	free(sequence);
	free(data);
}

void terminal_mouse(struct terminal *term, bool on)
{
	const char *text = on ? "\033[?1000h\033[?1006h" : "\033[?1000l\033[?1006l";

	term->mouse = on;
	write_out(text, strlen(text));
}

bool terminal_utf8(const struct terminal *term)
{
	return term->utf8;
}

void terminal_mark_idle(struct terminal *term)
{
	static const char mark[] = "\033]7719;idle\007";

	(void)term;
	if (write(saved.out, mark, sizeof(mark) - 1) < 0) {
		/* nobody is left to see it */
	}
}

/* ------------------------------------------------------------------ painting */

static bool row_differs(const struct cells *a, const struct cells *b, int y)
{
	const struct cell *one = &a->at[(size_t)y * (size_t)a->width];
	const struct cell *two = &b->at[(size_t)y * (size_t)b->width];

	for (int x = 0; x < a->width; x++)
		if (one[x].ch != two[x].ch || one[x].mark != two[x].mark ||
			one[x].style != two[x].style || one[x].paint != two[x].paint)
			return true;
	return false;
}

static void paint_cell(const struct terminal *term, int x, int y, const struct cell *cell)
{
	cchar_t glyph;
	wchar_t text[3] = { (wchar_t)cell->ch, (wchar_t)cell->mark, L'\0' };
	const int wide = code_columns(cell->ch);

	/* the terminal's locale may know fewer characters, or other widths, than the grid was
	 * made for */
	if (cell->ch > 0x7e && (!term->utf8 || wcwidth(text[0]) != wide)) {
		text[0] = L'?';
		text[1] = L'\0';
	}
	if (text[1] != L'\0' && wcwidth(text[1]) != 0)
		text[1] = L'\0';
	const struct look look = theme_look(term->theme, cell);
	const attr_t attrs = (look.bold ? A_BOLD : 0) | (look.dim ? A_DIM : 0) |
			     (look.underline ? A_UNDERLINE : 0) |
			     (look.reverse ? A_REVERSE : 0);
	const short pair = look.color > 0 ? (short)look.color : 0;
	setcchar(&glyph, text, attrs, pair, NULL);
	mvadd_wch(y, x, &glyph);
	if (wide == 2 && text[0] == L'?')
		mvadd_wch(y, x + 1, &glyph);
}

void terminal_paint(struct terminal *term, const struct cells *cells, bool all)
{
	if (term->shown.width != cells->width || term->shown.height != cells->height) {
		resizeterm(cells->height, cells->width);
		cells_resize(&term->shown, cells->width, cells->height);
		all = true;
	}
	if (all)
		clear(); /* the next refresh begins with an empty screen, whatever is on it */
	for (int y = 0; y < cells->height; y++) {
		if (!all && !row_differs(&term->shown, cells, y))
			continue;
		for (int x = 0; x < cells->width; x++) {
			const struct cell *cell =
				&cells->at[(size_t)y * (size_t)cells->width + (size_t)x];
			if (cell->ch != 0)
				paint_cell(term, x, y, cell);
		}
	}
	leaveok(stdscr,
		cells->cursor_x <
			0); /* an invisible cursor is not carried back: fewer bytes a second */
	curs_set(cells->cursor_x >= 0);
	if (cells->cursor_x >= 0)
		move(cells->cursor_y, cells->cursor_x);
	refresh();
	memcpy(term->shown.at, cells->at,
		(size_t)cells->width * (size_t)cells->height * sizeof(*cells->at));
	term->shown.cursor_x = cells->cursor_x;
	term->shown.cursor_y = cells->cursor_y;
}
