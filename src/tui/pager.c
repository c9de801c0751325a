/* pager.c: a step's whole output, sanitised, in $PAGER. */
#include "pager.h"
#include "editor.h"
#include "paint.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 * 1024, SHOWN_MAX = 64 << 20, LINE_MAX_BYTES = 64 * 1024 };

enum err_code output_fetch(struct client *client, int64_t run, const char *step,
	int64_t attempt, int64_t offset, int64_t max, char **data, size_t *len, int64_t *at,
	int64_t *size, struct err *err)
{
	json_t *body = json_object(), *answer;

	json_put_int(body, "run", run);
	json_put_str(body, "step", step);
	json_put_int(body, "attempt", attempt);
	json_put_int(body, "offset", offset);
	json_put_int(body, "max", max);
	TRY(client_ask(client, "output", body, &answer, err));
	*at = json_int(answer, "offset", 0);
	*size = json_int(answer, "size", 0);
	*data = (char *)base64_decode(json_str(answer, "data", ""), len);
	json_decref(answer);
	if (*data == NULL)
		return err_set(err, ERR_PROTOCOL, "the server sent output that is not base64");
	return ERR_NONE;
}

/* Writes whole lines of held; with last also what is left of the end. */
static enum err_code write_lines(FILE *to, struct buf *held, bool last, struct err *err)
{
	for (;;) {
		const char *newline =
			held->len > 0 ? memchr(held->data, '\n', held->len) : NULL;
		const bool cut = newline == NULL &&
				 (held->len >= LINE_MAX_BYTES || (last && held->len > 0));
		if (newline == NULL && !cut)
			return ERR_NONE;
		size_t len = newline != NULL ? (size_t)(newline - held->data) : held->len;
		const size_t taken = newline != NULL ? len + 1 : len;
		if (len > 0 && held->data[len - 1] == '\r')
			len--;
		struct buf clean;
		buf_init(&clean, len * 16 + 64);
		const enum err_code code = text_plain(held->data, len, &clean, err);
		if (code == ERR_NONE) {
			fwrite(clean.data, 1, clean.len, to);
			fputc('\n', to);
		}
		buf_release(&clean);
		TRY(code);
		buf_consume(held, taken);
	}
}

static enum err_code fetch_all(struct client *client, int64_t run, const char *step,
	int64_t attempt, FILE *to, struct err *err)
{
	int64_t offset = -SHOWN_MAX, size = 1;
	struct buf held;
	enum err_code code = ERR_NONE;

	buf_init(&held, LINE_MAX_BYTES + CHUNK);
	do {
		char *data;
		size_t len;
		int64_t at;
		code = output_fetch(client, run, step, attempt, offset, CHUNK, &data, &len, &at,
			&size, err);
		if (code != ERR_NONE)
			break;
		if (offset < 0 && at > 0)
			fprintf(to, "[the first %lld bytes are not shown here]\n",
				(long long)at);
		code = buf_add(&held, data, len, err);
		free(data);
		if (code == ERR_NONE)
			code = write_lines(to, &held, len == 0, err);
		offset = at + (int64_t)len;
		if (len == 0)
			break;
	} while (code == ERR_NONE && offset < size);
	if (code == ERR_NONE)
		code = write_lines(to, &held, true, err);
	buf_release(&held);
	return code;
}

/* The pager reads our file as its standard input and the keys from the terminal. */
static enum err_code run_pager(int fd, struct err *err)
{
	const char *pager = getenv("PAGER");

	if (pager == NULL || pager[0] == '\0')
		pager = "less";
	const enum err_code code = terminal_child(pager, NULL, NULL, fd, err);
	return code == ERR_NONE ? code : err_context(err, "the pager: set PAGER");
}

static enum err_code page_file(FILE *file, struct err *err)
{
	if (fflush(file) != 0 || fseek(file, 0, SEEK_SET) != 0)
		return err_errno(err, "cannot write the temporary file for the pager");
	return run_pager(fileno(file), err);
}

enum err_code pager_show(
	struct client *client, int64_t run, const char *step, int64_t attempt, struct err *err)
{
	FILE *file = tmpfile();

	if (file == NULL)
		return err_errno(err, "cannot make a temporary file for the pager");
	enum err_code code = fetch_all(client, run, step, attempt, file, err);
	if (code == ERR_NONE)
		code = page_file(file, err);
	fclose(file);
	return code;
}

enum err_code pager_text(const char *text, struct err *err)
{
	FILE *file = tmpfile();
	struct buf held;

	if (file == NULL)
		return err_errno(err, "cannot make a temporary file for the pager");
	buf_init(&held, strlen(text) + 1);
	enum err_code code = buf_add(&held, text, strlen(text), err);
	if (code == ERR_NONE)
		code = write_lines(file, &held, true, err);
	if (code == ERR_NONE)
		code = page_file(file, err);
	buf_release(&held);
	fclose(file);
	return code;
}
