/* test_cells.c: text in the grid: wide characters, combining marks, truncation, folding,
 * pressed text fields. */
#include "scene.h"

static char *put(const char *text, int width, int max)
{
	struct cells cells;

	cells_init(&cells, width, 1);
	cells_text(&cells, 0, 0, max, STYLE_TEXT, text);
	char *row = cells_row(&cells, 0);
	for (int x = 0; x < width; x++)
		if (cells.at[x].ch == 0)
			assert_int_equal(code_columns(cells.at[x - 1].ch), 2);
	cells_release(&cells);
	return row;
}

static void truncation(void **state)
{
	static const struct {
		const char *text;
		int max;
		const char *shown;
	} rows[] = {
		{ "plain", 10, "plain" },
		{ "plain", 5, "plain" },
		{ "plain", 4, "pla~" },
		{ "plain", 1, "~" },
		{ "", 5, "" },
		{ "\xe6\xbc\xa2\xe5\xad\x97", 4,
			"\xe6\xbc\xa2\xe5\xad\x97" }, /* two wide ones fit exactly */
		{ "\xe6\xbc\xa2\xe5\xad\x97", 3,
			"\xe6\xbc\xa2~" },		 /* the second would stick out */
		{ "\xe6\xbc\xa2\xe5\xad\x97", 2, " ~" }, /* never half a character */
		{ "a\xe6\xbc\xa2", 2, "a~" },
		{ "e\xcc\x81t\xc3\xa9", 3, "e\xcc\x81t\xc3\xa9" }, /* a mark takes no column */
		{ "Z\xcc\x80\xcc\x81\xcc\x82y", 2, "Z\xcc\x80y" }, /* and only one is kept */
		{ "tab\there", 20, "tab     here" },
		{ "bad\xff", 10, "bad<FF>" },
		{ "\xcd\xb8", 5, "?" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *shown = put(rows[i].text, 20, rows[i].max);
		assert_string_equal(shown, rows[i].shown);
		free(shown);
	}
}

static void halves_do_not_remain(void **state)
{
	struct cells cells;

	(void)state;
	for (int x = 0; x < 4; x++) {
		cells_init(&cells, 4, 1);
		cells_text(&cells, 0, 0, 4, STYLE_TEXT, "\xe6\xbc\xa2\xe5\xad\x97");
		cells_text(&cells, x, 0, 1, STYLE_TEXT, "x");
		char *row = cells_row(&cells, 0);
		assert_int_equal(text_columns(row) <= 4, 1);
		assert_non_null(strchr(row, 'x'));
		for (int i = 0; i < 4; i++)
			if (cells.at[i].ch == 0)
				assert_int_equal(code_columns(cells.at[i - 1].ch), 2);
		free(row);
		cells_release(&cells);
	}
}

static void folding(void **state)
{
	static const struct {
		const char *text;
		int width, indent;
		const char *rows[6];
	} cases[] = {
		{ "one two three", 7, 0, { "one two", "three" } },
		{ "one two three", 7, 2, { "one two", "  three" } },
		{ "abcdefghij", 4, 0, { "abcd", "efgh", "ij" } },
		{ "a\nb\n", 10, 0, { "a", "b" } },
		{ "", 10, 0, { "" } },
		{ "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2", 4, 0,
			{ "\xe6\xbc\xa2\xe5\xad\x97", "\xe6\xbc\xa2" } },
		{ "\033[2Jx", 3, 0, { "^[[", "2Jx" } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct lines lines;
		lines_init(&lines);
		lines_add(&lines, STYLE_TEXT, cases[i].width, cases[i].indent, cases[i].text);
		size_t count = 0;
		while (count < 6 && cases[i].rows[count] != NULL)
			count++;
		assert_int_equal(lines.count, count);
		for (size_t k = 0; k < count; k++)
			assert_string_equal(lines.rows[k].text, cases[i].rows[k]);
		lines_release(&lines);
	}
}

static void folding_always_ends(void **state)
{
	struct lines lines;
	char *text = xmalloc(200001);

	(void)state;
	memset(text, 'x', 200000);
	lines_init(&lines);
	lines_add(&lines, STYLE_TEXT, 1, 5, text);
	assert_int_equal(lines.count, LINES_MAX);
	lines_release(&lines);
	lines_init(&lines);
	lines_add(&lines, STYLE_TEXT, 1, 0,
		"\xe6\xbc\xa2\xe6\xbc\xa2"); /* wider than the width */
	assert_int_equal(lines.count, 2);
	lines_release(&lines);
	free(text);
}

static void a_field(void **state)
{
	struct field field = { 0 };

	(void)state;
	assert_true(field_key(&field, 'a'));
	assert_true(field_key(&field, 0x6f22));
	assert_true(field_key(&field, 0xe9));
	assert_string_equal(field.text, "a\xe6\xbc\xa2\xc3\xa9");
	assert_true(field_key(&field, K_BACKSPACE));
	assert_true(field_key(&field, K_BACKSPACE));
	assert_string_equal(field.text, "a");
	assert_false(field_key(&field, K_UP));
	assert_true(field_key(&field, K_CTRL('u')));
	assert_string_equal(field.text, "");
	assert_true(field_key(&field, K_BACKSPACE));
	for (int i = 0; i < 2000; i++)
		field_key(&field, 0x6f22);
	assert_true(field.len < sizeof(field.text));
	assert_int_equal(utf8_valid_prefix(field.text, field.len), field.len);
}

/* A text has a cap, and says so. */
static void lines_have_a_cap(void **state)
{
	struct lines lines;

	(void)state;
	lines_init(&lines);
	for (int i = 0; i < LINES_MAX + 10; i++)
		lines_add(&lines, STYLE_TEXT, 80, 0, "line");
	assert_int_equal(lines.count, LINES_MAX);
	assert_string_equal(lines.rows[LINES_MAX - 2].text, "line");
	assert_non_null(strstr(lines.rows[LINES_MAX - 1].text, "there is more"));
	lines_release(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncation),
		cmocka_unit_test(halves_do_not_remain),
		cmocka_unit_test(folding),
		cmocka_unit_test(folding_always_ends),
		cmocka_unit_test(a_field),
		cmocka_unit_test(lines_have_a_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
