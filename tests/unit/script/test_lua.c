/* The words of a step: what they return, what they say when they are used wrongly, and where. */
#include "rig.h"

#include "sandbox.h"

#include "drillbook/provider.h"

#include <lauxlib.h>

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

static json_t *parse(const char *text)
{
	struct err err = {0};
	json_t *value = NULL;

	if (json_parse(text, strlen(text), &value, &err) != ERR_NONE)
		fail_msg("%s: %s", text, err.text);
	return value;
}

static json_t *base_job(const char *source)
{
	const char *const actions[][3] = {{"hello", "read", "echo hello"}, {"bad", "read", "exit 3"}, {NULL, NULL, NULL}};
	json_t *job = step_job(source, json_pack("{s:o}", "tools", shell_target(actions)));

	json_put(job, "params", parse("{\"reason\": \"drill\", \"n\": 3, \"list\": [1, 2], \"none\": null, \"pw\": {\"secret\": true, \"from\": \"key\"}}"));
	json_put(job, "outputs", parse("{\"before\": {\"count\": 7}}"));
	json_put(job, "clock", parse("{\"t0_ns\": 1700000000123000000, \"t1_ns\": 0}"));
	json_put(job, "modules", parse("{\"orders\": {\"file\": \"lua/orders.lua\", \"source\": "
				       "\"local m = {}\\nfunction m.broken()\\n\\n  fail('from the module')\\nend\\n"
				       "function m.twice(x) return 2 * x end\\nloads = (loads or 0) + 1\\nreturn m\"},"
				       "\"me\": {\"file\": \"lua/me.lua\", \"source\": \"return require('me')\"},"
				       "\"torn\": {\"file\": \"lua/torn.lua\", \"source\": \"\\n\\nreturn (\"},"
				       "\"quiet\": {\"file\": \"lua/quiet.lua\", \"source\": \"x = 1\"}}"));
	return job;
}

/* The last message of a job, messages of other kinds appended to `others` (may be NULL). */
static json_t *finish(struct run *run, json_t *job, json_t *others)
{
	json_t *message;

	run_fork(&rig, run, -1);
	run_send(run, job);
	while ((message = run_next(run)) != NULL && !str_eq(json_str(message, "t", ""), "done")) {
		if (others != NULL)
			json_array_append(others, message);
		json_decref(message);
	}
	assert_non_null(message);
	return message;
}

/* ------------------------------------------------------------------ what scripts return */

static const struct {
	const char *source, *outputs;
} good[] = {
	{"return {a = params.reason, b = params.n, c = #params.list, d = params.none}",
		"{\"a\":\"drill\",\"b\":3,\"c\":2}"},
	{"local n = 0 for k in pairs(params) do n = n + 1 end return {n = n, raw = rawget(params, 'pw'), no = params.nothing}", "{\"n\":3}"},
	{"local ok, e = pcall(function() return params.pw end) return {ok = ok, code = e.code, said = e.text:find('pw is a secret') ~= nil}",
		"{\"code\":\"USAGE\",\"ok\":false,\"said\":true}"},
	{"return params", "{\"list\":[1,2],\"n\":3,\"reason\":\"drill\"}"},
	{"return {x = outputs.before.count}", "{\"x\":7}"},
	{"return {mode = mode, run = run_id, step = step_id}", "{\"mode\":\"drill\",\"run\":7,\"step\":\"promote\"}"},
	{"return {t0 = clock.t0_ms, t1 = clock.t1_ms}", "{\"t0\":1700000000123}"},
	{"return {a = duration('1h30m'), b = duration(250), c = bytes('16MiB'), d = bytes(7)}",
		"{\"a\":5400000,\"b\":250,\"c\":16777216,\"d\":7}"},
	{"return {a = 3.0, b = 1 << 40, c = -0.0 == 0}", "{\"a\":3,\"b\":1099511627776,\"c\":true}"},
	{"return {}", "{}"},
	{"return nil", "{}"},
	{"local x = 1", "{}"},
	{"return {list = {1, 2, 3}, empty = json.array{}, object = {}}",
		"{\"empty\":[],\"list\":[1,2,3],\"object\":{}}"},
	{"return {again = json.decode('[]'), deep = json.decode('{\"a\": [null, 1.5]}').a[2] == 1.5}",
		"{\"again\":[],\"deep\":true}"},
	{"return {s = json.encode{b = 1, a = {1, 2.5}, n = json.null}}",
		"{\"s\":\"{\\\"a\\\":[1,2.5],\\\"b\\\":1,\\\"n\\\":null}\"}"},
	{"return {null = json.decode('[null]')[1] == json.null}", "{\"null\":true}"},
	{"return {bad = '\\xff\\xfe'}", "{\"bad\":\"\xef\xbf\xbd\xef\xbf\xbd\"}"},
	{"local ok, e = pcall(fail, 'no %d', 5) return {ok = ok, code = e.code, text = e.text, where = e.where}",
		"{\"code\":\"FAILED\",\"ok\":false,\"text\":\"no 5\",\"where\":\"failover.yaml:31\"}"},
	{"local ok, e = pcall(fail, '100%') return {text = e.text, all = tostring(e)}",
		"{\"all\":\"failover.yaml:31: FAILED: 100%\",\"text\":\"100%\"}"},
	{"local ok, e = pcall(error, 'plain') return {ok = ok, e = e}", "{\"e\":\"plain\",\"ok\":false}"},
	{"return {ok = select('#', pcall(function() return 1, nil, 3 end))}", "{\"ok\":4}"},
	{"return {r = select(2, xpcall(error, function(e) return e .. '!' end, 'x'))}", "{\"r\":\"x!\"}"},
	{"return {r = select(3, xpcall(function(a, b) return a, b end, print, 1, 2))}", "{\"r\":2}"},
	{"local r, c, t = attempt(action.read, 'tools', {name = 'bad'}) return {r = r, c = c, t = type(t)}",
		"{\"c\":\"FAILED\",\"t\":\"string\"}"},
	{"local r, c = attempt(action.read, 'tools', {name = 'hello'}) return {out = r.out, c = c}", "{\"out\":\"hello\\n\"}"},
	{"return {a = attempt(function(a, b) return a + b end, 1, 2)}", "{\"a\":3}"},
	{"local n = 0 return {v = wait_until('5s', 1, function() n = n + 1 return n == 3 and 'there' end), n = n}",
		"{\"n\":3,\"v\":\"there\"}"},
	{"local r, c, t = attempt(wait_until, 30, 10, function() end) return {c = c, t = t}",
		"{\"c\":\"TIMEOUT\",\"t\":\"not so within 30ms\"}"},
	{"sleep(1) sleep('1ms') return {}", "{}"},
	{"local t = now() return {ok = t > 1600000000000 and now() >= t, kind = math.type(t)}",
		"{\"kind\":\"integer\",\"ok\":true}"},
	{"for i = 1, 50 do local r = random(3) if r < 1 or r > 3 then fail('r') end end return {one = random(1)}",
		"{\"one\":1}"},
	{"return {twice = require('orders').twice(21), same = require('orders') == require('orders'), loads = loads}",
		"{\"loads\":1,\"same\":true,\"twice\":42}"},
	{"return {quiet = require('quiet')}", "{\"quiet\":true}"},
	{"local text = require('text') return {l = text.lines('a\\r\\nb\\n\\nc\\n'), t = text.trim(' x '), "
	 "s = text.split('a,,b', ','), i = text.integer(' 42\\n'), e = text.ends('abc', 'bc')}",
		"{\"e\":true,\"i\":42,\"l\":[\"a\",\"b\",\"\",\"c\"],\"s\":[\"a\",\"\",\"b\"],\"t\":\"x\"}"},
	{"local e = require('expect') return {a = e.equal(1, 1), b = e.between(5, 1, 9), c = e.one_of('x', {'y', 'x'})}",
		"{\"a\":1,\"b\":5,\"c\":\"x\"}"},
	{"return {n = ('x'):rep(3, '-'), c = table.concat({1, 2}, ','), u = select('#', table.unpack{1, 2})}",
		"{\"c\":\"1,2\",\"n\":\"x-x-x\",\"u\":2}"},
	{"return setmetatable({a = 1}, {__index = function() return 2 end})", "{\"a\":1}"},
	{"local x <close> = setmetatable({}, {__close = function() end}) return {ok = true}", "{\"ok\":true}"},
};

static void scripts_that_work(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct run run;
		json_t *done = finish(&run, base_job(good[i].source), NULL);
		if (!json_flag(done, "ok", false))
			fail_msg("%s: %s", good[i].source, error_text(done));
		char *outputs = json_line(json_object_get(done, "outputs"));
		if (!str_eq(outputs, good[i].outputs))
			fail_msg("%s: %s, not %s", good[i].source, outputs, good[i].outputs);
		free(outputs);
		json_decref(done);
		run_end(&run);
	}
}

/* ------------------------------------------------------------------ what they are told when it is wrong */

static const struct {
	const char *source, *code, *text;
} bad[] = {
	{"fail('standby is %d bytes behind', 5)", "FAILED", "standby is 5 bytes behind"},
	{"fail()", "FAILED", "failed"},
	{"fail('100%')", "FAILED", "100%"},
	{"fail('%d', 'x')", "FAILED", "%d [x]"}, /* what it wants to say is said anyhow */
	{"fail('%s and %d', nil, nil)", "FAILED", "%s and %d [nil, nil]"},
	{"\n\nlocal x = nil + 1", "SCRIPT", "failover.yaml:33: attempt to perform arithmetic"},
	{"local x = = 1", "SCRIPT", "failover.yaml:31: unexpected symbol"},
	{"if true then", "SCRIPT", "failover.yaml:31: 'end' expected"},
	{"error('plain')", "SCRIPT", "failover.yaml:31: plain"},
	{"error({})", "SCRIPT", "error() was called with a table"},
	{"return 5", "SCRIPT", "a table of outputs or nothing, not a number"},
	{"return {1, 2}", "SCRIPT", "outputs have names"},
	{"return {a = 1.5}", "SCRIPT", "outputs.a is 1.5: give a whole number in a smaller unit"},
	{"return {a = {b = {0.1}}}", "SCRIPT", "outputs.a.b[1] is 0.1"},
	{"return {a = print}", "SCRIPT", "outputs.a is a function"},
	{"return {a = {1, x = 2}}", "SCRIPT", "outputs.a mixes a list with named members"},
	{"return {[1.5] = 1}", "SCRIPT", "key that is not a string"},
	{"return {a = 0/0}", "SCRIPT", "outputs.a is"},
	{"duration('5 parsecs')", "USAGE", "failover.yaml:31: duration: "},
	{"duration(1.5)", "USAGE", "duration: give a text with a unit or a whole number"},
	{"duration(-1)", "USAGE", "negative"},
	{"bytes('16MB')", "USAGE", "bytes: "},
	{"sleep()", "USAGE", "sleep: give"},
	{"wait_until('1s')", "USAGE", "wait_until(timeout, [interval,] function)"},
	{"wait_until(30, 10, function() end)", "TIMEOUT", "failover.yaml:31: not so within 30ms"},
	{"wait_until('1s', function() local x = nil .. '' end)", "SCRIPT", "concatenate"},
	{"random(0)", "USAGE", "n is at least 1"},
	{"random(1.5)", "SCRIPT", "integer representation"},
	{"progress(2, 'x')", "USAGE", "from 0 to 1"},
	{"progress(0/0)", "USAGE", "from 0 to 1"},
	{"attempt('x')", "USAGE", "the first is a function"},
	{"attempt(action.read, 'tools', {nam = 1})", "USAGE", "nam"},
	{"attempt(fail, 'x')", "FAILED", "x"},
	{"attempt(error, 'x')", "SCRIPT", "x"},
	{"log()", "SCRIPT", "failover.yaml:31: bad argument #1 to 'log'"},
	{"note(('x'):rep(5000))", "USAGE", "at most 4000 bytes"},
	{"require('nix')", "USAGE", "there is no module \"nix\": it would be lua/nix.lua"},
	{"require('me')", "USAGE", "module \"me\" requires itself"},
	{"require('torn')", "SCRIPT", "lua/torn.lua:3: unexpected symbol"},
	{"require('orders').broken()", "FAILED", "from the module"},
	{"require('a/../b')", "USAGE", "is no name of a module"},
	{"require('sandbox.d')", "USAGE", "is no name of a module"}, /* annotations are for editors */
	{"require('expect').equal(1, 2, 'the count')", "FAILED", "the count is 1, not 2"},
	{"json.decode('{')", "PROTOCOL", "json.decode"},
	{"json.encode(print)", "USAGE", "the value is a function"},
	{"impact{at = 1}", "USAGE", "impact: there is no member \"at\""},
	{"impact{at_ms = 1.5}", "USAGE", "at_ms is a whole number"},
	{"recovery_point{lost = 1, basis = 'x'}", "USAGE", "name the service"},
	{"recovery_point{service = 'orders', lost = 1}", "USAGE", "basis"},
	{"recovery_point{service = 'orders', lost = -1, basis = 'x'}", "USAGE", "lost is negative"},
	{"action.read('tools', {name = 'hello'}, 3)", "USAGE", "one table"},
	{"action.read('tools', {'hello'})", "USAGE", "parameters have names"},
	{"action.read{'tools'}", "USAGE", "name of a target"},
	{"getmetatable(action).__index = nil", "SCRIPT", ""},
	{"setmetatable(action, {})", "USAGE", "protected"},
	{"return os.time()", "SCRIPT", "global 'os'"},
	{"math.random()", "SCRIPT", "field 'random'"},
};

static void scripts_that_do_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct run run;
		json_t *done = finish(&run, base_job(bad[i].source), NULL);
		assert_false(json_flag(done, "ok", true));
		if (!str_eq(error_code(done), bad[i].code))
			fail_msg("%s: %s (%s), not %s", bad[i].source, error_code(done), error_text(done), bad[i].code);
		if (strstr(error_text(done), bad[i].text) == NULL)
			fail_msg("%s: \"%s\" should contain \"%s\"", bad[i].source, error_text(done), bad[i].text);
		json_decref(done);
		run_end(&run);
	}
}

static void an_error_knows_its_line(void **state)
{
	static const struct {
		const char *source, *where;
	} cases[] = {
		{"\n\nfail('x')", "failover.yaml:33"},
		{"local function f()\nfail('x')\nend\nf()", "failover.yaml:32"},
		{"\nrequire('orders').broken()", "lua/orders.lua:4"},
		{"\nrequire('expect').equal(1, 2)", "failover.yaml:32"}, /* the library speaks for its caller */
		{"\n\nattempt(function()\nfail('x') end)", "failover.yaml:34"},
		{"\nattempt(action.read, 'gone')", "failover.yaml:32"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct run run;
		json_t *done = finish(&run, base_job(cases[i].source), NULL);
		assert_text(done, "error.where", cases[i].where);
		json_decref(done);
		run_end(&run);
	}
}

/* ------------------------------------------------------------------ what they say meanwhile */

static void what_a_script_says(void **state)
{
	static const char source[] =
		"log('plain 100%') log('%s=%d', 'x', 3) print('a', nil, 2)\n"
		"note('seen %d', 4)\n"
		"impact{at_ms = 1700000000000} detected{at_ms = 1700000001000, basis = 'stated'}\n"
		"require('recovery').counted{service = 'orders', unit = 'orders', acknowledged = 10, found = 8}\n"
		"recovery_point{service = 'orders', rpa_ms = 1500, at_ms = 1700000000500, basis = 'sentinel'}";
	static const char *const expected[] = {
		"{\"t\":\"note\",\"text\":\"seen 4\"}",
		"{\"at_ns\":1700000000000000000,\"basis\":\"scenario\",\"clock\":\"t0\",\"t\":\"clock\"}",
		"{\"at_ns\":1700000001000000000,\"basis\":\"stated\",\"clock\":\"t1\",\"t\":\"clock\"}",
		"{\"acknowledged\":10,\"basis\":\"acknowledged against found\",\"lost\":2,\"service\":\"orders\",\"t\":\"measure\","
		"\"unit\":\"orders\"}",
		"{\"basis\":\"sentinel\",\"recovery_point_ns\":1700000000500000000,\"rpa_ms\":1500,\"service\":\"orders\","
		"\"t\":\"measure\"}",
	};
	struct run run;
	json_t *said = json_array();

	(void)state;
	json_t *done = finish(&run, base_job(source), said);
	assert_true(json_flag(done, "ok", false));
	json_decref(done);
	assert_int_equal(json_array_size(said), COUNT_OF(expected));
	for (size_t i = 0; i < COUNT_OF(expected); i++) {
		char *line = json_line(json_array_get(said, i));
		assert_string_equal(line, expected[i]);
		free(line);
	}
	char *out = run_output(&run);
	assert_string_equal(out, "plain 100%\nx=3\na\tnil\t2\norders: 10 acknowledged, 8 found, 2 lost\n");
	free(out);
	json_decref(said);
	run_end(&run);
}

static void phases_other_than_run(void **state)
{
	static const struct {
		const char *phase, *source;
		bool ok;
	} cases[] = {
		{"check", "return true", true}, {"check", "return false", false}, {"check", "", true},
		{"verify", "if outputs.before.count ~= 7 then fail('x') end", true}, {"verify", "return false", false},
		{"verify", "return 5", true}, {"undo", "return {undone = true}", true}, {"undo", "return false", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct run run;
		json_t *job = base_job(cases[i].source);
		json_put_str(job, "phase", cases[i].phase);
		json_t *done = finish(&run, job, NULL);
		if (json_flag(done, "ok", !cases[i].ok) != cases[i].ok)
			fail_msg("%s: %s", cases[i].phase, cases[i].source);
		json_decref(done);
		run_end(&run);
	}
}

/* No capability hides a word of the API, and every operation of the tables can be called. */
static void every_operation_is_bound(void **state)
{
	struct buf source;
	struct err err = {0};
	struct run run;

	(void)state;
	buf_init(&source, 1 << 20);
	for (size_t i = 0; providers[i] != NULL; i++)
		for (const struct operation *o = providers[i]->operations; o->capability != NULL; o++) {
			for (size_t k = 0; sandbox_words[k] != NULL; k++)
				assert_string_not_equal(sandbox_words[k], o->capability);
			assert_int_equal(buf_addf(&source, &err, "if type(%s.%s) ~= 'function' then fail('%s.%s') end\n",
						 o->capability, o->verb, o->capability, o->verb),
				ERR_NONE);
		}
	for (size_t k = 0; sandbox_words[k] != NULL; k++)
		assert_int_equal(buf_addf(&source, &err, "if %s == nil then fail('%s') end\n", sandbox_words[k],
					 sandbox_words[k]),
			ERR_NONE);
	json_t *done = finish(&run, base_job(source.data), NULL);
	if (!json_flag(done, "ok", false))
		fail_msg("%s", error_text(done));
	json_decref(done);
	run_end(&run);
	buf_release(&source);
}

/* Editors read them, no run does; but a Lua they must be. */
static void annotations_are_lua(void **state)
{
	static const char *const files[] = {TEST_SOURCE "/lua/providers.d.lua", TEST_SOURCE "/lua/sandbox.d.lua"};
	lua_State *lua = luaL_newstate();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (luaL_dofile(lua, files[i]) != LUA_OK)
			fail_msg("%s", lua_tostring(lua, -1));
	lua_getglobal(lua, "backup");
	assert_int_equal(lua_getfield(lua, -1, "start"), LUA_TFUNCTION);
	lua_getglobal(lua, "wait_until");
	assert_true(lua_isfunction(lua, -1));
	lua_close(lua);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_that_work),
		cmocka_unit_test(scripts_that_do_not),
		cmocka_unit_test(an_error_knows_its_line),
		cmocka_unit_test(what_a_script_says),
		cmocka_unit_test(phases_other_than_run),
		cmocka_unit_test(every_operation_is_bound),
		cmocka_unit_test(annotations_are_lua),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
