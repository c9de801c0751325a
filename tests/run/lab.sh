#!/usr/bin/env bash
# The lab itself: comes up, shows what it is, breaks as told, and is gone without a trace afterwards, also
# when `up` is killed half way, when its owner dies, and with two at once.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"

processes() { # of the lab's user, in this lab's directory or with its name in the command; zombies are dead
	local pid
	for pid in $(pgrep -f "$DRILLBOOK_LAB"; pgrep -f 'postgres: [ab]: '); do
		[[ $pid != "$$" && $(readlink "/proc/$pid/cwd" 2>/dev/null) == "$DRILLBOOK_LAB"* ]] || continue
		printf '%s ' "$pid"
	done
}
segments() { sed -sn '7s/^ *[0-9]* *//p' "$DRILLBOOK_LAB"/data/*/postmaster.pid; } # shared memory, by id
segments_gone() { local id; for id in $*; do ! ipcs -m -i "$id" 2>/dev/null | grep -q "shmid=$id" || return 1; done; }
gone() { [[ ! -e $DRILLBOOK_LAB && -z $(processes) ]]; }
listens_on_loopback() { # every listening port of the block
	local first=$1
	! ss -Hltun "sport >= :$first and sport < :$((first + 16))" | awk '{print $5}' | grep -v '^127\.0\.0\.1:'
}
lab_uid=$EUID
((EUID)) || lab_uid=$(id -u "${LAB_USER:-postgres}")
# a machine that is busy with something else says nothing about us
limit=15000; read -r load _ </proc/loadavg; ((${load%.*} <= 2 * $(nproc))) || limit=60000

begin=$(now_ms)
lab up --with $$ || fatal "the lab did not come up"
took=$(($(now_ms) - begin))
check "ready in less than $((limit / 1000)) s ($took ms)" test $took -lt $limit
check "status is content" lab status
port=$(lab env | sed -n 's/^PG_A_PORT: //p')
check "listens on loopback only" listens_on_loopback $((port - 1))
check "nothing of it belongs to root" test -z "$(find "$DRILLBOOK_LAB" ! -user "$lab_uid" -print -quit)"
check "nothing of it can be read by others" test -z "$(find "$DRILLBOOK_LAB" -maxdepth 0 -perm /077)"
check "secrets can be read by the owner only" test -z "$(find "$DRILLBOOK_LAB/secrets" "$DRILLBOOK_LAB/run/haproxy.sock" -perm /077)"
check "no process of it runs as root" test -z "$(pgrep -u root -f "$DRILLBOOK_LAB/tools/keeper")"

lab witness start || fatal "the witness does not run"
until_ok 5000 acknowledged 50 || fatal "no orders"
count
equal "lost while all is well" 0 "$count_lost"
begin=$(now_ms)
lab fault link hole >/dev/null
mark=$(now_ms)
until_ok 5000 acknowledged_after "$mark" 20 || fatal "no orders during the hole"
killed=$(lab fault pg.crash)
near "the kill is stamped with the clock's time" "$(now_ms)" "$killed" 5000
check "the primary is down" test "$(lab status | sed -n 's/^pg-a *//p')" = down
lab query b 'select pg_promote(true, 30)' >/dev/null
count
# the line fell silent between begin and mark; what was on its way then may be lost too
held_back=$(witness_log | awk -v t=$((begin - 100)) '$3 == "ok" && $1 > t' | wc -l)
check "the orders of the hole are lost ($count_lost of $held_back)" test "$count_lost" -ge 20 -a "$count_lost" -le "$held_back"

left=$(segments)
check "both servers have shared memory" test "$(wc -w <<<"$left")" = 2
lab down
check "nothing is left after down" until_ok 3000 gone
check "no shared memory is left, not even of the killed one" segments_gone "$left"

for delay in 0.2 0.7 1.3 2.0 2.7; do
	lab_pid=''
	"$lab_tool" up >/dev/null 2>&1 & lab_pid=$!
	until_ok 5000 test -e "$DRILLBOOK_LAB/tools/lab"
	read -r -t "$delay" <> <(:) || :
	kill -KILL "$lab_pid" 2>/dev/null
	wait "$lab_pid" 2>/dev/null
	lab down 2>/dev/null
	check "nothing is left when up is killed after $delay s" until_ok 3000 gone
done

bash -c 'read -r -t 60 <> <(:)' & owner=$!
lab up --parts pg --with $owner || fatal "the lab did not come up"
other=$DRILLBOOK_LAB-2
DRILLBOOK_LAB=$other lab up --parts pg --with $$ || fatal "a second lab did not come up"
check "two labs have different ports" test "$(lab env | grep PORT)" != "$(DRILLBOOK_LAB=$other lab env | grep PORT)"
DRILLBOOK_LAB=$other lab down
kill -KILL "$owner"
check "the lab ends when its owner is killed" until_ok 10000 gone
finish
