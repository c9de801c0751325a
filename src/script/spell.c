/* spell.c: how programs write a value that is not to be read as something else: base64, percent
 * signs, JSON, hexadecimal, shell quotes, XML entities. */
#include "spell.h"

#include "drillbook/base.h"

#include <stdlib.h>
#include <string.h>

/* What each spelling writes for one byte, into out (room for 8); returns the length. */
typedef size_t spell_byte(unsigned char c, char *out);

static size_t plain(unsigned char c, char *out)
{
	*out = (char)c;
	return 1;
}

static size_t words(char *out, const char *text)
{
	const size_t len = strlen(text);

	memcpy(out, text, len);
	return len;
}

static size_t hex(unsigned char c, char *out, const char *before, const char *digits)
{
	size_t n = words(out, before);

	out[n++] = digits[c >> 4];
	out[n++] = digits[c & 15];
	return n;
}

static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

static bool alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool one_of(unsigned char c, const char *set)
{
	return c != 0 && strchr(set, c) != NULL;
}

static size_t hex_lower(unsigned char c, char *out)
{
	return hex(c, out, "", lower);
}

static size_t hex_upper(unsigned char c, char *out)
{
	return hex(c, out, "", upper);
}

static size_t hex_spaced(unsigned char c, char *out)
{
	return hex(c, out, " ", lower);
}

/* RFC 3986 section 2.3: what needs no percent sign. */
static size_t url_upper(unsigned char c, char *out)
{
	return alnum(c) || one_of(c, "-._~") ? plain(c, out) : hex(c, out, "%", upper);
}

static size_t url_lower(unsigned char c, char *out)
{
	return alnum(c) || one_of(c, "-._~") ? plain(c, out) : hex(c, out, "%", lower);
}

/* application/x-www-form-urlencoded */
static size_t url_form(unsigned char c, char *out)
{
	if (c == ' ')
		return words(out, "+");
	return alnum(c) || one_of(c, "*-._") ? plain(c, out) : hex(c, out, "%", upper);
}

/* What JavaScript's encodeURI and many URLs written by hand leave alone. */
static size_t url_loose(unsigned char c, char *out)
{
	return alnum(c) || one_of(c, "-._~!*'();/?:@&=+$,#") ? plain(c, out)
							     : hex(c, out, "%", upper);
}

/* RFC 8259 section 7 */
static size_t json_short(unsigned char c, char *out)
{
	static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";

	if (one_of(c, from)) {
		out[0] = '\\';
		out[1] = to[strchr(from, c) - from];
		return 2;
	}
	return c < 0x20 ? hex(c, out, "\\u00", lower) : plain(c, out);
}

static size_t json_upper(unsigned char c, char *out)
{
	return c < 0x20 && !one_of(c, "\b\f\n\r\t") ? hex(c, out, "\\u00", upper)
						    : json_short(c, out);
}

static size_t json_slash(unsigned char c, char *out)
{
	return c == '/' ? words(out, "\\/") : json_short(c, out);
}

/* HTML-safe JSON, as Go writes it. */
static size_t json_html(unsigned char c, char *out)
{
	return one_of(c, "<>&") ? hex(c, out, "\\u00", lower) : json_short(c, out);
}

static size_t shell_single(unsigned char c, char *out)
{
	return c == '\'' ? words(out, "'\\''") : plain(c, out);
}

static size_t shell_single_double(unsigned char c, char *out)
{
	return c == '\'' ? words(out, "'\"'\"'") : plain(c, out);
}

static size_t shell_double(unsigned char c, char *out)
{
	if (!one_of(c, "\"$`\\"))
		return plain(c, out);
	out[0] = '\\';
	out[1] = (char)c;
	return 2;
}

static size_t shell_backslash(unsigned char c, char *out)
{
	if (alnum(c) || one_of(c, "_@%+=:,./-") || c >= 0x80)
		return plain(c, out);
	out[0] = '\\';
	out[1] = (char)c;
	return 2;
}

/* bash's printf %q also leaves fewer characters alone */
static size_t shell_q(unsigned char c, char *out)
{
	if (one_of(c, ",") || one_of(c, "~#"))
		return shell_backslash(c == ',' ? ' ' : c, out) == 2
			       ? (out[1] = (char)c, (size_t)2)
			       : 1;
	return shell_backslash(c, out);
}

static size_t xml_with(unsigned char c, char *out, const char *quote, const char *apostrophe)
{
	switch (c) {
	case '&':
		return words(out, "&amp;");
	case '<':
		return words(out, "&lt;");
	case '>':
		return words(out, "&gt;");
	case '"':
		return words(out, quote);
	case '\'':
		return words(out, apostrophe);
	default:
		return plain(c, out);
	}
}

static size_t xml_named(unsigned char c, char *out)
{
	return xml_with(c, out, "&quot;", "&apos;");
}

static size_t xml_numbered(unsigned char c, char *out)
{
	return xml_with(c, out, "&quot;", "&#39;");
}

static size_t xml_hex(unsigned char c, char *out)
{
	return xml_with(c, out, "&#34;", "&#x27;");
}

static size_t xml_text(unsigned char c, char *out)
{
	return xml_with(c, out, "\"", "'");
}

static spell_byte *const spellings[] = { plain, hex_lower, hex_upper, hex_spaced, url_upper,
	url_lower, url_form, url_loose, json_short, json_upper, json_slash, json_html,
	shell_single, shell_single_double, shell_double, shell_backslash, shell_q, xml_named,
	xml_numbered, xml_hex, xml_text };

/* The characters of the base64 of (anything of `before` bytes, value, anything) that depend on
 * value alone. */
static void spell_base64(
	const unsigned char *value, size_t len, size_t before, spell_add *add, void *arg)
{
	unsigned char *padded = xmalloc(before + len + 1);

	memcpy(padded + before, value, len);
	char *text = base64_encode(padded, before + len);
	const size_t from = (before * 8 + 5) / 6, to = (before + len) * 8 / 6;
	if (to > from) {
		add(arg, text + from, to - from);
		for (char *p = text; *p != '\0'; p++)
			*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
		add(arg, text + from, to - from);
	}
	explicit_bzero(text, strlen(text));
	explicit_bzero(padded, before + len);
	free(text);
	free(padded);
}

static size_t spell_with(spell_byte *how, const unsigned char *value, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += how(value[i], out + n);
	return n;
}

/* JSON in ASCII: characters beyond it as \uXXXX, in surrogate pairs when needed. */
static void spell_json_ascii(const char *value, size_t len, spell_add *add, void *arg)
{
	json_t *text = json_stringn(value, len);
	char *line =
		text != NULL ? json_dumps(text, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;

	if (line != NULL) {
		const size_t quoted = strlen(line);
		add(arg, line + 1, quoted - 2);
		for (char *p = strstr(line, "\\u"); p != NULL; p = strstr(p + 2, "\\u"))
			for (int i = 2; i < 6 && p[i] != '\0'; i++)
				if (p[i] >= 'A' && p[i] <= 'F')
					p[i] = (char)(p[i] - 'A' + 'a');
		add(arg, line + 1, quoted - 2);
		explicit_bzero(line, quoted);
		free(line);
	}
	json_decref(text);
}

void spell_all(const void *value, size_t len, spell_add *add, void *arg)
{
	char *out = xmalloc(len * 8 + 1), *twice = xmalloc(len * 16 + 1);
	size_t n;

	for (size_t i = 0; i < COUNT_OF(spellings); i++) {
		n = spell_with(spellings[i], value, len, out);
		/* hex_spaced begins with its space, which the first byte of a dump may not have
		 */
		const size_t skip = spellings[i] == hex_spaced && n > 0 ? 1 : 0;
		add(arg, out + skip, n - skip);
	}
	/* JSON inside a string of JSON */
	n = spell_with(json_short, value, len, out);
	add(arg, twice, spell_with(json_short, (const unsigned char *)out, n, twice));
	spell_json_ascii(value, len, add, arg);
	for (size_t before = 0; before < 3; before++)
		spell_base64(value, len, before, add, arg);
	explicit_bzero(out, len * 8 + 1);
	explicit_bzero(twice, len * 16 + 1);
	free(out);
	free(twice);
}
