# shellcheck shell=bash
# stores.sh: what the tests of the Redis and the MariaDB runbook share.  Sourced after check.sh.

approvals[failover]="--approve fence --approve traffic --confirm promote=drill"
approvals[failback]="--approve reverse --approve switch"
approvals[switchover]="--approve switch"
planned() { # planned RUNBOOK SITE: nothing may be lost
	local mark; mark=$(now_ms)
	drill "$1" --param counted_after="$mark"
	equal "the exit status of the $1" 0 "$drill_status"
	check "site $2 takes the orders" writable_at "$2"
	measured_rightly "$mark"
	equal "orders lost on the way" 0 "$count_lost"
	check "orders are acknowledged" until_ok 5000 acknowledged_after "$(now_ms)" 10
}
failed_step() { book report last --format json | python3 -c '
import json, sys
print(" ".join(s["id"] for s in json.load(sys.stdin)["steps"] if s["state"] == "failed"))'; }
writable_at() { [[ $(lab primary) == "$1" ]]; }
settled() { local a; a=$(witness_log | grep -c ' ok$'); ((a > 20)) && [[ $(lab orders b | wc -l) -ge $((a - 5)) ]]; }

store_test() { # store_test redis|mariadb
	stage "$1" "$1"
	check "site b has the orders" until_ok 10000 settled
	if [[ -e $root/runbooks/$1/switchover.yaml ]]; then planned switchover b; planned switchover a; fi
	drill failover
	equal "the failover's exit status" 0 "$drill_status"
	measured_rightly
	check "site b takes the orders" writable_at b
	check "orders are acknowledged" until_ok 5000 acknowledged_after "$(now_ms)" 10
	lab start a >/dev/null 2>&1
	check "a fenced site that is started by mistake takes no writes" writable_at b
	if [[ -e $root/runbooks/$1/failback.yaml ]]; then planned failback a; fi
	lab down

	stage "$1" "$1"
	check "site b has the orders" until_ok 10000 settled
	lab fault store.stale
	mark=$(now_ms)
	check "orders that site b never gets" until_ok 20000 acknowledged_after "$mark" 30
	check "they are some seconds" until_ok 20000 acknowledged_after $((mark + 2500)) 1
	drill failover --param max_age=1s
	check "a stale replica: not promoted" test "$drill_status" -ne 0
	equal "the step that found it" precheck "$(failed_step)"
	check "site a takes the orders still" writable_at a
	check "the run is ended" book act last abort --note "the replica is stale"

	drill failover --param max_loss=1s
	check "a stale replica that was let pass: no success" test "$drill_status" -ne 0
	equal "the step that found it" verify "$(failed_step)"
	equal "its recovery is" "not measured" "$(reported "s['rto']['verdict']")"
	finish
}
