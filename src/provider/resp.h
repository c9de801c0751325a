/* resp.h: the protocol of Redis, version 2 (RESP2): requests are arrays of strings, answers are
 * one value.  Source: "Redis serialization protocol specification", section RESP2.
 *
 * The reader takes whatever an outsider sends: every count and length has a limit, and a value
 * that is not whole yet is told from one that never can be. */
#ifndef PROVIDER_RESP_H
#define PROVIDER_RESP_H

#include "drillbook/base.h"

enum {
	RESP_BYTES_MAX = 8 << 20, /* of one answer */
	RESP_VALUES_MAX = 100000, /* in one answer, at all depths */
	RESP_DEPTH_MAX = 4,
	RESP_LINE_MAX = 64 << 10, /* of a line: a status, an error, a number */
};

/* What an answer is. */
struct resp {
	/* Owned.  Text (status or string; bytes that are no UTF-8 are replaced), integer, null
	 * or array; for an error its text. */
	json_t *value;
	bool is_error;
	size_t bytes; /* of the answer as it was sent */
};

/* Reads the answer at the beginning of data.  ERR_NONE with *whole false: more bytes are needed
 * and out is untouched.  ERR_PROTOCOL, ERR_LIMIT. */
enum err_code resp_parse(const char *data, size_t len, struct resp *out, bool *whole,
	struct err *err) MUST_CHECK;
void resp_release(struct resp *resp);

/* Appends a request of count words.  ERR_LIMIT when out is full. */
enum err_code resp_request(
	struct buf *out, size_t count, const char *const *words, struct err *err) MUST_CHECK;

/* The value of "key:value" on a line of its own in the text of INFO; false when it is not there
 * or does not fit. */
bool resp_info(const char *text, const char *key, char *out, size_t size);
/* The same as a whole number; fallback when it is not there or none. */
int64_t resp_info_int(const char *text, const char *key, int64_t fallback);

#endif
