/* diff.c: lines that went, lines that came.
 *
 * Equal beginnings and ends are taken off first; what is left is matched by the longest common
 * subsequence.  A middle too large for that table counts as wholly replaced: right, only less
 * fine. */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_MAX = 4 << 20, CONTEXT = 2 };

struct text_line {
	const char *at;
	size_t len;
};
struct text {
	struct text_line *lines;
	size_t count;
};

static struct text cut_lines(const struct buf *buf)
{
	struct text text = { 0 };
	size_t cap = 0;

	for (size_t at = 0; at < buf->len;) {
		const char *end = memchr(buf->data + at, '\n', buf->len - at);
		const size_t len = end != NULL ? (size_t)(end - buf->data) - at : buf->len - at;
		if (text.count == cap) {
			cap = cap ? cap * 2 : 64;
			text.lines = xrealloc(text.lines, cap * sizeof(*text.lines));
		}
		text.lines[text.count++] = (struct text_line){ buf->data + at, len };
		at += len + 1;
	}
	return text;
}

static bool same(const struct text_line *a, const struct text_line *b)
{
	return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

/* One step of the way from a to b: ' ', '-' or '+', with the line it is about. */
struct edit {
	char sign;
	size_t a, b;
};
struct edits {
	struct edit *rows;
	size_t count, cap;
};

static void add(struct edits *edits, char sign, size_t a, size_t b)
{
	if (edits->count == edits->cap) {
		edits->cap = edits->cap ? edits->cap * 2 : 256;
		edits->rows = xrealloc(edits->rows, edits->cap * sizeof(*edits->rows));
	}
	edits->rows[edits->count++] = (struct edit){ sign, a, b };
}

/* table[i][k]: length of the longest common subsequence of a[i..] and b[k..]. */
static void middle(struct edits *edits, const struct text *a, const struct text *b,
	size_t first, size_t a_end, size_t b_end)
{
	const size_t n = a_end - first, m = b_end - first, stride = m + 1;
	size_t i = 0, k = 0;
	uint16_t *table = NULL;

	if (n > 0 && m > 0 && n < UINT16_MAX && m < UINT16_MAX &&
		(n + 1) * stride <= TABLE_MAX) {
		table = xmalloc((n + 1) * stride * sizeof(*table));
		for (size_t x = n; x-- > 0;)
			for (size_t y = m; y-- > 0;) {
				const uint16_t down = table[(x + 1) * stride + y],
					       right = table[x * stride + y + 1];
				table[x * stride + y] =
					same(&a->lines[first + x], &b->lines[first + y])
						? (uint16_t)(table[(x + 1) * stride + y + 1] +
							     1)
					: down >= right ? down
							: right;
			}
	}
	while (table != NULL && i < n && k < m) {
		if (same(&a->lines[first + i], &b->lines[first + k])) {
			add(edits, ' ', first + i, first + k);
			i++;
			k++;
		} else if (table[(i + 1) * stride + k] >= table[i * stride + k + 1]) {
			add(edits, '-', first + i, first + k);
			i++;
		} else {
			add(edits, '+', first + i, first + k);
			k++;
		}
	}
	for (; i < n; i++)
		add(edits, '-', first + i, first + k);
	for (; k < m; k++)
		add(edits, '+', first + i, first + k);
	free(table);
}

static struct edits compare(const struct text *a, const struct text *b)
{
	struct edits edits = { 0 };
	size_t first = 0, a_end = a->count, b_end = b->count;

	while (first < a_end && first < b_end && same(&a->lines[first], &b->lines[first])) {
		add(&edits, ' ', first, first);
		first++;
	}
	while (a_end > first && b_end > first &&
		same(&a->lines[a_end - 1], &b->lines[b_end - 1])) {
		a_end--;
		b_end--;
	}
	middle(&edits, a, b, first, a_end, b_end);
	for (; a_end < a->count; a_end++, b_end++)
		add(&edits, ' ', a_end, b_end);
	return edits;
}

static void put_hunk(json_t *out, const struct text *a, const struct text *b,
	const struct edits *edits, size_t from, size_t to, size_t most)
{
	size_t old = 0, new = 0;
	char head[96];

	for (size_t i = from; i < to; i++) {
		old += edits->rows[i].sign != '+';
		new += edits->rows[i].sign != '-';
	}
	snprintf(head, sizeof(head), "@@ -%zu,%zu +%zu,%zu @@", edits->rows[from].a + 1, old,
		edits->rows[from].b + 1, new);
	json_array_append_new(out, json_string(head));
	for (size_t i = from; i < to && json_array_size(out) < most; i++) {
		const struct edit *edit = &edits->rows[i];
		const struct text_line *line =
			edit->sign == '+' ? &b->lines[edit->b] : &a->lines[edit->a];
		char *text = xmalloc(line->len + 2);
		text[0] = edit->sign;
		memcpy(text + 1, line->at, line->len);
		json_array_append_new(out, json_text(text, line->len + 1));
		free(text);
	}
}

json_t *diff_lines(const struct buf *a_bytes, const struct buf *b_bytes, size_t most, bool *cut)
{
	struct text a = cut_lines(a_bytes), b = cut_lines(b_bytes);
	struct edits edits = compare(&a, &b);
	json_t *out = json_array();

	*cut = false;
	for (size_t i = 0; i < edits.count; i++) {
		if (edits.rows[i].sign == ' ')
			continue;
		if (json_array_size(out) >= most) {
			*cut = true;
			break;
		}
		const size_t from = i > CONTEXT ? i - CONTEXT : 0;
		size_t to = i + 1, quiet = 0;
		while (to < edits.count && quiet <= 2 * CONTEXT) {
			quiet = edits.rows[to].sign == ' ' ? quiet + 1 : 0;
			to++;
		}
		to -= quiet > CONTEXT ? quiet - CONTEXT : 0;
		put_hunk(out, &a, &b, &edits, from, to, most);
		*cut = *cut || json_array_size(out) >= most;
		i = to - 1;
	}
	free(edits.rows);
	free(a.lines);
	free(b.lines);
	return out;
}
