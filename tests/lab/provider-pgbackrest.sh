#!/usr/bin/env bash
# provider-pgbackrest.sh: the pgbackrest provider on a real repository: backups, the second before a DROP TABLE with the
# rows counted, a repository whose damage pgBackRest reports with status 0, and what verify says after kill -9.
bin_dirs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
PATH=$PATH:$bin_dirs
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin pgrest initdb pg_ctl psql pgbackrest
trap 'status=$?; down; (exit "$status"); finish' EXIT

port; PORT=$REPLY
PGB=$(type -P pgbackrest)
q() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$T/run" -p "$PORT" -U lab -d app -c "$1"; }
pid_of() { head -n 1 "$T/$1/postmaster.pid" 2>/dev/null; }
down() {
	local pid; pid=$(pid_of a)
	[[ -n $pid ]] && ! gone "$pid" || return 0
	kill -CONT "$pid" $(pgrep -P "$pid"); kill -QUIT "$pid"
	until_ok 8000 gone "$pid" || kill -KILL "$pid"
}
until_later() { until_ok 3000 test "$(now_ms)" -gt "$1"; }
second() { local s=$(($(now_ms) / 1000)); until_ok 3000 eval "((\$(now_ms) / 1000 > $s))"; } # the next one has begun
rest() { "$PGB" --config="$T/pgbackrest.conf" --stanza=demo "$@"; }

initdb -D a -U lab -A trust -E UTF8 --locale=C --no-sync -k --no-instructions >log/initdb || exit 1
cat >>a/postgresql.conf <<CONF
listen_addresses = ''
port = $PORT
unix_socket_directories = '$T/run'
shared_buffers = 16MB
min_wal_size = 32MB
fsync = off
archive_mode = on
archive_command = '$PGB --config=$T/pgbackrest.conf --stanza=demo archive-push %p'
CONF
mkdir repo lock
cat >pgbackrest.conf <<CONF
[global]
repo1-path=$T/repo
repo1-retention-full=3
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=$(head -c 18 /dev/urandom | base64)
log-path=$T/log
lock-path=$T/lock
log-level-file=off
compress-type=lz4
job-retry=0
[demo]
pg1-path=$T/a
pg1-port=$PORT
pg1-socket-path=$T/run
pg1-user=lab
CONF
pg_ctl start -D a -w -t 20 -s -l log/pg || exit 1
psql -X -q -h "$T/run" -p "$PORT" -U lab -d postgres -c 'create database app' || exit 1
q "create table orders(seq bigint primary key, note text); create table later(seq bigint);
	insert into orders select g, 'first' from generate_series(1, 100) g" || exit 1

rest_target() { # rest_target [MORE SETTINGS]
	jq -cn --argjson p "$PORT" --arg t "$T" --argjson more "${1:-"{}"}" '{provider: "pgbackrest", environment: "lab",
		settings: ({stanza: "demo", config: ($t + "/pgbackrest.conf"), socket_dir: ($t + "/run"), port: $p, user: "lab",
		database: "app", connect_timeout: "2s"} + $more),
		queries: {many: {sql: "select count(*) > 150 from orders", effect: "read"},
			none: {sql: "select count(*) from later", effect: "read"}}}'
}
target r "$(rest_target)"
target nope "$(rest_target '{"stanza": "nope"}')"
target homeless "$(rest_target "{\"config\": \"$T/missing.conf\"}")"
target without "$(rest_target '{"program": "/nonexistent/pgbackrest"}')"
to() { jq -cn --arg to "$T/$1" --argjson more "${2:-"{}"}" '{to: $to} + $more'; }

# ------------------------------------------------------------------ before there is anything

call without backup.points
is "no program: says so" '.error.code == "NOT_FOUND" and (.error.text | test("pgbackrest"))'
call r backup.points
is "no stanza yet" '.error.code == "NOT_FOUND" and (.error.text | test("missing stanza path"))'
check "the stanza" rest stanza-create
call nope backup.start
is "another stanza is not there" '.error.code == "NOT_FOUND" and .error.world == "unchanged"'
call homeless backup.points
is "no configuration" '(.ok | not)'
call r backup.points
is "points: none yet" '.ok and .result.count == 0 and .result.status == "no valid backups" and (.result.unknown | index("newest_ms") != null)'
is "points: the retention is shown, and nothing else of the file" '.result.retention == {"repo1-retention-full": "3"}'
call r backup.verify
is "verify: there is nothing" '.error.code == "NOT_FOUND"'
call r doctor '{}' probe
is "doctor: says that there is no backup" '.ok and ([.report.checks[] | select(.ok | not) | .name] == ["backups"])'

# ------------------------------------------------------------------ backups

began=$(now_ms); second
killed r backup.start '{"type": "full"}'
is "backup: found again by its key" '.evidence.result | .type == "full" and .label == "test/1" and .end_lsn > .start_lsn and .bytes > 10000000 and .version == "15"'
FULL=$(jq -r .evidence.result.id <<<"$ANSWER")
check "backup: the repository has it" rest --set="$FULL" info
call r doctor '{}' probe
is "doctor: all is well, and the stanza is this server's" '.ok and ([.report.checks[].ok] | all) and (.report.checks[] | select(.name == "server") | .detail | test("system [0-9]+, the stanza is of [0-9]+"))'

request r backup.start '{"type": "full", "checkpoint": "spread"}' run '' >request.json
"$WORKER" --call <request.json >stopped.json 2>log/slow & slow=$!
held() { rest --output=json info | jq -e '.[0].status.lock.backup.held'; }
check "backup: a slow one is under way" until_ok 8000 held
call r backup.start
is "backup: two at once are one too many" '.error.code == "HELD" and .error.world == "unchanged"'
kill -TERM "$slow"; wait "$slow"; ANSWER=$(<stopped.json)
is "backup: a stop ends it" '.error.code == "CANCELLED"'
check "backup: and its lock" until_ok 8000 fails held

q "insert into orders select g, 'kept' from generate_series(101, 200) g"; second
call r backup.start
is "backup: an incremental one" '.ok and .result.type == "incr" and (.result.prior | test("F$")) and .result.stored_bytes < .result.bytes and .result.took_ms > 0'
INCR=$(rest --output=json info | jq -r '.[0].backup[-1].label')
call r backup.points
is "points: newest first" ".result | .count == 2 and .points[0].id == \"$INCR\" and .points[1].id == \"$FULL\" and .status == \"ok\" and .archives[0].min != null"
is "points: the time is the data's, not the job's end" ".result.points[1] | .time_ms < .stop_ms and .time_ms >= $began - 1000 and .stop_ms <= $(now_ms)"

call r backup.start '{}' prepare; before=$(jq -c .before <<<"$ANSWER")
frozen="$(pid_of a) $(pgrep -P "$(pid_of a)" | tr '\n' ' ')"; kill -STOP $frozen; mark=$(now_ms); TIMEOUT_MS=1500
request r backup.start '{}' run "$before" | jq -c '.key = "test/2"' >request.json
ANSWER=$("$WORKER" --call <request.json 2>log/call); unset TIMEOUT_MS
kill -CONT $frozen
is "backup: a frozen server costs the deadline" '.error.code == "TIMEOUT" and .error.world == "unknown"'
check "backup: not more" test $(($(now_ms) - mark)) -lt 8000
until_ok 8000 fails held
request r backup.start '{}' verify "$before" | jq -c '.key = "test/2"' >request.json
ANSWER=$("$WORKER" --call <request.json 2>log/call)
is "backup: and it did not happen" '.verdict == "not_done"'

call r backup.verify
is "verify: a good repository" '.result.ok and .result.error_count == 0 and .result.backups == 2'

# ------------------------------------------------------------------ the second before a DROP TABLE

q "insert into orders select g, 'kept' from generate_series(201, 300) g"
second; BEFORE=$(now_ms); until_later "$BEFORE"
q "insert into orders values (301, 'last'); drop table orders; insert into later select generate_series(1, 40)"
q 'select pg_switch_wal()' >/dev/null
archived() { [[ $(q 'select count(*) from pg_stat_archiver where last_archived_time > now() - interval '"'1 minute'"' and failed_count = 0') == 1 ]]; }
until_ok 5000 archived
mkdir full; : >full/precious
call r restore.start "$(to full)"
is "restore: a directory that is not empty is refused" '.error.code == "PRECONDITION" and (.error.text | test("not empty"))'
call r restore.start "$(to a '{"overwrite": true}')"
is "restore: one that is in use, too" '.error.code == "PRECONDITION" and (.error.text | test("runs in"))'
call r restore.start "$(to pitr '{"from": "20200101-000000F"}')"
is "restore: no such backup" '.error.code == "NOT_FOUND"'
call r restore.start "$(to pitr '{"target_time_ms": 1000000000000}')"
is "restore: no backup is that old" '.error.code == "NOT_FOUND" and (.error.text | test("before that time"))'
killed r restore.start "$(to pitr "{\"target_time_ms\": $BEFORE}")"
is "restore: from the newest before" ".evidence.result.from == \"$INCR\""
check "restore: it archives nothing" grep -q "archive_mode = 'off'" pitr/postgresql.auto.conf
killed r restore.validate "$(to pitr '{"tables": ["orders", "later"], "checks": ["many"]}')"
is "PITR: 300 orders of before are there, what came later is not" '.evidence.result | .ok and .rows == {"orders": 300, "later": 0} and .pages == "checked" and .timeline == 2'
is "PITR: how old that is" ".evidence.result | .recovery_point_ms == .last_commit_ms and (.recovery_point_basis | test(\"last replayed\")) and .recovery_point_ms <= $BEFORE and .recovery_point_ms >= $began"
call r restore.validate "$(to pitr '{"checks": ["none"]}')"
is "validate: goes red when a check does not hold" '.error.code == "FAILED" and (.error.text | test("none.*gave 0"))'
killed r restore.cleanup "$(to pitr)"
check "cleanup: it is gone" test ! -e pitr
call r restore.start "$(to all "{\"from\": \"$FULL\"}")"
is "restore: all there is, from an older one" '.ok and .before.undo.op == "restore.cleanup" and .effect == "change"'
before=$(jq -c .before <<<"$ANSWER")
call r restore.validate "$(to all '{"tables": ["later"]}')"
is "restore: has what came later" '.result.rows.later == 40 and .result.recovery_point_ms > 0'
undo r "$before"
is "restore: its undo" '.ok'
call r restore.start "$(to all '{"target_time": "2099-01-01T00:00:00Z"}')"
call r restore.validate "$(to all)"
is "a point that the archive does not reach: the truth" '.error.code == "FAILED" and (.error.text | test("before configured recovery target was reached"))'
mkdir -p half.restoring/x; : >half.restoring.lock
call r restore.start "$(to half '{"target_immediate": true}')"
call r restore.validate "$(to half '{"pages": false}')"
is "restore: only the backup: its own time" '.ok and .result.recovery_point_ms == .before.point.time_ms and (.result.recovery_point_basis | test("time of the backup"))'
call r restore.cleanup "$(to half)"
mkdir -p half.restoring/x; : >half.restoring.lock
call r restore.start "$(to half '{"target_immediate": true}')"
is "restore: what a killed attempt left is made anew" '.ok and (.result.target == "immediate")'
check "restore: nothing of it is in the new one" test ! -e half/x -a ! -e half.restoring

# ------------------------------------------------------------------ damage that ends with status 0

file=$(find "repo/backup/demo/$FULL/pg_data/base" -name '*.lz4' -size +3k | head -n 1)
printf 'X' | dd of="$file" bs=1 seek=2000 conv=notrunc status=none
rest verify >log/lies; check "pgBackRest itself ends with status 0" test $? = 0
call r backup.verify
is "verify: goes red all the same, and names the file" ".error.code == \"FAILED\" and (.error.text | test(\"$(basename "$file")\")) and (.result.ok | not) and .result.error_count >= 1"
call r backup.verify "{\"from\": \"$INCR\"}"
is "verify: an incremental backup stands on the full one" '.error.code == "FAILED"'
rm "$file"
call r backup.verify
is "verify: a missing file is found" '.error.code == "FAILED" and (.error.text | test("missing"))'
call r restore.start "$(to gone "{\"from\": \"$FULL\"}")"
is "restore: from a damaged backup nothing is made" '.error.code == "FAILED" and .error.world == "unchanged"'
check "restore: not even half" test ! -e gone -a ! -e gone.restoring

down
call r backup.start
is "backup: the server is down" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
call r doctor '{}' probe
is "doctor: says that the server is down" '.report.checks[] | select(.name == "server") | .ok | not'
PASS=$(sed -n 's/^repo1-cipher-pass=//p' pgbackrest.conf)
check "the repository's passphrase is in no log" fails grep -rqF -- "$PASS" log
