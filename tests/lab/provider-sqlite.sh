#!/usr/bin/env bash
# provider-sqlite.sh: every operation of the sqlite provider on two databases, and what verify says after kill -9 at
# both sides of every effect.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin sqlite sqlite3

mkdir a b
A=$T/a/orders.db B=$T/b/orders.db
db() { sqlite3 -batch -bail -cmd '.timeout 2000' "$@"; }
make() { # make FILE ROLE
	db "$1" "pragma journal_mode = wal;
		create table drillbook_role(one integer primary key check (one = 1), role text not null, epoch integer not null);
		insert into drillbook_role values (1, '$2', 1);
		create table heartbeat(one integer primary key check (one = 1), at_ms integer not null);
		insert into heartbeat values (1, $(now_ms));
		create table orders(seq integer primary key, note text);
		create table lines(seq integer references orders(seq), what text);
		create table tokens(token text primary key)" >/dev/null
}
make "$A" primary; make "$B" standby
# what a follower does, once: everything in one transaction of the standby, and only while both roles allow it
follow() { # follow FROM TO
	db "$2" "attach '$1' as f; begin immediate;
		insert or ignore into main.orders select * from f.orders where seq > (select coalesce(max(seq), 0) from main.orders)
			and (select role from main.drillbook_role) = 'standby' and (select role from f.drillbook_role) = 'primary'
			and (select epoch from main.drillbook_role) = (select epoch from f.drillbook_role);
		update main.heartbeat set at_ms = (select at_ms from f.heartbeat) where (select role from main.drillbook_role) = 'standby';
		commit"
}
beat() { db "$1" "update heartbeat set at_ms = $(now_ms)"; }
role() { db "$1" "select role || ' ' || epoch from drillbook_role"; }
rows() { db "$1" 'select count(*) from orders'; }

queries='{
	"count": {"sql": "select count(*) from orders", "effect": "read"},
	"seqs": {"sql": "select seq from orders order by seq desc", "effect": "read"},
	"one": {"sql": "select seq, note, null as missing, 1.5 as float, x'\''00ff'\'' as blob from orders where seq = $1 and note = ?2", "effect": "read", "params": ["seq", "note"]},
	"many": {"sql": "with recursive n(i) as (select 1 union all select i + 1 from n where i < 10005) select i from n", "effect": "read"},
	"slow": {"sql": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n", "effect": "read"},
	"liar": {"sql": "delete from orders", "effect": "read"},
	"two": {"sql": "select 1; select 2", "effect": "read"},
	"place": {"sql": "insert into orders values ($1, $2) on conflict do nothing", "effect": "change", "params": ["seq", "note"], "verify": "select count(*) from orders where seq = $1 and note = $2"},
	"token": {"sql": "insert into tokens values (?)", "effect": "costly", "params": ["key"], "verify": "select count(*) from tokens where token = ?"},
	"blind": {"sql": "update orders set note = note", "effect": "change"}}'
spec() { jq -cn --arg p "$1" --arg o "$2" --arg t "$T" --argjson q "$queries" '{provider: "sqlite", environment: "lab", settings: {path: $p, peer: $o,
	table: "orders", heartbeat: "heartbeat", acked: ($t + "/acked")}, queries: $q}'; }
target a "$(spec "$A" "$B")"; target b "$(spec "$B" "$A")"
target gone "$(spec "$T/none.db" "$A")"; target orphan "$(spec "$B" "$T/none.db")"
target plain "$(jq -cn --arg t "$T" '{provider: "sqlite", settings: {path: ($t + "/plain.db")}}')"
target noise "$(jq -cn --arg t "$T" '{provider: "sqlite", settings: {path: ($t + "/noise.db")}}')"
db plain.db 'create table t(x)'
head -c 20000 /dev/urandom >noise.db

# ------------------------------------------------------------------ looking

call a doctor '{}' probe
is "probe: every check is good" '.ok and ([.report.checks[].ok] | all) and (.report.checks | length) == 5'
call gone doctor '{}' probe
is "probe: no file is reported, not raised" '.ok and (.report.checks[0].ok | not)'
call a health.probe '{"expect": "writable"}'
is "health: a is writable" '.result.role == "primary" and .result.writable and .result.latency_us > 0'
call b health.probe '{"expect": "writable"}'
is "health: b is not" '.error.code == "PRECONDITION"'
call plain health.probe '{"expect": "writable"}'
is "health: without roles everybody may write" '.result.role == "none" and .result.writable'
call gone health.probe
is "health: no file" '.error.code == "UNREACHABLE"'
call noise health.probe
is "health: no database" '.error.code == "REFUSED"'
check "health: a missing file is not made" test ! -e none.db

db "$A" "insert into orders values (1, 'first')"; follow "$A" "$B"
call b replication.status
is "status: a standby that has everything" '.result | .role == "standby" and .epoch == 1 and .rows_behind == 0 and .last_row == 1 and
	.peer_role == "primary" and .heartbeat_age_ms >= 0 and .unknown == []'
db "$A" "insert into orders values (2, 'second')"
call b replication.status
is "status: one row behind" '.result.rows_behind == 1'
call orphan replication.status
is "status: a peer that is gone is unknown, not 0" '(.result | has("rows_behind") | not) and (.result.unknown | index("rows_behind") != null) and
	.result.peer_readable == false'
call gone replication.status '{"allow_down": true}'
is "status: down when that is allowed" '.result.role == "down"'
follow "$A" "$B"
call b failover.precheck '{"max_age": "1h"}'
is "precheck: b may be promoted" '.result.ok and (.result.checks | length) == 5'
call b failover.precheck '{"max_age": "0"}'
is "precheck: an old heartbeat refuses" '.error.code == "PRECONDITION" and (.error.text | test("heartbeat")) and (.error.text | test("rows") | not)'
call a failover.precheck '{"max_age": "1h"}'
is "precheck: a primary refuses" '.error.code == "PRECONDITION" and (.error.text | test("standby: is primary"))'
call plain failover.fence
is "fence: a database without roles" '.error.code == "PRECONDITION" and (.error.text | test("drillbook_role"))'

# ------------------------------------------------------------------ declared SQL

call a data.query '{"query": "one", "args": {"seq": 1, "note": "first"}}'
is "query: values by type" '.result.rows == [[1, "first", null, "1.5", "AP8="]] and .result.value == 1'
call a data.query '{"query": "many"}'
is "query: 10,000 rows at most" '.result.count == 10000 and .result.truncated'
call a data.query '{"query": "liar"}'
is "query: what is declared read cannot write" '.error.code == "PRECONDITION"'
call a data.query '{"query": "two"}'
is "query: one statement only" '.error.code == "WORKSPACE"'
began=$(now_ms); TIMEOUT_MS=300
call a data.query '{"query": "slow"}'; unset TIMEOUT_MS
is "query: the call's deadline ends it" '.error.code == "TIMEOUT"'
check "query: in time" test $(($(now_ms) - began)) -lt 1500
request a data.query '{"query": "slow"}' run '' >request.json
"$WORKER" --call <request.json >stopped.json 2>/dev/null & pid=$!
busy() { local s; s=$(<"/proc/$pid/stat"); s=${s##*) }; set -- $s; (("${12}" > 10)); } # it has used some CPU
until_ok 5000 busy; kill -TERM "$pid"; wait "$pid"; ANSWER=$(<stopped.json)
is "query: a stop ends it" '.error.code == "CANCELLED"'
killed a data.write '{"statement": "place", "args": {"seq": 3, "note": "third"}}'
call a data.write '{"statement": "place", "args": {"seq": 3, "note": "third"}}'
is "write: what holds already is not sent again" '.result.already and .effect == "change"'
killed a data.write '{"statement": "token"}'
check "write: the key is in the row, once" test "$(db "$A" 'select group_concat(token) from tokens')" = test/1
call b data.write '{"statement": "place", "args": {"seq": 4, "note": "x"}}'
is "write: obeys the role" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
call a data.write '{"statement": "blind"}' verify '{}'
is "write: without a verify query nobody can tell" '.verdict == "cannot_tell"'
mkfifo hold; sqlite3 "$A" <hold >log/hold 2>&1 & holder=$!
exec 7>hold; printf 'begin immediate;\n.shell touch held\n' >&7; until_ok 5000 test -e held
call a data.write '{"statement": "place", "args": {"seq": 5, "note": "x"}}'
is "write: held by somebody else" '.error.code == "HELD" and .error.world == "unchanged"'
exec 7>&-; wait "$holder"

# ------------------------------------------------------------------ backup and restore

mkdir backups
args=$(jq -cn --arg t "$T/backups/one.db" '{to: $t}')
killed a backup.start "$args"
sum=$(jq -r .evidence.result.sha256 <<<"$ANSWER")
check "backup: nothing half done is left" test "$(ls backups)" = one.db
call a backup.start "$args"
is "backup: overwrites nothing" '.error.code == "PRECONDITION"'
call a backup.start "$(jq -cn --arg t "$T/backups/two.db" '{to: $t}')"
is "backup: its point is the heartbeat in it" '.result.recovery_point_ms == '"$(db "$A" 'select at_ms from heartbeat')"' and .effect == "change" and
	(.result.sha256 | length) == 64'
check "backup: as sha256sum sees it" test "$(jq -r .result.sha256 <<<"$ANSWER")" = "$(sha256sum backups/two.db | cut -d' ' -f1)"
call a backup.verify "$(jq -cn --arg f "$T/backups/one.db" --arg s "$sum" '{from: $f, sha256: $s, tables: ["orders"]}')"
is "backup: verifies" '.result.ok and .result.integrity == "ok" and .result.rows.orders == 3'
check "backup: reading leaves nothing beside it" test -z "$(ls backups | grep -e -wal -e -shm)"
cp backups/two.db backups/bad.db; printf '\377\377\377\377\377\377\377\377' | dd of=backups/bad.db bs=1 seek=$((4096 * 2 + 8)) conv=notrunc status=none
call a backup.verify "$(jq -cn --arg f "$T/backups/bad.db" '{from: $f}')"
is "backup: damage is found" '.error.code == "FAILED" and (.error.text | test("damaged"))'
call a backup.verify "$(jq -cn --arg f "$T/backups/two.db" --arg s "$(printf '0%.0s' {1..64})" '{from: $f, sha256: $s}')"
is "backup: another digest" '.error.code == "FAILED"'
rm held; sqlite3 "$A" <hold >log/hold 2>&1 & holder=$!
exec 7>hold; printf 'update tokens set token = token;\n.shell touch held\n' >&7; until_ok 5000 test -e held
call a backup.verify "$(jq -cn --arg f "$A" '{from: $f}')"
is "backup: a database in use is none" '.error.code == "PRECONDITION" and (.error.text | test("in use"))'
exec 7>&-; wait "$holder"
call a backup.verify "$(jq -cn --arg f "$T/noise.db" '{from: $f}')"
is "backup: noise is damaged" '.error.code == "FAILED"'

args=$(jq -cn --arg f "$T/backups/one.db" --arg t "$T/restored.db" '{from: $f, to: $t}')
call a restore.start "$args" prepare
is "restore: to a new place it is a change" '.effect == "change"'
killed a restore.start "$args"
check "restore: rows are back" test "$(rows restored.db)" = 3
check "restore: claims no role that may write" test "$(role restored.db)" = "restored 0"
call a restore.validate "$(jq -cn --arg p "$T/restored.db" '{path: $p, tables: ["orders", "lines"]}')"
is "restore: validates" '.result.ok and .result.rows == {"orders": 3, "lines": 0} and .result.recovery_point_ms > 0'
db restored.db "insert into lines values (99, 'of nothing')"
call a restore.validate "$(jq -cn --arg p "$T/restored.db" '{path: $p}')"
is "restore: a reference to nothing" '.error.code == "FAILED" and (.error.text | test("lines"))'
call a restore.start "$args"
is "restore: refuses what is there" '.error.code == "PRECONDITION"'
db "$A" "insert into orders values (4, 'newer than the backup')"
call a restore.start "$(jq -cn --arg f "$T/backups/bad.db" '{from: $f, overwrite: true}')"
is "restore: a damaged backup overwrites nothing" '.error.code == "FAILED" and .error.world == "unchanged"'
check "restore: the database is as it was" test "$(rows "$A")" = 4
args=$(jq -cn --arg f "$T/backups/one.db" '{from: $f, overwrite: true}')
call a restore.start "$args" prepare
is "restore: over a database it is irreversible" '.effect == "irreversible"'
killed a restore.start "$args"
check "restore: the old rows are gone" test "$(rows "$A")" = 3
check "restore: it keeps its own role" test "$(role "$A")" = "primary 1"
check "restore: what was there is kept" test "$(rows "$(ls "$A".replaced-*)")" = 4
check "restore: still in WAL mode, whole" test "$(db "$A" 'pragma journal_mode; pragma integrity_check' | tr '\n' ' ')" = "wal ok "

# ------------------------------------------------------------------ failover with loss

for i in $(seq 101 300); do echo "$((1700000000000 + i)) $i ok"; done >acked
db "$A" "with recursive n(i) as (select 101 union all select i + 1 from n where i < 250) insert into orders select i, 'acked' from n"
beat "$A"; follow "$A" "$B"
db "$A" "with recursive n(i) as (select 251 union all select i + 1 from n where i < 300) insert into orders select i, 'acked' from n"
call a data.compare '{"query": "seqs"}'
is "compare: nothing lost on a" '.result.lost == 0 and .result.recovery_point_ms == 1700000000300'
call b data.compare '{"query": "seqs"}'
is "compare: what b misses" '.result.lost == 50 and .result.first_lost == 251 and .result.last_lost == 300 and
	.result.recovery_point_ms == 1700000000250 and .result.lost_span_ms == 50'
call b failover.promote '{}'
is "promote: not while a is a primary" '.error.code == "PRECONDITION" and (.error.text | test("fence"))'
call b failover.fence '{}'
is "fence: a standby is not fenced" '.error.code == "PRECONDITION"'
killed a failover.fence '{}'
call a data.write '{"statement": "place", "args": {"seq": 999, "note": "late"}}'
is "fence: a takes no writes" '.error.code == "PRECONDITION" and (.error.text | test("fenced"))'
killed a failover.unfence '{}'
check "unfence: a is the primary of its epoch" test "$(role "$A")" = "primary 1"
call a failover.fence '{}'
is "fence: registers its undo" '.before.undo.op == "failover.unfence" and .result.level == "row"'
killed b failover.promote '{}'
check "promote: the epoch rose once" test "$(role "$B")" = "primary 2"
call b failover.promote '{}'
is "promote: a primary is not promoted" '.error.code == "PRECONDITION"'
call b failover.promote '{}' run '{"role": "standby", "epoch": 1, "new_epoch": 2}'
is "promote: nor with an old intent" '.error.code == "CONFLICT" and .error.world == "unchanged"'
call b failover.promote '{}' verify '{"role": "standby", "epoch": 2, "new_epoch": 3}'
is "promote: another epoch is no proof" '.verdict == "cannot_tell"'
call a failover.unfence
is "unfence: not while b is the primary" '.error.code == "PRECONDITION" and (.error.text | test("two would"))'
follow "$A" "$B"
check "a follower of the old primary copies nothing more" test "$(rows "$B")" = 153
call b data.compare '{"query": "seqs"}'
is "compare: the loss of the failover" '.result.lost == 50 and .result.extra == 3'
call b data.write '{"statement": "place", "args": {"seq": 1000, "note": "after"}}'
is "write: b takes writes" '.result.changed == 1'
call b failover.reverse
is "reverse: not the new primary" '.error.code == "PRECONDITION"'
killed a failover.reverse '{}'
check "reverse: a is a standby of the epoch" test "$(role "$A")" = "standby 2"
check "reverse: with b's rows" test "$(rows "$A")" = "$(rows "$B")"
check "reverse: nothing is left beside it" test ! -e "$A.part"
check "reverse: b is untouched" test "$(role "$B")" = "primary 2"
db "$B" "insert into orders values (1001, 'more')"; follow "$B" "$A"
check "reverse: a follows b" test "$(rows "$A")" = "$(rows "$B")"
# back again
call b failover.fence; call a failover.promote
is "failback: epoch 3" '.result.epoch == 3 and .result.recovery_point_ms > 0'
rm "$B"*
call b replication.status
is "status: gone" '.error.code == "UNREACHABLE"'
