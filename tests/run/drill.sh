#!/usr/bin/env bash
# There and back, twice ($DRILLS times): failover drills that lose nothing because the standby is synchronous, failbacks, in a row, on real systems.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"
stage orders pg,balancer,pdns,knot

turn=1
for ((round = 1; round <= ${DRILLS:-2}; round++)); do
	check "site b is a synchronous standby" lab sync on
	drill failover
	equal "failover $round's exit status" 0 "$drill_status"
	turn=$((turn + 1))
	stands b 192.0.2.2 $turn
	measured_rightly
	equal "orders lost" 0 "$count_lost"
	lab start a >/dev/null 2>&1
	check "a fenced site that is started by mistake takes no writes" takes_no_writes a
	lab stop a >/dev/null 2>&1

	drill failback
	equal "failback $round's exit status" 0 "$drill_status"
	turn=$((turn + 1))
	stands a 192.0.2.1 $turn
	measured_rightly
	equal "orders lost" 0 "$count_lost"
	check "site b follows again" until_ok 5000 follows a b
done
finish
