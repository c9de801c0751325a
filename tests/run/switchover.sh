#!/usr/bin/env bash
# Planned switchovers, there and back by the same runbook, while a client orders: nothing is lost, and each time
# the old primary is a streaming standby afterwards.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"
approvals[switchover]="--approve switch --approve names"
stage orders pg,balancer,pdns,knot

drill switchover
equal "the exit status of the way there" 0 "$drill_status"
stands b 192.0.2.2 2
measured_rightly
equal "orders lost" 0 "$count_lost"
check "site a follows site b" until_ok 5000 follows b a

drill switchover
equal "the exit status of the way back" 0 "$drill_status"
stands a 192.0.2.1 3
measured_rightly
equal "orders lost" 0 "$count_lost"
check "site b follows site a" until_ok 5000 follows a b

lab stop b >/dev/null
drill switchover
check "without a standby it does not begin" test "$drill_status" != 0
equal "timeline at a" 3 "$(timeline a)"
finish
