/* redis_conn.c: a connection to a Redis server: AUTH, one command, one answer. */
#include "redis.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUEST_MAX = 1 << 20, CHUNK = 16384 };

/* The first word of an error answer says what kind it is; the first row that fits decides. */
static const struct {
	const char *word;
	enum err_code code;
} refusals[] = {
	{ "NOAUTH", ERR_AUTH },
	{ "WRONGPASS", ERR_AUTH },
	{ "NOPERM", ERR_AUTH },
	{ "LOADING", ERR_UNREACHABLE },
	{ "MASTERDOWN", ERR_UNREACHABLE },
	{ "READONLY", ERR_PRECONDITION },
	{ "NOREPLICAS", ERR_PRECONDITION },
	{ "MISCONF", ERR_REFUSED },
	{ "BUSY", ERR_HELD },
	{ "WRONGTYPE", ERR_CONFLICT },
	{ "ERR Background save already in progress", ERR_HELD },
	{ "ERR unknown command", ERR_VERSION },
	{ "ERR invalid password", ERR_AUTH },
};

static enum err_code refused(
	const struct redis *redis, const char *command, const json_t *said, struct err *err)
{
	const char *text = json_string_value(said);
	enum err_code code = ERR_REFUSED;

	for (size_t i = 0; text != NULL && i < COUNT_OF(refusals); i++) {
		if (str_starts(text, refusals[i].word)) {
			code = refusals[i].code;
			break;
		}
	}
	err->world = WORLD_UNCHANGED;
	return err_set(err, code, "\"%s\" answered %s with \"%.200s\"",
		call_target(redis->call), command, text != NULL ? text : "");
}

static struct net_limit limit_of(const struct redis *redis)
{
	const int64_t left = call_left_ms(redis->call);
	const int64_t each =
		redis->each_ms > 0 && redis->each_ms < left ? redis->each_ms : left;

	return net_limit_in(each, redis->finish ? NULL : call_stop_flag(redis->call));
}

static enum err_code receive_answer(
	struct redis *redis, const struct net_limit *limit, struct resp *out, struct err *err)
{
	char chunk[CHUNK];
	bool whole = false;
	size_t got;

	for (;;) {
		TRY(resp_parse(redis->in.data != NULL ? redis->in.data : "", redis->in.len, out,
			&whole, err));
		if (whole)
			break;
		TRY(net_receive(redis->fd, chunk, sizeof(chunk), limit, &got, err));
		if (got == 0)
			return err_set(
				err, ERR_UNREACHABLE, "the server closed the connection");
		TRY(buf_add(&redis->in, chunk, got, err));
	}
	buf_consume(&redis->in, out->bytes);
	return ERR_NONE;
}

enum err_code redis_command(
	struct redis *redis, const char *const *words, struct resp *out, struct err *err)
{
	const struct net_limit limit = limit_of(redis);
	struct resp answer = { 0 };
	struct buf request;
	size_t count = 0, sent = 0;

	while (words[count] != NULL)
		count++;
	buf_init(&request, REQUEST_MAX);
	enum err_code code = resp_request(&request, count, words, err);
	if (code == ERR_NONE)
		code = net_send(redis->fd, request.data, request.len, &limit, &sent, err);
	if (code == ERR_NONE)
		code = receive_answer(redis, &limit, &answer, err);
	buf_release(&request); /* AUTH's holds the password */
	if (code != ERR_NONE) {
		err->world = sent > 0 ? WORLD_UNKNOWN : WORLD_UNCHANGED;
		return err_context(
			err, "\"%s\", command %s", call_target(redis->call), words[0]);
	}
	if (answer.is_error)
		code = refused(redis, words[0], answer.value, err);
	if (out != NULL && code == ERR_NONE)
		*out = answer;
	else
		resp_release(&answer);
	return code;
}

/* ------------------------------------------------------------------ opening */

enum err_code redis_endpoint(
	const char *host, int64_t port, struct net_endpoint *out, struct err *err)
{
	return net_endpoint_parse(host, (int)port, out, err);
}

bool redis_same_place(const struct net_endpoint *a, const struct net_endpoint *b)
{
	return a->port == b->port && str_eq(a->host, b->host);
}

static enum err_code authenticate(struct redis *redis, struct err *err)
{
	size_t len;
	const char *password = call_secret(redis->call, "password", &len);
	const char *user = setting_string(redis->call, "user");

	if (password == NULL)
		return ERR_NONE;
	if (user != NULL)
		return REDIS(redis, NULL, err, "AUTH", user, password);
	return REDIS(redis, NULL, err, "AUTH", password);
}

static enum err_code greet(struct redis *redis, struct err *err)
{
	TRY(authenticate(redis, err));
	/* also shows a missing password before anything else is asked for */
	return REDIS(redis, NULL, err, "CLIENT", "SETNAME", "drillbook");
}

enum err_code redis_open(struct redis *redis, struct call *call,
	const struct net_endpoint *other, struct err *err)
{
	const int64_t left = call_left_ms(call), longest = setting_int(call, "connect_timeout");
	const struct net_limit limit =
		net_limit_in(left < longest ? left : longest, call_stop_flag(call));

	*redis = (struct redis){ .call = call, .fd = -1 };
	buf_init(&redis->in, RESP_BYTES_MAX);
	if (other != NULL)
		redis->at = *other;
	else
		TRY(redis_endpoint(setting_string(call, "host"), setting_int(call, "port"),
			&redis->at, err));
	enum err_code code = net_connect(&redis->at, SOCK_STREAM, &limit, &redis->fd, err);
	redis->refused = code == ERR_UNREACHABLE && errno == ECONNREFUSED;
	if (code == ERR_NONE) {
		redis->each_ms = longest; /* a frozen server accepts and then says nothing */
		code = greet(redis, err);
		redis->each_ms = 0;
	}
	if (code != ERR_NONE) {
		redis_close(redis);
		err->world = WORLD_UNCHANGED;
	}
	return code;
}

void redis_close(struct redis *redis)
{
	if (redis->fd >= 0)
		close(redis->fd);
	redis->fd = -1;
	buf_release(&redis->in);
}

/* ------------------------------------------------------------------ small questions */

enum err_code redis_config(
	struct redis *redis, const char *name, char *out, size_t size, struct err *err)
{
	struct resp answer;

	TRY(REDIS(redis, &answer, err, "CONFIG", "GET", name));
	const char *value = json_string_value(json_array_get(answer.value, 1));
	enum err_code code = ERR_NONE;
	if (value == NULL)
		code = err_set(err, ERR_NOT_FOUND, "\"%s\" has no parameter %s",
			call_target(redis->call), name);
	else
		snprintf(out, size, "%s", value);
	resp_release(&answer);
	return code;
}

enum err_code redis_config_int(
	struct redis *redis, const char *name, int64_t *out, struct err *err)
{
	char text[32], *end;

	TRY(redis_config(redis, name, text, sizeof(text), err));
	*out = strtoll(text, &end, 10);
	return text[0] != '\0' && *end == '\0'
		       ? ERR_NONE
		       : err_set(err, ERR_PROTOCOL, "%s is \"%s\": no number", name, text);
}

enum err_code redis_get(struct redis *redis, const char *key, char **value, struct err *err)
{
	struct resp answer;

	*value = NULL;
	TRY(REDIS(redis, &answer, err, "GET", key));
	if (json_is_string(answer.value))
		*value = xstrdup(json_string_value(answer.value));
	resp_release(&answer);
	return ERR_NONE;
}
