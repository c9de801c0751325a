#!/usr/bin/env bash
# provider-postgres.sh: every operation of the postgres provider on a real primary and standby, and what verify says
# after kill -9 at both sides of every effect.
bin_dirs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
PATH=$PATH:$bin_dirs
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin postgres initdb pg_ctl psql pg_rewind socat
trap 'status=$?; down a; down b; (exit "$status"); finish' EXIT

declare -A PORT=()
port; PORT[a]=$REPLY; port; PORT[b]=$REPLY; port; HOLE=$REPLY

# ------------------------------------------------------------------ two servers

PASSWORD=$(head -c 18 /dev/urandom | base64 | tr '+/' ':\\') # a colon and a backslash are escaped in a password file
printf '%s' "$PASSWORD" >ws/password
q() { # q NODE SQL: at the node's own socket
	psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$T/run" -p "${PORT[$1]}" -U lab -d app -c "$2"
}
conf() { # a file inside the data directory, included: pg_rewind overwrites it
	cat >"$T/$1/node.conf" <<CONF
listen_addresses = '127.0.0.1'
port = ${PORT[$1]}
unix_socket_directories = '$T/run'
cluster_name = '$1'
shared_buffers = 16MB
max_connections = 30
wal_level = replica
wal_log_hints = on
wal_keep_size = 64MB
fsync = off
wal_retrieve_retry_interval = 100ms
wal_receiver_status_interval = 1s
wal_sender_timeout = 5s
wal_receiver_timeout = 5s
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
streams() { [[ $(q "$1" "select count(*) from pg_stat_replication where state = 'streaming'") == "${2:-1}" ]]; }
rows() { q "$1" 'select count(*) from orders'; }
same_rows() { [[ $(rows a) == "$(rows b)" ]]; }
is_role() { [[ $(q "$1" 'select pg_is_in_recovery()') == "$2" ]]; }

initdb -D a -U lab -A scram-sha-256 --auth-local=trust --pwfile=ws/password -E UTF8 --locale=C --no-sync \
	--no-instructions >log/initdb || exit 1
echo "include = 'node.conf'" >>a/postgresql.conf
conf a; up a || exit 1
psql -X -q -h "$T/run" -p "${PORT[a]}" -U lab -d postgres -c 'create database app' || exit 1
q a "create table orders(seq bigint primary key, note text); create table tokens(token text primary key);
	create table heartbeat(at timestamptz not null); insert into heartbeat values (clock_timestamp())" || exit 1
pg_basebackup -h "$T/run" -p "${PORT[a]}" -U lab -D b -X stream -C -S b -c fast --no-sync || exit 1
conf b; touch b/standby.signal
printf "primary_conninfo = 'host=%s port=%s user=lab application_name=b'\nprimary_slot_name = 'b'\n" "$T/run" "${PORT[a]}" \
	>>b/postgresql.auto.conf
up b && until_ok 10000 streams a || exit 1

queries='{
	"count": {"sql": "select count(*) from orders", "effect": "read"},
	"seqs": {"sql": "select seq from orders order by seq", "effect": "read"},
	"one": {"sql": "select seq, note, null as nothing, 1.5::float8 as float, true as yes from orders where seq = $1::int8 and note = $2", "effect": "read", "params": ["seq", "note"]},
	"many": {"sql": "select generate_series(1, 10005)", "effect": "read"},
	"slow": {"sql": "select pg_sleep(20)", "effect": "read"},
	"liar": {"sql": "insert into tokens values (1)", "effect": "read"},
	"place": {"sql": "insert into orders values ($1::int8, $2) on conflict do nothing", "effect": "change", "params": ["seq", "note"], "verify": "select count(*) from orders where seq = $1::int8 and $2::text is not null"},
	"token": {"sql": "insert into tokens values ($1)", "effect": "costly", "params": ["key"], "verify": "select count(*) from tokens where token = $1"},
	"blind": {"sql": "update orders set note = note", "effect": "change"},
	"wild": {"sql": "delete from tokens"}}'
node() { # node NAME PORT [MORE SETTINGS]
	jq -cn --arg n "$1" --argjson p "$2" --arg t "$T" --argjson q "$queries" --argjson more "${3:-"{}"}" '{provider: "postgres",
		environment: "lab", settings: ({host: "127.0.0.1", port: $p, user: "lab", database: "app", heartbeat: "heartbeat",
		acked: ($t + "/acked"), connect_timeout: "2s"} + $more), secrets: {password: {file: "password"}}, queries: $q}'
}
local_node() { node "$1" "${PORT[$1]}" "$(jq -cn --arg t "$T" --arg n "$1" '{data_dir: ($t + "/" + $n), socket_dir: ($t + "/run"),
	log_file: ($t + "/log/pg-" + $n)}')"; }
target a "$(local_node a)"; target b "$(local_node b)"
target remote "$(node a "${PORT[a]}")"
target closed "$(node a 1)"
target hole "$(node a "$HOLE" '{"connect_timeout": "300ms"}')"
target stranger "$(node a "${PORT[a]}" | jq -c 'del(.secrets)')"
source_is() { jq -cn --argjson p "${PORT[$1]}" --arg s "$2" '{source_host: "127.0.0.1", source_port: $p, slot: $s}'; }

# ------------------------------------------------------------------ looking

call a doctor '{}' probe
is "probe: every check of a primary is good" '.ok and ([.report.checks[].ok] | all) and (.report.checks | length) >= 5'
call closed doctor '{}' probe
is "probe: a closed port is reported, not raised" '.ok and (.report.checks[0].ok | not)'
call a health.probe '{"expect": "writable"}'
is "health: a is writable" '.result.role == "primary" and .result.ok and .result.latency_us > 0'
call b health.probe '{"expect": "primary"}'
is "health: b is no primary" '.error.code == "PRECONDITION" and .result.role == "standby" and (.result.writable | not)'
call closed health.probe
is "health: a closed port is unreachable" '.error.code == "UNREACHABLE"'
start hole socat "TCP-LISTEN:$HOLE,bind=127.0.0.1,fork,reuseaddr" SYSTEM:'sleep 30'
listens() { [[ -n $(ss -Hltn "sport = :$HOLE") ]]; }
until_ok 3000 listens; began=$(now_ms)
call hole health.probe
is "health: a silent port is unreachable" '.error.code == "UNREACHABLE" and (.error.text | test("no answer"))'
check "health: and costs connect_timeout, not more" test $(($(now_ms) - began)) -lt 1500
stop hole KILL
call stranger health.probe
is "health: without a password" '.error.code == "AUTH"'
echo wrong >ws/wrong; target wrong "$(node a "${PORT[a]}" | jq -c '.secrets.password.file = "wrong"')"
call wrong health.probe
is "health: with a wrong password" '.error.code == "AUTH" and (.error.text | test("28P01") | not)'

until_ok 3000 same_rows
replayed() { call b replication.status; jq -e '.result.lag_bytes == 0' <<<"$ANSWER"; } # the end of a record may be under way
until_ok 3000 replayed
call a replication.status
is "status of the primary" '.result | .role == "primary" and .timeline == 1 and .streaming and .standbys[0].name == "b" and
	.standbys[0].lag_bytes >= 0 and .lag_bytes >= 0 and .slots[0].active and (.basis | test("pg_stat_replication")) and
	.lag_ms >= 0 and (.lag_basis | test("slowest")) and .wal_status == "reserved"'
call b replication.status
is "status of the standby" '.result | .role == "standby" and .in_recovery and .timeline == 1 and .streaming and
	.receiver == "streaming" and .lag_bytes == 0 and .heartbeat_age_ms > 0 and .replay_paused == false and
	.lag_ms == .heartbeat_age_ms and .lag_basis == "age of the heartbeat row" and .slot == "b"'
SYSTEM=$(jq -r .result.system_id <<<"$ANSWER")
check "status: both name the same system" test "$SYSTEM" = "$(q a 'select system_identifier from pg_control_system()')"
call closed replication.status '{"allow_down": true}'
is "status: down when that is allowed, and lag is unknown, not 0" '.result.role == "down" and (.result | has("lag_bytes") | not) and
	(.result.unknown | index("lag_bytes") != null)'
call b replication.status '{"heartbeat": "x; drop table orders"}'
is "status: a heartbeat table that is a statement" '.error.code == "USAGE"'

call b failover.precheck '{"max_age": "1h"}'
is "precheck: b may be promoted" '.result.ok and ([.result.checks[].ok] | all) and (.result.checks | length) == 7'
call b failover.precheck '{"max_age": "0", "max_lag_bytes": "1KiB"}'
is "precheck: an old heartbeat refuses" '.error.code == "PRECONDITION" and (.error.text | test("heartbeat")) and (.error.text | test("lag:") | not)'
q b 'select pg_wal_replay_pause()'
call b failover.precheck '{"max_age": "1h"}'
is "precheck: paused replay refuses" '.error.code == "PRECONDITION" and (.error.text | test("replay: is paused"))'
q b 'select pg_wal_replay_resume()'
call a failover.precheck '{"max_age": "1h"}'
is "precheck: a primary refuses" '.error.code == "PRECONDITION" and (.error.text | test("standby: is a primary"))'

# ------------------------------------------------------------------ declared SQL

q a "insert into orders values (1, 'first')"
call a data.query '{"query": "one", "args": {"seq": 1, "note": "first"}}'
is "query: values by type, null as null, a fraction as text" '.result.rows == [[1, "first", null, "1.5", true]] and .result.value == 1 and
	.result.columns == ["seq", "note", "nothing", "float", "yes"] and .result.truncated == false'
call a data.query '{"query": "many"}'
is "query: 10,000 rows at most" '.result.count == 10000 and .result.truncated'
call a data.query '{"query": "liar"}'
is "query: a statement declared read runs read-only" '.error.code == "PRECONDITION"'
call a data.query '{"query": "place", "args": {"seq": 2, "note": "x"}}'
is "query: refuses what is not declared read" '.error.code == "FORBIDDEN"'
call a data.query '{"query": "one", "args": {"seq": 1}}'
is "query: a missing value is named" '.error.code == "USAGE" and (.error.text | test("note"))'
call a data.query '{"query": "nope"}'
is "query: an undeclared one" '.error.code == "NOT_FOUND"'
began=$(now_ms); TIMEOUT_MS=400
call a data.query '{"query": "slow"}'; unset TIMEOUT_MS
is "query: the call's deadline ends it" '.error.code == "TIMEOUT"'
check "query: in time" test $(($(now_ms) - began)) -lt 2000
request a data.query '{"query": "slow"}' run '' >request.json
"$WORKER" --call <request.json >stopped.json 2>/dev/null & pid=$!
sleeping() { [[ $(q a "select count(*) from pg_stat_activity where query like '%pg_sleep(20)%' and pid <> pg_backend_pid()") == 1 ]]; }
until_ok 3000 sleeping; began=$(now_ms); kill -TERM "$pid"; wait "$pid"; ANSWER=$(<stopped.json)
is "query: a stop ends it" '.error.code == "CANCELLED"'
check "query: at once" test $(($(now_ms) - began)) -lt 1000

killed a data.write '{"statement": "place", "args": {"seq": 2, "note": "second"}}'
call a data.write '{"statement": "place", "args": {"seq": 2, "note": "second"}}'
is "write: what holds already is not sent again" '.result.already and .result.changed == 0 and .effect == "change"'
call a data.write '{"statement": "token"}'
is "write: the key as a parameter, the class as declared" '.result.changed == 1 and .effect == "costly"'
check "write: the key is in the row" test "$(q a 'select token from tokens')" = test/1
call a data.write '{"statement": "count"}'
is "write: refuses what is declared read" '.error.code == "FORBIDDEN"'
call a data.write '{"statement": "wild"}' prepare
is "write: undeclared means irreversible" '.ok and .effect == "irreversible"'
call a data.write '{"statement": "blind"}' verify '{}'
is "write: without a verify query nobody can tell" '.verdict == "cannot_tell" and (.evidence.reason | test("verify"))'
call b data.write '{"statement": "place", "args": {"seq": 3, "note": "x"}}'
is "write: a standby refuses, unchanged" '.error.code == "PRECONDITION" and .error.world == "unchanged"'

canary=$(jq -cn --argjson p "${PORT[b]}" '{standby_host: "127.0.0.1", standby_port: $p}')
killed a replication.canary "$canary"
call a replication.canary "$canary"
is "canary: arrives" '.result.arrived_ms >= 0 and .result.arrived_ms < 5000'
replayer=$(pgrep -P "$(pid_of b)" -f 'startup recovering'); kill -STOP "$replayer"; TIMEOUT_MS=800; began=$(now_ms)
call a replication.canary "$canary"; unset TIMEOUT_MS
kill -CONT "$replayer"
is "canary: a standby that does not replay costs the deadline" '.error.code == "TIMEOUT" and (.error.text | test("not arrived")) and .error.world == "changed"'
check "canary: not more" test $(($(now_ms) - began)) -lt 3000
call b replication.canary "$canary"
is "canary: not from a standby" '.error.code == "PRECONDITION"'

# ------------------------------------------------------------------ a crash with loss

acked() { # acked FROM TO: orders the client was promised, one a millisecond from 1700000000000 + FROM
	q a "insert into orders select g, 'acked' from generate_series($1, $2) g"
	local i; for ((i = $1; i <= $2; i++)); do echo "$((1700000000000 + i)) $i ok"; done >>acked
}
acked 101 300; echo "1700000000301 301 fail" >>acked
until_ok 3000 same_rows
# a link cut as an operator makes it: this must not travel to a with pg_rewind
q b "alter system set primary_conninfo = ''"; q b 'select pg_reload_conf()' >/dev/null
cut() { [[ $(q b 'select count(*) from pg_stat_wal_receiver') == 0 ]]; }
check "the link is cut" until_ok 5000 cut
acked 302 360; printf '1700000000361 361 o' >>acked
call a data.compare '{"query": "seqs"}'
is "compare: nothing lost on the primary" '.result.lost == 0 and .result.acknowledged == 259 and .result.failed == 1 and .result.extra == 2 and
	.result.recovery_point_ms == 1700000000360 and .result.lost_span_ms == 0'
call b data.compare '{"query": "seqs"}'
is "compare: what the standby misses" '.result.lost == 59 and .result.first_lost == 302 and .result.last_lost == 360 and
	.result.recovery_point_ms == 1700000000300 and .result.lost_span_ms == 60 and .result.unknown == []'
call b data.compare '{"query": "seqs", "before_ms": 1700000000301}'
is "compare: before the impact nothing was lost" '.result.lost == 0 and .result.acknowledged == 200'
call b data.compare '{"query": "one", "args": {"seq": 1, "note": "first"}}'
is "compare: wants one number a row" '.error.code == "USAGE"'

call b failover.fence
is "fence: a standby is not fenced" '.error.code == "PRECONDITION"'
call a failover.reverse "$(source_is b a)"
is "reverse: not from a standby" '.error.code == "PRECONDITION" and (.error.text | test("standby itself"))'
kill -KILL "$(pid_of a)" # only the postmaster: its children live on for a moment
killed a failover.fence '{}'
before=$(jq -c .before <<<"$ANSWER")
check "fence: no process of a is left" test -z "$(for p in /proc/[0-9]*; do [[ $(readlink "$p/cwd") == "$T/a" ]] && echo "$p"; done 2>/dev/null)"
call a failover.fence
is "fence: again is no harm" '.result.level == "hard"'
call a service.start
is "fence: service.start refuses" '.error.code == "PRECONDITION" and (.error.text | test("fenced"))'
check "fence: started by accident" up a
check "fence: it is in recovery" is_role a t
check "fence: and takes no writes" fails q a "insert into orders values (9999, 'split')"
call a failover.unfence
is "unfence: refuses while it runs" '.error.code == "PRECONDITION"'
down a
killed a failover.unfence '{}'
call a failover.unfence
is "unfence: nothing to take away" '.error.code == "PRECONDITION"'
check "unfence: no standby.signal" test ! -e a/standby.signal
check "unfence: no setting left behind" fails grep -q primary_conninfo a/postgresql.auto.conf
call a failover.fence
is "fence: registers its undo" '.before.undo.op == "failover.unfence" and .result.level == "hard"'

call b failover.promote '{"until_lsn": "7F/0", "until_wait": "200ms"}'
is "promote: refuses before until_lsn is replayed" '.error.code == "PRECONDITION" and (.error.text | test("would lose")) and .error.world == "unchanged"'
killed b failover.promote '{}'
is "promote: verify knows the result" '.evidence.result.timeline == 2 and .evidence.result.recovery_point_ms > 0'
check "promote: b is a primary" is_role b f
call b failover.promote '{}' prepare
is "promote: a primary is not promoted" '.error.code == "PRECONDITION" and (.error.text | test("timeline 2"))'
call b failover.promote '{}' run '{"in_recovery": true, "timeline": 1, "system_id": "'"$SYSTEM"'"}'
is "promote: nor with an old intent" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
call b failover.promote '{}' verify '{"timeline": 1, "system_id": "1"}'
is "promote: another cluster is no proof" '.verdict == "cannot_tell"'
call b failover.promote '{}' verify '{"timeline": 2, "system_id": "'"$SYSTEM"'"}'
is "promote: nor the same timeline" '.verdict == "cannot_tell"'
check "promote: the timeline rose once" test "$(q b "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")" = 00000002
q b "insert into orders values (1000, 'after')"
call b data.compare '{"query": "seqs"}'
is "compare: the loss of the failover" '.result.lost == 59 and .result.extra == 3'

# ------------------------------------------------------------------ the old primary comes back

call b failover.reverse "$(source_is a x)"
is "reverse: refused on the new primary" '.error.code == "UNREACHABLE" or .error.code == "PRECONDITION"'
call a failover.rejoin "$(source_is b a)"
is "rejoin: a crashed node may hold more, so it is refused" '.error.code == "PRECONDITION" and (.error.text | test("failover.reverse"))'
# a pg_rewind that takes its caller with it when it is through
mkdir fake; ln -s "$bin_dirs"/* fake/; rm fake/pg_rewind
printf '#!/bin/sh\n"%s/pg_rewind" "$@" || exit 1\nkill -KILL $PPID\n' "$bin_dirs" >fake/pg_rewind; chmod 700 fake/pg_rewind
target fake "$(local_node a | jq -c --arg d "$T/fake" '.settings.bin_dir = $d')"
call fake failover.reverse "$(source_is b a)" prepare
is "reverse: way and identity before it begins" '.before.way == "rewind" and .before.timeline == 2 and .before.system_id == "'"$SYSTEM"'"'
before=$(jq -c .before <<<"$ANSWER")
call fake failover.reverse "$(source_is b a)" run "$before"
check "reverse: killed in the middle" test "$STATUS" = 137
check "reverse: pg_rewind has put b's configuration there" grep -q "port = ${PORT[b]}" a/node.conf
call a failover.reverse "$(source_is b a)" verify "$before"
is "reverse: verify says not done, interrupted" '.verdict == "not_done" and .evidence.interrupted'
call a service.start
is "reverse: half done, nothing is started" '.error.code == "PRECONDITION"'
killed a failover.reverse "$(source_is b a)"
check "reverse: a has its own configuration back" grep -q "port = ${PORT[a]}" a/node.conf
check "reverse: nothing is left beside it" test ! -e a.drillbook
check "reverse: a streams from b" until_ok 5000 streams b
check "reverse: and has b's rows" until_ok 5000 same_rows
call b replication.status
is "reverse: under its name, through its slot" '.result.standbys[0].name == "a" and ([.result.slots[] | select(.name == "a")][0].active)'
check "reverse: the password is in a 0600 file" test "$(stat -c %a a/drillbook.pgpass)" = 600
check "reverse: and nowhere in the configuration" fails grep -qF "$PASSWORD" a/postgresql.auto.conf
call a failover.reverse "$(source_is b a)"
is "reverse: a standby that streams is left alone" '.error.code == "PRECONDITION" and (.error.text | test("already"))'
# pg_rewind of a standby that was killed would write WAL of its own on b's timeline
kill -KILL "$(pid_of a)"; until_ok 5000 gone "$(pid_of a)"
q b "insert into orders select g, 'meanwhile' from generate_series(1901, 1910) g"
call a failover.reverse "$(source_is b a)"
is "reverse: a killed standby of b is started, not rewound" '.ok and .result.way == "rejoin"'
check "reverse: and streams from b again" until_ok 5000 streams b
check "reverse: and has b's rows again" until_ok 5000 same_rows
kill -KILL "$(pid_of a)"; until_ok 5000 gone "$(pid_of a)"; call a service.start
check "reverse: what it has is b's WAL, also after another crash" until_ok 8000 streams b
known() { call a replication.status; jq -e '.result | .streaming and .lag_bytes == 0' >/dev/null <<<"$ANSWER"; }
check "status: a restarted standby of a silent primary is known to have everything" until_ok 5000 known

# ------------------------------------------------------------------ a switchover without loss, back to a

call a failover.stop_primary
is "stop_primary: not a standby" '.error.code == "PRECONDITION"'
q b "insert into orders select g, 'last' from generate_series(2001, 2500) g"
killed b failover.stop_primary '{}'
is "stop_primary: verify knows the LSN" '.evidence.result.until_lsn | test("^[0-9A-F]+/[0-9A-F]+$")'
until_lsn=$(jq -r .evidence.result.until_lsn <<<"$ANSWER")
call a failover.promote "{\"until_lsn\": \"$until_lsn\"}" prepare
is "promote: with everything replayed it is costly, not irreversible" '.effect == "costly" and (.before.effect_reason | test("replayed"))'
before=$(jq -c .before <<<"$ANSWER")
call a failover.promote "{\"until_lsn\": \"$until_lsn\"}" run "$before"
is "promote: back to a on timeline 3" '.result.timeline == 3 and .result.took_ms >= 0 and .result.checkpoint'
check "promote: every row is there" test "$(rows a)" = "$(q a 'select 2500 - 2001 + 1 + (select count(*) from orders where seq < 2001)')"
killed b failover.rejoin "$(source_is a b)"
call b failover.rejoin "$(source_is a b)"
is "rejoin: once is enough" '.error.code == "PRECONDITION"'
check "rejoin: b streams from a" until_ok 5000 streams a
check "rejoin: with the same rows" until_ok 5000 same_rows

# ------------------------------------------------------------------ start and stop

killed b service.stop '{}'
call b service.stop
is "stop: does not run" '.error.code == "PRECONDITION"'
killed b service.start '{}'
call b service.start
is "start: runs already" '.error.code == "PRECONDITION"'
check "start: and streams again" until_ok 5000 streams a
call a service.stop; down b
call b service.start
is "start: a standby without its primary" '.result.pid > 0'
call b replication.status
is "status: what was not received since the start is unknown, never 0" '(.result.unknown | index("receive_lsn") != null and index("lag_bytes") != null and index("slot") == null) and
	(.result | has("lag_bytes") | not) and .result.streaming == false'
call b failover.precheck '{"max_age": "1h"}'
is "precheck: unknown is not fit" '.error.code == "PRECONDITION" and (.error.text | test("lag: unknown"))'
call a service.start
check "a and b again" until_ok 5000 streams a
old=$(pid_of a); kill -STOP "$old"
call a failover.fence '{"mode": "immediate"}'
is "fence: a frozen server is ended too" '.ok and .before.running and .result.took_ms >= 5000'
check "fence: it is gone" gone "$old"
undo a "$(jq -c .before <<<"$ANSWER")"
is "fence: its undo" '.ok'
call a service.start
is "start: over a dead lock file" '.ok'
check "start: a is a primary again" is_role a f

# ------------------------------------------------------------------ no data directory: soft

killed remote failover.fence '{}'
call remote failover.fence
is "soft fence: says that it is soft" '.result.level == "soft"'
check "soft fence: a client that does not insist cannot write" fails q a "insert into orders values (7777, 'soft')"
killed remote failover.unfence '{}'
check "soft unfence: writes again" q a "insert into orders values (7778, 'soft')"
call closed failover.fence
is "soft fence: unreachable proves nothing" '.error.code == "UNREACHABLE" and (.error.text | test("cannot prove"))'
call remote service.stop
is "without a data_dir nothing is stopped" '.error.code == "UNSUPPORTED"'

# ------------------------------------------------------------------ a new copy

down b
args=$(source_is a b | jq -c '. + {reseed: true}')
killed b failover.reverse "$args"
check "reseed: the old directory is kept" test -f "$(echo b.replaced-*)/PG_VERSION"
check "reseed: b has its own port" grep -q "port = ${PORT[b]}" b/node.conf
check "reseed: b streams" until_ok 5000 streams a
check "reseed: with the same rows" until_ok 5000 same_rows

# ------------------------------------------------------------------ what cannot be rewound

down b; down a
for n in a b; do sed -i 's/wal_log_hints = on/wal_log_hints = off/' $n/node.conf; done
up a && up b && until_ok 5000 streams a
call b failover.precheck '{"max_age": "1h"}'
is "precheck: without wal_log_hints" '.error.code == "PRECONDITION" and (.error.text | test("rewind"))'
down a
call a failover.fence
call b failover.promote
is "promote: b once more" '.result.timeline == 4'
call a failover.reverse "$(source_is b a)"
is "reverse: says that a new copy is needed" '.error.code == "PRECONDITION" and (.error.text | test("reseed"))'

# ------------------------------------------------------------------ in a run: what a step starts outlives it

DRILLBOOK=$BUILD/bin/drillbook
if [[ -x $DRILLBOOK && -e $BUILD/share/drillbook/providers.json ]]; then
	down b
	mkdir run-ws; cp ws/password run-ws/
	printf 'name: test\nenvironments: {lab: {modes: [probe, drill]}}\n' >run-ws/drillbook.yaml
	printf 'services:\n  orders: {title: Orders, tier: 1, owner: me, objectives: {rto: 5m, rpo: 0}}\n' >run-ws/services.yaml
	jq -n --argjson b "$(local_node b | jq -c 'del(.queries)')" '{targets: {b: $b}}' >run-ws/targets.yaml # JSON is YAML
	cat >run-ws/start.yaml <<'END'
runbook: Start the server
version: 1
service: orders
steps:
  - id: start
    title: Start it
    uses: {service.start: b}
    run: service.start("b")
    marks: [{service: orders, reached: verified}]
END
	export DRILLBOOK_DATA=$T/dd DRILLBOOK_CONFIG=$T/dc
	check "run: the workspace" "$DRILLBOOK" lint --workspace run-ws
	check "run: trusted" "$DRILLBOOK" trust run-ws
	"$DRILLBOOK" run start --plain --workspace run-ws >log/run 2>&1 </dev/null
	check "run: done" test $? = 0
	check "run: the server lives" is_role b f
	"$DRILLBOOK" server stop >/dev/null 2>&1
	check "run: also when drillbook is gone" is_role b f
fi

check "the password is in no log" fails grep -rqF -- "$PASSWORD" log
