/* forms.c: forms of single values that more than one file asks about. */
#include "schema.h"

#include <ctype.h>
#include <string.h>

enum { DECIMAL_DIGITS = 30 };

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

bool decimal_valid(const char *text)
{
	const char *at = text + (text[0] == '-');
	const size_t whole = digits(at);

	if (whole == 0 || whole > DECIMAL_DIGITS)
		return false;
	at += whole;
	if (*at == '\0')
		return true;
	const size_t fraction = *at == '.' ? digits(at + 1) : 0;
	return fraction > 0 && fraction <= DECIMAL_DIGITS && at[1 + fraction] == '\0';
}

static bool is_zero(const char *s)
{
	return s[strspn(s, "-0.")] == '\0';
}

/* Of two without a sign. */
static int compare_magnitude(const char *a, const char *b)
{
	a += strspn(a, "0");
	b += strspn(b, "0");
	const size_t whole_a = digits(a), whole_b = digits(b);
	if (whole_a != whole_b)
		return whole_a < whole_b ? -1 : 1;
	const int order = strncmp(a, b, whole_a);
	if (order != 0)
		return order;
	a += whole_a + (a[whole_a] == '.');
	b += whole_b + (b[whole_b] == '.');
	for (; *a != '\0' || *b != '\0'; a += *a != '\0', b += *b != '\0') {
		const char x = *a != '\0' ? *a : '0', y = *b != '\0' ? *b : '0';
		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

int decimal_compare(const char *a, const char *b)
{
	const bool below_a = a[0] == '-' && !is_zero(a), below_b = b[0] == '-' && !is_zero(b);

	if (below_a != below_b)
		return below_a ? -1 : 1;
	const int order = compare_magnitude(a + (a[0] == '-'), b + (b[0] == '-'));
	return below_a ? -order : order;
}

bool until_valid(const char *text)
{
	struct err ignored;
	struct wall at;

	if (strlen(text) == 5 && text[2] == ':' && digits(text) == 2 && digits(text + 3) == 2) {
		const int hour = (text[0] - '0') * 10 + text[1] - '0';
		const int minute = (text[3] - '0') * 10 + text[4] - '0';
		return hour < 24 && minute < 60;
	}
	return wall_parse(text, &at, &ignored) == ERR_NONE;
}
