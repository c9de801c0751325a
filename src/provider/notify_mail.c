/* notify_mail.c: a notice as an e-mail.
 *
 * The Message-ID comes from the call's key: the same call sent again is the same message.  All
 * messages of an incident refer to one that nobody sent, which is how they stand together in a
 * reader.  Source: RFC 5322, RFC 2047, RFC 3834. */
#include "notify.h"

#include "mail.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MESSAGE_MAX = 256 << 10, ENCODED_BYTES = 45, LINE_BYTES = 57 };

/* <hex.drillbook@domain of from>; owned. */
static char *message_id(const struct notice *n, const char *what)
{
	const char *domain = strrchr(setting_string(n->call, "from"), '@') + 1;
	char hex[SHA256_HEX];

	sha256_hex(sha256_of(what, strlen(what)), hex);
	return xasprintf("<%.32s.drillbook@%s>", hex, domain);
}

static bool plain_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
			return false;
	return true;
}

/* One header line that may hold any text: encoded words of whole characters, each on a line. */
static enum err_code add_text_header(
	struct buf *out, const char *name, const char *text, struct err *err)
{
	size_t left = strlen(text);

	if (plain_ascii(text) && left < 900)
		return buf_addf(out, err, "%s: %s\r\n", name, text);
	TRY(buf_addf(out, err, "%s:", name));
	while (left > 0) {
		size_t n = left < ENCODED_BYTES ? left : ENCODED_BYTES;

		while (n > 1 && n < left && ((unsigned char)text[n] & 0xC0) == 0x80)
			n--;
		char *word = base64_encode(text, n);
		const enum err_code code = buf_addf(out, err, " =?UTF-8?B?%s?=\r\n", word);
		free(word);
		TRY(code);
		text += n;
		left -= n;
	}
	return ERR_NONE;
}

static enum err_code add_body(struct buf *out, const struct buf *body, struct err *err)
{
	for (size_t at = 0; at < body->len; at += LINE_BYTES) {
		const size_t left = body->len - at;
		char *line = base64_encode(
			body->data + at, left < LINE_BYTES ? left : (size_t)LINE_BYTES);
		const enum err_code code = buf_addf(out, err, "%s\r\n", line);

		free(line);
		TRY(code);
	}
	return ERR_NONE;
}

static enum err_code make_body(const struct notice *n, struct buf *body, struct err *err)
{
	TRY(buf_addf(body, err, "%s%s\n\n", notify_mark(n), n->summary));
	if (n->text != NULL)
		TRY(buf_addf(body, err, "%s\n\n", n->text));
	TRY(notify_details(n, "", body, err));
	if (n->link != NULL)
		TRY(buf_addf(body, err, "%s\n", n->link));
	return buf_addf(body, err, "\n-- \ndrillbook, run %s, %s\n", n->run, n->key);
}

static enum err_code make_headers(
	const struct notice *n, const char *id, struct buf *out, struct err *err)
{
	char date[64], *thread, *subject;
	const time_t now = (time_t)(wall_now().ns / 1000000000);
	struct tm tm;
	json_t *address;
	size_t i;

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	TRY(buf_addf(out, err, "Date: %s\r\nFrom: drillbook <%s>\r\nTo:", date,
		setting_string(n->call, "from")));
	json_array_foreach((json_t *)(uintptr_t)setting_json(n->call, "to"), i, address)
		TRY(buf_addf(
			out, err, "%s <%s>", i > 0 ? ",\r\n" : "", json_string_value(address)));
	subject = xasprintf("[%s] %s%s", n->severity, notify_mark(n), n->summary);
	TRY(buf_addf(out, err, "\r\n"));
	enum err_code code = add_text_header(out, "Subject", subject, err);
	free(subject);
	TRY(code);
	thread = message_id(n, n->incident);
	code = buf_addf(out, err,
		"Message-ID: %s\r\nReferences: %s\r\nIn-Reply-To: %s\r\n"
		"Auto-Submitted: auto-generated\r\nX-Drillbook-Event: %s\r\nMIME-Version: "
		"1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n",
		id, thread, thread, n->event);
	free(thread);
	return code;
}

enum err_code notify_check_email(struct call *call, struct err *err)
{
	const json_t *to = setting_json(call, "to");
	json_t *address;
	size_t i;

	if (!setting_has(call, "server") || !setting_has(call, "from") ||
		json_array_size(to) == 0)
		return err_set(err, ERR_USAGE,
			"target \"%s\": an e-mail needs the settings server, from and to",
			call_target(call));
	if (!mail_address_good(setting_string(call, "from")))
		return err_set(
			err, ERR_USAGE, "target \"%s\": from is no address", call_target(call));
	json_array_foreach((json_t *)(uintptr_t)to, i, address) {
		if (!mail_address_good(json_string_value(address)))
			return err_set(err, ERR_USAGE, "target \"%s\": to[%zu] is no address",
				call_target(call), i);
	}
	if (setting_has(call, "password") && !setting_has(call, "user"))
		return err_set(err, ERR_USAGE, "target \"%s\": a password needs a user",
			call_target(call));
	return ERR_NONE;
}

enum err_code notify_email(const struct notice *n, json_t *result, struct err *err)
{
	static const char *const tls[] = { "starttls", "tls", "none" };
	char *key = xasprintf("%s %s", n->incident, n->key);
	struct buf message, body;
	size_t ignored;
	enum err_code code = notify_check_email(n->call, err);

	buf_init(&message, MESSAGE_MAX);
	buf_init(&body, MESSAGE_MAX / 2);
	char *id = code == ERR_NONE ? message_id(n, key) : NULL;
	if (code == ERR_NONE)
		code = make_headers(n, id, &message, err);
	if (code == ERR_NONE)
		code = make_body(n, &body, err);
	if (code == ERR_NONE)
		code = add_body(&message, &body, err);
	if (code == ERR_NONE) {
		struct mail mail = { .server = setting_string(n->call, "server"),
			.user = setting_string(n->call, "user"),
			.password = call_secret(n->call, "password", &ignored),
			.ca_file = setting_string(n->call, "ca_file"),
			.from = setting_string(n->call, "from"),
			.to = setting_json(n->call, "to"),
			.message = message.data,
			.timeout_ms = call_left_ms(n->call),
			.connect_ms = setting_int(n->call, "connect_timeout"),
			.stop = call_stop_flag(n->call) };

		for (size_t i = 0; i < COUNT_OF(tls); i++)
			if (str_eq(setting_string(n->call, "tls"), tls[i]))
				mail.tls = (enum mail_tls)i;
		json_put_str(result, "id", id);
		code = mail_send(&mail, err);
	} else {
		err->world = WORLD_UNCHANGED;
	}
	free(id);
	free(key);
	buf_release(&message);
	buf_release(&body);
	return code;
}
