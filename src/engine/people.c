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

enum { LOOK_AGAIN_MS = 10000, GROUPS_MAX = 1024, ENTRY_MAX = 16384, PEOPLE_MAX = 1000 };

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

static void add_group(json_t *groups, gid_t gid)
{
	char entry[ENTRY_MAX], number[24];
	struct group group, *found = NULL;

	if (getgrgid_r(gid, &group, entry, sizeof(entry), &found) == 0 && found != NULL)
		json_array_append_new(groups, json_text(group.gr_name, strlen(group.gr_name)));
	snprintf(number, sizeof(number), "%u", (unsigned)gid);
	json_array_append_new(groups, json_string(number));
}

static void look_up(struct person *person)
{
	char entry[ENTRY_MAX];
	struct passwd user, *found = NULL;
	gid_t gids[GROUPS_MAX];
	int count = GROUPS_MAX;

	json_decref(person->groups);
	person->groups = json_array();
	person->looked = mono_now();
	snprintf(person->name, sizeof(person->name), "%lld", (long long)person->uid);
	person->known =
		getpwuid_r((uid_t)person->uid, &user, entry, sizeof(entry), &found) == 0 &&
		found != NULL;
	if (!person->known)
		return;
	snprintf(person->name, sizeof(person->name), "%s", user.pw_name);
	if (getgrouplist(user.pw_name, user.pw_gid, gids, &count) < 0)
		count = 0; /* in more groups than anybody is: in none */
	for (int i = 0; i < count; i++)
		add_group(person->groups, gids[i]);
}

const struct person *person_of(struct server *server, int64_t uid)
{
	struct person *person = server->people;
	size_t count = 0;

	for (; person != NULL && person->uid != uid; person = person->next)
		count++;
	if (person == NULL && count >= PEOPLE_MAX) { /* the oldest place is as good as any */
		person = server->people;
		person->uid = uid;
		person->looked = (struct mono){ 0 };
	} else if (person == NULL) {
		person = xmalloc(sizeof(*person));
		*person = (struct person){ .next = server->people, .uid = uid };
		server->people = person;
	}
	if (person->looked.ns == 0 || mono_ms_since(person->looked) > LOOK_AGAIN_MS)
		look_up(person);
	return person;
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
