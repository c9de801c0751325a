#!/usr/bin/env bash
# The drill without servers: two SQLite databases.  What was committed since the last shipment is lost, and
# is reported as it is; bringing the service back loses nothing.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"
approvals[failover]="--approve fence --confirm promote=drill"
approvals[failback]="--approve reverse --approve stop --confirm promote=drill --approve rejoin"
role() { as_lab sqlite3 -readonly "$(env_of "SQLITE_${1^^}")" 'select role from drillbook_role'; }
epoch() { as_lab sqlite3 -readonly "$(env_of "SQLITE_${1^^}")" 'select epoch from drillbook_role'; }
stage embedded embedded

counted_after=0
for round in 1 2; do
	drill failover
	measured_rightly "$counted_after"
	equal "the failover's exit status" 0 "$drill_status"
	equal "site b" primary "$(role b)"
	equal "site a" fenced "$(role a)"
	equal "epoch at site b" $((2 * round)) "$(epoch b)"
	check "orders are acknowledged" until_ok 5000 acknowledged_after "$(now_ms)" 10

	counted_after=$(now_ms)
	drill failback
	equal "the failback's exit status" 0 "$drill_status"
	measured_rightly "$counted_after"
	equal "orders lost on the way back" 0 "$count_lost"
	equal "site a" primary "$(role a)"
	equal "site b" standby "$(role b)"
	equal "epoch at site a" $((2 * round + 1)) "$(epoch a)"
	check "orders are acknowledged" until_ok 5000 acknowledged_after "$(now_ms)" 10
	counted_after=$(now_ms)
done
plan_says() { book plan failover | grep -qE 'is back after .* nine times in ten within .*2 earlier drill runs'; }
check "the plan says how long it will take" plan_says
finish
