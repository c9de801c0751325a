#!/usr/bin/env bash
# provider-postgres-switchover.sh: a primary and its standby exchange their roles under a client that writes, and no
# acknowledged row is lost; what a switchover that was cut off leaves, and one whose standby is frozen.
bin_dirs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
PATH=$PATH:$bin_dirs
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin pgswitch initdb pg_ctl psql pg_basebackup
trap 'status=$?; down a; down b; (exit "$status"); finish' EXIT

declare -A PORT=()
port; PORT[a]=$REPLY; port; PORT[b]=$REPLY
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
wal_log_hints = on
wal_keep_size = 64MB
fsync = off
wal_retrieve_retry_interval = 100ms
wal_receiver_status_interval = 1s
wal_sender_timeout = 2s
wal_receiver_timeout = 2s
CONF
}
pid_of() { head -n 1 "$T/$1/postmaster.pid" 2>/dev/null; }
up() { pg_ctl start -D "$T/$1" -w -t 20 -s -l "$T/log/pg-$1"; }
halt() { pg_ctl stop -D "$T/$1" -m fast -w -s; }
down() {
	local pid; pid=$(pid_of "$1")
	[[ -n $pid ]] && ! gone "$pid" || return 0
	kill -CONT "$pid" $(pgrep -P "$pid"); kill -QUIT "$pid"
	until_ok 8000 gone "$pid" || kill -KILL "$pid"
}
family() { echo "$(pid_of "$1") $(pgrep -P "$(pid_of "$1")" | tr '\n' ' ')"; }
streams() { [[ $(q "$1" "select count(*) from pg_stat_replication where state = 'streaming'") == 1 ]]; }
is_role() { [[ $(q "$1" 'select pg_is_in_recovery()') == "$2" ]]; }
timeline() { q "$1" "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"; }
answers() { q "$1" 'select 1'; }

initdb -D a -U lab -A scram-sha-256 --auth-local=trust --pwfile=ws/password -E UTF8 --locale=C --no-sync \
	--no-instructions >log/initdb || exit 1
echo "include = 'node.conf'" >>a/postgresql.conf
conf a; up a || exit 1
psql -X -q -h "$T/run" -p "${PORT[a]}" -U lab -d postgres -c 'create database app' || exit 1
q a "create table orders(seq bigint primary key)" || exit 1
pg_basebackup -h "$T/run" -p "${PORT[a]}" -U lab -D b -X stream -C -S b -c fast --no-sync || exit 1
conf b; touch b/standby.signal
printf "primary_conninfo = 'host=%s port=%s user=lab application_name=b'\nprimary_slot_name = 'b'\n" "$T/run" "${PORT[a]}" \
	>>b/postgresql.auto.conf
up b && until_ok 10000 streams a || exit 1

node() { # node NAME [MORE SETTINGS]
	jq -cn --argjson p "${PORT[$1]}" --arg t "$T" --arg n "$1" --argjson more "${2:-"{}"}" '{provider: "postgres",
		environment: "lab", settings: ({host: "127.0.0.1", port: $p, user: "lab", database: "app", connect_timeout: "1s",
		data_dir: ($t + "/" + $n), socket_dir: ($t + "/run"), log_file: ($t + "/log/pg-" + $n)} + $more),
		secrets: {password: {file: "password"}}}'
}
target a "$(node a)"; target b "$(node b)"
target far "$(node a | jq -c 'del(.settings.data_dir)')"
echo wrong >ws/wrong; target wrong "$(node a | jq -c '.secrets.password.file = "wrong"')"
over() { # over NODE [MORE]: to that node
	jq -cn --argjson p "${PORT[$1]}" --arg from "$([[ $1 == a ]] && echo b || echo a)" --argjson more "${2:-"{}"}" \
		'{standby_host: "127.0.0.1", standby_port: $p, slot: $from, standby_name: $from} + $more'
}

# ------------------------------------------------------------------ what is refused

refused() { is "refused: $1" ".error.code == \"$2\" and (.error.text | test(\"$3\")) and .error.world == \"unchanged\""; }
call b failover.switchover "$(over a)"
refused "from a standby" PRECONDITION "standby, not a primary"
call a failover.switchover "$(over a)"
refused "to itself" PRECONDITION "two, fence one"
call a failover.switchover "$(over b '{"standby_port": 1}')"
refused "an unreachable standby" UNREACHABLE "the standby"
call wrong failover.switchover "$(over b)"
refused "a wrong password" AUTH "password"
call far failover.switchover "$(over b)"
refused "without a data_dir" UNSUPPORTED "data_dir"
q b 'select pg_wal_replay_pause()'
call a failover.switchover "$(over b)"
refused "paused replay" PRECONDITION "paused"
q b 'select pg_wal_replay_resume()'
q b "alter system set recovery_min_apply_delay = '1h'"; q b 'select pg_reload_conf()' >/dev/null
delayed() { [[ $(q b 'show recovery_min_apply_delay') == "$1" ]]; }
until_ok 3000 delayed 1h
call a failover.switchover "$(over b)"
refused "a standby that holds back" PRECONDITION "holds back"
q b "alter system reset recovery_min_apply_delay"; q b 'select pg_reload_conf()' >/dev/null; until_ok 3000 delayed 0
q b "alter system set primary_conninfo = ''"; q b 'select pg_reload_conf()' >/dev/null
until_ok 5000 fails streams a
call a failover.switchover "$(over b)"
refused "a standby that does not stream" PRECONDITION "does not stream"
q b "alter system reset primary_conninfo" # the second line of the file goes, too
printf "primary_conninfo = 'host=%s port=%s user=lab application_name=b'\n" "$T/run" "${PORT[a]}" >>b/postgresql.auto.conf
q b 'select pg_reload_conf()' >/dev/null; until_ok 5000 streams a
check "nothing of that stopped the primary" is_role a f

# ------------------------------------------------------------------ under load, both ways

client() { # every row that was acknowledged, by whoever takes writes
	local seq=0 node=a
	while [[ ! -e enough ]]; do
		seq=$((seq + 1))
		if q "$node" "insert into orders values ($seq)" >/dev/null 2>&1; then
			echo "$seq" >>acked
		elif [[ $node == a ]]; then node=b; else node=a; fi
	done
}
client & writer=$!
until_ok 5000 test -s acked
killed a failover.switchover "$(over b)"
is "verify knows the result" '.evidence.result.timeline == 2'
check "b is the primary of timeline 2" test "$(timeline b)" = 00000002
check "a streams from it, by its name and slot" test "$(q b "select count(*) from pg_stat_replication r join pg_replication_slots s on s.active_pid = r.pid where application_name = 'a' and slot_name = 'a'")" = 1
call b failover.switchover "$(over a)"
is "and back: the gap is measured" '.result | .timeline == 3 and .gap_ms > 0 and .gap_ms <= .took_ms and (.until_lsn | test("/")) and .streaming_ms >= 0'
is "and back: announced as costly" '.effect == "costly"'
: >enough; wait "$writer"
check "rows were written meanwhile" test "$(wc -l <acked)" -ge 10
q a 'select seq from orders' | sort >there; sort acked >promised
check "every acknowledged row is there" test -z "$(comm -13 there promised)"
check "b streams from a again" until_ok 5000 streams a
call a failover.switchover "$(over b '{"slot": "b"}')" prepare
is "a third one would begin whole" '.before.stage == "whole"'

# ------------------------------------------------------------------ cut off

halt a
call a failover.switchover "$(over b)" prepare; before=$(jq -c .before <<<"$ANSWER")
is "cut off behind the stop: it is seen" '.before.stage == "stopped" and .before.timeline == 3'
call a failover.switchover "$(over b)" verify "$before"
is "cut off behind the stop: not done" '.verdict == "not_done" and (.evidence.promoted | not)'
call a failover.switchover "$(over b)" run "$before"
is "cut off behind the stop: it goes on" '.result.timeline == 4'
check "a follows b" until_ok 5000 streams b
halt b
pg_ctl promote -D a -w -s; q a checkpoint
call b failover.switchover "$(over a)" prepare; before=$(jq -c .before <<<"$ANSWER")
is "cut off behind the promotion: it is seen" '.before.stage == "promoted"'
call b failover.switchover "$(over a)" run "$before"
is "cut off behind the promotion: it goes on" '.ok and .result.timeline == 5'
check "b follows a" until_ok 5000 streams a

# ------------------------------------------------------------------ a frozen standby

args=$(over b '{"until_wait": "1s"}')
call a failover.switchover "$args" prepare; before=$(jq -c .before <<<"$ANSWER")
frozen=$(family b); kill -STOP $frozen; mark=$(now_ms); TIMEOUT_MS=30000
call a failover.switchover "$args" run "$before"; unset TIMEOUT_MS
is "frozen standby: not promoted, and the primary is started again" '(.ok | not) and (.error.text | test("started again")) and .error.world == "changed"'
check "frozen standby: not longer than it may" test $(($(now_ms) - mark)) -lt 20000
check "frozen standby: a takes writes" q a "insert into orders values (-1)"
TIMEOUT_MS=1500
call a failover.switchover "$args" prepare
is "frozen standby: seen before it begins" '.error.code == "UNREACHABLE"'; unset TIMEOUT_MS
kill -CONT $frozen 2>/dev/null
until_ok 10000 streams a

# ------------------------------------------------------------------ a frozen primary

call a failover.switchover "$args" prepare; before=$(jq -c .before <<<"$ANSWER")
TIMEOUT_MS=1000
call a failover.switchover "$args" run "$before"; unset TIMEOUT_MS
is "too little time to take it back: not begun" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
check "and nothing was stopped" answers a
frozen=$(pid_of a); kill -STOP "$frozen"; mark=$(now_ms); TIMEOUT_MS=3500
call a failover.switchover "$args" run "$before"; unset TIMEOUT_MS
is "frozen primary: a deadline in the middle says unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
check "frozen primary: in time" test $(($(now_ms) - mark)) -lt 8000
kill -CONT "$frozen"
until_ok 10000 test ! -e a/postmaster.pid
call a failover.switchover "$args" verify "$before"
is "frozen primary: and verify says not done" '.verdict == "not_done"'
call a failover.switchover "$args"
is "frozen primary: done again it goes on" '.before.stage == "stopped" and .result.timeline == 6'

check "the password is in no log" fails grep -rqF -- "$PASSWORD" log
