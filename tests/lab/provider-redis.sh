#!/usr/bin/env bash
# provider-redis.sh: a primary and a replica of Redis: status, canary, switchover, forced failover without two primaries,
# fence, reverse, backup, restore; servers that are gone, frozen, or want another password.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin redis redis-server redis-cli redis-check-rdb socat

port; A=$REPLY; port; B=$REPLY; port; DEAD=$REPLY; port; NOISE=$REPLY
PASSWORD=$(head -c 18 /dev/urandom | base64 | tr '+/' '-_'); printf '%s' "$PASSWORD" >password; printf 'wrong' >wrongword
node() { # node NAME PORT [DIRECTIVE…]: its configuration, written once, then rewritten by the server itself
	local name=$1 port=$2; shift 2
	mkdir "$name"
	printf '%s\n' "port $port" "bind 127.0.0.1" "dir $T/$name" "requirepass $PASSWORD" "masterauth $PASSWORD" 'save ""' \
		"appendonly no" "repl-diskless-sync-delay 0" "repl-ping-replica-period 1" "repl-timeout 5" "$@" >"$name/redis.conf"
}
run_node() { start "$1" redis-server "$1/redis.conf"; until_ok 8000 redis "$1" PING; }
port_of() { case $1 in a) echo "$A" ;; b) echo "$B" ;; *) echo "$1" ;; esac; }
redis() { local p; p=$(port_of "$1"); shift; REDISCLI_AUTH=$PASSWORD timeout 5 redis-cli -e -p "$p" "$@"; }
info() { redis "$1" INFO | tr -d '\r' | sed -n "s/^$2://p"; }
linked() { [[ $(info "$1" master_link_status) == up ]]; }
role() { info "$1" role; }
node a "$A"; node b "$B" "replicaof 127.0.0.1 $A"
run_node a; run_node b
until_ok 8000 linked b || { cat log/*; exit 1; }

spec() { jq -cn --argjson p "$1" --arg f "$T/$2" --argjson more "${3:-"{}"}" --arg t "$T" '{provider: "redis", environment: "lab",
	settings: ({host: "127.0.0.1", port: $p, connect_timeout: "700ms", heartbeat: "beat", acked: ($t + "/acked")} + $more), secrets: {password: {file: $f}}}'; }
target a "$(spec "$A" password)"; target b "$(spec "$B" password)"
target wrong "$(spec "$A" wrongword)"; target none "$(spec "$A" password | jq -c 'del(.secrets)')"
target dead "$(spec "$DEAD" password)"; target noise "$(spec "$NOISE" password)"
target bconf "$(spec "$B" password "{\"config_file\": \"$T/b/redis.conf\"}")"
target apeer "$(spec "$A" password "{\"peer\": \"127.0.0.1@$B\"}")"
start noise socat TCP-LISTEN:"$NOISE",bind=127.0.0.1,fork,reuseaddr SYSTEM:'echo HTTP/1.1 400 Bad Request; cat >/dev/null'
beat() { redis "$1" SET beat "$(now_ms)" >/dev/null; }
beat a

# ------------------------------------------------------------------ looking

call a "" '{}' probe
is "doctor: everything is good" '.ok and ([.report.checks[].ok] | all) and ([.report.checks[].name] == ["reachable", "identity", "version", "masterauth"])'
call wrong "" '{}' probe
is "doctor: a wrong password" '[.report.checks[] | select(.ok | not) | .name] == ["reachable"]'
call a replication.status
is "status: a primary, its replica and their distance" '.result | .role == "primary" and (.replicas | length) == 1 and .replicas[0].state == "online" and
	.replicas[0].address == "127.0.0.1@'"$B"'" and .lag_bytes >= 0 and (.basis | test("one INFO")) and .writable and (.fenced | not) and .heartbeat_age_ms >= 0'
call b replication.status
is "status: a replica" '.result | .role == "replica" and .link == "up" and .primary == "127.0.0.1@'"$A"'" and .lag_bytes == 0 and (.writable | not) and .silent_ms >= 0'
is "status: the same history" '.result.replication_id == "'"$(info a master_replid)"'"'
call dead replication.status
is "status: nobody there" '.error.code == "UNREACHABLE" and .error.world == "unchanged" and (.error.text | test("refused"))'
call dead replication.status '{"allow_down": true}'
is "status: down when that is allowed" '.result.role == "down" and .result.unknown == ["lag_bytes", "offset"]'
target dropped "$(spec "$A" password '{"host": "192.0.2.9"}')"; target noroute "$(spec "$A" password '{"host": "198.51.100.1"}')"
began=$(now_ms)
if dark dropped replication.status '{"allow_down": true}'; then
	is "status: dropped by a firewall: a timeout, not down" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
	check "status: after connect_timeout" test $(($(now_ms) - began)) -lt 3000
	dark dropped failover.fence
	is "fence: behind a firewall: no proof" '.error.code == "TIMEOUT" and (.error.text | test("cannot prove"))'
	dark noroute replication.status
	is "status: no route" '.error.code == "UNREACHABLE"'
fi
call wrong replication.status
is "status: a wrong password" '.error.code == "AUTH" and (.error.text | test("WRONGPASS"))'
call none replication.status
is "status: no password" '.error.code == "AUTH" and (.error.text | test("NOAUTH"))'
call noise replication.status
is "status: not Redis" '.error.code == "PROTOCOL"'
call a health.probe '{"expect": "writable"}'
is "health: a is writable" '.result.ok and .result.role == "primary" and .result.latency_us > 0 and (.result.version | test("^[67]"))'
call b health.probe '{"expect": "writable"}'
is "health: b is not" '.error.code == "PRECONDITION" and (.error.text | test("replica that takes no writes"))'
call b failover.precheck '{"max_age": "1m"}'
is "precheck: b may be promoted" '.result.ok and ([.result.checks[].ok] | all) and (.result.checks | length) == 6'
call b failover.precheck '{"max_age": "0"}'
is "precheck: an old heartbeat refuses" '.error.code == "PRECONDITION" and (.error.text | test("heartbeat")) and (.error.text | test("lag") | not)'
call a failover.precheck
is "precheck: a primary refuses" '.error.code == "PRECONDITION" and (.error.text | test("it is a primary"))'
redis b CONFIG SET replica-priority 0 >/dev/null; redis b CONFIG SET min-replicas-to-write 1 >/dev/null
call b failover.precheck '{"max_age": "1m"}'
is "precheck: not meant to be promoted, and would take no writes" '.error.code == "PRECONDITION" and (.error.text | test("priority")) and (.error.text | test("min-replicas"))'
redis b CONFIG SET replica-priority 100 >/dev/null; redis b CONFIG SET min-replicas-to-write 0 >/dev/null
# the rights that the documentation names are enough
for n in a b; do
	redis $n ACL SETUSER ops on ">$PASSWORD" resetkeys '%R~*' '~drillbook:*' -@all +info '+config|get' '+config|set' '+config|rewrite' +replicaof +failover +bgsave \
		+shutdown '+client|setname' +ping +get +set +lrange +dbsize >/dev/null
done
target ops "$(spec "$A" password '{"user": "ops"}')"
call ops "" '{}' probe
is "doctor: as an access-list user" '[.report.checks[].ok] | all'
call ops replication.canary "{\"replica_host\": \"127.0.0.1\", \"replica_port\": $B}"
is "canary: as an access-list user" '.ok'
call ops failover.fence; is "fence: as an access-list user" '.ok and .result.kept'
call ops failover.unfence; is "unfence: as an access-list user" '.ok and .result.kept'
redis a ACL SETUSER ops '-config|set' >/dev/null
call ops failover.fence
is "fence: a right that is missing" '.error.code == "AUTH" and .error.world == "unchanged"'

# ------------------------------------------------------------------ the marker

to_b="{\"replica_host\": \"127.0.0.1\", \"replica_port\": $B}"
call a replication.canary "$to_b"
is "canary: it arrives" '.result.arrived_ms >= 0 and .effect == "change" and (.result.basis | test("replica"))'
killed a replication.canary '{}' done # the marker of the same key is there from before
redis a DEL drillbook:canary:a >/dev/null
killed a replication.canary "$to_b"
call a replication.canary
is "canary: read back where it was written" '.ok and (.result.basis | test("same server"))'
call b replication.canary
is "canary: not on a replica" '.error.code == "PRECONDITION"'
call a replication.canary "{\"replica_host\": \"127.0.0.1\", \"replica_port\": $A}"
is "canary: the primary is no replica" '.error.code == "PRECONDITION"'
redis a DEL drillbook:canary:a >/dev/null
kill -STOP "${PIDS[b]}"
began=$(now_ms)
TIMEOUT_MS=1500 call a replication.canary "$to_b"
is "canary: a frozen replica is not prepared for" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
kill -CONT "${PIDS[b]}"
redis a CONFIG SET maxmemory 1 >/dev/null
call a replication.canary "$to_b"
is "canary: a server that is full: refused in its own words, unchanged" '.error.code == "REFUSED" and .error.world == "unchanged" and (.error.text | test("OOM"))'
redis a CONFIG SET maxmemory 0 >/dev/null
call a replication.canary "$to_b" prepare; before=$(jq -c .before <<<"$ANSWER")
redis b REPLICAOF NO ONE >/dev/null
TIMEOUT_MS=600 call a replication.canary "$to_b" run "$before"
is "canary: a stale replica is a timeout, and the marker is written" '.error.code == "TIMEOUT" and .error.world == "changed" and (.error.text | test("not arrived"))'
check "canary: in time" test $(($(now_ms) - began)) -lt 6000
redis b REPLICAOF 127.0.0.1 "$A" >/dev/null; until_ok 8000 linked b

# ------------------------------------------------------------------ data

redis a RPUSH orders 1 2 3 4 >/dev/null
for i in 1 2 3 4; do echo "$((1700000000000 + i)) $i ok"; done >acked; echo "1700000000009 9 fail" >>acked
call a data.compare '{"list": "orders"}'
is "compare: nothing is lost" '.result.lost == 0 and .result.acknowledged == 4 and .result.recovery_point_ms == 1700000000004'
echo "1700000000005 5 ok" >>acked
call a data.compare '{"list": "orders"}'
is "compare: what is not there is lost" '.result.lost == 1 and .result.first_lost == 5'
redis a RPUSH notes x >/dev/null
call a data.compare '{"list": "notes"}'
is "compare: no numbers" '.error.code == "USAGE"'
call a data.get '{"key": "beat"}'
is "get: a key" '.result.exists and (.result.value | tonumber) > 0 and .result.keys >= 3'
call a data.get '{"key": "none"}'
is "get: no key" '.ok and (.result.exists | not) and (.result | has("value") | not)'
call a data.get '{"key": "orders"}'
is "get: no string" '.error.code == "CONFLICT"'

# ------------------------------------------------------------------ backup and restore

mkdir backups
args=$(jq -cn --arg t "$T/backups/one.rdb" '{to: $t}')
killed a backup.start "$args"
is "backup: verify gives what run would have" '.evidence.result.bytes > 0 and (.evidence.result.sha256 | length) == 64'
sum=$(jq -r .evidence.result.sha256 <<<"$ANSWER")
check "backup: as sha256sum sees it" test "$(sha256sum backups/one.rdb | cut -d' ' -f1)" = "$sum"
check "backup: nothing half done is left" test "$(ls backups | tr '\n' ' ')" = "one.rdb one.rdb.json "
call a backup.start "$args"
is "backup: overwrites nothing" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
redis a SET later 1 >/dev/null
call a backup.start "$(jq -cn --arg t "$T/backups/two.rdb" '{to: $t}')"
is "backup: done" '.ok and .effect == "change" and .result.recovery_point_ms > 0 and .result.files == 1'
call a backup.points "$(jq -cn --arg d "$T/backups" '{dir: $d}')"
is "points: newest first" '.result.count == 2 and (.result.points[0].path | endswith("two.rdb")) and .result.newest_age_ms >= 0'
from() { jq -cn --arg f "$T/backups/$1" '{from: $f}'; }
call a backup.verify "$(from one.rdb)"
is "verify: good" '.result.ok and .result.keys >= 3 and .result.sha256 == "'"$sum"'"'
call a backup.verify "$(from one.rdb | jq -c '. + {min_keys: 1000}')"
is "verify: emptier than expected" '.error.code == "FAILED" and (.error.text | test("at least 1000"))'
cp backups/one.rdb backups/bad.rdb; cp backups/one.rdb.json backups/bad.rdb.json
printf 'X' | dd of=backups/bad.rdb bs=1 seek=40 conv=notrunc status=none
call a backup.verify "$(from bad.rdb)"
is "verify: a flipped byte" '.error.code == "FAILED" and (.error.text | test("damaged"))'
sed -i "s/$sum/$(sha256sum backups/bad.rdb | cut -d' ' -f1)/" backups/bad.rdb.json
call a backup.verify "$(from bad.rdb)"
is "verify: a flipped byte that the description agrees with" '.error.code == "FAILED" and (.error.text | test("redis-check-rdb"))'
cp backups/one.rdb backups/loose.rdb
call a backup.verify "$(from loose.rdb)"
is "verify: no description" '.error.code == "NOT_FOUND"'
restore() { jq -cn --arg f "$T/backups/$1" --arg t "$T/$2" '{from: $f, to: $t}'; }
killed a restore.start "$(restore one.rdb restored)"
call a restore.start "$(restore one.rdb restored)"
is "restore: refuses what is there" '.error.code == "PRECONDITION"'
call a restore.validate "$(jq -cn --arg p "$T/restored" '{path: $p}')"
is "restore: validates" '.result.ok and .result.keys >= 3'
start copy redis-server --port 0 --unixsocket "$T/run/copy.sock" --dir "$T/restored" --save '' --appendonly no
until_ok 5000 redis-cli -s run/copy.sock PING
check "restore: a server started on it has the orders" test "$(redis-cli -s run/copy.sock LRANGE orders 0 -1 | tr '\n' ' ')" = "1 2 3 4 "
stop copy
: >empty.aof; mkdir empty; redis-server --port 0 --unixsocket "$T/run/e.sock" --dir "$T/empty" --daemonize no >/dev/null 2>&1 & e=$!
until_ok 5000 redis-cli -s run/e.sock PING; redis-cli -s run/e.sock SHUTDOWN SAVE >/dev/null 2>&1; wait $e
call a restore.validate "$(jq -cn --arg p "$T/empty" '{path: $p}')"
is "restore: an empty one is no restore" '.error.code == "FAILED" and (.error.text | test("0 keys"))'
sed -i "s/$(sha256sum backups/bad.rdb | cut -d' ' -f1)/$sum/" backups/bad.rdb.json
call a restore.start "$(restore bad.rdb fresh)"
is "restore: a damaged backup leaves nothing" '.error.code == "FAILED" and .error.world == "unchanged"'
check "restore: nothing is left" test ! -e fresh -a ! -e fresh.part
call a restore.start "$(restore two.rdb second)"
is "restore: the undo is its removal" '.before.undo == {op: "restore.cleanup", args: {path: "'"$T"'/second"}}'
killed a restore.cleanup "$(jq -cn --arg p "$T/second" '{path: $p}')"
check "cleanup: it is gone" test ! -e second
call a restore.cleanup "$(jq -cn --arg p "$T/a" '{path: $p}')"
is "cleanup: not what we did not make" '.error.code == "FORBIDDEN"'
if unshare -Urm true 2>/dev/null; then # a disk that is full: a small one, in a mount namespace of the worker's own
	mkdir small
	printf '#!/bin/sh\nexec unshare -Urm sh -c '\''mount -t tmpfs -o size=64k none "%s/small" && "%s" "$@"; s=$?; ls -A "%s/small" >"%s/log/small"; exit $s'\'' sh "$@"\n' \
		"$T" "$WORKER" "$T" "$T" >full && chmod 700 full
	head -c 200000 /dev/urandom | redis a -x SET big >/dev/null
	real=$WORKER WORKER=$T/full
	call a backup.start "$(jq -cn --arg t "$T/small/one.rdb" '{to: $t}')"
	is "backup: the disk is full: no success, unchanged" '(.ok | not) and .error.world == "unchanged" and (.error.text | test("No space left"))'
	check "backup: nothing is left on it" test ! -s log/small
	WORKER=$real
	redis a DEL big >/dev/null
fi
chmod 000 a
call a backup.start "$(jq -cn --arg t "$T/backups/three.rdb" '{to: $t}')"
is "backup: of files that cannot be read" '(.ok | not) and .error.world == "unchanged"'
chmod 700 a

# ------------------------------------------------------------------ switchover and back

killed a failover.switchover '{}'
until_ok 5000 linked a
check "switchover: b is the primary" test "$(role b)" = master
call b failover.switchover "{\"to\": \"127.0.0.1@$A\"}"
is "switchover: back, by name" '.ok and .effect == "costly" and .result.primary == "127.0.0.1@'"$A"'" and .result.kept'
check "switchover: a is the primary again" test "$(role a)" = master
check "switchover: b's configuration file says so" grep -q "^replicaof 127.0.0.1 $A" b/redis.conf
check "switchover: a's too" fails grep -q '^replicaof' a/redis.conf
call b failover.switchover
is "switchover: a replica has no role to give" '.error.code == "PRECONDITION"'
call a failover.switchover '{"to": "127.0.0.1@1"}'
is "switchover: to nobody" '.error.code == "NOT_FOUND"'
until_ok 5000 linked b
call a failover.switchover '{"wait": "500ms"}' prepare; before=$(jq -c .before <<<"$ANSWER")
kill -STOP "${PIDS[b]}"; redis a SET behind 1 >/dev/null
call a failover.switchover '{"wait": "500ms"}' run "$before"
is "switchover: a frozen replica: failed, nothing has changed" '.error.code == "FAILED" and .error.world == "unchanged" and (.error.text | test("still the primary"))'
check "switchover: a takes writes" redis a SET still here
kill -CONT "${PIDS[b]}"; until_ok 8000 linked b

# ------------------------------------------------------------------ the forced failover

call b failover.promote
is "promote: not while a takes writes" '.error.code == "PRECONDITION" and .error.world == "unchanged" and (.error.text | test("fence it first"))'
check "promote: b is a replica still" test "$(role b)" = slave
call b failover.fence
is "fence: not a replica" '.error.code == "PRECONDITION"'
kill -STOP "${PIDS[a]}"
began=$(now_ms)
call b failover.promote
is "promote: a silent primary is no proof" '.error.code == "PRECONDITION" and (.error.text | test("silent"))'
call a failover.fence
is "fence: what is silent cannot be fenced" '.error.code == "TIMEOUT" and .error.world == "unchanged" and (.error.text | test("cannot prove"))'
check "fence: in time" test $(($(now_ms) - began)) -lt 5000
kill -CONT "${PIDS[a]}"; until_ok 8000 linked b
kill -STOP "${PIDS[b]}"; began=$(now_ms)
TIMEOUT_MS=1500 call b failover.promote '{}' run '{}'
is "promote: a frozen replica: no success, nothing was asked for" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
check "promote: in time" test $(($(now_ms) - began)) -lt 4000
kill -CONT "${PIDS[b]}"; until_ok 8000 linked b
redis a CONFIG SET min-replicas-to-write 1 >/dev/null; redis a CONFIG SET min-replicas-max-lag 0 >/dev/null
killed a failover.fence '{}'
check "fence: a refuses writes" fails redis a SET x 1
check "fence: a can be read" redis a GET beat
check "fence: it survives a restart" grep -q '^min-replicas-to-write 2000001' a/redis.conf
killed a failover.unfence '{}'
check "unfence: what was set before is back" test "$(redis a CONFIG GET min-replicas-to-write | tail -1) $(redis a CONFIG GET min-replicas-max-lag | tail -1)" = "1 0"
redis a CONFIG SET min-replicas-to-write 0 >/dev/null; redis a CONFIG SET min-replicas-max-lag 10 >/dev/null
call a failover.unfence
is "unfence: what is not fenced" '.error.code == "PRECONDITION"'
call a failover.fence
is "fence: soft, with its undo" '.result.level == "soft" and .result.kept and .before.undo.op == "failover.unfence"'
before=$(jq -c .before <<<"$ANSWER")
undo a "$before"
check "fence: undone" redis a SET x 2
call a failover.fence
call b failover.promote '{}' prepare
is "promote: of a replica that has everything of a fenced primary it is costly" '.effect == "costly" and .before.lost_bytes == 0 and .before.old_primary == "fenced"'
killed b failover.promote '{}'
check "promote: b is the primary" test "$(role b)" = master
call b failover.promote
is "promote: not twice" '.error.code == "PRECONDITION" and (.error.text | test("primary already"))'
call b failover.promote '{}' run '{"replication_id": "x"}'
is "promote: nor with an old intent" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
check "two primaries, but one that takes writes" fails redis a SET x 3
call apeer failover.unfence
is "unfence: not while the other one takes writes" '.error.code == "PRECONDITION" and (.error.text | test("two"))'
call b replication.canary
is "b takes writes" '.ok'
args="{\"source_host\": \"127.0.0.1\", \"source_port\": $B}"
killed a failover.reverse "$args"
check "reverse: a follows b" linked a
check "reverse: without the fence" test "$(redis a CONFIG GET min-replicas-to-write | tail -1)" = 0
check "reverse: its configuration file says so" grep -q "^replicaof 127.0.0.1 $B" a/redis.conf
call b failover.reverse "{\"source_host\": \"127.0.0.1\", \"source_port\": $B}"
is "reverse: not to itself" '.error.code == "USAGE"'
call b failover.reverse "{\"source_host\": \"127.0.0.1\", \"source_port\": $A}"
is "reverse: not to a replica" '.error.code == "PRECONDITION"'

# ------------------------------------------------------------------ with loss, and the old primary coming back

beat b; until_ok 5000 linked a
call b failover.fence '{"mode": "shutdown"}'
is "fence by shutdown: hard" '.result.level == "hard" and .before.undo == null'
before=$(jq -c .before <<<"$ANSWER")
check "fence by shutdown: its process has ended" until_ok 3000 gone "${PIDS[b]}"
call b failover.fence '{"mode": "shutdown"}' verify "$before"
is "fence by shutdown: verify says done" '.verdict == "done"'
call a failover.precheck '{"max_age": "1m"}'
is "precheck: the primary is gone, the copy is whole" '.result.ok and .result.link == "down" and (.result.unknown | index("lag_bytes") != null)'
call a failover.promote
is "promote: of a primary that is gone it is irreversible" '.ok and .effect == "irreversible" and .before.old_primary == "gone" and .result.recovery_point_ms > 0'
call b failover.fence
is "fence: of a server that is down, without config_file: no proof" '.error.code == "UNREACHABLE" and (.error.text | test("cannot prove"))'
killed bconf failover.fence '{}'
killed bconf failover.unfence '{}'
call bconf failover.fence
is "fence: of a server that is down, in its file" '.ok and .result.level == "down" and .result.kept and .before.undo.op == "failover.unfence"'
run_node b
check "fence: started by accident it takes no writes" fails redis b SET x 4
call bconf failover.unfence
is "unfence: as it was before" '.ok'
check "unfence: the numbers" test "$(redis b CONFIG GET min-replicas-to-write | tail -1) $(redis b CONFIG GET min-replicas-max-lag | tail -1)" = "0 10"
call b failover.fence '{"mode": "shutdown"}' verify "$before"
is "fence by shutdown: started again: cannot tell" '.verdict == "cannot_tell"'
redis b RPUSH orders 66 67 >/dev/null
call b failover.reverse "{\"source_host\": \"127.0.0.1\", \"source_port\": $A}"
is "reverse: what only it had is thrown away" '.ok and .result.took_ms >= 0'
check "reverse: as the new primary has it" test "$(redis b LRANGE orders -1 -1)" = "$(redis a LRANGE orders -1 -1)"
# killed and frozen in the middle
kill -STOP "${PIDS[a]}"
call b failover.promote '{"silent": "accept"}'
is "promote: a silent primary, accepted" '.ok and .before.old_primary == "silent"'
kill -CONT "${PIDS[a]}"
redis a CONFIG SET min-replicas-to-write 1000000 >/dev/null
call a failover.reverse "{\"source_host\": \"127.0.0.1\", \"source_port\": $B}" prepare; before=$(jq -c .before <<<"$ANSWER")
kill -STOP "${PIDS[b]}"
began=$(now_ms)
TIMEOUT_MS=1500 call a failover.reverse "{\"source_host\": \"127.0.0.1\", \"source_port\": $B}" run "$before"
is "reverse: a source that freezes: timeout, changed" '.error.code == "TIMEOUT" and .error.world == "changed"'
check "reverse: at the deadline" test $(($(now_ms) - began)) -lt 4000
call a failover.reverse "{\"source_host\": \"127.0.0.1\", \"source_port\": $B}" verify "$before"
is "reverse: verify cannot tell while the link is down" '.verdict == "cannot_tell"'
kill -CONT "${PIDS[b]}"
check "reverse: then it goes on by itself" until_ok 10000 linked a
# a save that the server's death cuts off
redis b DEBUG SET-ACTIVE-EXPIRE 1 >/dev/null 2>&1
redis b CONFIG SET rdb-key-save-delay 20000 >/dev/null; for i in {1..200}; do echo "SET k$i $i"; done | redis b >/dev/null
request b backup.start "$(jq -cn --arg t "$T/backups/cut.rdb" '{to: $t}')" run '' >request.json
"$WORKER" --call <request.json >cut.json 2>log/call & pid=$!
saving() { [[ $(info b rdb_bgsave_in_progress) == 1 ]]; }
check "backup: is under way" until_ok 5000 saving
stop b KILL
wait "$pid"; ANSWER=$(<cut.json)
is "backup: a server that dies meanwhile: no backup, no success" '(.ok | not) and .error.code == "UNREACHABLE" and .error.world == "unchanged"'
check "backup: nothing is left" test ! -e backups/cut.rdb -a ! -e backups/cut.rdb.part
check "no password in any log" fails grep -rqF "$PASSWORD" log
