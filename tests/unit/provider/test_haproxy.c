/* test_haproxy.c: HAProxy's tables as HAProxy 2.6 prints them, and when a server counts as up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "haproxy.h"

#include <stdlib.h>
#include <string.h>

#define STATE_HEADER                                                                           \
	"1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state "            \
	"srv_uweight "                                                                         \
	"srv_iweight srv_port\n"
#define STAT_HEADER                                                                            \
	"# pxname,svname,qcur,scur,status,weight,act,bck,check_status,check_fall,desc\n"

static enum err_code read_both(
	const char *state, const char *stat, struct haproxy_backend *b, struct err *err)
{
	char *text = xstrdup(state);
	enum err_code code;

	*b = (struct haproxy_backend){ .name = "sites" };
	code = haproxy_parse_state(text, b, err);
	free(text);
	if (code != ERR_NONE || stat == NULL)
		return code;
	text = xstrdup(stat);
	code = haproxy_parse_stat(text, b, err);
	free(text);
	return code;
}

static void tables_are_read_by_their_columns(void **state)
{
	struct haproxy_backend b;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
		read_both(STATE_HEADER "4 sites 1 a 127.0.0.1 2 0 7 1 8001\n"
				       "4 sites 2 b 127.0.0.2 0 5 1 1 8002\n"
				       "5 other 1 a 127.0.0.3 2 0 1 1 8003\n\n",
			STAT_HEADER "sites,a,1,12,UP,7,1,0,* L7OK,2,\"one, \"\"quoted\"\"\"\n"
				    "sites,b,0,0,MAINT,1,0,1,,2,\n"
				    "sites,BACKEND,0,12,UP,7,1,0,,,\n\n",
			&b, &err),
		ERR_NONE);
	assert_int_equal(b.count, 2);
	const struct haproxy_server *a = haproxy_server_find(&b, "a");
	assert_string_equal(a->address, "127.0.0.1:8001");
	assert_int_equal(a->weight, 7);
	assert_int_equal(a->sessions, 12);
	assert_int_equal(a->queue, 1);
	assert_int_equal(a->fall, 2);
	assert_true(haproxy_up(a));
	assert_true(haproxy_server_find(&b, "b")->backup);
	assert_string_equal(haproxy_admin(haproxy_server_find(&b, "b")), "maint");
	assert_null(haproxy_server_find(&b, "c"));
	haproxy_backend_release(&b);
}

static void up_means_a_passed_check(void **state)
{
	static const struct {
		int admin, op;
		const char *status, *check;
		const char *word;
		bool up;
	} rows[] = {
		{ 0, 2, "UP", "L7OK", "ready", true },
		{ 0, 2, "UP", "* L4OK", "ready", true },
		{ 0, 2, "no check", "", "ready", true },
		{ 4, 2, "UP", "L7OK", "ready", true }, /* began in maintenance: only a memory */
		{ 4, 2, "UP", "INI", "ready", false }, /* not checked yet */
		{ 4, 2, "UP", "* INI", "ready", false },
		{ 4, 2, "UP 1/2", "L7OK", "ready", false }, /* half checked */
		{ 0, 0, "DOWN", "L4CON", "ready", false },
		{ 0, 0, "DOWN 1/2", "L7OK", "ready", false },
		{ 0, 3, "NOLB", "L7OKC", "ready", false },
		{ 1, 0, "MAINT", "", "maint", false },
		{ 2, 0, "MAINT (via x/y)", "", "maint", false },
		{ 0x20, 0, "MAINT (resolution)", "", "maint", false },
		{ 8, 2, "DRAIN", "L7OK", "drain", false },
		{ 0x10, 2, "DRAIN", "L7OK", "drain", false },
		{ 9, 0, "MAINT", "", "maint", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct haproxy_server s = { .admin_bits = rows[i].admin,
			.op_state = rows[i].op };

		snprintf(s.status, sizeof(s.status), "%s", rows[i].status);
		snprintf(s.check, sizeof(s.check), "%s", rows[i].check);
		assert_string_equal(haproxy_admin(&s), rows[i].word);
		if (haproxy_up(&s) != rows[i].up)
			fail_msg("%s %s", rows[i].status, rows[i].check);
	}
}

static void what_is_no_table_is_an_error(void **state)
{
	static const struct {
		const char *state, *stat;
		enum err_code code;
	} rows[] = {
		{ "Can't find backend.\n", NULL, ERR_NOT_FOUND },
		{ "\nCan't find backend.\n\n", NULL, ERR_NOT_FOUND },
		{ "Permission denied\n", NULL, ERR_AUTH },
		{ "Unknown command, but maybe\n", NULL, ERR_PROTOCOL },
		{ "", NULL, ERR_PROTOCOL },
		{ "2\n# be_id be_name\n", NULL, ERR_VERSION },
		{ "1\n", NULL, ERR_PROTOCOL },
		{ "1\n4 sites 1 a\n", NULL, ERR_PROTOCOL },
		{ STATE_HEADER, NULL, ERR_NOT_FOUND },
		{ STATE_HEADER "4 sites 1 a 1 2 0 1 1 1\n", "", ERR_PROTOCOL },
		{ STATE_HEADER "4 sites 1 a 1 2 0 1 1 1\n", "No such proxy.\n", ERR_NOT_FOUND },
		{ STATE_HEADER "4 sites 1 a 1 2 0 1 1 1\n", STAT_HEADER, ERR_PROTOCOL },
		{ STATE_HEADER "4 sites 1 a 1 2 0 1 1 1\n", STAT_HEADER "sites,b,0,0,UP\n",
			ERR_PROTOCOL },
		{ STATE_HEADER "4 sites 1 a 1 2 0 1 1 1\n", STAT_HEADER "sites,a\n", ERR_NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct haproxy_backend b;
		struct err err = { 0 };

		if (read_both(rows[i].state, rows[i].stat, &b, &err) != rows[i].code)
			fail_msg("row %zu: %s: %s", i, err_name(err.code), err.text);
		haproxy_backend_release(&b);
	}
}

static void too_many_servers_are_refused(void **state)
{
	struct haproxy_backend b;
	struct err err = { 0 };
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	assert_int_equal(buf_addf(&text, &err, STATE_HEADER), ERR_NONE);
	for (int i = 0; i <= HAPROXY_SERVERS_MAX; i++)
		assert_int_equal(
			buf_addf(&text, &err, "4 sites %d s%d 1 2 0 1 1 1\n", i, i), ERR_NONE);
	assert_int_equal(read_both(text.data, NULL, &b, &err), ERR_LIMIT);
	haproxy_backend_release(&b);
	buf_release(&text);
}

/* Nothing that goes into a command line can end the command or the word. */
static void names_cannot_be_commands(void **state)
{
	static const char *const bad[] = { "", "a b", "a;b", "a\nb", "a/b", "a\\", "a\tb",
		"\xc3\xbc" };
	static const char *const good[] = { "a", "web-1.eu_2:x" };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(haproxy_check_name("server", bad[i], &err), ERR_USAGE);
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_int_equal(haproxy_check_name("server", good[i], &err), ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_read_by_their_columns),
		cmocka_unit_test(up_means_a_passed_check),
		cmocka_unit_test(what_is_no_table_is_an_error),
		cmocka_unit_test(too_many_servers_are_refused),
		cmocka_unit_test(names_cannot_be_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
