/* mask.c: one search for all patterns at once (Wu and Manber's: a table of blocks of two bytes
 * says how far the window may jump), made to work on pieces of a stream.
 *
 * Invariants:
 * 1. A byte is emitted only when no pattern can begin at it, whatever comes next.
 * 2. Patterns that overlap in the stream are one region; none of its bytes is emitted.
 * 3. What is held back is shorter than the longest pattern, and none when no pattern can begin
 * there. */
#include "mask.h"

#include "spell.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 65536, WINDOW_MAX = 32, NOTHING = -1 };

void mask_init(struct mask *mask)
{
	*mask = (struct mask){ 0 };
}

void mask_release(struct mask *mask)
{
	for (size_t i = 0; i < mask->count; i++) {
		explicit_bzero(mask->rows[i].data, mask->rows[i].len);
		free(mask->rows[i].data);
	}
	free(mask->rows);
	free(mask->skip);
	free(mask->first);
	free(mask->begins);
	mask_init(mask);
}

static void add_pattern(void *arg, const void *data, size_t len)
{
	struct mask *mask = arg;

	if (len < MASK_SHORTEST)
		return;
	for (size_t i = 0; i < mask->count; i++)
		if (mask->rows[i].len == len && memcmp(mask->rows[i].data, data, len) == 0)
			return;
	if (mask->count == mask->cap) {
		mask->cap = mask->cap ? mask->cap * 2 : 32;
		mask->rows = xrealloc(mask->rows, mask->cap * sizeof(*mask->rows));
	}
	unsigned char *copy = xmalloc(len);
	memcpy(copy, data, len);
	mask->rows[mask->count++] = (struct pattern){ copy, len };
}

void mask_add(struct mask *mask, const void *value, size_t len)
{
	const char *at = value, *end = at + len;

	spell_all(value, len, add_pattern, mask);
	/* a key of several lines is seldom printed whole: its lines are secrets too */
	if (memchr(value, '\n', len) == NULL)
		return;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t line = stop != NULL ? (size_t)(stop - at) : (size_t)(end - at);
		const size_t whole = line;
		if (line > 0 && at[line - 1] == '\r')
			line--;
		if (line >= 2 * MASK_SHORTEST)
			spell_all(at, line, add_pattern, mask);
		at += whole + 1;
	}
}

static size_t block_at(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* The block a row is filed under: the last of its window. */
static size_t filed_under(const struct pattern *row, size_t window)
{
	return block_at(row->data + window - 2);
}

static int by_block(const void *a, const void *b, void *arg)
{
	const struct pattern *x = a, *y = b;
	const size_t window = *(const size_t *)arg;
	const size_t bx = filed_under(x, window), by = filed_under(y, window);

	if (bx != by)
		return bx < by ? -1 : 1;
	return x->len > y->len ? -1 : x->len < y->len;
}

void mask_ready(struct mask *mask)
{
	size_t window = WINDOW_MAX;

	if (mask->count == 0)
		return;
	for (size_t i = 0; i < mask->count; i++) {
		if (mask->rows[i].len < window)
			window = mask->rows[i].len;
		if (mask->rows[i].len > mask->longest)
			mask->longest = mask->rows[i].len;
	}
	mask->window = window;
	mask->skip = xmalloc(BLOCKS);
	mask->first = xmalloc(BLOCKS * sizeof(*mask->first));
	mask->begins = xmalloc(BLOCKS);
	memset(mask->skip, (int)(window - 1), BLOCKS);
	qsort_r(mask->rows, mask->count, sizeof(*mask->rows), by_block, &window);
	for (size_t b = 0; b < BLOCKS; b++)
		mask->first[b] = (uint32_t)mask->count;
	for (size_t i = mask->count; i-- > 0;) {
		const unsigned char *p = mask->rows[i].data;
		for (size_t at = 0; at + 2 <= window; at++) {
			unsigned char *skip = &mask->skip[block_at(p + at)];
			if (window - 2 - at < *skip)
				*skip = (unsigned char)(window - 2 - at);
		}
		mask->first[filed_under(&mask->rows[i], window)] = (uint32_t)i;
		mask->begins[block_at(p)] = 1;
		mask->begins_byte[p[0]] = 1;
	}
}

/* What is at s: the length of the longest pattern, 0 when it takes more bytes to say, NOTHING.
 */
static int64_t look(const struct mask *mask, const unsigned char *s, size_t avail, bool final)
{
	const bool windowed = avail >= mask->window;
	const size_t block = windowed ? block_at(s + mask->window - 2) : 0;
	int64_t found = NOTHING;

	if (avail > 1 ? !mask->begins[block_at(s)] : !mask->begins_byte[s[0]])
		return NOTHING;
	for (size_t i = windowed ? mask->first[block] : 0; i < mask->count; i++) {
		const struct pattern *row = &mask->rows[i];
		if (windowed && filed_under(row, mask->window) != block)
			break;
		if (row->len > avail) {
			if (!final && memcmp(row->data, s, avail) == 0)
				return 0;
		} else if ((int64_t)row->len > found && memcmp(row->data, s, row->len) == 0) {
			found = (int64_t)row->len;
		}
	}
	return found;
}

/* The first place from `from` on where look says something; len when there is none. */
static size_t find(const struct mask *mask, const unsigned char *s, size_t len, size_t from,
	bool final, int64_t *what)
{
	const size_t window = mask->window;
	size_t at = from;

	while (at + window <= len) {
		const size_t skip = mask->skip[block_at(s + at + window - 2)];
		if (skip > 0) {
			at += skip;
			continue;
		}
		*what = look(mask, s + at, len - at, final);
		if (*what != NOTHING)
			return at;
		at++;
	}
	for (; !final && at < len; at++) {
		*what = look(mask, s + at, len - at, final);
		if (*what != NOTHING)
			return at;
	}
	return len;
}

size_t mask_run(const struct mask *mask, struct mask_state *state, const char *data, size_t len,
	bool final, mask_emit *emit, void *arg)
{
	const unsigned char *s = (const unsigned char *)data;
	size_t clear = state->covered; /* bytes before it are emitted or covered by a marker */
	size_t from = 0;

	if (mask->longest == 0) {
		if (len > 0)
			emit(arg, data, len);
		return len;
	}
	for (;;) {
		int64_t what = NOTHING;
		const size_t at = from < len ? find(mask, s, len, from, final, &what) : len;
		if (at > clear) {
			emit(arg, data + clear, at - clear);
			clear = at;
		}
		if (at >= len || what == 0) {
			state->covered = at < clear ? clear - at : 0;
			if (at >= len && clear > len)
				base_die("masked beyond the end");
			return at < len ? at : len;
		}
		const size_t end = at + (size_t)what;
		if (at == clear && end > clear)
			emit(arg, MASK_TEXT, sizeof(MASK_TEXT) - 1);
		if (end > clear)
			clear = end;
		from = at + 1;
	}
}

static void emit_buf(void *arg, const char *data, size_t len)
{
	struct err err;

	if (buf_add(arg, data, len, &err) != ERR_NONE)
		base_die("masking: %s", err.text);
}

char *mask_string(const struct mask *mask, const char *s, size_t len, size_t *out_len)
{
	struct mask_state state = { 0 };
	struct buf out;
	int64_t what;

	if (mask->longest == 0 ||
		find(mask, (const unsigned char *)s, len, 0, true, &what) == len)
		return NULL;
	buf_init(&out, len * sizeof(MASK_TEXT) + 1);
	mask_run(mask, &state, s, len, true, emit_buf, &out);
	*out_len = out.len;
	return out.data;
}

static json_t *mask_text(const struct mask *mask, json_t *value)
{
	size_t len;
	char *text =
		mask_string(mask, json_string_value(value), json_string_length(value), &len);

	if (text == NULL)
		return json_incref(value);
	json_t *masked = json_text(text, len);
	free(text);
	return masked;
}

static json_t *mask_object(const struct mask *mask, json_t *object, const char *const *keep)
{
	json_t *out = json_object();
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		bool kept = false;
		size_t len;
		for (size_t i = 0; keep != NULL && keep[i] != NULL && !kept; i++)
			kept = str_eq(keep[i], key);
		char *name = kept ? NULL : mask_string(mask, key, strlen(key), &len);
		json_put(out, name != NULL ? name : key,
			kept ? json_incref(value) : mask_json(mask, value));
		free(name);
	}
	return out;
}

json_t *mask_json(const struct mask *mask, json_t *value)
{
	if (value == NULL)
		return NULL;
	if (mask->longest == 0)
		return json_incref(value);
	if (json_is_string(value))
		return mask_text(mask, value);
	if (json_is_object(value))
		return mask_object(mask, value, NULL);
	if (!json_is_array(value))
		return json_incref(value);
	json_t *out = json_array(), *item;
	size_t i;
	json_array_foreach(value, i, item)
	{
		json_array_append_new(out, mask_json(mask, item));
	}
	return out;
}

/* Names from the workspace and words of the protocol: masking them would only break the
 * protocol when a secret happens to be one of these words. */
static const char *const protocol_members[] = { "t", "op", "target", "digest", "key", "effect",
	"verdict", "clock", "service", NULL };
static const char *const error_members[] = { "code", "world", NULL };
static const char *const undo_members[] = { "op", "target", NULL };

json_t *mask_message(const struct mask *mask, json_t *message)
{
	static const struct {
		const char *name;
		const char *const *keep;
	} inner[] = { { "error", error_members }, { "undo", undo_members } };

	if (mask->longest == 0)
		return json_incref(message);
	json_t *out = json_object();
	const char *key;
	json_t *value;
	json_object_foreach(message, key, value)
	{
		const char *const *keep = NULL;
		bool kept = str_eq(key, "output"); /* sizes and a digest */
		for (size_t i = 0; protocol_members[i] != NULL && !kept; i++)
			kept = str_eq(protocol_members[i], key);
		for (size_t i = 0; i < COUNT_OF(inner); i++)
			if (str_eq(inner[i].name, key) && json_is_object(value))
				keep = inner[i].keep;
		json_put(out, key,
			kept   ? json_incref(value)
			: keep ? mask_object(mask, value, keep)
			       : mask_json(mask, value));
	}
	return out;
}
