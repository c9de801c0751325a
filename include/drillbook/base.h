/* base.h: what every room stands on: errors, memory, text, time, digests, files, JSON, children.
 *
 * Vocabulary: X_init / X_release for storage the caller owns, X_new / X_free for storage we own,
 * X_clear empties but keeps the storage.  *borrowed* results live as long as what they came from;
 * *owned* results are the caller's to free.  Units stand last in a name: _ms, _ns, _bytes.
 *
 * Small allocations that fail end the process (base_die): the journal makes that safe.  Whatever an
 * outsider can size goes through a buffer or arena with a limit, which reports ERR_LIMIT instead. */
#ifndef DRILLBOOK_BASE_H
#define DRILLBOOK_BASE_H

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* ------------------------------------------------------------------ errors */

/* One row per error: name, process exit status (ux.md), what the operator should do next. */
#define ERR_LIST(X)                                                                              \
	X(NONE, 0, "")                                                                           \
	X(FAILED, 1, "look at the step's output, then retry, skip or abort")                     \
	X(USAGE, 2, "see drillbook COMMAND --help")                                              \
	X(MISSED, 3, "the objective was missed; the report says where the time went")            \
	X(ABORTED, 4, "an operator ended the run")                                               \
	X(ATTENTION, 5, "attach to the run and answer what it asks")                             \
	X(WORKSPACE, 6, "run drillbook lint and mend what it names")                             \
	X(UNTRUSTED, 6, "read the workspace, then run drillbook trust DIR")                      \
	X(JOURNAL, 7, "nothing that changes the world starts until the journal can be written")  \
	X(HELD, 8, "wait for what holds it or end it, then try again")                           \
	X(VERIFY, 9, "the record was changed after it was written; keep the file as evidence")   \
	X(NOT_HELD, 10, "the drill was postponed or not held")                                   \
	X(UNREACHABLE, 1, "check that the system is up and that the network reaches it")         \
	X(REFUSED, 1, "the system answered and said no; its own words are in the message")       \
	X(AUTH, 1, "check the credentials the target names")                                     \
	X(TIMEOUT, 1, "the effect may still happen: verify before trying again")                 \
	X(NOT_FOUND, 2, "check the name")                                                        \
	X(CONFLICT, 1, "it is not as expected: look before trying again")                        \
	X(VERSION, 1, "the other side is of a version this program does not speak")              \
	X(UNSUPPORTED, 1, "not possible here")                                                   \
	X(PROTOCOL, 1, "the other side sent something that is not its protocol")                 \
	X(PRECONDITION, 1, "a condition for doing this does not hold")                           \
	X(FORBIDDEN, 1, "the runbook, the mode or the policy does not allow this")               \
	X(DIVERGED, 5, "the step took another path than recorded; decide by hand")               \
	X(CANCELLED, 4, "it was stopped on request")                                             \
	X(SCRIPT, 1, "a mistake in the runbook's Lua; file and line are in the message")         \
	X(LIMIT, 1, "something was larger than allowed")                                         \
	X(SYSTEM, 1, "the operating system said no")                                             \
	X(NO_RECORDING, 1, "simulate with a recording of this version, or answer the call in the scenario") \
	X(UNKNOWN, 5, "the outcome is not known: verify, or let a human say what happened")

enum err_code {
#define X(name, status, hint) ERR_##name,
	ERR_LIST(X)
#undef X
	ERR_COUNT
};

/* What is known about the outside world after an error. */
enum world { WORLD_UNCHANGED, WORLD_CHANGED, WORLD_UNKNOWN };

/* Belongs to the caller; untouched on success.  Start with `struct err err = {0}`. */
struct err {
	enum err_code code;
	enum world world;  /* only meaningful for calls that change something */
	char text[768];    /* one sentence: what failed, the subject in quotes */
};

/* Sets code and text, returns code, so that a function can end with `return err_set(...)`. */
enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF(3, 4);
/* Like err_set(ERR_SYSTEM) with ": strerror(errno)" appended. */
enum err_code err_errno(struct err *err, const char *fmt, ...) PRINTF(2, 3);
/* Puts "context: " before the text on the way up.  Returns err->code. */
enum err_code err_context(struct err *err, const char *fmt, ...) PRINTF(2, 3);
const char *err_name(enum err_code code);      /* "UNREACHABLE"; "NONE" for ERR_NONE */
const char *err_hint(enum err_code code);      /* never NULL, may be "" */
int err_exit_status(enum err_code code);       /* 0..10 */
enum err_code err_from_name(const char *name); /* ERR_FAILED when the name is not known */
const char *world_name(enum world world);      /* "unchanged" "changed" "unknown" */
enum world world_from_name(const char *name);  /* WORLD_UNKNOWN when not known */

#define TRY(expr)                                                                                \
	do {                                                                                     \
		enum err_code try_code_ = (expr);                                                \
		if (try_code_ != ERR_NONE)                                                       \
			return try_code_;                                                        \
	} while (0)

/* Prints to stderr and aborts: for the impossible and for memory. */
_Noreturn void base_die(const char *fmt, ...) PRINTF(1, 2);

/* ------------------------------------------------------------------ memory */

void *xmalloc(size_t size);                  /* zeroed; ends the process on failure */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);                /* NULL gives NULL */
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

/* An arena: many allocations, one release.  Named by lifetime (book, run, frame). */
struct arena {
	struct arena_block *head;
	size_t used_bytes, limit_bytes; /* limit 0 = none */
};
void arena_init(struct arena *arena, size_t limit_bytes);
void *arena_alloc(struct arena *arena, size_t size); /* zeroed, 16-byte aligned; NULL over the limit */
char *arena_strndup(struct arena *arena, const char *s, size_t len);
char *arena_strdup(struct arena *arena, const char *s);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF(2, 3);
void arena_release(struct arena *arena);

/* A growing byte buffer that is given its maximum at birth; always NUL-terminated after the data. */
struct buf {
	char *data;
	size_t len, cap, max_bytes;
};
void buf_init(struct buf *buf, size_t max_bytes);
enum err_code buf_add(struct buf *buf, const void *data, size_t len, struct err *err) MUST_CHECK;
enum err_code buf_addf(struct buf *buf, struct err *err, const char *fmt, ...) PRINTF(3, 4) MUST_CHECK;
void buf_consume(struct buf *buf, size_t len); /* drops bytes from the front */
void buf_clear(struct buf *buf);
void buf_release(struct buf *buf);

/* ------------------------------------------------------------------ text */

bool str_eq(const char *a, const char *b);            /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
size_t str_distance(const char *a, const char *b);    /* edit distance, for "did you mean" */
/* The candidate nearest to name, or NULL when none is near enough to be meant.  Borrowed. */
const char *str_nearest(const char *name, const char *const *candidates, size_t count);
size_t utf8_valid_prefix(const char *s, size_t len);  /* bytes up to the first invalid sequence */
/* "250ms" "30s" "5m" "1h30m" "2d"; a bare "0" is allowed.  ERR_USAGE with an example otherwise. */
enum err_code parse_duration_ms(const char *s, int64_t *out_ms, struct err *err) MUST_CHECK;
/* "512" "16KiB" "4MiB" "2GiB" "1TiB". */
enum err_code parse_bytes(const char *s, int64_t *out_bytes, struct err *err) MUST_CHECK;
/* "0:12", "12:03", "1:02:03", from 1 day "2d 03h"; negative with "-". buf >= 24 bytes; returns buf. */
char *format_clock(char *buf, size_t size, int64_t ms);
/* "250ms" "1.4s" "2m03s" "1h02m" "3d04h": the same spelling parse_duration_ms reads where exact. */
char *format_duration(char *buf, size_t size, int64_t ms);

/* Visible form of untrusted text for one terminal line: escape sequences, C0/C1 controls, CR, BS,
 * bidi overrides, zero-width, tag characters and invalid UTF-8 become visible text (^[ <U+202E> <9B>).
 * TAB becomes spaces to the next multiple of 8 counted from the start of the result.  Appends to out. */
enum err_code text_sanitise(const char *s, size_t len, struct buf *out, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ time */

/* Two kinds that cannot be mixed up.  mono counts through suspend (CLOCK_BOOTTIME). */
struct mono { int64_t ns; };
struct wall { int64_t ns; }; /* since the Unix epoch, UTC */

struct mono mono_now(void);
struct wall wall_now(void);
const char *boot_id(void);   /* of this boot, 36 characters; borrowed */
int64_t mono_ms_since(struct mono start);
/* Tests put their own clock in place; NULL puts the real one back. */
void clock_inject(struct mono (*mono)(void), struct wall (*wall)(void), const char *boot);
/* "2026-11-18T14:02:31.123Z"; buf >= 32 bytes; returns buf. */
char *wall_format(char *buf, size_t size, struct wall t);
enum err_code wall_parse(const char *s, struct wall *out, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ digests and encodings */

enum { SHA256_BYTES = 32, SHA256_HEX = 65 };
struct sha256 { unsigned char b[SHA256_BYTES]; };
struct sha256_stream; /* over libcrypto, uses SHA instructions where there are any */
struct sha256 sha256_of(const void *data, size_t len);
struct sha256_stream *sha256_new(void);
void sha256_add(struct sha256_stream *stream, const void *data, size_t len);
struct sha256 sha256_end(struct sha256_stream *stream); /* frees the stream */
char *sha256_hex(struct sha256 digest, char out[SHA256_HEX]);
bool sha256_parse(const char *hex, struct sha256 *out);
bool sha256_eq(struct sha256 a, struct sha256 b);
char *base64_encode(const void *data, size_t len);                 /* owned */
unsigned char *base64_decode(const char *text, size_t *len);      /* owned; NULL when malformed */
enum err_code random_bytes(void *out, size_t len, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ JSON (jansson) */

/* Getters never fail: a missing or mistyped member gives the default.  Results are borrowed. */
const char *json_str(const json_t *object, const char *key, const char *fallback);
int64_t json_int(const json_t *object, const char *key, int64_t fallback);
bool json_flag(const json_t *object, const char *key, bool fallback);
/* Setters take and copy plain values; a NULL string stores JSON null.  Invalid UTF-8 is replaced. */
void json_put_str(json_t *object, const char *key, const char *value);
void json_put_int(json_t *object, const char *key, int64_t value);
void json_put_flag(json_t *object, const char *key, bool value);
void json_put(json_t *object, const char *key, json_t *owned); /* steals; NULL stores null */
json_t *json_text(const char *s, size_t len);                  /* new string, invalid UTF-8 replaced */
/* Compact, keys sorted, one line; owned.  Two equal values give equal bytes. */
char *json_line(const json_t *value);
struct sha256 json_digest(const json_t *value);                /* of json_line's bytes */
/* Depth and size are limited by max_bytes and jansson's own depth limit.  ERR_PROTOCOL. */
enum err_code json_parse(const char *text, size_t len, json_t **out, struct err *err) MUST_CHECK;

/* Whether whole has every member of part, with an equal value; a part that is none is in everything. */
bool json_contains(const json_t *whole, const json_t *part);
/* A place in a value: dotted names, [n] in arrays: "servers[0].state"; "" and "." are the value itself.  Borrowed; NULL
 * when there is nothing. */
const json_t *json_at(const json_t *from, const char *path);

/* ------------------------------------------------------------------ conditions and tolerances */

/* What a condition may look at; NULL members are empty.  Everything borrowed. */
struct condition_world {
	const char *mode;
	const json_t *params, *outputs; /* outputs: {step id: {name: value}} */
	const json_t *item, *value;
	/* Whether text matches a POSIX extended regular expression: 1, 0, -1 = no such pattern.  NULL = not
	 * here: the pattern is somebody else's and may take for ever, so the server leaves it to a worker. */
	int (*matches)(const char *text, const char *pattern);
};
/* Whether it holds (docs/protocol.md, "conditions"); NULL always does.  ERR_UNSUPPORTED when it needs
 * `matches` and there is none, ERR_USAGE when it is malformed. */
enum err_code condition_holds(const json_t *condition, const struct condition_world *world, bool *holds,
	struct err *err) MUST_CHECK;
bool condition_matches(const json_t *condition); /* has a regular expression somewhere */
/* In words, for people: "output check.lag below 16777216"; returns buf. */
char *condition_text(const json_t *condition, char *buf, size_t size);

/* ------------------------------------------------------------------ files */

enum err_code file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err) MUST_CHECK;
/* Writes beside and renames over; mode e.g. 0600; fsyncs file and directory. */
enum err_code file_replace(const char *path, const void *data, size_t len, mode_t mode,
	struct err *err) MUST_CHECK;
enum err_code dir_make(const char *path, mode_t mode, struct err *err) MUST_CHECK; /* like mkdir -p */
bool path_exists(const char *path);
char *path_join(const char *a, const char *b);  /* owned; b alone when it is absolute */
enum err_code write_all(int fd, const void *data, size_t len, struct err *err) MUST_CHECK;
/* XDG data, state, config and runtime directories with "/drillbook" appended; owned. */
char *dir_data(void);    /* $DRILLBOOK_DATA, else $XDG_DATA_HOME/drillbook, else ~/.local/share/drillbook */
char *dir_config(void);  /* $DRILLBOOK_CONFIG, else $XDG_CONFIG_HOME/drillbook, else ~/.config/drillbook */
/* Directory of the running executable, e.g. "/usr/bin"; owned. */
char *dir_executable(void);
/* Where our other files are: <prefix>/libexec/drillbook and <prefix>/share/drillbook when installed,
 * the build tree otherwise.  name e.g. "worker".  Owned; overridden by $DRILLBOOK_LIBEXEC. */
char *path_libexec(const char *name);
char *path_share(const char *name);

/* ------------------------------------------------------------------ log */

/* One line "2026-11-18T14:02:31.123Z level text" to the log descriptor (default stderr). */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
void log_to(int fd, enum log_level least);
void log_line(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

/* ------------------------------------------------------------------ children */

/* Runs a program and waits for it.  Life cycle: fill a struct child (zero is a good start), call
 * child_run, read the results, child_release.  argv[0] is looked up in PATH.  The child gets its own
 * process group, descriptors 0, 1, 2 only, and default signal handling.  The end is the end of the
 * child itself (pidfd), not of its output: a daemon that inherited the pipe does not hold us; what is
 * already in the pipe afterwards is drained.  At the deadline, or when *stop becomes true: TERM to the
 * group, grace_ms, KILL.  The results hold also on error. */
struct child {
	const char *const *argv;      /* NULL-terminated; borrowed */
	const char *const *env;       /* NULL-terminated "NAME=value"; NULL = this process's own */
	const char *cwd;              /* NULL = unchanged */
	const void *input;            /* written to stdin, then closed; NULL = /dev/null */
	size_t input_bytes;
	int64_t timeout_ms;           /* 0 = none */
	int64_t grace_ms;             /* between TERM and KILL; 0 = 2000 */
	size_t max_output_bytes;      /* for out and for errout each; 0 = 1 MiB; the rest is discarded */
	bool merge;                   /* stderr into out */
	const volatile bool *stop;    /* may be NULL */
	/* called with each piece of output as it comes (fd 1 or 2); may be NULL */
	void (*on_output)(void *arg, int fd, const char *data, size_t len);
	void *arg;
	int keep_fd;                  /* one more descriptor the child inherits under the same number; 0 = none */

	int exit_status;              /* 0..255; -1 when ended by a signal or never started */
	int signal;                   /* 0 unless ended by one */
	bool timed_out, stopped, truncated;
	struct buf out, errout;
};
/* ERR_NONE whenever the program ran and ended by itself, whatever its status; ERR_NOT_FOUND when it
 * could not be started; ERR_TIMEOUT; ERR_CANCELLED. */
enum err_code child_run(struct child *child, struct err *err) MUST_CHECK;
void child_release(struct child *child);

#endif
