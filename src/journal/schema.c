/* schema.c: the tables.  docs/journal-format.md, sections 2 and 7, describes them; keep both
 * the same.
 *
 * The triggers hold J5 against this program's own mistakes.  They cannot hold it against who
 * owns the file. */
#include "internal.h"

const char schema_base[] =
	"CREATE TABLE event(id INTEGER PRIMARY KEY, header BLOB NOT NULL, payload BLOB,"
	" payload_sha BLOB NOT NULL, hash BLOB NOT NULL);"
	"CREATE TABLE content(sha BLOB PRIMARY KEY, bytes BLOB);"
	"CREATE TABLE person(digest BLOB PRIMARY KEY, salt BLOB, uid INTEGER, name TEXT);"
	/* the fence: not evidence, not a projection; rises with every server that starts (J12)
	 */
	"CREATE TABLE epoch(id INTEGER PRIMARY KEY CHECK(id = 1), epoch INTEGER NOT NULL);"
	"INSERT INTO epoch VALUES(1, 0);"
	"CREATE TRIGGER event_stays BEFORE DELETE ON event BEGIN"
	" SELECT raise(ABORT, 'events are never deleted'); END;"
	"CREATE TRIGGER event_as_written BEFORE UPDATE ON event"
	" WHEN NEW.payload IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.header IS NOT OLD.header"
	" OR NEW.payload_sha IS NOT OLD.payload_sha OR NEW.hash IS NOT OLD.hash BEGIN"
	" SELECT raise(ABORT, 'events are never changed'); END;"
	"CREATE TRIGGER content_stays BEFORE DELETE ON content BEGIN"
	" SELECT raise(ABORT, 'contents are never deleted'); END;"
	"CREATE TRIGGER content_as_written BEFORE UPDATE ON content"
	" WHEN NEW.sha IS NOT OLD.sha OR (NEW.bytes IS NOT NULL AND OLD.bytes IS NOT NULL) "
	"BEGIN"
	" SELECT raise(ABORT, 'contents are never changed'); END;"
	"CREATE TRIGGER person_stays BEFORE DELETE ON person BEGIN"
	" SELECT raise(ABORT, 'persons are never deleted'); END;"
	"CREATE TRIGGER person_as_written BEFORE UPDATE ON person"
	" WHEN NEW.digest IS NOT OLD.digest OR NEW.salt IS NOT NULL OR NEW.uid IS NOT NULL"
	" OR NEW.name IS NOT NULL BEGIN"
	" SELECT raise(ABORT, 'persons are never changed'); END;"
	"CREATE TRIGGER epoch_rises BEFORE UPDATE ON epoch WHEN NEW.epoch <= OLD.epoch BEGIN"
	" SELECT raise(ABORT, 'epochs only rise'); END;";

const char schema_projections[] =
	"CREATE TABLE run(id INTEGER PRIMARY KEY, runbook TEXT, title TEXT, version INTEGER, "
	"digest TEXT,"
	" mode TEXT, workspace TEXT, commit_id TEXT, dirty INTEGER, status TEXT NOT NULL, "
	"reason TEXT,"
	" service TEXT, lead TEXT, started_by TEXT, started_ns INTEGER, ended_ns INTEGER, "
	"t0_ns INTEGER,"
	" t0_assumed INTEGER, t1_ns INTEGER, t6_ns INTEGER, asks INTEGER, unknown INTEGER,"
	" wall_used INTEGER, verdict TEXT, exit_status INTEGER);"
	"CREATE INDEX run_by_book ON run(runbook, mode, id);"
	"CREATE INDEX run_open ON run(id) WHERE status = 'open';"
	"CREATE TABLE service(run INTEGER, seq INTEGER, name TEXT, owner TEXT, tier INTEGER, "
	"rto_ms INTEGER,"
	" rpo_ms INTEGER, restored_ns INTEGER, verified_ns INTEGER, rta_ms INTEGER, rto TEXT, "
	"lost INTEGER,"
	" acknowledged INTEGER, unit TEXT, rpa_ms INTEGER, rpo TEXT, basis TEXT,"
	" PRIMARY KEY(run, seq)) WITHOUT ROWID;"
	"CREATE INDEX service_by_name ON service(name, run);"
	"CREATE TABLE step(run INTEGER, seq INTEGER, attempt INTEGER, id TEXT, outcome TEXT, "
	"started_ns INTEGER,"
	" ended_ns INTEGER, duration_ms INTEGER, error TEXT, PRIMARY KEY(run, seq, attempt)) "
	"WITHOUT ROWID;"
	"CREATE TABLE operation(run INTEGER, seq INTEGER, attempt INTEGER, ordinal INTEGER, "
	"key TEXT, op TEXT,"
	" target TEXT, effect TEXT, state TEXT, settled_by TEXT, began_ns INTEGER, ended_ns "
	"INTEGER,"
	" PRIMARY KEY(run, seq, attempt, ordinal)) WITHOUT ROWID;"
	/* recent: "run:ms" newest first, at most 64, of the step's successful passes; ms -2: the
	 * run passed the step over */
	"CREATE TABLE pace(runbook TEXT, mode TEXT, step TEXT, recent TEXT,"
	" PRIMARY KEY(runbook, mode, step)) WITHOUT ROWID;";

const char schema_drop_projections[] =
	"DROP TABLE IF EXISTS run; DROP TABLE IF EXISTS service; DROP TABLE IF EXISTS step;"
	"DROP TABLE IF EXISTS operation; DROP TABLE IF EXISTS pace;";
