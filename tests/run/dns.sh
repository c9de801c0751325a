#!/usr/bin/env bash
# The name alone: clients are led to site b when their caches have forgotten site a; then with a cache that keeps answers for
# longer than it may, which the runbook's last step finds.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"
approvals[failover]="--approve point"
stage_names() {
	lab up --parts sites,bind,knot,cache --with $$ || fatal "the lab did not come up"
	lab stage "$build" "$root/runbooks/dns" || fatal "drillbook does not run in the lab"
	equal "drillbook lint" "no mistakes found" "$(book lint 2>&1)"
}
www() { dig +short +time=1 +tries=1 -p "$(env_of "$1_PORT")" @127.0.0.1 www.lab.test A; }
failed_step() { book report last --format json | python3 -c '
import json, sys
print(" ".join(s["id"] for s in json.load(sys.stdin)["steps"] if s["state"] == "failed"))'; }

stage_names
equal "the cache says" 127.0.0.1 "$(www CACHE)"
drill failover
equal "the failover's exit status" 0 "$drill_status"
for at in BIND KNOT CACHE; do equal "$at says" 127.0.0.2 "$(www $at)"; done
check "clients get site b" grep -q 'site b' <(curl -s -m 2 "http://$(www CACHE):$(env_of WEB_PORT)/")
equal "RTO" met "$(reported "s['rto']['verdict']")"
equal "the parts sum to the recovery time" "$(reported "s['rto']['actual_ms']")" "$(reported "s['partition_ms']['sum']")"
check "drillbook verify finds the record whole" book verify
lab down

stage_names
lab fault cache.sticky
equal "the cache says" 127.0.0.1 "$(www CACHE)"
drill failover --param patience=3s
check "a cache that does not forget: no success" test "$drill_status" -ne 0
equal "the step that found it" verify "$(failed_step)"
for at in BIND KNOT; do equal "$at says" 127.0.0.2 "$(www $at)"; done
equal "the clients are still told" 127.0.0.1 "$(www CACHE)"
finish
