#!/usr/bin/env bash
# Failovers that lose orders, because the line between the sites was silent when the primary died: as many are
# reported as are really missing, in orders and in time, and the objective is missed.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"
stage orders pg,balancer,pdns,knot

turn=1 counted_after=0 seen=''
for held_back in 5 60; do
	lab fault link hole >/dev/null
	mark=$(now_ms)
	until_ok 20000 acknowledged_after "$mark" $held_back || fatal "no orders while the line is silent"
	drill failover
	equal "exit status: an objective was missed" 3 "$drill_status"
	turn=$((turn + 1))
	stands b 192.0.2.2 $turn
	measured_rightly "$counted_after"
	check "at least $held_back orders are lost" test "$count_lost" -ge $held_back
	check "not as many as before" test "$count_lost" != "$seen"
	seen=$count_lost

	lab fault link open >/dev/null
	counted_after=$(now_ms)
	drill failback
	equal "the failback's exit status" 0 "$drill_status"
	turn=$((turn + 1))
	stands a 192.0.2.1 $turn
	measured_rightly "$counted_after"
	counted_after=$(now_ms)
done
finish
