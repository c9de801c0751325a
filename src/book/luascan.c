/* luascan.c: calls of operations with literal targets, in a row of tokens.
 *
 * It reads; it does not understand.  Whatever is not plainly written out counts as computed, and a
 * name that the source gives a meaning of its own is no capability. */
#include "luascan.h"
#include "luatoken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OWN_MAX = 2000 };

struct scanner {
	struct tokens t;
	struct arena *arena;
	struct names own; /* names with a meaning of their own in this source */
	struct lua_scan *out;
	size_t call_cap, module_cap, ref_cap;
	bool inside; /* a table that is the value of an argument */
};

/* What every script finds there: of Lua, and of the sandbox. */
static const char *const globals[] = {"string", "table", "math", "utf8", "json", "params",
	"outputs", "item", "clock", "os", "io", "debug", "coroutine", "package", "_G", "_ENV"};

static const char *const keywords[] = {"and", "break", "do", "else", "elseif", "end", "false",
	"for", "function", "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return",
	"then", "true", "until", "while"};

static bool in(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static const struct token *tok(const struct scanner *s, size_t i)
{
	return &s->t.rows[i < s->t.count ? i : s->t.count - 1];
}

static bool is(const struct scanner *s, size_t i, const char *text)
{
	return token_is(&s->t, i, text);
}

static const char *name_at(const struct scanner *s, size_t i)
{
	const struct token *t = tok(s, i);

	if (t->kind != TOKEN_NAME)
		return NULL;
	return arena_strndup(s->arena, s->t.source + t->start, t->len);
}

/* a.b and a:b: b is a member, not a name of its own. */
static bool is_member(const struct scanner *s, size_t i)
{
	return i > 0 && (is(s, i - 1, ".") || is(s, i - 1, ":"));
}

/* ------------------------------------------------------------------ names the source defines */

static void own(struct scanner *s, size_t i)
{
	const char *name = name_at(s, i);

	if (name == NULL || in(name, keywords, COUNT_OF(keywords)))
		return;
	if (s->own.count < OWN_MAX)
		names_add(&s->own, name);
	else
		s->out->complete = false;
}

/* The names from i up to a token that is neither a name, a comma nor <attrib>. */
static void own_list(struct scanner *s, size_t i)
{
	while (tok(s, i)->kind == TOKEN_NAME && !is(s, i, "in") && !is(s, i, "function")) {
		own(s, i++);
		if (is(s, i, "<"))
			i += 3;
		if (!is(s, i, ","))
			return;
		i++;
	}
}

static void find_own(struct scanner *s)
{
	for (size_t i = 0; i + 1 < s->t.count; i++) {
		if (tok(s, i)->kind != TOKEN_NAME)
			continue;
		if (is(s, i, "local") || is(s, i, "for")) {
			own_list(s, i + (is(s, i + 1, "function") ? 2 : 1));
		} else if (is(s, i, "function")) {
			if (tok(s, i + 1)->kind == TOKEN_NAME)
				own(s, i + 1);
			size_t k = i + 1;
			while (tok(s, k)->kind == TOKEN_NAME || is(s, k, ".") || is(s, k, ":"))
				k++;
			own_list(s, k + 1);
		} else if (is(s, i + 1, "=") && !is_member(s, i) &&
			   !(i > 0 && (is(s, i - 1, "{") || is(s, i - 1, ",") || is(s, i - 1, ";")))) {
			own(s, i);
		}
	}
}

/* ------------------------------------------------------------------ arguments */

static bool number_of(const struct scanner *s, size_t i, struct lua_arg *arg)
{
	char text[64], *end;
	const struct token *t = tok(s, i);

	if (t->len >= sizeof(text))
		return false;
	memcpy(text, s->t.source + t->start, t->len);
	text[t->len] = '\0';
	errno = 0;
	arg->number = strtoll(text, &end, 0);
	arg->literal = *end == '\0' && errno == 0 ? LITERAL_INT : LITERAL_FLOAT;
	return true;
}

/* duration("30s") and bytes("1MiB") are as good as numbers. */
static bool quantity_of(const struct scanner *s, size_t i, struct lua_arg *arg, size_t *next)
{
	struct err ignored;
	const bool time = is(s, i, "duration");

	if (!(time || is(s, i, "bytes")) || !is(s, i + 1, "(") ||
		tok(s, i + 2)->kind != TOKEN_STRING || !is(s, i + 3, ")"))
		return false;
	const char *text = token_string(&s->t, i + 2, s->arena);
	if (text == NULL || (time ? parse_duration_ms(text, &arg->number, &ignored)
				  : parse_bytes(text, &arg->number, &ignored)) != ERR_NONE)
		return false;
	arg->literal = LITERAL_INT;
	*next = i + 4;
	return true;
}

static bool is_separator(const struct scanner *s, size_t i)
{
	return is(s, i, ",") || is(s, i, ";") || is(s, i, "}");
}

/* The separator after the expression at i; *clear is false when functions make that unsure. */
static size_t skip_expression(const struct scanner *s, size_t i, bool *clear)
{
	size_t depth = 0;

	for (; tok(s, i)->kind != TOKEN_END; i++) {
		if (depth == 0 && is_separator(s, i))
			return i;
		if (is(s, i, "(") || is(s, i, "{") || is(s, i, "["))
			depth++;
		else if (depth > 0 && (is(s, i, ")") || is(s, i, "}") || is(s, i, "]")))
			depth--;
		else if (is(s, i, "function"))
			*clear = false;
	}
	*clear = false;
	return i;
}

static void read_members(struct scanner *s, size_t i, struct lua_arg *arg);

/* The value at i; gives the index of the separator behind it. */
static size_t read_value(struct scanner *s, size_t i, struct lua_arg *arg, bool *clear)
{
	const struct token *t = tok(s, i);
	size_t next = i + 1;

	arg->line = t->line;
	arg->column = t->column;
	if (t->kind == TOKEN_STRING) {
		arg->text = token_string(&s->t, i, s->arena);
		arg->literal = arg->text != NULL ? LITERAL_STRING : LITERAL_NONE;
	} else if (t->kind == TOKEN_NUMBER) {
		number_of(s, i, arg);
	} else if (is(s, i, "-") && tok(s, i + 1)->kind == TOKEN_NUMBER) {
		number_of(s, i + 1, arg);
		arg->number = -arg->number;
		next = i + 2;
	} else if (is(s, i, "true") || is(s, i, "false")) {
		arg->literal = LITERAL_BOOL;
	} else if (is(s, i, "{")) {
		arg->literal = LITERAL_TABLE;
		read_members(s, i, arg);
		next = skip_expression(s, i, clear);
	} else {
		quantity_of(s, i, arg, &next);
	}
	if (is_separator(s, next))
		return next;
	arg->literal = LITERAL_NONE; /* the first part of an expression */
	return skip_expression(s, i, clear);
}

static void add_arg(struct scanner *s, struct lua_call *call, struct lua_arg arg)
{
	/* doubled at every power of two; the arena keeps what was left behind */
	if ((call->arg_count & (call->arg_count - 1)) == 0) {
		const size_t cap = call->arg_count ? call->arg_count * 2 : 1;
		struct lua_arg *rows = arena_alloc(s->arena, cap * sizeof(*rows));
		if (rows == NULL)
			return;
		if (call->arg_count > 0)
			memcpy(rows, call->args, call->arg_count * sizeof(*rows));
		call->args = rows;
	}
	call->args[call->arg_count++] = arg;
}

/* {name = value, …} with its { at i. */
static void read_table(struct scanner *s, size_t i, struct lua_call *call)
{
	bool clear = true;

	call->args_known = true;
	for (i++; !is(s, i, "}") && tok(s, i)->kind != TOKEN_END; i++) {
		if (tok(s, i)->kind == TOKEN_NAME && is(s, i + 1, "=")) {
			struct lua_arg arg = {.name = name_at(s, i),
				.name_line = tok(s, i)->line, .name_column = tok(s, i)->column};
			i = read_value(s, i + 2, &arg, &clear);
			add_arg(s, call, arg);
		} else {
			call->args_known = false;
			i = skip_expression(s, i, &clear);
		}
		if (!clear)
			call->args_known = false;
		if (!clear || is(s, i, "}"))
			break;
	}
	if (!clear)
		call->arg_count = 0;
}

/* Only one level deep: whatever a table in a table holds, nobody asks for it. */
static void read_members(struct scanner *s, size_t i, struct lua_arg *arg)
{
	struct lua_call inner = {0};

	if (s->inside)
		return;
	s->inside = true;
	read_table(s, i, &inner);
	s->inside = false;
	arg->members = inner.args;
	arg->member_count = inner.arg_count;
	arg->members_known = inner.args_known;
}

/* The target at i, and the arguments behind it. */
static void read_arguments(struct scanner *s, size_t i, struct lua_call *call)
{
	call->called = true;
	if (tok(s, i)->kind != TOKEN_STRING || !(is(s, i + 1, ",") || is(s, i + 1, ")")))
		return;
	call->target = token_string(&s->t, i, s->arena);
	call->target_line = tok(s, i)->line;
	call->target_column = tok(s, i)->column;
	if (is(s, i + 1, ")"))
		call->args_known = true;
	else if (is(s, i + 2, "{"))
		read_table(s, i + 2, call);
}

/* ------------------------------------------------------------------ calls and modules */

static struct lua_call *add_call(struct scanner *s)
{
	if (s->out->call_count == s->call_cap) {
		const size_t cap = s->call_cap ? s->call_cap * 2 : 4;
		struct lua_call *rows = arena_alloc(s->arena, cap * sizeof(*rows));
		if (rows == NULL)
			return NULL;
		if (s->call_cap > 0)
			memcpy(rows, s->out->calls, s->call_cap * sizeof(*rows));
		s->out->calls = rows;
		s->call_cap = cap;
	}
	return &s->out->calls[s->out->call_count++];
}

/* capability.verb with the capability at i. */
static void take_operation(struct scanner *s, size_t i)
{
	const char *capability = name_at(s, i), *verb = name_at(s, i + 2);

	if (capability == NULL || verb == NULL || in(capability, globals, COUNT_OF(globals)) ||
		in(capability, keywords, COUNT_OF(keywords)) || names_have(&s->own, capability))
		return;
	struct lua_call *call = add_call(s);
	if (call == NULL)
		return;
	*call = (struct lua_call){.op = arena_printf(s->arena, "%s.%s", capability, verb),
		.line = tok(s, i)->line, .column = tok(s, i)->column};
	if (is(s, i + 3, "(")) {
		read_arguments(s, i + 4, call);
	} else if (tok(s, i + 3)->kind == TOKEN_STRING) {
		call->called = call->args_known = true;
		call->target = token_string(&s->t, i + 3, s->arena);
		call->target_line = tok(s, i + 3)->line;
		call->target_column = tok(s, i + 3)->column;
	} else if (i >= 2 && is(s, i - 1, "(") && (is(s, i - 2, "attempt") || is(s, i - 2, "pcall")) &&
		   is(s, i + 3, ",")) {
		read_arguments(s, i + 4, call);
	}
}

static void take_module(struct scanner *s, size_t i)
{
	const size_t at = is(s, i + 1, "(") ? i + 2 : i + 1;
	const char *name = tok(s, at)->kind == TOKEN_STRING ? token_string(&s->t, at, s->arena) : NULL;

	if (name == NULL)
		return;
	if (s->out->module_count == s->module_cap) {
		const size_t cap = s->module_cap ? s->module_cap * 2 : 4;
		struct lua_module *rows = arena_alloc(s->arena, cap * sizeof(*rows));
		if (rows == NULL)
			return;
		if (s->module_cap > 0)
			memcpy(rows, s->out->modules, s->module_cap * sizeof(*rows));
		s->out->modules = rows;
		s->module_cap = cap;
	}
	s->out->modules[s->out->module_count++] =
		(struct lua_module){name, tok(s, at)->line, tok(s, at)->column};
}

/* params.NAME, outputs["NAME"], with the table at i. */
static void take_ref(struct scanner *s, size_t i)
{
	const size_t at = i + 2;
	const char *name = is(s, i + 1, ".") ? name_at(s, at)
		: is(s, i + 1, "[") && tok(s, at)->kind == TOKEN_STRING && is(s, at + 1, "]")
		? token_string(&s->t, at, s->arena) : NULL;

	if (name == NULL || names_have(&s->own, is(s, i, "params") ? "params" : "outputs"))
		return;
	if (s->out->ref_count == s->ref_cap) {
		const size_t cap = s->ref_cap ? s->ref_cap * 2 : 8;
		struct lua_ref *rows = arena_alloc(s->arena, cap * sizeof(*rows));
		if (rows == NULL)
			return;
		if (s->ref_cap > 0)
			memcpy(rows, s->out->refs, s->ref_cap * sizeof(*rows));
		s->out->refs = rows;
		s->ref_cap = cap;
	}
	s->out->refs[s->out->ref_count++] =
		(struct lua_ref){is(s, i, "outputs"), name, tok(s, at)->line, tok(s, at)->column};
}

void lua_scan(struct arena *arena, const char *source, size_t len, struct lua_scan *out)
{
	struct scanner s = {.arena = arena, .out = out};

	*out = (struct lua_scan){0};
	tokens_read(&s.t, source, len);
	out->empty = s.t.complete && s.t.count == 1;
	out->complete = s.t.complete;
	find_own(&s);
	for (size_t i = 0; i + 1 < s.t.count; i++) {
		if (tok(&s, i)->kind != TOKEN_NAME || is_member(&s, i))
			continue;
		if (is(&s, i, "require"))
			take_module(&s, i);
		else if (is(&s, i, "params") || is(&s, i, "outputs"))
			take_ref(&s, i);
		else if (is(&s, i + 1, ".") && tok(&s, i + 2)->kind == TOKEN_NAME)
			take_operation(&s, i);
	}
	names_release(&s.own);
	tokens_release(&s.t);
}
