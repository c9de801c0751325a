/* dns_wait.c: until everybody answers the same. */
#include "dns.h"

#include <stdlib.h>
#include <string.h>

enum { SERVERS_MAX = 64 };

/* One server that is asked, and what it said last. */
struct asked {
	struct net_endpoint at;
	const char *text; /* as the author wrote it; borrowed */
	json_t *values;	  /* owned; NULL = no answer */
	int64_t ttl, after_ms;
	char problem[300];
	bool agrees;
};

struct waiting {
	struct call *call;
	struct dns_question question;
	json_t *want;
	struct asked servers[SERVERS_MAX];
	size_t count, agreed;
	struct mono start;
};

static void ask_one(struct waiting *w, struct asked *s)
{
	struct dns_answer answer = { 0 };
	struct err err = { 0 };
	enum err_code code =
		dns_ask_server(w->call, &s->at, &w->question, false, &answer, &err);

	json_decref(s->values);
	s->values = NULL;
	snprintf(s->problem, sizeof(s->problem), "%.*s", (int)sizeof(s->problem) - 1,
		code == ERR_NONE ? "" : err.text);
	if (code == ERR_NONE) {
		s->values = json_incref(answer.values);
		s->ttl = answer.ttl;
		s->agrees = json_equal(answer.values, w->want);
		s->after_ms = mono_ms_since(w->start);
		w->agreed += s->agrees;
	}
	dns_answer_release(&answer);
}

/* The server that will take longest, and why. */
static void describe(const struct waiting *w, char *text, size_t size)
{
	const struct asked *worst = NULL;
	char values[200];

	for (size_t i = 0; i < w->count; i++) {
		const struct asked *s = &w->servers[i];

		if (!s->agrees && (worst == NULL || (s->values != NULL && s->ttl > worst->ttl)))
			worst = s;
	}
	if (worst == NULL)
		snprintf(text, size, "all %zu servers answer as wanted", w->count);
	else if (worst->values == NULL)
		snprintf(text, size, "%zu of %zu servers answer as wanted; %s", w->agreed,
			w->count, worst->problem);
	else
		snprintf(text, size,
			"%zu of %zu servers answer as wanted; %s has %s for %lld s more",
			w->agreed, w->count, worst->text,
			dns_values_text(worst->values, values, sizeof(values)),
			(long long)(worst->ttl > 0 ? worst->ttl : 0));
}

static enum err_code wait_all(struct waiting *w, struct err *err)
{
	const int64_t wait_ms = call_int(w->call, "wait"),
		      interval = call_int(w->call, "interval");
	char text[600];

	for (;;) {
		for (size_t i = 0; i < w->count; i++)
			if (!w->servers[i].agrees && !call_stopped(w->call))
				ask_one(w, &w->servers[i]);
		if (w->agreed == w->count)
			return ERR_NONE;
		describe(w, text, sizeof(text));
		if (call_stopped(w->call))
			return err_set(err, ERR_CANCELLED, "stopped on request: %s", text);
		if (mono_ms_since(w->start) >= wait_ms || call_left_ms(w->call) == 0)
			return err_set(err, ERR_TIMEOUT, "after %lld ms %s",
				(long long)mono_ms_since(w->start), text);
		call_progress(w->call, (int)(w->agreed * 1000 / w->count), "%s", text);
		if (call_sleep(w->call, interval, err) != ERR_NONE)
			return err_set(err, err->code, "%s: %s",
				err->code == ERR_TIMEOUT ? "the deadline passed"
							 : "stopped on request",
				text);
	}
}

static enum err_code load_servers(struct waiting *w, struct err *err)
{
	const json_t *list = call_json(w->call, "servers");
	size_t i;
	json_t *server;

	if (json_array_size(list) == 0) {
		w->count = 1;
		w->servers[0].text = setting_string(w->call, "server");
		return dns_server_of(w->call, "server", &w->servers[0].at, err);
	}
	if (json_array_size(list) > SERVERS_MAX)
		return err_set(err, ERR_USAGE, "servers names more than %d", SERVERS_MAX);
	json_array_foreach((json_t *)list, i, server)
	{
		w->servers[i].text = json_string_value(server);
		TRY(net_endpoint_parse(w->servers[i].text, DNS_PORT, &w->servers[i].at, err));
	}
	w->count = i;
	return ERR_NONE;
}

static void put_result(const struct waiting *w, json_t *result)
{
	json_t *servers = json_array();

	for (size_t i = 0; i < w->count; i++)
		json_array_append_new(
			servers, json_pack("{s:s, s:O, s:I, s:I}", "server", w->servers[i].text,
					 "values", w->servers[i].values, "ttl_s",
					 (json_int_t)w->servers[i].ttl, "after_ms",
					 (json_int_t)w->servers[i].after_ms));
	json_put(result, "servers", servers);
	json_put_int(result, "waited_ms", mono_ms_since(w->start));
}

enum err_code dns_wait_run(struct call *call, json_t *result, struct err *err)
{
	struct waiting *w = xmalloc(sizeof(*w));
	enum err_code code;

	w->call = call;
	w->start = mono_now();
	w->question.recurse = true; /* resolvers need it, authorities pass over it */
	w->question.follow = true;
	code = dns_name_of(call, false, &w->question.name, &w->question.type, err);
	if (code == ERR_NONE)
		code = dns_values_of(call, "want", w->question.type, &w->want, err);
	if (code == ERR_NONE)
		code = load_servers(w, err);
	if (code == ERR_NONE)
		code = wait_all(w, err);
	if (code == ERR_NONE)
		put_result(w, result);
	for (size_t i = 0; i < w->count; i++)
		json_decref(w->servers[i].values);
	json_decref(w->want);
	free(w);
	return code;
}
