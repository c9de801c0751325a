/* mariadb_fence.c: failover.fence and failover.unfence: an old primary must not take writes any more.
 *
 * read_only refuses everybody but those who have READ_ONLY ADMIN (or SUPER): a request to clients, not
 * a wall for administrators, and a restart forgets it.  With setting fence_file, on the server's own
 * host, a restart keeps it. */
#include "internal.h"

#ifdef HAVE_LIBMARIADB
#include "mariadb.h"

PREPARE(mariadb_fence_prepare)
{
	struct maria_node node;

	const enum err_code code = maria_look_at(call, NULL, 0, &node, err);
	if (code == ERR_UNREACHABLE || code == ERR_TIMEOUT)
		return err_context(err, "cannot prove that \"%s\" takes no writes",
			call_target(call));
	TRY(code);
	if (node.replica)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is a replica: only a primary is fenced", call_target(call));
	maria_node_json(&node, before);
	maria_name_unknown(before);
	if (!node.read_only)
		json_put(before, "undo",
			json_pack("{s:s, s:{}}", "op", "failover.unfence", "args"));
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

RUN(mariadb_fence)
{
	const struct mono start = mono_now();
	struct maria m;
	char gtid[2048];
	bool kept;

	TRY(maria_open(&m, call, NULL, err));
	const enum err_code code = fence(call, &m, &kept, gtid, sizeof(gtid), err);
	maria_close(&m);
	TRY(code);
	json_put_str(result, "level", "soft");
	json_put_str(result, "how",
		"read-only; who has READ_ONLY ADMIN can still write");
	json_put_flag(result, "kept", kept);
	json_put_str(result, "gtid", gtid);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return ERR_NONE;
}

VERIFY(mariadb_fence_verify)
{
	const char *path = setting_string(call, "fence_file");
	struct maria_node node;

	TRY(maria_look_at(call, NULL, 0, &node, err));
	maria_node_json(&node, evidence);
	maria_name_unknown(evidence);
	const bool kept = path == NULL || path_exists(path);
	json_put_flag(evidence, "kept", path != NULL && kept);
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
			"%s port %d takes writes: with \"%s\" there would be two", other.at.host,
			other.at.port, call_target(call));
	return ERR_NONE;
}

PREPARE(mariadb_unfence_prepare)
{
	struct maria_node node;

	TRY(maria_look_at(call, NULL, 0, &node, err));
	if (node.replica)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is a replica: it is read-only as such", call_target(call));
	if (!node.read_only)
		return err_set(
			err, ERR_PRECONDITION, "\"%s\" is not fenced", call_target(call));
	TRY(other_is_no_primary(call, err));
	maria_node_json(&node, before);
	maria_name_unknown(before);
	json_put(before, "undo", json_pack("{s:s, s:{}}", "op", "failover.fence", "args"));
	return ERR_NONE;
}

RUN(mariadb_unfence)
{
	struct maria m;
	bool kept = false;

	TRY(maria_open(&m, call, NULL, err));
	m.finish = true;
	enum err_code code = maria_set_read_only(&m, false, err);
	maria_close(&m);
	if (code == ERR_NONE) {
		code = maria_keep_read_only(call, false, &kept, err);
		if (code != ERR_NONE)
			err->world = WORLD_CHANGED;
	}
	json_put_flag(result, "kept", kept);
	return code;
}

VERIFY(mariadb_unfence_verify)
{
	const char *path = setting_string(call, "fence_file");
	struct maria_node node;

	TRY(maria_look_at(call, NULL, 0, &node, err));
	maria_node_json(&node, evidence);
	maria_name_unknown(evidence);
	*verdict = node.read_only || (path != NULL && path_exists(path)) ? VERDICT_NOT_DONE
									  : VERDICT_DONE;
	return ERR_NONE;
}
#endif
