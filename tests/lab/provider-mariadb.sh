#!/usr/bin/env bash
# provider-mariadb.sh: a primary and a replica of MariaDB with GTIDs: status, canary, declared SQL, switchover, forced failover
# without two primaries, fence, reverse, backup, restore; servers that are gone, frozen, or want another password.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin mariadb mariadbd mariadb-install-db mariadb mariadb-backup openssl

port; A=$REPLY; port; B=$REPLY; port; DEAD=$REPLY
word() { head -c 18 /dev/urandom | base64 | tr '+/' '-_'; }
PASSWORD=$(word)'"\x' REPLPASS=$(word) APPPASS=$(word)
printf '%s' "$PASSWORD" >password; printf '%s' "$REPLPASS" >replpass; printf 'wrong' >wrongword
mariadb-install-db --no-defaults --datadir="$T/data" --auth-root-authentication-method=normal --skip-test-db \
	--innodb-log-file-size=8M >log/install 2>&1 || { cat log/install; exit 1; }
node() { # node NAME PORT ID
	mkdir -p "$1/conf.d" && cp -r data "$1/data"
	cat >"$1/my.cnf" <<CONF
[mariadbd]
datadir = $T/$1/data
port = $2
socket = $T/run/$1.sock
pid-file = $T/run/$1.own
bind-address = 127.0.0.1
server-id = $3
log-bin = binlog
log-slave-updates
gtid-strict-mode = 1
skip-name-resolve
innodb-buffer-pool-size = 32M
innodb-log-file-size = 8M
innodb-flush-log-at-trx-commit = 2
slave-net-timeout = 4
performance-schema = OFF
!includedir $T/$1/conf.d
CONF
}
sql() { timeout 10 mariadb --no-defaults -N -B -S "run/$1.sock" -u root -e "$2" "${@:3}"; }
app() { timeout 5 mariadb --no-defaults -N -B -h 127.0.0.1 -P "$1" -u app -p"$APPPASS" shop -e "$2"; }
run_node() { start "$1" mariadbd --defaults-file="$1/my.cnf" "${@:2}"; until_ok 20000 sql "$1" 'select 1'; }
for ca in ca otherca; do
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=lab $ca" -keyout $ca.key -out $ca.pem >log/openssl 2>&1
done
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr >>log/openssl 2>&1
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile <(echo 'subjectAltName = DNS:localhost') -out server.pem >>log/openssl 2>&1
node a "$A" 1; node b "$B" 2; rm -rf data
printf 'ssl-cert = %s\nssl-key = %s\nssl-ca = %s\n' "$T/server.pem" "$T/server.key" "$T/ca.pem" >tls
sed -i "/^skip-name-resolve/r tls" a/my.cnf
start a mariadbd --defaults-file=a/my.cnf; run_node b
until_ok 20000 sql a 'select 1' || { cat log/*; exit 1; }
sql a "create user drillbook@'127.0.0.1' identified by '$(sed 's/\\/\\\\/g' <<<"$PASSWORD")';
	grant select, insert, update, create, lock tables, reload, process, binlog monitor, replica monitor, replication slave admin,
		read_only admin, connection admin on *.* to drillbook@'127.0.0.1';
	create user repl@'127.0.0.1' identified by '$REPLPASS'; grant replication slave on *.* to repl@'127.0.0.1';
	create user weak@'127.0.0.1' identified by '$APPPASS'; grant replica monitor, select on *.* to weak@'127.0.0.1';
	create database shop; create user app@'127.0.0.1' identified by '$APPPASS'; grant all on shop.* to app@'127.0.0.1';
	create table shop.orders(seq bigint primary key, note varchar(100)); create table shop.tokens(token varchar(100) primary key);
	create table shop.heartbeat(one int primary key, at_ms bigint not null); insert into shop.heartbeat values (1, $(now_ms))" || exit 1
sql b "set global read_only = 1; change master to master_host = '127.0.0.1', master_port = $A, master_user = 'repl', master_password = '$REPLPASS',
	master_use_gtid = slave_pos, master_connect_retry = 1; start slave"
same() { [[ $(sql a 'select @@gtid_current_pos') == "$(sql b 'select @@gtid_current_pos')" ]]; }
until_ok 10000 same || { sql b 'show slave status\G'; cat log/*; exit 1; }

queries='{
	"seqs": {"sql": "select seq from orders order by seq", "effect": "read"},
	"one": {"sql": "select seq, note, null as missing, 1.5 as frac from orders where seq = ? and note = ?", "effect": "read", "params": ["seq", "note"]},
	"many": {"sql": "select seq from seq_1_to_10005", "effect": "read"},
	"slow": {"sql": "select sleep(60)", "effect": "read"},
	"liar": {"sql": "delete from orders", "effect": "read"},
	"drops": {"sql": "drop table orders", "effect": "read"},
	"any": {"sql": "select count(*) from orders", "effect": "read"},
	"nine": {"sql": "select count(*) from orders where seq = 999", "effect": "read"},
	"place": {"sql": "insert ignore into orders values (?, ?)", "effect": "change", "params": ["seq", "note"], "verify": "select count(*) from orders where seq = ? and note = ?"},
	"token": {"sql": "insert into tokens values (?)", "effect": "costly", "params": ["key"], "verify": "select count(*) from tokens where token = ?"},
	"blind": {"sql": "update orders set note = note", "effect": "change"}}'
spec() { jq -cn --argjson p "$1" --arg f "$T/$2" --arg r "$T/replpass" --argjson more "${3:-"{}"}" --arg t "$T" --argjson q "$queries" '{provider: "mariadb", environment: "lab",
	settings: ({host: "127.0.0.1", port: $p, user: "drillbook", database: "shop", connect_timeout: "1s", heartbeat: "shop.heartbeat", replication_user: "repl",
	acked: ($t + "/acked")} + $more), secrets: {password: {file: $f}, replication_password: {file: $r}}, queries: $q}'; }
target a "$(spec "$A" password "{\"fence_file\": \"$T/a/conf.d/fence.cnf\", \"peer\": \"127.0.0.1@$B\"}")"
target b "$(spec "$B" password "{\"fence_file\": \"$T/b/conf.d/fence.cnf\"}")"
target plain "$(spec "$B" password | jq -c 'del(.settings.heartbeat)')" # without a fence_file, too
target wrong "$(spec "$A" wrongword)"; target dead "$(spec "$DEAD" password)"
target nobase "$(spec "$A" password '{"database": "nope"}')"
printf '%s' "$APPPASS" >apppass; target weak "$(spec "$A" apppass '{"user": "weak"}')"
beat() { sql "$1" "update shop.heartbeat set at_ms = $(now_ms)"; }
writes() { app "$1" "insert into orders values ($2, 'x')" 2>/dev/null; }

# ------------------------------------------------------------------ looking

call a "" '{}' probe
is "doctor: everything is good" '.ok and ([.report.checks[].ok] | all) and ([.report.checks[].name] == ["reachable", "identity", "version", "rights", "binlog"])'
call weak "" '{}' probe
is "doctor: rights are missing" '[.report.checks[] | select(.ok | not) | .name] == ["rights"]'
call wrong "" '{}' probe
is "doctor: a wrong password" '[.report.checks[] | select(.ok | not) | .name] == ["reachable"]'
call a replication.status
is "status: a primary" '.result | .role == "primary" and .writable and (.read_only | not) and (.gtid | test("^0-1-")) and .heartbeat_age_ms >= 0'
call b replication.status
is "status: a replica that has everything" '.result | .role == "replica" and .receiver == "Yes" and .applier and .uses_gtid and .lag_transactions == 0 and .lag_s == 0 and
	.primary == "127.0.0.1@'"$A"'" and .read_only and (.writable | not) and .unknown == []'
sql b 'stop slave sql_thread'; app "$A" "insert into orders values (1, 'first'), (2, 'second')"; app "$A" "insert into orders values (3, 'third')"
behind() { call b replication.status; jq -e '.result.lag_transactions == 2' <<<"$ANSWER" >/dev/null; }
check "status: received and not applied" until_ok 5000 behind
is "status: with the applier stopped the seconds are unknown" '(.result | has("lag_s") | not) and (.result.unknown | index("lag_s") != null) and (.result.applier | not)'
call b failover.precheck '{"max_age": "1h"}'
is "precheck: what it has is not applied" '.error.code == "PRECONDITION" and (.error.text | test("applier"))'
call b failover.promote
is "promote: nor promoted" '.error.code == "PRECONDITION" and (.error.text | test("does not apply"))'
sql b 'start slave sql_thread'; until_ok 5000 same
call b failover.precheck '{"max_age": "1h"}'
is "precheck: b may be promoted" '.result.ok and ([.result.checks[].ok] | all) and (.result.checks | length) == 7'
call b failover.precheck '{"max_age": "0"}'
is "precheck: an old heartbeat refuses" '.error.code == "PRECONDITION" and (.error.text | test("heartbeat")) and (.error.text | test("applier") | not)'
call a failover.precheck
is "precheck: a primary refuses" '.error.code == "PRECONDITION" and (.error.text | test("it is a primary"))'
call dead replication.status
is "status: nobody there" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
call dead replication.status '{"allow_down": true}'
is "status: down when that is allowed" '.result.role == "down"'
target dropped "$(spec "$A" password '{"host": "192.0.2.9"}')"; target noroute "$(spec "$A" password '{"host": "198.51.100.1"}')"
began=$(now_ms)
if dark dropped replication.status '{"allow_down": true}'; then
	is "status: dropped by a firewall: a timeout, not down" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
	check "status: after connect_timeout" test $(($(now_ms) - began)) -lt 3500
	dark noroute replication.status
	is "status: no route" '.error.code == "UNREACHABLE"'
fi
call wrong replication.status
is "status: a wrong password" '.error.code == "AUTH"'
call nobase replication.status
is "status: no such database" '.error.code == "NOT_FOUND"'
call a health.probe '{"expect": "writable"}'
is "health: a is writable" '.result.ok and .result.latency_us > 0 and (.result.version | test("MariaDB"))'
call b health.probe '{"expect": "writable"}'
is "health: b is not" '.error.code == "PRECONDITION"'
target shop "$(spec "$A" apppass '{"user": "app"}')"; target shopb "$(spec "$B" apppass '{"user": "app"}')"
call shop health.probe '{"expect": "writable"}'
is "health: as an application, which may not ask for the role" '.result.ok and .result.role == "unknown"'
call shopb health.probe '{"expect": "writable"}'
is "health: as an application at the replica" '.error.code == "PRECONDITION" and (.error.text | test("unknown role, read-only"))'
sql a "create user sealed@'127.0.0.1' identified by '$APPPASS' require ssl; grant all on shop.* to sealed@'127.0.0.1'"
sealed() { spec "$1" apppass "{\"user\": \"sealed\", \"host\": \"$2\"${3:+, \"ca\": \"$T/$3\"}}"; }
target tls "$(sealed "$A" localhost ca.pem)"; target untls "$(sealed "$A" 127.0.0.1)"; target othertls "$(sealed "$A" localhost otherca.pem)"
target misnamed "$(sealed "$A" 127.0.0.1 ca.pem)"; target bare "$(sealed "$B" localhost ca.pem)"
call tls health.probe
is "TLS: with the authority and the name" '.ok'
for t in untls othertls misnamed bare; do
	call $t health.probe
	is "TLS: refused ($t)" '.error.code == "AUTH"'
done

# ------------------------------------------------------------------ declared SQL

call a data.query '{"query": "one", "args": {"seq": 1, "note": "first"}}'
is "query: values by type" '.result.rows == [[1, "first", null, "1.5"]] and .result.value == 1 and .result.columns == ["seq", "note", "missing", "frac"]'
call a data.query "$(jq -cn --arg n "x' or '1'='1" '{query: "one", args: {seq: 1, note: $n}}')"
is "query: a value is never SQL" '.result.count == 0'
call a data.query "$(jq -cn --arg n '\' '{query: "one", args: {seq: 1, note: $n}}')"
is "query: nor a backslash" '.ok and .result.count == 0'
call a data.query '{"query": "many"}'
is "query: 10,000 rows at most" '.result.count == 10000 and .result.truncated'
for q in liar drops; do # by a user who may delete and drop
	call shop data.query "{\"query\": \"$q\"}"
	is "query: what is declared read cannot write ($q)" '.error.code == "PRECONDITION"'
done
began=$(now_ms)
TIMEOUT_MS=700 call a data.query '{"query": "slow"}'
is "query: the deadline ends it" '.error.code == "TIMEOUT" or .result.value == 1'
check "query: in time" test $(($(now_ms) - began)) -lt 3000
killed a data.write '{"statement": "place", "args": {"seq": 10, "note": "it'\''s"}}'
call a data.write '{"statement": "place", "args": {"seq": 10, "note": "it'\''s"}}'
is "write: what holds already is not sent again" '.result.already and .effect == "change"'
killed a data.write '{"statement": "token"}'
check "write: the key is in the row, once" test "$(sql a 'select group_concat(token) from shop.tokens')" = test/1
call a data.write '{"statement": "blind"}' verify '{}'
is "write: without a verify query nobody can tell" '.verdict == "cannot_tell"'
hold_table() { # hold_table NAME PORT: a client that has locked the orders and does not let go
	timeout 30 mariadb --no-defaults -N -B -h 127.0.0.1 -P "$2" -u app -p"$APPPASS" shop -e 'lock tables orders write; select sleep(30)' >>log/hold 2>&1 & holder=$!
	check "a client holds the orders" until_ok 5000 holds "$1"
}
holds() { [[ $(sql "$1" "select count(*) from information_schema.processlist where user = 'app' and info = 'select sleep(30)'") == 1 ]]; }
let_go() { # let_go NAME
	sql "$1" "kill connection $(sql "$1" "select id from information_schema.processlist where info = 'select sleep(30)'")" 2>/dev/null
	wait "$holder" 2>/dev/null
}
call a data.write '{"statement": "place", "args": {"seq": 11, "note": "late"}}' prepare; before=$(jq -c .before <<<"$ANSWER")
hold_table a "$A"
TIMEOUT_MS=700 call a data.write '{"statement": "place", "args": {"seq": 11, "note": "late"}}' run "$before"
is "write: no answer in time: unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
let_go a
late() { call a data.write '{"statement": "place", "args": {"seq": 11, "note": "late"}}' verify "$before"; jq -e '.verdict == "done"' <<<"$ANSWER" >/dev/null; }
check "write: and indeed it was done afterwards" until_ok 5000 late
app "$A" 'delete from orders where seq = 11'
for i in 1 2 3 10; do echo "$((1700000000000 + i)) $i ok"; done >acked; echo "1700000000020 20 ok" >>acked
call a data.compare '{"query": "seqs"}'
is "compare: what is not there is lost" '.result.lost == 1 and .result.first_lost == 20 and .result.recovery_point_ms == 1700000000010'

# ------------------------------------------------------------------ the marker

to_b="{\"replica_host\": \"127.0.0.1\", \"replica_port\": $B}"
killed a replication.canary "$to_b"
call a replication.canary "$to_b"
is "canary: it arrives" '.result.arrived_ms >= 0 and .effect == "change" and (.result.basis | test("replica"))'
call b replication.canary
is "canary: not on a replica" '.error.code == "PRECONDITION"'
sql a 'delete from shop.drillbook_canary'; until_ok 5000 same; sql b 'stop slave sql_thread'
TIMEOUT_MS=800 call a replication.canary "$to_b"
is "canary: a stale replica is a timeout, and the marker is written" '.error.code == "TIMEOUT" and .error.world == "changed" and (.error.text | test("not arrived"))'
sql b 'start slave sql_thread'; until_ok 5000 same

# ------------------------------------------------------------------ backup and restore

mkdir backups
args=$(jq -cn --arg t "$T/backups/one" '{to: $t}')
killed a backup.start "$args"
is "backup: verify gives what run would have" '.evidence.result.bytes > 0 and .evidence.result.files > 10'
check "backup: nothing half done is left" test "$(ls backups | tr '\n' ' ')" = "one one.json "
call a backup.start "$args"
is "backup: overwrites nothing" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
call a backup.points "$(jq -cn --arg d "$T/backups" '{dir: $d}')"
is "points: one" '.result.count == 1 and .result.newest_age_ms >= 0'
call a backup.verify "$(jq -cn --arg f "$T/backups/one" '{from: $f}')"
is "verify: good" '.ok and .result.files > 10'
args=$(jq -cn --arg f "$T/backups/one" --arg t "$T/restored" '{from: $f, to: $t}')
killed a restore.start "$args"
call a restore.start "$args"
is "restore: refuses what is there" '.error.code == "PRECONDITION"'
call a restore.validate "$(jq -cn --arg p "$T/restored" '{path: $p, tables: ["shop.orders"], query: "any"}')"
is "restore: a server starts on it and finds the orders" '.result.ok and .result.rows == {"shop.orders": 4} and .result.tables >= 3 and .result.value == 4'
check "restore: no server is left" fails pgrep -f "datadir=$T/restored"
call a restore.validate "$(jq -cn --arg p "$T/restored" '{path: $p, query: "nine"}')"
is "restore: an order that is not in it" '.error.code == "FAILED" and (.error.text | test("does not hold"))'
call a restore.validate "$(jq -cn --arg p "$T/restored" '{path: $p, min_tables: 100}')"
is "restore: emptier than expected" '.error.code == "FAILED" and (.error.text | test("at least 100"))'
call a restore.validate "$(jq -cn --arg p "$T/a/data" '{path: $p}')"
is "restore: no server is started on what is not ours" '.error.code == "FORBIDDEN"'
killed a restore.cleanup "$(jq -cn --arg p "$T/restored" '{path: $p}')"
printf 'X' | dd of=backups/one/shop/orders.ibd bs=1 seek=20000 conv=notrunc status=none
call a backup.verify "$(jq -cn --arg f "$T/backups/one" '{from: $f}')"
is "verify: a flipped byte" '.error.code == "FAILED" and (.error.text | test("damaged"))'
call a restore.start "$args"
is "restore: a damaged backup leaves nothing" '.error.code == "FAILED" and .error.world == "unchanged"'
check "restore: nothing is left" test ! -e restored -a ! -e restored.part
check "backup: no password in it" fails grep -rqF -e "${PASSWORD%%[\"]*}" -e "$REPLPASS" backups
call a backup.start "$(jq -cn --arg t "$T/backups/two" '{to: $t}')" prepare; before=$(jq -c .before <<<"$ANSWER")
kill -STOP "${PIDS[a]}"; began=$(now_ms)
TIMEOUT_MS=2500 call a backup.start "$(jq -cn --arg t "$T/backups/two" '{to: $t}')" run "$before"
is "backup: of a frozen server: no success" '(.ok | not)'
check "backup: at the deadline" test $(($(now_ms) - began)) -lt 6000
kill -CONT "${PIDS[a]}"
check "backup: nothing is left" test ! -e backups/two -a ! -e backups/two.part
call wrong backup.start "$(jq -cn --arg t "$T/backups/two" '{to: $t}')"
is "backup: a wrong password" '.error.code == "AUTH"'

# ------------------------------------------------------------------ switchover and back

killed a failover.switchover "{\"to_host\": \"127.0.0.1\", \"to_port\": $B}"
check "switchover: b takes writes" writes "$B" 100
check "switchover: a does not" fails writes "$A" 101
until_ok 5000 same
call b failover.switchover "{\"to_host\": \"127.0.0.1\", \"to_port\": $A}"
is "switchover: back" '.ok and .effect == "costly" and .result.primary == "127.0.0.1@'"$A"'"'
check "switchover: a takes writes" writes "$A" 102
until_ok 5000 same
check "switchover: nothing was lost" test "$(app "$B" 'select count(*) from orders where seq in (100, 102)')" = 2
call b failover.switchover "{\"to_host\": \"127.0.0.1\", \"to_port\": $A}"
is "switchover: a replica has no role to give" '.error.code == "PRECONDITION"'
call a failover.switchover "{\"to_host\": \"127.0.0.1\", \"to_port\": $B, \"wait\": \"500ms\"}" prepare; before=$(jq -c .before <<<"$ANSWER")
sql b 'stop slave sql_thread'; writes "$A" 103
call a failover.switchover "{\"to_host\": \"127.0.0.1\", \"to_port\": $B, \"wait\": \"500ms\"}" run "$before"
is "switchover: a replica that does not catch up: failed, nothing has changed" '.error.code == "FAILED" and .error.world == "unchanged" and (.error.text | test("takes writes again"))'
check "switchover: a takes writes again" writes "$A" 104
sql b 'start slave sql_thread'; until_ok 5000 same
kill -STOP "${PIDS[b]}"
began=$(now_ms)
call a failover.switchover "{\"to_host\": \"127.0.0.1\", \"to_port\": $B, \"wait\": \"500ms\"}" run "$before"
is "switchover: a frozen replica: not even begun" '(.ok | not) and .error.world == "unchanged"'
check "switchover: in time" test $(($(now_ms) - began)) -lt 6000
kill -CONT "${PIDS[b]}"
check "switchover: a takes writes still" writes "$A" 105
until_ok 8000 same

# ------------------------------------------------------------------ the forced failover

call b failover.promote
is "promote: not while a takes writes" '.error.code == "PRECONDITION" and .error.world == "unchanged" and (.error.text | test("fence it first"))'
call b failover.promote '{"silent": "accept"}' run '{"primary": "127.0.0.1@1"}'
is "promote: of a replica that follows another one than was prepared" '.error.code == "CONFLICT" and .error.world == "unchanged"'
call b failover.fence
is "fence: not a replica" '.error.code == "PRECONDITION"'
kill -STOP "${PIDS[a]}"
began=$(now_ms)
call b failover.promote
is "promote: a silent primary is no proof" '.error.code == "PRECONDITION" and (.error.text | test("silent"))'
call a failover.fence
is "fence: what is silent cannot be fenced" '(.error.code == "TIMEOUT" or .error.code == "UNREACHABLE") and .error.world == "unchanged" and (.error.text | test("cannot prove"))'
check "fence: in time" test $(($(now_ms) - began)) -lt 6000
kill -CONT "${PIDS[a]}"; until_ok 8000 same
# a client in the middle of a transaction holds read_only up: it is disconnected
hold_table a "$A"
call a failover.fence '{}'
is "fence: a client that held it up was disconnected" '.ok and .result.level == "soft"'
check "fence: and told so" grep -q 'were disconnected' log/call
wait "$holder" 2>/dev/null
call a failover.unfence
killed a failover.fence '{}'
check "fence: a refuses writes" fails writes "$A" 106
check "fence: it survives a restart" grep -q 'read_only = 1' a/conf.d/fence.cnf
killed a failover.unfence '{}'
check "unfence: a takes writes" writes "$A" 107
check "unfence: the file is gone" test ! -e a/conf.d/fence.cnf
call a failover.unfence
is "unfence: what is not fenced" '.error.code == "PRECONDITION"'
call a failover.fence
is "fence: soft, with its undo" '.result.level == "soft" and .result.kept and .before.undo.op == "failover.unfence"'
undo a "$(jq -c .before <<<"$ANSWER")"
check "fence: undone" writes "$A" 108
call a failover.fence
call b failover.promote '{}' prepare
is "promote: of a replica that has everything of a fenced primary it is costly" '.effect == "costly" and .before.old_primary == "fenced"'
killed b failover.promote '{}'
check "promote: b takes writes" writes "$B" 109
call b failover.promote
is "promote: not twice" '.error.code == "PRECONDITION" and (.error.text | test("primary"))'
call a failover.unfence
is "unfence: not while the other one takes writes" '.error.code == "PRECONDITION" and (.error.text | test("two"))'
args="{\"source_host\": \"127.0.0.1\", \"source_port\": $B}"
killed a failover.reverse "$args"
check "reverse: a follows b" until_ok 5000 same
call b failover.reverse "$args"
is "reverse: not to itself" '.error.code == "USAGE"'
call b failover.reverse "{\"source_host\": \"127.0.0.1\", \"source_port\": $A}"
is "reverse: not to a replica" '.error.code == "PRECONDITION"'

# ------------------------------------------------------------------ with loss, and the old primary coming back

beat b; until_ok 5000 same
sql a 'stop slave io_thread'; writes "$B" 110 # what a will never have
call b data.write '{"statement": "place", "args": {"seq": 12, "note": "cut"}}' prepare
request b data.write '{"statement": "place", "args": {"seq": 12, "note": "cut"}}' run "$(jq -c .before <<<"$ANSWER")" >request.json
hold_table b "$B"
"$WORKER" --call <request.json >cut.json 2>log/call & pid=$!
waiting() { [[ $(sql b "select count(*) from information_schema.processlist where info like 'insert ignore%' or info like 'execute immediate%'") != 0 ]]; }
check "write: is under way" until_ok 5000 waiting
stop b KILL
wait "$pid"; ANSWER=$(<cut.json); wait "$holder" 2>/dev/null
is "write: a server that dies meanwhile: unknown" '.error.code == "UNREACHABLE" and .error.world == "unknown"'
call plain failover.fence
is "fence: of a server that is down, without fence_file: no proof" '.error.code == "UNREACHABLE" and (.error.text | test("fence_file"))'
killed b failover.fence '{}'
killed b failover.unfence '{}'
call b failover.fence
is "fence: of a server that is down, by its file" '.ok and .result.level == "down" and .result.kept and .before.undo.op == "failover.unfence"'
call a failover.precheck '{"max_age": "1h"}'
is "precheck: the primary is gone, the copy is whole" '.result.ok and .result.receiver != "Yes" and (.result.unknown | index("lag_s") != null)'
call a failover.promote
is "promote: of a primary that is gone it is irreversible" '.ok and .effect == "irreversible" and .before.old_primary == "gone" and .result.recovery_point_ms > 0'
check "promote: a takes writes" writes "$A" 111
run_node b
check "fence: started by accident it takes no writes" fails writes "$B" 112
call b failover.reverse "{\"source_host\": \"127.0.0.1\", \"source_port\": $A}"
is "reverse: what it has of its own is told and not hidden" '.error.code == "PRECONDITION" and .error.world == "unchanged" and (.error.text | test("has 1 transactions that the new primary never had"))'
call plain failover.precheck
is "precheck: a primary that came back is no replica" '.error.code == "PRECONDITION"'
stop b
# built anew from a backup of the new primary, as the error says
call a backup.start "$(jq -cn --arg t "$T/backups/three" '{to: $t}')"
call b restore.start "$(jq -cn --arg f "$T/backups/three" --arg t "$T/b/new" '{from: $f, to: $t}')"
is "rebuild: the backup knows its position" '.ok and (.result.detail.gtid | test("^0-1-[0-9]+$"))'
gtid=$(jq -r .result.detail.gtid <<<"$ANSWER")
sed -i "s|^datadir = .*|datadir = $T/b/new|" b/my.cnf; rm -f b/conf.d/fence.cnf; writes "$A" 113; run_node b
to_a="{\"source_host\": \"127.0.0.1\", \"source_port\": $A}"
call b failover.reverse "$to_a"
is "rebuild: without a position it does not begin at the beginning" '.error.code == "PRECONDITION" and (.error.text | test("gtid"))'
call b failover.reverse "$(jq -c --arg g "$gtid" '. + {gtid: $g}' <<<"$to_a")"
is "rebuild: it follows from the backup's position" '.ok'
check "rebuild: and has what was written since" test "$(sql b 'select count(*) from shop.orders where seq in (111, 113)')" = 2
stop b
check "no password in any log" fails grep -rqF -e "$PASSWORD" -e "$REPLPASS" -e "${PASSWORD%\"*}" log
