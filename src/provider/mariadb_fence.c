/* mariadb_fence.c: failover.fence and failover.unfence: an old primary must not take writes any
 * more.
 *
 * read_only refuses everybody but those who have READ_ONLY ADMIN (or SUPER): a request to
 * clients, not a wall for administrators, and a restart forgets it.  With setting fence_file,
 * on the server's own host, a restart keeps it; and a server that is down is fenced by that
 * file alone: nobody listens, and started by accident it comes back read-only. */
#include "internal.h"

#ifdef HAVE_LIBMARIADB
#include "mariadb.h"

/* Looks at the server; *down: nobody listens there, which is no error then. */
static enum err_code look(
	struct call *call, struct maria_node *node, bool *down, struct err *err)
{
	struct err why = { 0 };
	struct maria m;

	enum err_code code = maria_open(&m, call, NULL, &why);
	*down = m.refused;
	if (code == ERR_NONE) {
		code = maria_look(&m, node, &why);
		maria_close(&m);
		why.world = WORLD_UNCHANGED;
	}
	if (code == ERR_NONE || *down)
		return ERR_NONE;
	*err = why;
	return code;
}

static void put_undo(json_t *before, const char *op)
{
	json_put(before, "undo", json_pack("{s:s, s:{}}", "op", op, "args"));
}

static enum err_code not_there(struct call *call, struct err *err)
{
	return err_set(err, ERR_UNREACHABLE,
		"cannot prove that \"%s\" takes no writes: nobody listens there now, and "
		"without the "
		"setting fence_file it would take them once it is started",
		call_target(call));
}

PREPARE(mariadb_fence_prepare)
{
	const char *path = setting_string(call, "fence_file");
	struct maria_node node;
	bool down;

	const enum err_code code = look(call, &node, &down, err);
	if (down) {
		if (path == NULL)
			return not_there(call, err);
		json_put_flag(before, "down", true);
		if (!path_exists(path))
			put_undo(before, "failover.unfence");
		return ERR_NONE;
	}
	if (code == ERR_UNREACHABLE || code == ERR_TIMEOUT)
		return err_context(
			err, "cannot prove that \"%s\" takes no writes", call_target(call));
	TRY(code);
	if (node.replica)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is a replica: only a primary is fenced", call_target(call));
	maria_node_json(&node, before);
	maria_name_unknown(before);
	if (!node.read_only)
		put_undo(before, "failover.unfence");
	return ERR_NONE;
}

/* The file first: when the server is restarted meanwhile it comes back read-only. */
static enum err_code fence(struct call *call, struct maria *m, bool *kept, char *gtid,
	size_t size, struct err *err)
{
	struct maria_node node;

	TRY(maria_keep_read_only(call, true, kept, err));
	m->finish = true;
	enum err_code code = maria_set_read_only(m, true, err);
	if (code == ERR_NONE)
		code = maria_look(m, &node, err);
	if (code == ERR_NONE && !node.read_only)
		code = err_set(err, ERR_CONFLICT, "\"%s\" accepted read_only and takes writes",
			call_target(call));
	if (code != ERR_NONE) {
		if (err->world == WORLD_UNCHANGED && *kept)
			err->world = WORLD_CHANGED;
		return code;
	}
	snprintf(gtid, size, "%s", node.current_pos);
	return ERR_NONE;
}

/* A server that is down: the file is written, and then it still has to be down. */
static enum err_code fence_down(
	struct call *call, json_t *result, bool *came_back, struct err *err)
{
	struct maria_node node;
	bool kept, down;

	*came_back = false;
	TRY(maria_keep_read_only(call, true, &kept, err));
	const enum err_code code = look(call, &node, &down, err);
	if (code != ERR_NONE) {
		err->world = WORLD_CHANGED;
		return err_context(err, "the file is written");
	}
	*came_back = !down;
	json_put_str(result, "level", "down");
	json_put_str(
		result, "how", "nobody listens there, and once it is started it is read-only");
	json_put_flag(result, "kept", kept);
	return ERR_NONE;
}

RUN(mariadb_fence)
{
	const struct mono start = mono_now();
	struct maria m;
	char gtid[2048];
	bool kept, came_back = true;

	if (json_flag(call_before(call), "down", false))
		TRY(fence_down(call, result, &came_back, err));
	json_put_int(result, "took_ms", mono_ms_since(start));
	if (!came_back)
		return ERR_NONE;
	TRY(maria_open(&m, call, NULL, err));
	const enum err_code code = fence(call, &m, &kept, gtid, sizeof(gtid), err);
	maria_close(&m);
	TRY(code);
	json_put_str(result, "level", "soft");
	json_put_str(result, "how", "read-only; who has READ_ONLY ADMIN can still write");
	json_put_flag(result, "kept", kept);
	json_put_str(result, "gtid", gtid);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return ERR_NONE;
}

VERIFY(mariadb_fence_verify)
{
	const char *path = setting_string(call, "fence_file");
	const bool kept = path == NULL || path_exists(path);
	struct maria_node node;
	bool down;

	TRY(look(call, &node, &down, err));
	json_put_flag(evidence, "kept", path != NULL && kept);
	json_put_flag(evidence, "listens", !down);
	if (down) {
		*verdict = path != NULL && kept ? VERDICT_DONE : VERDICT_NOT_DONE;
		return ERR_NONE;
	}
	maria_node_json(&node, evidence);
	maria_name_unknown(evidence);
	*verdict = node.read_only && kept ? VERDICT_DONE : VERDICT_NOT_DONE;
	return ERR_NONE;
}

/* ------------------------------------------------------------------ failover.unfence */

/* While the other server takes writes, taking the fence away would make two. */
static enum err_code other_is_no_primary(struct call *call, struct err *err)
{
	struct maria_old other = { .state = OLD_SILENT };
	const char *peer = setting_string(call, "peer");
	struct err why = { 0 };

	if (peer == NULL)
		return ERR_NONE;
	TRY(net_endpoint_parse(peer, 3306, &other.at, err));
	const enum err_code code = maria_ask_old(call, &other, &why);
	if (code == ERR_NONE && other.state == OLD_WRITES)
		return err_set(err, ERR_PRECONDITION,
			"%s port %d takes writes: with \"%s\" there would be two",
			other.at.host, other.at.port, call_target(call));
	return ERR_NONE;
}

PREPARE(mariadb_unfence_prepare)
{
	const char *path = setting_string(call, "fence_file");
	struct maria_node node;
	bool down;

	TRY(look(call, &node, &down, err));
	if (down) {
		if (path == NULL || !path_exists(path))
			return err_set(err, ERR_PRECONDITION, "\"%s\" is down and not fenced",
				call_target(call));
		TRY(other_is_no_primary(call, err));
		json_put_flag(before, "down", true);
		put_undo(before, "failover.fence");
		return ERR_NONE;
	}
	if (node.replica)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is a replica: it is read-only as such", call_target(call));
	if (!node.read_only)
		return err_set(
			err, ERR_PRECONDITION, "\"%s\" is not fenced", call_target(call));
	TRY(other_is_no_primary(call, err));
	maria_node_json(&node, before);
	maria_name_unknown(before);
	put_undo(before, "failover.fence");
	return ERR_NONE;
}

RUN(mariadb_unfence)
{
	const bool down = json_flag(call_before(call), "down", false);
	enum err_code code = ERR_NONE;
	struct maria m;
	bool kept = false;

	if (!down) {
		TRY(maria_open(&m, call, NULL, err));
		m.finish = true;
		code = maria_set_read_only(&m, false, err);
		maria_close(&m);
	}
	if (code == ERR_NONE) {
		code = maria_keep_read_only(call, false, &kept, err);
		if (code != ERR_NONE && !down)
			err->world = WORLD_CHANGED;
	}
	json_put_flag(result, "kept", kept);
	return code;
}

VERIFY(mariadb_unfence_verify)
{
	const char *path = setting_string(call, "fence_file");
	struct maria_node node;
	bool down;

	TRY(look(call, &node, &down, err));
	json_put_flag(evidence, "listens", !down);
	if (down) {
		*verdict = path != NULL && path_exists(path) ? VERDICT_NOT_DONE : VERDICT_DONE;
		return ERR_NONE;
	}
	maria_node_json(&node, evidence);
	maria_name_unknown(evidence);
	*verdict = node.read_only || (path != NULL && path_exists(path)) ? VERDICT_NOT_DONE
									 : VERDICT_DONE;
	return ERR_NONE;
}
#endif
