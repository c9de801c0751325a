/* resp.c: see resp.h. */
#include "resp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where the reader is.  values counts at all depths, so that nested arrays cannot multiply. */
struct reader {
	const char *at, *end;
	size_t values;
	bool short_of_bytes; /* not whole yet; no error */
	struct err *err;
};

static bool bad(struct reader *r, enum err_code code, const char *what)
{
	err_set(r->err, code, "the answer is not of the Redis protocol: %s", what);
	return false;
}

/* The text up to CR LF, and behind it; false: not there yet, or never. */
static bool read_line(struct reader *r, const char **line, size_t *len)
{
	const size_t left = (size_t)(r->end - r->at);
	const size_t look = left < RESP_LINE_MAX ? left : RESP_LINE_MAX;
	const char *cr = memchr(r->at, '\r', look);

	if (cr == NULL) {
		if (left >= RESP_LINE_MAX)
			return bad(r, ERR_LIMIT, "a line is too long");
		r->short_of_bytes = true;
		return false;
	}
	if (cr + 1 == r->end) {
		r->short_of_bytes = true;
		return false;
	}
	if (cr[1] != '\n')
		return bad(r, ERR_PROTOCOL, "a line does not end with CR LF");
	*line = r->at;
	*len = (size_t)(cr - r->at);
	r->at = cr + 2;
	return true;
}

/* -1 stands for null where a length is wanted. */
static bool read_number(struct reader *r, int64_t *out)
{
	const char *line;
	char text[24], *end;
	size_t len;

	if (!read_line(r, &line, &len))
		return false;
	if (len == 0 || len >= sizeof(text))
		return bad(r, ERR_PROTOCOL, "no number where one must stand");
	memcpy(text, line, len);
	text[len] = '\0';
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || (text[0] != '-' && (text[0] < '0' || text[0] > '9')))
		return bad(r, ERR_PROTOCOL, "no number where one must stand");
	return true;
}

static bool read_length(struct reader *r, int64_t most, int64_t *out)
{
	if (!read_number(r, out))
		return false;
	if (*out < -1)
		return bad(r, ERR_PROTOCOL, "a negative length");
	return *out <= most || bad(r, ERR_LIMIT, "it is too large");
}

static bool read_string(struct reader *r, json_t **out)
{
	int64_t len;

	if (!read_length(r, RESP_BYTES_MAX, &len))
		return false;
	if (len < 0) {
		*out = json_null();
		return true;
	}
	if (r->end - r->at < len + 2) {
		r->short_of_bytes = true;
		return false;
	}
	if (memcmp(r->at + len, "\r\n", 2) != 0)
		return bad(r, ERR_PROTOCOL, "a string does not end where it says");
	*out = json_text(r->at, (size_t)len);
	r->at += len + 2;
	return true;
}

static bool read_value(struct reader *r, int depth, json_t **out, bool *is_error);

static bool read_array(struct reader *r, int depth, json_t **out)
{
	int64_t count;
	bool ignored;

	if (depth == RESP_DEPTH_MAX)
		return bad(r, ERR_LIMIT, "arrays in arrays, too deep");
	if (!read_length(r, RESP_VALUES_MAX, &count))
		return false;
	if (count < 0) {
		*out = json_null();
		return true;
	}
	json_t *list = json_array();
	for (int64_t i = 0; i < count; i++) {
		json_t *value = NULL;

		if (!read_value(r, depth + 1, &value, &ignored)) {
			json_decref(list);
			return false;
		}
		json_array_append_new(list, value);
	}
	*out = list;
	return true;
}

static bool read_value(struct reader *r, int depth, json_t **out, bool *is_error)
{
	const char *line;
	size_t len;
	int64_t number;

	*is_error = false;
	if (++r->values > RESP_VALUES_MAX)
		return bad(r, ERR_LIMIT, "it has too many values");
	if (r->at == r->end) {
		r->short_of_bytes = true;
		return false;
	}
	switch (*r->at++) {
	case '-':
		*is_error = true; /* fallthrough */
	case '+':
		if (!read_line(r, &line, &len))
			return false;
		*out = json_text(line, len);
		return true;
	case ':':
		if (!read_number(r, &number))
			return false;
		*out = json_integer(number);
		return true;
	case '$':
		return read_string(r, out);
	case '*':
		return read_array(r, depth, out);
	default:
		return bad(r, ERR_PROTOCOL, "it begins with none of + - : $ *");
	}
}

enum err_code resp_parse(
	const char *data, size_t len, struct resp *out, bool *whole, struct err *err)
{
	struct reader r = { .at = data, .end = data + len, .err = err };
	json_t *value = NULL;
	bool is_error;

	*whole = false;
	if (!read_value(&r, 0, &value, &is_error)) {
		if (!r.short_of_bytes)
			return err->code;
		if (len >= RESP_BYTES_MAX)
			return err_set(err, ERR_LIMIT, "the answer has more than %d bytes",
				RESP_BYTES_MAX);
		return ERR_NONE;
	}
	*whole = true;
	*out = (struct resp){
		.value = value, .is_error = is_error, .bytes = (size_t)(r.at - data)
	};
	return ERR_NONE;
}

void resp_release(struct resp *resp)
{
	json_decref(resp->value);
	resp->value = NULL;
}

enum err_code resp_request(
	struct buf *out, size_t count, const char *const *words, struct err *err)
{
	TRY(buf_addf(out, err, "*%zu\r\n", count));
	for (size_t i = 0; i < count; i++) {
		TRY(buf_addf(out, err, "$%zu\r\n", strlen(words[i])));
		TRY(buf_add(out, words[i], strlen(words[i]), err));
		TRY(buf_add(out, "\r\n", 2, err));
	}
	return ERR_NONE;
}

bool resp_info(const char *text, const char *key, char *out, size_t size)
{
	const size_t len = strlen(key);

	for (const char *line = text; line != NULL && *line != '\0';) {
		if (strncmp(line, key, len) == 0 && line[len] == ':') {
			const size_t n = strcspn(line + len + 1, "\r\n");

			if (n >= size)
				return false;
			memcpy(out, line + len + 1, n);
			out[n] = '\0';
			return true;
		}
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	return false;
}

int64_t resp_info_int(const char *text, const char *key, int64_t fallback)
{
	char value[32], *end;

	if (!resp_info(text, key, value, sizeof(value)) || value[0] == '\0')
		return fallback;
	const int64_t number = strtoll(value, &end, 10);
	return *end == '\0' ? number : fallback;
}
