/* keys.c: the keys of xterm, the Linux console, screen and tmux (ECMA-48 CSI and SS3 sequences;
 * bracketed paste as in xterm's control sequences, "Bracketed Paste Mode"). */
#include "keys.h"

#include <stdlib.h>
#include <string.h>

enum { PASTE_BEGIN = 0x120000, PASTE_END, K_IGNORED, NOTHING };

static const struct {
	const char *tail;
	uint32_t key;
} sequences[] = {
	{ "[A", K_UP },
	{ "[B", K_DOWN },
	{ "[C", K_RIGHT },
	{ "[D", K_LEFT },
	{ "OA", K_UP },
	{ "OB", K_DOWN },
	{ "OC", K_RIGHT },
	{ "OD", K_LEFT },
	{ "[5~", K_PGUP },
	{ "[6~", K_PGDN },
	{ "[H", K_HOME },
	{ "[F", K_END },
	{ "OH", K_HOME },
	{ "OF", K_END },
	{ "[1~", K_HOME },
	{ "[4~", K_END },
	{ "[7~", K_HOME },
	{ "[8~", K_END },
	{ "[3~", K_DELETE },
	{ "[Z", K_BACKTAB },
	{ "OM", K_ENTER },
	{ "[200~", PASTE_BEGIN },
	{ "[201~", PASTE_END },
};

/* Length of the escape sequence at s (which begins with ESC): 0 = unfinished.  ESC before
 * anything else is the key. */
static size_t sequence_length(const unsigned char *s, size_t len)
{
	if (len < 2)
		return 0;
	if (s[1] == 'O')
		return len < 3 ? 0 : 3;
	if (s[1] != '[')
		return 1;
	size_t at = 2;
	if (at < len && s[at] == '[') /* function keys of the Linux console */
		return len < 4 ? 0 : 4;
	while (at < len && s[at] >= 0x20 && s[at] <= 0x3f)
		at++;
	return at < len ? at + 1 : 0;
}

static uint32_t sequence_key(const unsigned char *s, size_t len)
{
	if (len == 1)
		return K_ESC;
	/* xterm's SGR mouse reports: only the wheel means something */
	if (len > 5 && s[1] == '[' && s[2] == '<' && s[3] == '6' && s[5] == ';' && s[len - 1] == 'M')
		return s[4] == '4' ? K_WHEEL_UP : s[4] == '5' ? K_WHEEL_DOWN : K_IGNORED;
	if (len > 3 && s[1] == '[' && s[2] == '<')
		return K_IGNORED;
	for (size_t i = 0; i < COUNT_OF(sequences); i++)
		if (strlen(sequences[i].tail) == len - 1 &&
			memcmp(sequences[i].tail, s + 1, len - 1) == 0)
			return sequences[i].key;
	return K_OTHER;
}

/* Length and key of what begins at s; 0 = unfinished. */
static size_t take(const unsigned char *s, size_t len, uint32_t *key)
{
	if (s[0] == 0x1b) {
		const size_t n = sequence_length(s, len);
		if (n > 0)
			*key = sequence_key(s, n);
		return n;
	}
	const size_t need = s[0] < 0xc2	  ? 1
			    : s[0] < 0xe0 ? 2
			    : s[0] < 0xf0 ? 3
			    : s[0] < 0xf5 ? 4
					  : 1;
	if (len < need)
		return 0;
	if (utf8_valid_prefix((const char *)s, need) != need || s[0] == 0) {
		*key = NOTHING;
		return 1;
	}
	char text[5] = "";
	const char *at = text;
	memcpy(text, s, need);
	*key = utf8_next(&at);
	return need;
}

static bool typed(uint32_t key)
{
	return key < K_UP && key >= 0x20;
}

static void mark_burst(struct press *out, size_t count)
{
	size_t characters = 0;

	for (size_t i = 0; i < count; i++)
		characters += typed(out[i].key);
	for (size_t i = 0; characters > PASTE_BURST && i < count; i++)
		out[i].pasted = out[i].key < K_UP;
}

size_t keys_feed(struct keys *keys, const void *data, size_t len, int64_t now_ms,
	struct press *out, size_t max)
{
	unsigned char *all = xmalloc(keys->held_len + len + 1);
	size_t total = keys->held_len + len, at = 0, count = 0;

	memcpy(all, keys->held, keys->held_len);
	memcpy(all + keys->held_len, data, len);
	keys->held_len = 0;
	while (at < total && count < max) {
		uint32_t key = NOTHING;
		size_t n = take(all + at, total - at, &key);
		if (n == 0 && total - at >= sizeof(keys->held))
			n = 1; /* no sequence is this long */
		if (n == 0)
			break;
		at += n;
		if (key == PASTE_BEGIN || key == PASTE_END)
			keys->pasting = key == PASTE_BEGIN;
		else if (key != NOTHING && key != K_IGNORED)
			out[count++] = (struct press){ .key = key, .pasted = keys->pasting };
	}
	if (at < total && total - at < sizeof(keys->held)) {
		keys->held_len = total - at;
		keys->held_ms = now_ms;
		memcpy(keys->held, all + at, keys->held_len);
	}
	free(all);
	mark_burst(out, count);
	return count;
}

size_t keys_wait(struct keys *keys, int64_t now_ms, struct press *out, size_t max)
{
	if (keys->held_len == 0 || now_ms - keys->held_ms < ESC_WAIT_MS || max == 0)
		return 0;
	const bool lone = keys->held_len == 1 && keys->held[0] == 0x1b;
	keys->held_len =
		0; /* the rest of anything longer will not come: a cut sequence is no key */
	if (!lone)
		return 0;
	out[0] = (struct press){ .key = K_ESC, .pasted = keys->pasting };
	return 1;
}

int64_t keys_due_ms(const struct keys *keys, int64_t now_ms)
{
	if (keys->held_len == 0)
		return -1;
	const int64_t left = keys->held_ms + ESC_WAIT_MS - now_ms;
	return left > 0 ? left : 0;
}
