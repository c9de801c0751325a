/* T14: scripts that do not want to end, or want more than they may have.  Each is over within its deadline and half a
 * second, within its memory, and its neighbour does not notice. */
#include "rig.h"

#include <sys/resource.h>

enum {
	DEADLINE_MS = 400,
	LATE_MS = 500,
#ifdef __SANITIZE_ADDRESS__
	MEMORY_KIB = 0, /* its own book-keeping is larger than the script */
#else
	MEMORY_KIB = (64 + 16) * 1024, /* of Lua, and what may come on top */
#endif
};

/* Where the outcome is given the script must end so; "" = by its deadline; a word = that code. */
static const struct hostile {
	const char *name, *code, *source;
} scripts[] = {
	{"busy loop", "TIMEOUT", "while true do end"},
	{"goto loop", "TIMEOUT", "::again:: goto again"},
	{"repeat", "TIMEOUT", "repeat local x = 1 until false"},
	{"numeric for", "TIMEOUT", "for i = 1, math.maxinteger do end"},
	{"pcall loop", "TIMEOUT", "while true do pcall(function() while true do end end) end"},
	{"nested pcall", "TIMEOUT", "local function f() pcall(f) return f() end while true do pcall(f) end"},
	{"xpcall loop", "TIMEOUT", "while true do xpcall(function() while true do end end, function(e) return e end) end"},
	{"xpcall with a handler that loops", "TIMEOUT", "while true do xpcall(error, function() while true do end end) end"},
	{"xpcall whose handler fails", "TIMEOUT", "while true do xpcall(error, function() error('x') end) end"},
	{"attempt loop", "TIMEOUT", "while true do attempt(function() while true do end end) end"},
	{"pcall of pcall", "TIMEOUT", "while true do pcall(pcall, pcall, function() while true do end end) end"},
	{"tail calls", "TIMEOUT", "local function f() return f() end return f()"},
	{"recursion", "LIMIT", "local function f() return 1 + f() end return f()"},
	{"recursion caught", "TIMEOUT", "local function f() return 1 + f() end while true do pcall(f) end"},
	{"pattern blow-up", "TIMEOUT", "return ('a'):rep(200000):find(('a*'):rep(40) .. 'b')"},
	{"gsub blow-up", "TIMEOUT", "return (('a'):rep(100000):gsub(('.-'):rep(20) .. 'b', ''))"},
	{"gmatch blow-up", "TIMEOUT", "for m in ('a'):rep(100000):gmatch(('a?'):rep(60) .. ('a*'):rep(20) .. 'b') do end"},
	{"pattern in pcall", "TIMEOUT", "while true do pcall(string.find, ('a'):rep(200000), ('a*'):rep(40) .. 'b') end"},
	{"balanced pattern", "TIMEOUT", "while true do (('('):rep(20000)):find('%b()') end"},
	{"string.rep of nothing", "TIMEOUT", "while true do (''):rep(math.maxinteger) end"},
	{"string.rep of much", "USAGE", "return ('x'):rep(1 << 40)"},
	{"string.rep overflow", "USAGE", "return ('xy'):rep(math.maxinteger, 'z')"},
	{"string grows", "LIMIT", "local s = 'x' while true do s = s .. s end"},
	{"string grows caught", "TIMEOUT", "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end"},
	{"table grows", "LIMIT", "local t = {} for i = 1, math.maxinteger do t[i] = i end"},
	{"table grows caught", "TIMEOUT",
		"while true do pcall(function() local t = {} for i = 1, math.maxinteger do t[i] = i end end) end"},
	{"closures", "LIMIT", "local f = {} for i = 1, math.maxinteger do f[i] = function() return i end end"},
	{"many arguments", "SCRIPT", "local t = {} for i = 1, 1000000 do t[i] = i end return select('#', table.unpack(t, 1, 1 << 22))"},
	{"concat", "USAGE", "return table.concat({}, 'x', 1, math.maxinteger)"},
	{"move", "USAGE", "return table.move({}, 1, math.maxinteger - 1, 2)"},
	{"move in a proxy", "TIMEOUT",
		"local p = setmetatable({}, {__index = function() return 1 end, __newindex = function() end}) "
		"while true do table.move(p, 1, 4000000, 2) end"},
	{"sort", "TIMEOUT", "local t = {} for i = 1, 100000 do t[i] = -i end while true do table.sort(t, function(a, b) return a < b end) end"},
	{"sort that lies", "TIMEOUT",
		"local t = {} for i = 1, 1000 do t[i] = i end while true do pcall(table.sort, t, function() return true end) end"},
	{"sort without a comparison", "TIMEOUT",
		"local t = {} for i = 1, 1000000 do t[i] = (i * 7919) % 1000003 end while true do table.sort(t) t[1] = t[500000] end"},
	{"format", "TIMEOUT", "while true do string.format('%99.99f', 1e300) end"},
	{"pack", "LIMIT", "return string.pack('s8', ('x'):rep(1 << 20):rep(50))"},
	{"__index loop", "SCRIPT", "local a, b = {}, {} setmetatable(a, {__index = b}) setmetatable(b, {__index = a}) return a.x"},
	{"__index function", "TIMEOUT", "local t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x"},
	{"__tostring", "TIMEOUT", "log(setmetatable({}, {__tostring = function() while true do end end}))"},
	{"__tostring of an error", "SCRIPT", "error(setmetatable({}, {__tostring = function() while true do end end}))"},
	{"__eq and __lt", "TIMEOUT", "local m = {__lt = function() while true do end end} return setmetatable({}, m) < setmetatable({}, m)"},
	{"__concat", "TIMEOUT", "return setmetatable({}, {__concat = function() while true do end end}) .. 'x'"},
	{"__len", "TIMEOUT", "return #setmetatable({}, {__len = function() while true do end end})"},
	{"__gc", "USAGE", "setmetatable({}, {__gc = function() while true do end end})"},
	{"__gc given later", "NONE", "local m = {} local t = setmetatable({}, m) m.__gc = function() while true do end end t = nil"},
	{"__close", "TIMEOUT", "local x <close> = setmetatable({}, {__close = function() while true do end end})"},
	{"__close while failing", "TIMEOUT",
		"while true do pcall(function() local x <close> = setmetatable({}, {__close = function() while true do end end}) error('x') end) end"},
	{"__pairs", "TIMEOUT", "for k in pairs(setmetatable({}, {__pairs = function() return function() return 1 end end})) do end"},
	{"wait for ever", "TIMEOUT", "wait_until('1h', 0, function() return false end)"},
	{"wait for ever, caught", "TIMEOUT", "while true do pcall(wait_until, '1h', 0, function() return false end) end"},
	{"wait for no time", "TIMEOUT", "while true do pcall(wait_until, 0, function() return false end) end"},
	{"sleep", "TIMEOUT", "sleep('1h')"},
	{"sleep, caught", "TIMEOUT", "while true do pcall(sleep, '1h') end"},
	{"sleep of nothing", "TIMEOUT", "while true do sleep(0) end"},
	{"flood of output", "TIMEOUT", "while true do log(('x'):rep(10000)) end"},
	{"flood of print", "TIMEOUT", "while true do print() end"},
	{"flood of progress", "TIMEOUT", "while true do progress(nil, 'x') end"},
	{"json of a cycle", "USAGE", "local t = {} t.t = t return json.encode(t)"},
	{"json of depth", "TIMEOUT", "while true do pcall(json.decode, ('['):rep(100000)) end"},
	{"json of size", "TIMEOUT", "local s = '[' .. ('1,'):rep(100000) .. '1]' while true do json.decode(s) end"},
	{"outputs of a cycle", "SCRIPT", "local t = {} t.t = t return t"},
	{"outputs too large", "LIMIT", "return {x = ('x'):rep(2 << 20)}"},
	{"require of itself", "USAGE", "require('../../etc/passwd')"},
	{"load", "SCRIPT", "return load('while true do end')()"},
	{"binary chunk", "SCRIPT", "\x1bLua"},
	{"coroutine", "SCRIPT", "coroutine.wrap(function() while true do end end)()"},
	{"collectgarbage", "SCRIPT", "collectgarbage('stop')"},
	{"os.exit", "SCRIPT", "os.exit(0)"},
	{"io", "SCRIPT", "io.open('/etc/passwd')"},
	{"debug", "SCRIPT", "debug.sethook()"},
	{"the registry's libraries", "SCRIPT", "return package.loaded.os"},
	{"string.dump", "SCRIPT", "return string.dump(function() end)"},
	{"a stolen metatable", "SCRIPT", "getmetatable(select(2, pcall(fail, 'x'))).__tostring = function() while true do end end"},
	{"error of a number", "SCRIPT", "error(12)"},
	{"error of nil", "SCRIPT", "error()"},
	{"own pcall broken", "TIMEOUT", "pcall = nil while true do end"},
	{"globals cleared", "TIMEOUT", "local g, each = _G, pairs for k in each(g) do g[k] = nil end while true do end"},
	{"utf8", "TIMEOUT", "local s = ('\\xf0\\x9f\\x98\\x80'):rep(100000) while true do utf8.len(s) end"},
	{"tostring of numbers", "TIMEOUT", "local i = 0 while true do i = i + 1 local _ = tostring(i) end"},
};

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_start(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

static long peak_kib(pid_t pid)
{
	char path[64], line[256];
	long peak = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			peak = strtol(line + 6, NULL, 10);
	if (file != NULL)
		fclose(file);
	return peak;
}

/* Reads messages until "done", looking at the memory meanwhile. */
static json_t *watch(struct run *run, long *peak)
{
	const struct mono begin = mono_now();
	struct err err = {0};
	json_t *message;

	run_forked(run);
	for (;;) {
		const long now = peak_kib(run->pid);
		if (now > *peak)
			*peak = now;
		assert_true(mono_ms_since(begin) < PATIENCE_MS);
		if (wire_wait(&run->wire, 20, &message, &err) == ERR_TIMEOUT)
			continue;
		if (message == NULL)
			return NULL;
		if (str_eq(json_str(message, "t", ""), "done"))
			return message;
		json_decref(message);
		message = NULL;
	}
}

static size_t wrong;

static void PRINTF(2, 3) complain(const struct hostile *script, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error("%s: ", script->name);
	vprint_error(fmt, args);
	print_error("\n");
	va_end(args);
	wrong++;
}

static void one(const struct hostile *script, long base_kib)
{
	struct run run, neighbour;
	json_t *job = step_job(script->source, json_object());
	long peak = 0;

	json_object_set_new(job, "timeout_ms", json_integer(DEADLINE_MS));
	json_object_set_new(job, "output_max_bytes", json_integer(1 << 20));
	run_fork(&rig, &neighbour, -1);
	run_fork(&rig, &run, -1);
	const struct mono begin = mono_now();
	run_send(&run, job);
	json_t *done = watch(&run, &peak);
	const int64_t took = mono_ms_since(begin);
	if (done == NULL)
		complain(script, "the worker died without a word");
	const bool ok = json_flag(done, "ok", false);
	const char *code = ok ? "NONE" : error_code(done);
	/* on a slow machine the deadline may come before the memory is full */
	const bool slow = str_eq(script->code, "LIMIT") && str_eq(code, "TIMEOUT");
	if (!slow && !str_eq(code, script->code))
		complain(script, "%s (%s), not %s", code, error_text(done), script->code);
	if (took > DEADLINE_MS + LATE_MS)
		complain(script, "over after %lld ms", (long long)took);
	if (MEMORY_KIB > 0 && peak - base_kib > MEMORY_KIB)
		complain(script, "took %ld KiB", peak - base_kib);
	json_decref(done);
	run_end(&run);
	/* a step beside it works as if nothing had happened */
	run_send(&neighbour, step_job("return {fine = true}", json_object()));
	done = run_expect(&neighbour, "done");
	assert_true(json_flag(done, "ok", false));
	json_decref(done);
	run_end(&neighbour);
}

static void every_one_is_over_in_time(void **state)
{
	struct run quiet;
	long base = 0;

	(void)state;
	assert_true(COUNT_OF(scripts) >= 40);
	run_script(&rig, &quiet, "sleep(200)", NULL);
	json_decref(watch(&quiet, &base));
	run_end(&quiet);
	for (size_t i = 0; i < COUNT_OF(scripts); i++)
		one(&scripts[i], base);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_one_is_over_in_time)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
