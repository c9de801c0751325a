/* luascan.h: what can be told about a piece of Lua without running it: which operations it calls
 * with which literal targets and parameters, which modules it requires, and which parameters and outputs it
 * asks for. */
#ifndef BOOK_LUASCAN_H
#define BOOK_LUASCAN_H

#include "internal.h"

enum literal { LITERAL_NONE, LITERAL_STRING, LITERAL_INT, LITERAL_FLOAT, LITERAL_BOOL, LITERAL_TABLE };

/* One member of a literal table of arguments. */
struct lua_arg {
	const char *name;
	enum literal literal;    /* NONE = an expression */
	const char *text;        /* of a string */
	int64_t number;          /* of an int; also duration("30s"), bytes("1MiB") */
	unsigned name_line, name_column, line, column; /* of the value */
	struct lua_arg *members; /* of a table that is the value of an argument: its names */
	size_t member_count;
	bool members_known;      /* all of them */
};

/* params.NAME or outputs.NAME somewhere in the source. */
struct lua_ref {
	bool output;
	const char *name;
	unsigned line, column;   /* of the name */
};

/* capability.verb somewhere in the source: called, given to attempt or pcall, or only named. */
struct lua_call {
	const char *op;
	bool called;
	const char *target;      /* NULL = computed, or not called */
	bool args_known;         /* every argument is in args */
	struct lua_arg *args;
	size_t arg_count;
	unsigned line, column, target_line, target_column; /* 1-based in the source */
};

struct lua_module {
	const char *name;
	unsigned line, column;
};

struct lua_scan {
	bool empty;              /* nothing but comments and space */
	bool complete;           /* false: too long, or a string or comment without end */
	struct lua_call *calls;
	size_t call_count;
	struct lua_module *modules;
	size_t module_count;
	struct lua_ref *refs;
	size_t ref_count;
};

/* Everything in *out lives in the arena. */
void lua_scan(struct arena *arena, const char *source, size_t len, struct lua_scan *out);

#endif
