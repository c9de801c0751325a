/* people.c: who is at the other end of a connection, and what that person may do
 * (docs/team.md).
 *
 * A person is a uid, as the kernel gives it at accept; name and groups are looked up by it.  On
 * a personal server it is always the same person, who may do everything; on a team server roles
 * come from server.yaml and whoever is in none may do nothing. */
#include "internal.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 5000, GROUPS_MAX = 1024, ENTRY_MAX = 16384, PEOPLE_MAX = 1000 };

static const struct {
	const char *name;
	enum role role;
} roles[] = {
	/* the one that may most comes first */
	{ "administrator",
		ROLE_ADMIN }, /* never in server.yaml: root and the server's own user */
	{ "operator", ROLE_OPERATOR },
	{ "approver", ROLE_APPROVER },
	{ "observer", ROLE_OBSERVER },
};

/* ------------------------------------------------------------------ names and groups */

/* One look-up.  Name services may ask a directory over the network: on a team server this happens on a
 * thread of its own, and touches nothing but this. */
struct look_up {
	uv_work_t work;
	struct server *server;
	int64_t uid, conn; /* the connection that waits for it; 0 = none */
	char name[64];
	bool known, failed;
	json_t *groups;
};

static void add_group(json_t *groups, gid_t gid)
{
	char entry[ENTRY_MAX], number[24];
	struct group group, *found = NULL;

	if (getgrgid_r(gid, &group, entry, sizeof(entry), &found) == 0 && found != NULL)
		json_array_append_new(groups, json_text(group.gr_name, strlen(group.gr_name)));
	snprintf(number, sizeof(number), "%u", (unsigned)gid);
	json_array_append_new(groups, json_string(number));
}

static void look_up(struct look_up *look)
{
	char entry[ENTRY_MAX];
	struct passwd user, *found = NULL;
	gid_t gids[GROUPS_MAX];
	int count = GROUPS_MAX;

	look->groups = json_array();
	snprintf(look->name, sizeof(look->name), "%lld", (long long)look->uid);
	const int why = getpwuid_r((uid_t)look->uid, &user, entry, sizeof(entry), &found);
	look->known = found != NULL;
	look->failed = found == NULL && why != 0 && why != ENOENT && why != ESRCH;
	if (!look->known)
		return;
	snprintf(look->name, sizeof(look->name), "%s", user.pw_name);
	if (getgrouplist(user.pw_name, user.pw_gid, gids, &count) < 0)
		count = 0; /* in more groups than anybody is: in none */
	for (int i = 0; i < count; i++)
		add_group(look->groups, gids[i]);
}

/* A directory that does not answer takes no role away from who had it. */
static void take(struct person *person, struct look_up *look)
{
	person->looked = mono_now();
	person->looking = false;
	if (look->failed && person->groups != NULL) {
		log_line(LOG_WARN, "uid %lld cannot be looked up: what was known of it holds",
			(long long)look->uid);
		json_decref(look->groups);
		return;
	}
	json_decref(person->groups);
	person->groups = look->groups;
	person->known = look->known;
	snprintf(person->name, sizeof(person->name), "%s", look->name);
}

static struct person *person_place(struct server *server, int64_t uid)
{
	struct person *person = server->people;
	size_t count = 0;

	for (; person != NULL && person->uid != uid; person = person->next)
		count++;
	if (person != NULL)
		return person;
	if (count >= PEOPLE_MAX) { /* the newest place is as good as any */
		person = server->people;
		json_decref(person->groups);
		*person = (struct person){ .next = person->next, .uid = uid };
		return person;
	}
	person = xmalloc(sizeof(*person));
	*person = (struct person){ .next = server->people, .uid = uid };
	server->people = person;
	return person;
}

const struct person *person_of(struct server *server, int64_t uid)
{
	struct person *person = person_place(server, uid);
	struct look_up look = { .uid = uid };

	/* a team server looks again in the background (people_watch) */
	if (person->groups != NULL &&
		(team_server(server) || mono_ms_since(person->looked) <= LOOK_AGAIN_MS))
		return person;
	look_up(&look);
	take(person, &look);
	return person;
}

static void on_thread(uv_work_t *work)
{
	look_up(work->data);
}

static void looked_up(uv_work_t *work, int status)
{
	struct look_up *look = work->data;
	struct conn *conn = conn_find(look->server, look->conn);

	if (status == 0)
		take(person_place(look->server, look->uid), look);
	else
		json_decref(look->groups);
	if (conn != NULL)
		conn_begin(conn);
	free(look);
}

static void look_up_later(struct server *server, int64_t uid, int64_t conn)
{
	struct look_up *look = xmalloc(sizeof(*look));

	*look = (struct look_up){ .server = server, .uid = uid, .conn = conn };
	look->work.data = look;
	person_place(server, uid)->looking = true;
	uv_queue_work(&server->loop, &look->work, on_thread, looked_up);
}

void person_meet(struct conn *conn)
{
	struct server *server = conn->server;

	if (!team_server(server) || person_place(server, conn->actor.uid)->groups != NULL)
		conn_begin(conn);
	else
		look_up_later(server, conn->actor.uid, conn->id);
}

static bool matters(const struct server *server, int64_t uid)
{
	for (const struct conn *conn = server->conns; conn != NULL; conn = conn->next)
		if (conn->actor.uid == uid)
			return true;
	for (const struct live *live = server->lives; live != NULL; live = live->next)
		if (live->run->started_by.uid == uid)
			return true;
	return false;
}

/* Who is connected, or has an open run, is looked up again every few seconds; who is not is forgotten
 * and looked up when they come. */
static void look_again(struct server *server, int64_t a, int64_t b)
{
	struct person **at = &server->people, *person;

	while ((person = *at) != NULL) {
		if (!person->looking && !matters(server, person->uid)) {
			*at = person->next;
			json_decref(person->groups);
			free(person);
			continue;
		}
		if (!person->looking && mono_ms_since(person->looked) > LOOK_AGAIN_MS)
			look_up_later(server, person->uid, 0);
		at = &person->next;
	}
	timer_start(server, LOOK_AGAIN_MS, look_again, a, b);
}

void people_watch(struct server *server)
{
	if (team_server(server))
		timer_start(server, LOOK_AGAIN_MS, look_again, 0, 0);
}

bool person_in(const struct person *person, const json_t *list)
{
	const json_t *row, *group;
	char number[24];
	size_t i, k;

	snprintf(number, sizeof(number), "%lld", (long long)person->uid);
	json_array_foreach(list, i, row) {
		const char *entry = json_string_value(row);
		if (entry == NULL)
			continue;
		if (str_eq(entry, number) || (person->known && str_eq(entry, person->name)))
			return true;
		if (entry[0] != '@')
			continue;
		json_array_foreach(person->groups, k, group)
			if (str_eq(json_string_value(group), entry + 1))
				return true;
	}
	return false;
}

void persons_forget(struct server *server)
{
	for (struct person *person = server->people, *next; person != NULL; person = next) {
		next = person->next;
		json_decref(person->groups);
		free(person);
	}
	server->people = NULL;
}

/* ------------------------------------------------------------------ roles */

bool team_server(const struct server *server)
{
	return server->options->team;
}

unsigned person_roles(struct server *server, int64_t uid)
{
	unsigned found = 0;

	if (!team_server(server))
		return ROLE_ALL;
	settings_refresh(&server->team);
	const json_t *lists = json_object_get(server->team.json, "roles");
	const struct person *person = person_of(server, uid);
	for (size_t i = 0; i < COUNT_OF(roles); i++)
		if (person_in(person, json_object_get(lists, roles[i].name)))
			found |= roles[i].role;
	if (uid == 0 || uid == (int64_t)geteuid())
		found |= ROLE_ADMIN;
	return found;
}

json_t *roles_json(unsigned held)
{
	json_t *out = json_array();

	for (size_t i = 0; i < COUNT_OF(roles); i++)
		if (held & roles[i].role)
			json_array_append_new(out, json_string(roles[i].name));
	return out;
}

enum err_code conn_must(struct conn *conn, unsigned any_of, struct err *err)
{
	const unsigned held = person_roles(conn->server, conn->actor.uid);
	const char *needed = "";

	if (any_of == 0 || (held & any_of) != 0)
		return ERR_NONE;
	for (size_t i = 0; i < COUNT_OF(roles); i++)
		if (any_of & roles[i].role)
			needed = roles[i].name; /* the least that would do */
	log_line(LOG_WARN, "uid %lld (%s) was refused: not %s", (long long)conn->actor.uid,
		conn->actor.name, needed);
	if (held == 0)
		return err_set(err, ERR_FORBIDDEN,
			"%s (uid %lld) has no role on this server: ask whoever keeps \"%s\"",
			conn->actor.name, (long long)conn->actor.uid, conn->server->team.path);
	return err_set(err, ERR_FORBIDDEN,
		"this takes the role of %s, which %s (uid %lld) does not have", needed,
		conn->actor.name, (long long)conn->actor.uid);
}

/* ------------------------------------------------------------------ workspaces of a team
 * server */

bool team_trusts(struct server *server, const char *root)
{
	char *real = realpath(root, NULL);
	const json_t *row;
	bool found = false;
	size_t i;

	settings_refresh(&server->team);
	json_array_foreach(json_object_get(server->team.json, "workspaces"), i, row) {
		char *listed = realpath(json_string_value(row), NULL);
		found = found || (real != NULL && listed != NULL && strcmp(real, listed) == 0);
		free(listed);
	}
	free(real);
	return found;
}
