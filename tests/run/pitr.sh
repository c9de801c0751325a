#!/usr/bin/env bash
# A table is dropped while a client orders: the database is restored to a second before, proven, and put in its
# place; the orders of that second are lost and reported as they are.  Before and after, restore points drawn by
# chance are restored, counted and removed; a damaged backup makes the restore test fail.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"
approvals[backup]=""
approvals[restore-test]="--approve cleanup"
approvals[pitr]="--approve fence --approve standby"
stage pitr pg,balancer
check "the archive" lab archive on

for ((i = 1; i <= 2; i++)); do
	drill backup
	equal "backup $i" 0 "$drill_status"
done
mark=$(now_ms); until_ok 10000 acknowledged_after "$mark" 100 # three seconds behind the newest backup
lab query a 'select pg_switch_wal()' >/dev/null
archived() { [[ $(lab query a "select last_archived_wal > '000000010000000000000003' and now() - last_archived_time < '5s' from pg_stat_archiver") == t ]]; }
check "the archive has it" until_ok 5000 archived
restores() { as_lab find "$DRILLBOOK_LAB/restores" -mindepth 1 -maxdepth 1; }

drill restore-test
equal "the restore test's exit status" 0 "$drill_status"
equal "its RTO" met "$(reported "s['rto']['verdict']")"
equal "its RPO" met "$(reported "s['rpo']['verdict']")"
equal "nothing is left of it" "" "$(restores)"
check "site a was left alone" test "$(timeline a)" = 1

drill pitr
equal "the restore's exit status" 0 "$drill_status"
measured_rightly
check "about a second of orders is lost ($count_lost)" test "$count_lost" -ge 10 -a "$count_lost" -le 150
equal "timeline" 2 "$(timeline a)"
mark=$(now_ms)
check "orders are acknowledged again" until_ok 10000 acknowledged_after "$mark" 20
check "the standby follows the restored database" until_ok 5000 follows a b
equal "the damaged database is kept, fenced" "drillbook.fenced" "$(basename "$(as_lab ls "$DRILLBOOK_LAB"/data/a/drillbook.fenced)")"

# every backup gets a damaged byte: whichever is drawn
for file in $(as_lab find "$DRILLBOOK_LAB/backups" -path '*/base/5/2619'); do
	as_lab dd if=/dev/zero of="$file" bs=1 seek=3000 count=4 conv=notrunc status=none
done
drill restore-test
check "a damaged backup makes the test fail" test "$drill_status" != 0
finish
