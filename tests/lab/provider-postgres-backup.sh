#!/usr/bin/env bash
# provider-postgres-backup.sh: base backups, an archive of WAL, and points in time on a real primary and standby: the
# second before a DROP TABLE with the rows counted, damage that is found, and what verify says after kill -9.
bin_dirs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
PATH=$PATH:$bin_dirs
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin pgback initdb pg_ctl psql pg_basebackup pg_verifybackup flock
trap 'status=$?; down a; down b; down old; (exit "$status"); finish' EXIT

declare -A PORT=()
port; PORT[a]=$REPLY; port; PORT[b]=$REPLY; port; PORT[old]=$REPLY

PASSWORD=$(head -c 18 /dev/urandom | base64 | tr '+/' ':\\')
printf '%s' "$PASSWORD" >ws/password
q() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$T/run" -p "${PORT[$1]}" -U lab -d app -c "$2"; }
conf() {
	cat >"$T/$1/node.conf" <<CONF
listen_addresses = '127.0.0.1'
port = ${PORT[$1]}
unix_socket_directories = '$T/run'
cluster_name = '$1'
shared_buffers = 16MB
max_connections = 30
wal_level = replica
archive_mode = on
archive_command = 'cp %p $T/archive/%f'
min_wal_size = 32MB
fsync = off
wal_retrieve_retry_interval = 100ms
CONF
}
pid_of() { head -n 1 "$T/$1/postmaster.pid" 2>/dev/null; }
up() { pg_ctl start -D "$T/$1" -w -t 20 -s -l "$T/log/pg-$1"; }
down() {
	local pid; pid=$(pid_of "$1")
	[[ -n $pid ]] && ! gone "$pid" || return 0
	kill -CONT "$pid"; kill -QUIT "$pid"
	until_ok 8000 gone "$pid" || kill -KILL "$pid"
}
family() { echo "$(pid_of "$1") $(pgrep -P "$(pid_of "$1")" | tr '\n' ' ')"; }
until_later() { until_ok 3000 test "$(now_ms)" -gt "$1"; }

initdb -D a -U lab -A scram-sha-256 --auth-local=trust --pwfile=ws/password -E UTF8 --locale=C --no-sync -k \
	--no-instructions >log/initdb || exit 1
echo "include = 'node.conf'" >>a/postgresql.conf
mkdir archive backups
conf a; up a || exit 1
psql -X -q -h "$T/run" -p "${PORT[a]}" -U lab -d postgres -c 'create database app' || exit 1
q a "create table orders(seq bigint primary key, note text); create table later(seq bigint);
	create table heartbeat(at timestamptz not null); insert into heartbeat values (clock_timestamp());
	insert into orders select g, 'first' from generate_series(1, 100) g" || exit 1
pg_basebackup -h "$T/run" -p "${PORT[a]}" -U lab -D b -X stream -C -S b -c fast --no-sync || exit 1
conf b; touch b/standby.signal
printf "primary_conninfo = 'host=%s port=%s user=lab application_name=b'\nprimary_slot_name = 'b'\n" "$T/run" "${PORT[a]}" \
	>>b/postgresql.auto.conf
up b || exit 1

queries='{
	"many": {"sql": "select count(*) > 150 from orders", "effect": "read"},
	"none": {"sql": "select count(*) from later", "effect": "read"},
	"slow": {"sql": "select pg_sleep(30)", "effect": "read"},
	"wild": {"sql": "delete from orders"}}'
node() { # node NAME [MORE SETTINGS]
	jq -cn --argjson p "${PORT[$1]}" --arg t "$T" --argjson q "$queries" --argjson more "${2:-"{}"}" '{provider: "postgres",
		environment: "lab", settings: ({host: "127.0.0.1", port: $p, user: "lab", database: "app", heartbeat: "heartbeat",
		connect_timeout: "2s", backup_dir: ($t + "/backups"), wal_archive: ($t + "/archive")} + $more),
		secrets: {password: {file: "password"}}, queries: $q}'
}
target a "$(node a)"; target b "$(node b)"; target closed "$(node a '{"port": 1}')"
target homeless "$(node a | jq -c 'del(.settings.backup_dir)')"
target dry "$(node a | jq -c 'del(.settings.wal_archive)')"
echo wrong >ws/wrong; target wrong "$(node a | jq -c '.secrets.password.file = "wrong"')"
to() { jq -cn --arg to "$T/$1" --argjson more "${2:-"{}"}" '{to: $to} + $more'; }

# ------------------------------------------------------------------ backups

call homeless backup.start
is "backup: without backup_dir" '.error.code == "UNSUPPORTED"'
call wrong backup.start
is "backup: with a wrong password" '.error.code == "AUTH"'
call closed backup.start
is "backup: a closed port" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
call a backup.points
is "points: none yet, and no time is made up" '.ok and .result.count == 0 and .result.points == [] and (.result.unknown | index("newest_ms") != null)'
call a backup.verify
is "verify: there is nothing" '.error.code == "NOT_FOUND"'

call a doctor '{}' probe
is "doctor: no backup is not well" '[.report.checks[] | select(.ok | not) | .name] == ["backups"]'

began=$(now_ms)
killed a backup.start '{}'
is "backup: verify knows the point" '.evidence.result | .end_lsn > .start_lsn and .timeline == 1 and .bytes > 10000000 and .files > 500'
call b backup.start
is "backup: from the standby, too" '.ok and .result.kind == "snapshot" and (.result.label | test("drillbook test/1")) and .result.took_ms > 0 and .result.recovery_point_ms <= .result.stop_ms and (.result.recovery_point_basis | test("checkpoint"))'
FROM_B=$(jq -r .result.id <<<"$ANSWER")
call a backup.archive; call a backup.archive
is "archive: right behind a backup, with nothing written since" '.ok and .result.took_ms < 30000'
FIRST=$(call a backup.points; jq -r '.result.points[-1].id' <<<"$ANSWER")
call a backup.points
is "points: newest first, none of them half made" '.result | .count == 2 and .points[0].time_ms >= .points[1].time_ms and .incomplete == [] and
	(.points | map(select(has("problem"))) == [])'
is "points: the time is the data's, not the job's end" ".result.points[1] | .time_ms <= .stop_ms and .time_ms >= $began - 120000 and .stop_ms <= $(now_ms)"
is "points: how far the archive reaches" '.result.points[1].wal_until_lsn >= .result.points[1].end_lsn'
is "points: age of the newest" '.result.age_ms >= 0 and .result.age_ms < 120000'
check "backup: b streams on" until_ok 5000 test "$(q a "select count(*) from pg_stat_replication where application_name = 'b'")" = 1

call a doctor '{}' probe
is "doctor: backups, archive and archiver are well" '([.report.checks[].ok] | all) and ([.report.checks[].name] | contains(["backups", "wal_archive", "archiver"]))'

# a slow one, to look at and to end
request a backup.start '{"max_rate": "2MiB"}' run '' >request.json
"$WORKER" --call <request.json >stopped.json 2>log/slow & slow=$!
runs() { PROGRAM=$(pgrep -f "^[^ ]*pg_basebackup .*$T/backups"); }
until_ok 5000 runs
copies() { compgen -G "$T/backups/*.part/base" >/dev/null; }
check "backup: under way" until_ok 10000 copies
call a backup.points
is "points: names what is being made" '.result.count == 2 and (.result.incomplete | length) == 1'
check "backup: no password in the program's words" fails grep -qF -- "$PASSWORD" "/proc/${PROGRAM%%$'\n'*}/cmdline"
check "backup: nor in its environment" fails grep -qF -- "$PASSWORD" "/proc/${PROGRAM%%$'\n'*}/environ"
check "backup: shows how far it is" until_ok 5000 grep -q copying log/slow
kill -TERM "$slow"; wait "$slow"; ANSWER=$(<stopped.json)
is "backup: a stop ends it and changes nothing" '.error.code == "CANCELLED" and .error.world == "unchanged"'
check "backup: and leaves nothing" fails compgen -G "$T/backups/*.part"

request a backup.start '{"max_rate": "2MiB"}' run '' >request.json
"$WORKER" --call <request.json >stopped.json 2>log/slow & slow=$!
check "backup: another one" until_ok 10000 copies
kill -KILL $(family a); wait "$slow"; ANSWER=$(<stopped.json)
is "backup: a server that is killed meanwhile" '(.ok | not) and .error.code == "FAILED" and .error.world == "unchanged" and (.error.text | test("pg_basebackup"))'
check "backup: leaves nothing, either" fails compgen -G "$T/backups/*.part"
until_ok 5000 fails pgrep -f "^postgres: a: "
rm -f a/postmaster.pid run/.s.PGSQL.${PORT[a]}.lock
check "the server is back" up a
call a backup.start '{}' prepare; before=$(jq -c .before <<<"$ANSWER")
frozen=$(family a); kill -STOP $frozen; mark=$(now_ms); TIMEOUT_MS=1500
call a backup.start '{}' run "$before"; unset TIMEOUT_MS
kill -CONT $frozen
is "backup: a frozen server costs the deadline" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
check "backup: not more" test $(($(now_ms) - mark)) -lt 5000
call a backup.start '{}' verify "$before"
is "backup: and it did not happen" '.verdict == "not_done" and (.evidence.incomplete | not)'

call a backup.verify
is "verify: a good backup" '.result.ok and .result.error_count == 0 and .result.id != null'

# ------------------------------------------------------------------ the second before a DROP TABLE

q a "insert into orders select g, 'kept' from generate_series(101, 300) g; update heartbeat set at = clock_timestamp()"
LSN=$(q a 'select pg_current_wal_insert_lsn()'); XID=$(q a 'select pg_current_xact_id()::text::int8 - 1')
q a "select pg_create_restore_point('half')" >/dev/null
until_later "$(now_ms)"; BEFORE=$(now_ms); until_later "$BEFORE"
q a "insert into orders values (301, 'last'); drop table orders; insert into later select generate_series(1, 40)"
call a restore.start "$(to pitr "{\"target_time_ms\": 1000000000000}")"
is "restore: no backup is that old" '.error.code == "NOT_FOUND" and (.error.text | test("before that time"))'
call a restore.start "$(to pitr "{\"from\": \"$FROM_B\", \"target_time_ms\": $began}")"
is "restore: a backup that was finished later is refused" '.error.code == "PRECONDITION" and (.error.text | test("choose an earlier one"))'
call dry restore.start "$(to pitr "{\"target_time_ms\": $BEFORE}")"
is "restore: a point in time wants an archive" '.error.code == "PRECONDITION" and (.error.text | test("archive"))'
call a restore.start "$(to pitr "{\"target_time_ms\": $BEFORE, \"target_lsn\": \"$LSN\"}")"
is "restore: one target, not two" '.error.code == "USAGE"'

killed a backup.archive '{}' not_done
is "archive: the file under way is there" '.evidence | .done and (.ready | not)'
call a backup.archive
is "archive: again is no harm" '.ok and (.result.file | length == 24)'
q a "alter system set archive_command = 'false'"; q a 'select pg_reload_conf()' >/dev/null; q a "select pg_create_restore_point('no row')" >/dev/null
TIMEOUT_MS=1500
call a backup.archive; unset TIMEOUT_MS
is "archive: an archive that takes nothing costs the deadline" '.error.code == "TIMEOUT" and (.error.text | test("not in the archive")) and .error.world == "changed"'
call a backup.archive '{}' verify "$(jq -c .before <<<"$ANSWER")"
is "archive: and verify says so" '.verdict == "not_done" and .evidence.ready'
call a doctor '{}' probe
is "doctor: sees that the archiver fails" '.report.checks[] | select(.name == "archiver") | (.ok | not) and (.detail | test("last try failed"))'
q a "alter system reset archive_command"; q a 'select pg_reload_conf()' >/dev/null
call b backup.archive
is "archive: not from a standby" '.error.code == "PRECONDITION"'

mkdir full; : >full/precious
call a restore.start "$(to full)"
is "restore: a directory that is not empty is refused" '.error.code == "PRECONDITION" and (.error.text | test("not empty")) and .error.world == "unchanged"'
call a restore.start "$(to full '{"overwrite": true}')"
is "restore: one that is no cluster is never replaced" '.error.code == "PRECONDITION" and (.error.text | test("no data directory"))'
call a restore.start "$(to a '{"overwrite": true}')"
is "restore: nor one that is in use" '.error.code == "PRECONDITION" and (.error.text | test("runs in"))'
call a restore.start "$(to pitr "{\"target_time_ms\": $BEFORE}")" prepare
is "restore: into a new directory it is a change, with its undo" '.effect == "change" and .before.undo.op == "restore.cleanup" and .before.point.id != null'
killed a restore.start "$(to pitr "{\"target_time_ms\": $BEFORE}")"
is "restore: verify knows what was restored" '.evidence.result.from != null and (.evidence.result.target | test("[+]00$"))'
check "restore: nothing is left beside it" test -z "$(echo pitr.*)" -o "$(echo pitr.*)" = 'pitr.*'
check "restore: nothing was started" test ! -e pitr/postmaster.pid
check "restore: it archives nothing" grep -q "archive_mode = 'off'" pitr/postgresql.auto.conf
call a restore.start "$(to pitr)"
is "restore: not over it" '.error.code == "PRECONDITION"'

validate=$(to pitr '{"tables": ["orders", "later"], "checks": ["many"]}')
killed a restore.validate "$validate"
is "PITR: 300 orders of before are there, what came later is not" '.evidence.result | .ok and .rows == {"orders": 300, "later": 0}'
is "PITR: checks, pages, a timeline of its own" '.evidence.result | .checks.many == true and .pages == "checked" and .timeline == 2 and .recovery_ms > 0'
is "PITR: how old that is" ".evidence.result | .recovery_point_basis == \"heartbeat row in the restored data\" and .recovery_point_ms <= $BEFORE and .recovery_point_ms > $began and .last_commit_ms <= $BEFORE"
check "validate: the private server is gone" test ! -e pitr/postmaster.pid
check "validate: and its directory" fails grep -lF "$T/pitr" /tmp/drillbook-pg-*/postgresql.conf
call a restore.validate "$(to pitr '{"checks": ["none"]}')"
is "validate: goes red when a check does not hold" '.error.code == "FAILED" and (.error.text | test("none.*gave 0")) and (.result.ok | not)'
call a restore.validate "$(to pitr '{"checks": ["wild"]}')"
is "validate: a check only reads" '.error.code == "FORBIDDEN"'
call a restore.validate "$(to a)"
is "validate: not what restore.start did not make" '.error.code == "PRECONDITION"'
check "validate: the primary was left alone" test "$(q a 'select count(*) from later')" = 40

# a worker that is killed while the private server runs
request a restore.validate "$(to pitr '{"checks": ["slow"]}')" run '' >request.json
"$WORKER" --call <request.json >stopped.json 2>/dev/null & slow=$!
check "validate: runs" until_ok 8000 test -s pitr/postmaster.pid
check "validate: in a directory that says whose it is" grep -qF "$T/pitr" /tmp/drillbook-pg-*/postgresql.conf
socket_of() { sed -n 5p "$1/postmaster.pid" | grep -q drillbook-pg; }
until_ok 3000 socket_of pitr
check "validate: without TCP" test -z "$(sed -n 6p pitr/postmaster.pid | tr -d ' ')"
kill -KILL "$slow"; wait "$slow" 2>/dev/null
call a restore.validate "$(to pitr '{"tables": ["orders"]}')"
is "validate: what a killed attempt left running is ended first" '.ok and .result.rows.orders == 300'
request a restore.validate "$(to pitr '{"checks": ["slow"]}')" run '' >request.json
"$WORKER" --call <request.json >stopped.json 2>/dev/null & slow=$!
until_ok 8000 socket_of pitr; until_ok 1000 false
kill -TERM "$slow"; wait "$slow"; ANSWER=$(<stopped.json)
is "validate: a stop ends it" '.error.code == "CANCELLED"'
check "validate: and the server with it" test ! -e pitr/postmaster.pid
TIMEOUT_MS=5000
request a restore.validate "$(to pitr '{"checks": ["slow"]}')" run '' >request.json; unset TIMEOUT_MS
"$WORKER" --call <request.json >stopped.json 2>/dev/null & slow=$!; mark=$(now_ms)
check "validate: it runs" until_ok 4500 socket_of pitr
kill -STOP $(family pitr); wait "$slow"; ANSWER=$(<stopped.json)
is "validate: a frozen server costs the deadline" '.error.code == "TIMEOUT" and .error.world == "changed"'
check "validate: and the time to end it" test $(($(now_ms) - mark)) -lt 16000
check "validate: it is ended all the same" test ! -e pitr/postmaster.pid
check "validate: nothing of them is left" fails grep -lF "$T/pitr" /tmp/drillbook-pg-*/postgresql.conf

# ------------------------------------------------------------------ other targets

try() { # try NAME ARGS EXPRESSION: restores, validates, looks, cleans up
	call a restore.start "$(to try "$2")"
	is "$1: restored" '.ok'
	call a restore.validate "$(to try '{"tables": ["later"], "pages": false}')"
	is "$1: validated" "$3"
	call a restore.cleanup "$(to try)"
	is "$1: cleaned up" '.ok'
}
try "until an LSN" "{\"target_lsn\": \"$LSN\"}" '.result.rows.later == 0'
try "until a transaction" "{\"target_xid\": $XID}" '.result.rows.later == 0'
try "until a named point" '{"target_name": "half"}' '.result.rows.later == 0'
try "only the backup" "{\"target_immediate\": true, \"from\": \"$FROM_B\"}" '.result.rows.later == 0'
try "all the archive has" '{}' '.result.rows.later == 40'
call a restore.start "$(to try "{\"target_time\": \"2099-01-01T00:00:00Z\"}")"
call a restore.validate "$(to try)"
is "a point that the archive does not reach: the truth" '.error.code == "FAILED" and (.error.text | test("before configured recovery target was reached")) and .error.world == "changed"'
check "and nothing runs" test ! -e try/postmaster.pid

# ------------------------------------------------------------------ cleanup

call a restore.cleanup "$(to a)"
is "cleanup: not a cluster that was not restored" '.error.code == "PRECONDITION" and (.error.text | test("restore.start"))'
cp -r try copied
call a restore.cleanup "$(to copied)"
is "cleanup: nor a copy of one" '.error.code == "PRECONDITION" and (.error.text | test("copy"))'
killed a restore.cleanup "$(to try)"
check "cleanup: it is gone" test ! -e try -a ! -e try.removing
call a restore.cleanup "$(to try)"
is "cleanup: there is nothing more" '.error.code == "PRECONDITION"'
mv pitr pitr.removing # as a removal that was cut off
call a restore.cleanup "$(to pitr)"
is "cleanup: goes on where it was cut off" '.ok'
check "cleanup: that is gone, too" test ! -e pitr.removing

# ------------------------------------------------------------------ in the place of another

cp -r copied old; rm -f old/drillbook.restore old/recovery.signal
call a restore.start "$(to old '{"overwrite": true, "target_immediate": true}')" prepare
is "overwrite: irreversible, and no undo is promised" '.effect == "irreversible" and (.before | has("undo") | not)'
call a restore.start "$(to old '{"overwrite": true, "target_immediate": true}')"
is "overwrite: what was there is kept" '.ok and (.result.kept | test("old.replaced-"))'
check "overwrite: whole" test -e "$(jq -r .result.kept <<<"$ANSWER")/PG_VERSION"
call a restore.cleanup "$(to old)"
is "cleanup: not what stands in the place of another" '.error.code == "PRECONDITION" and (.error.text | test("in use"))'
exec {lock}>try.restoring.lock; flock "$lock"
call a restore.start "$(to try)"
is "restore: two at once are one too many" '.error.code == "HELD"'
exec {lock}>&-; mkdir -p try.restoring/half
call a restore.start "$(to try '{"target_immediate": true}')"
is "restore: what a killed attempt left is made anew" '.ok'
check "restore: nothing of it is in the new one" test ! -e try/half -a ! -e try.restoring -a ! -e try.restoring.lock
undo a "$(jq -c .before <<<"$ANSWER")"
is "restore: its undo" '.ok'
check "restore: is gone" test ! -e try

# ------------------------------------------------------------------ a disk that fills up

mkdir small; target small "$(node a "{\"backup_dir\": \"$T/small\"}")"
filling() { # filling TARGET OP ARGS BEFORE: runs where only 20 MiB fit into $T/small; what it leaves there is in $LEFT
	request "$1" "$2" "$3" run "$4" >request.json
	ANSWER=$(unshare -Um --keep-caps --map-user="$(id -u)" --map-group="$(id -g)" sh -c \
		'mount -t tmpfs -o size=20m none small && "$1" --call <request.json; ls small >left' _ "$WORKER" 2>log/call)
	LEFT=$(<left)
}
if unshare -Um --keep-caps --map-user="$(id -u)" --map-group="$(id -g)" mount -t tmpfs -o size=20m none small 2>/dev/null; then
	call small backup.start '{}' prepare
	filling small backup.start '{}' "$(jq -c .before <<<"$ANSWER")"
	is "backup: a full disk is named, nothing is changed" '.error.code == "FAILED" and (.error.text | test("No space left")) and .error.world == "unchanged"'
	check "backup: and nothing is left" test -z "$LEFT"
	call a restore.start "$(to small/r)" prepare
	filling a restore.start "$(to small/r)" "$(jq -c .before <<<"$ANSWER")"
	is "restore: a full disk is named, nothing is changed" '(.ok | not) and (.error.text | test("No space left")) and .error.world == "unchanged"'
	check "restore: and nothing is left" test -z "$LEFT"
else
	echo "no user namespaces here: a disk that fills up was not tried"
fi

# ------------------------------------------------------------------ damage

file=$(find "backups/$FROM_B/base" -name '[0-9]*' -size +100k | head -n 1)
printf 'X' | dd of="$file" bs=1 seek=50000 conv=notrunc status=none
call a backup.verify "{\"from\": \"$FROM_B\"}"
is "verify: one byte is found, and named" '.error.code == "FAILED" and (.error.text | test("checksum mismatch")) and (.result.ok | not) and .result.error_count == 1'
call a restore.start "$(to try "{\"from\": \"$FROM_B\"}")"
is "restore: from a damaged backup nothing is made" '.error.code == "FAILED" and .error.world == "unchanged"'
check "restore: not even half" test ! -e try -a ! -e try.restoring
echo 9.1 >"backups/$FROM_B/PG_VERSION"
PATH=/usr/bin:/bin call a backup.verify "{\"from\": \"$FROM_B\"}"
is "verify: of a version whose programs are not here" '.error.code == "FAILED" and (.error.text | test("of PostgreSQL 9.1 is not here"))'
echo 15 >"backups/$FROM_B/PG_VERSION"
rm "backups/$FROM_B/backup_manifest"
call a backup.points
is "points: one without its manifest is not usable" ".result.points | map(select(.id == \"$FROM_B\"))[0].problem | test(\"manifest\")"
call a backup.verify "{\"from\": \"$FROM_B\"}"
is "verify: nor is it verified" '.error.code == "FAILED"'
last=$(printf '%s\n' archive/????????????????[0-9A-F]* | grep -v -e backup | sort | tail -n 2 | head -n 1)
call a backup.points
is "points: no gap in the archive" ".result.points | map(select(.id == \"$FIRST\"))[0] | has(\"wal_missing\") | not"
mv "$last" gone
call a backup.points
is "points: a gap in the archive" ".result.points | map(select(.id == \"$FIRST\"))[0].wal_missing == \"$(basename "$last")\""

call a doctor '{}' probe
is "doctor: sees the gap" ".report.checks[] | select(.name == \"wal_archive\") | (.ok | not) and (.detail | test(\"$(basename "$last")\"))"

check "the password is in no log" fails grep -rqF -- "$PASSWORD" log
