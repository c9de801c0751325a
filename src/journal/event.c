/* event.c: an event as a row: its header line, its person, and the way back. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ the header line (J2) */

int header_write(char *out, size_t size, const struct event *event, const struct sha256 *person)
{
	char hex[SHA256_HEX] = "-";
	const size_t boot_len = strnlen(event->boot, sizeof(event->boot));

	if (boot_len > 36 || strspn(event->boot, "0123456789abcdefABCDEF-") != boot_len)
		return -1;
	if (person != NULL)
		sha256_hex(*person, hex);
	const int n = snprintf(out, size, "1 %lld %lld %s %lld %lld %s %lld %s",
		(long long)event->chain, (long long)event->pos, event_kinds[event->kind].name,
		(long long)event->wall.ns, (long long)event->mono.ns,
		boot_len > 0 ? event->boot : "-", (long long)event->epoch, hex);
	return n > 0 && (size_t)n < size ? n : -1;
}

static bool number(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	const long long value = strtoll(text, &end, 10);
	*out = value;
	return errno == 0 && end != text && *end == '\0';
}

enum { F_FORMAT, F_CHAIN, F_POS, F_KIND, F_WALL, F_MONO, F_BOOT, F_EPOCH, F_PERSON, F_COUNT };

bool header_parse(
	const char *header, size_t len, struct event *out, char person_hex[SHA256_HEX])
{
	char copy[HEADER_MAX_BYTES], *field[F_COUNT], *rest = copy;
	size_t count = 0;

	if (len >= sizeof(copy) || memchr(header, '\0', len) != NULL)
		return false;
	memcpy(copy, header, len);
	copy[len] = '\0';
	while (rest != NULL) {
		char *word = strsep(&rest, " ");
		if (count == F_COUNT)
			return false;
		field[count++] = word;
	}
	if (count != F_COUNT || strcmp(field[F_FORMAT], "1") != 0)
		return false;
	if (strlen(field[F_BOOT]) >= sizeof(out->boot) || strlen(field[F_PERSON]) >= SHA256_HEX)
		return false;
	snprintf(out->boot, sizeof(out->boot), "%s",
		strcmp(field[F_BOOT], "-") ? field[F_BOOT] : "");
	memcpy(person_hex, field[F_PERSON], strlen(field[F_PERSON]) + 1);
	return number(field[F_CHAIN], &out->chain) && number(field[F_POS], &out->pos) &&
	       number(field[F_WALL], &out->wall.ns) && number(field[F_MONO], &out->mono.ns) &&
	       number(field[F_EPOCH], &out->epoch) &&
	       event_kind_find(field[F_KIND], &out->kind);
}

/* ------------------------------------------------------------------ persons (J7) */

void people_release(struct people *people)
{
	free(people->list);
	*people = (struct people){ 0 };
}

static void people_add(struct people *people, const struct person *person)
{
	people->list = xrealloc(people->list, (people->count + 1) * sizeof(*people->list));
	people->list[people->count++] = *person;
}

static enum err_code people_load(struct people *people, sqlite3 *db, struct err *err)
{
	sqlite3_stmt *rows;
	int step;
	enum err_code code = ERR_NONE;

	people_release(people);
	TRY(db_prepare(db, "SELECT digest, uid, name FROM person", &rows, err));
	while ((step = sqlite3_step(rows)) == SQLITE_ROW) {
		struct person person = { .uid = PERSON_ERASED, .name = "(erased)" };
		if (!db_sha(rows, 0, &person.digest))
			continue;
		if (sqlite3_column_type(rows, 1) == SQLITE_INTEGER) {
			const char *name = (const char *)sqlite3_column_text(rows, 2);
			person.uid = sqlite3_column_int64(rows, 1);
			snprintf(person.name, sizeof(person.name), "%s",
				name != NULL ? name : "");
		}
		people_add(people, &person);
	}
	if (step != SQLITE_DONE)
		code = db_error(db, err, "read");
	sqlite3_finalize(rows);
	return code;
}

static enum err_code person_insert(
	struct journal *journal, struct person *person, struct err *err)
{
	unsigned char salt[SALT_BYTES];
	char text[128];
	struct sha256_stream *stream;
	sqlite3_stmt *insert;

	TRY(random_bytes(salt, sizeof(salt), err));
	TRY(db_statement(journal, ST_PERSON, &insert, err));
	const int n =
		snprintf(text, sizeof(text), "%lld %s", (long long)person->uid, person->name);
	stream = sha256_new();
	sha256_add(stream, salt, sizeof(salt));
	sha256_add(stream, text, (size_t)n);
	person->digest = sha256_end(stream);
	db_bind_bytes(insert, 1, person->digest.b, SHA256_BYTES);
	db_bind_bytes(insert, 2, salt, sizeof(salt));
	sqlite3_bind_int64(insert, 3, person->uid);
	db_bind_text(insert, 4, person->name);
	return db_run(journal->db, insert, err);
}

enum err_code person_for(
	struct journal *journal, const struct actor *actor, struct sha256 *out, struct err *err)
{
	struct person person = { .uid = actor->uid };

	snprintf(person.name, sizeof(person.name), "%.*s", (int)sizeof(actor->name),
		actor->name);
	if (journal->people.count == 0)
		TRY(people_load(&journal->people, journal->db, err));
	for (size_t i = 0; i < journal->people.count; i++) {
		const struct person *known = &journal->people.list[i];
		if (known->uid == person.uid && strcmp(known->name, person.name) == 0) {
			*out = known->digest;
			return ERR_NONE;
		}
	}
	TRY(person_insert(journal, &person, err));
	people_add(&journal->people, &person);
	*out = person.digest;
	return ERR_NONE;
}

static const struct person *person_find(const struct people *people, const char *hex)
{
	struct sha256 digest;

	if (!sha256_parse(hex, &digest))
		return NULL;
	for (size_t i = 0; i < people->count; i++)
		if (sha256_eq(people->list[i].digest, digest))
			return &people->list[i];
	return NULL;
}

static enum err_code actor_fill(struct people *people, sqlite3 *db, const char *hex,
	struct actor *actor, struct err *err)
{
	*actor = (struct actor){ .uid = PERSON_PROGRAM, .name = "drillbook" };
	if (strcmp(hex, "-") == 0)
		return ERR_NONE;
	const struct person *person = person_find(people, hex);
	if (person == NULL) { /* one who acted for the first time since we last looked */
		TRY(people_load(people, db, err));
		person = person_find(people, hex);
	}
	actor->uid = person != NULL ? person->uid : PERSON_ERASED;
	snprintf(actor->name, sizeof(actor->name), "%s",
		person != NULL ? person->name : "(unknown)");
	return ERR_NONE;
}

/* ------------------------------------------------------------------ rows */

static enum err_code damaged(
	const struct journal *journal, int64_t id, const char *what, struct err *err)
{
	return err_set(err, ERR_JOURNAL,
		"event %lld of chain %lld in \"%s\": %s; keep a copy and run drillbook verify",
		(long long)(id & 0xffffffff), (long long)(id >> 32), journal->path, what);
}

static enum err_code row_read(struct journal *journal, sqlite3 *db, sqlite3_stmt *row,
	struct event *out, struct err *err)
{
	struct people *people = db == journal->db ? &journal->people : &journal->readers_people;
	const int64_t id = sqlite3_column_int64(row, 0);
	const char *header = sqlite3_column_blob(row, 1);
	char hex[SHA256_HEX];

	*out = (struct event){ 0 };
	if (header == NULL ||
		!header_parse(header, (size_t)sqlite3_column_bytes(row, 1), out, hex))
		return damaged(journal, id, "its header cannot be read", err);
	if (event_id(out->chain, out->pos) != id)
		return damaged(journal, id, "it stands at another place than it names", err);
	TRY(actor_fill(people, db, hex, &out->actor, err));
	if (sqlite3_column_type(row, 2) == SQLITE_NULL)
		return ERR_NONE;
	const char *payload = sqlite3_column_blob(row, 2);
	if (payload == NULL ||
		json_parse(payload, (size_t)sqlite3_column_bytes(row, 2), &out->payload, err) !=
			ERR_NONE ||
		!json_is_object(out->payload)) {
		event_release(out);
		return damaged(journal, id, "its payload cannot be read", err);
	}
	return ERR_NONE;
}

enum err_code events_visit(struct journal *journal, sqlite3 *db, int64_t chain, int64_t from,
	enum err_code (*visit)(void *arg, const struct event *event, struct err *err),
	void *arg, struct err *err)
{
	sqlite3_stmt *rows;
	enum err_code code = ERR_NONE;
	int step;

	TRY(db_prepare(db,
		"SELECT id, header, payload FROM event WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
		&rows, err));
	sqlite3_bind_int64(rows, 1, event_id(chain, from < 0 ? 0 : from));
	sqlite3_bind_int64(rows, 2, event_id(chain, 0xffffffff));
	while (code == ERR_NONE && (step = sqlite3_step(rows)) != SQLITE_DONE) {
		struct event event;
		if (step != SQLITE_ROW) {
			code = db_error(db, err, "read");
			break;
		}
		code = row_read(journal, db, rows, &event, err);
		if (code == ERR_NONE) {
			code = visit(arg, &event, err);
			event_release(&event);
		}
	}
	sqlite3_finalize(rows);
	return code;
}
