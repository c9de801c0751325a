/* verify.h: what the files of this program share; nothing of it comes from drillbook. */
#ifndef VERIFY_H
#define VERIFY_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_OK = 0, EXIT_USAGE = 2, EXIT_CANNOT_READ = 7, EXIT_BAD = 9 };
enum {
	APPLICATION = 0x44524c42,
	SCHEMA = 1,
	DIGEST = 32,
	HEX = 64,
	HEADER_MAX = 511,
	FIELDS = 9
};

_Noreturn void quit(
	int status, const char *text, const char *subject);   /* subject may be NULL */
void *need(void *p);					      /* NULL: out of memory */
char *text_of(const char *fmt, const char *a, const char *b); /* two %s, in order */

/* ------------------------------------------------------------------ sha256.c */

struct sha {
	uint32_t h[8];
	unsigned char block[64];
	uint64_t bytes;
};
void sha_begin(struct sha *sha);
void sha_add(struct sha *sha, const void *data, size_t len);
void sha_end(struct sha *sha, unsigned char out[DIGEST]);
void sha_of(const void *data, size_t len, unsigned char out[DIGEST]);
void to_hex(const unsigned char digest[DIGEST], char out[HEX + 1]);

/* ------------------------------------------------------------------ json.c */

struct span { /* of JSON text; at NULL = not there */
	const char *at, *end;
};
const char *skip_space(const char *p, const char *end);
struct span member(struct span object, const char *name);
bool is_integer(struct span value, int64_t *out);
/* Text without escapes; false when it does not fit or has any. */
bool is_string(struct span value, char *out, size_t size);
bool is_digest(struct span value, char out[HEX + 1]);

/* ------------------------------------------------------------------ what is found */

struct finding {
	int64_t run, pos; /* -1 = does not belong to one */
	char *what;
};

struct findings {
	struct finding *list;
	size_t count;
};

struct chain {
	int64_t id, events, erased, sealed; /* sealed: events the newest good seal covers */
	bool ended, broken;
	unsigned char head[DIGEST];
};

/* A place that a seal names: the hash must be what it says.  From the ledger, or from a file.
 */
struct seal {
	int64_t run, events, pos; /* pos: of the run.sealed event, -1 = from a file */
	char head[HEX + 1];
	bool met, bad;
};

struct output {
	int64_t run, pos, bytes;
	char file[1024], sha[HEX + 1];
};

struct check {
	sqlite3 *db;
	const char *outputs_dir;
	int64_t only; /* run, -1 = all */
	struct findings problems, notes;
	struct chain *chains;
	struct seal *seals;
	struct output *outputs;
	size_t chain_count, seal_count, seals_outside, output_count;
	int64_t events, contents, contents_erased, persons, persons_erased, output_files;
};

/* Takes the text over. */
void found(struct findings *findings, int64_t run, int64_t pos, char *owned);
void problem(struct check *check, int64_t run, int64_t pos, const char *what);
bool is_wanted(const struct check *check, int64_t chain);

/* ------------------------------------------------------------------ events.c, rest.c, tell.c
 */

void check_events(struct check *check);
void check_seals(struct check *check);
void learn_seal(
	struct check *check, int64_t pos, struct span payload); /* pos -1: a line of a file */
/* Decimal, no leading zero, no plus, no minus zero: one spelling per number. */
bool canonical(const char *s, int64_t *out);
struct chain *chain_at(struct check *check, int64_t id);
const unsigned char *digest_column(
	sqlite3_stmt *statement, int column); /* NULL when not 32 bytes */
void check_contents(struct check *check);
void check_persons(struct check *check);
void check_output(struct check *check, const struct output *output);
void tell_json(const struct check *check, const char *path);
void tell(const struct check *check, const char *path);
int tell_seal(struct check *check);

#endif
