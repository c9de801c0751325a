#!/usr/bin/env bash
# Site a loses its power.  At site b the data is there and one web server of four: the others are scaled up through the real
# kubectl, the database takes over meanwhile, and the balancer is turned when both are ready, and only then.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"
approvals[failover]="--approve fence --confirm promote=drill"
shop() { curl -s -m 2 "http://127.0.0.1:$(env_of SHOP_PORT)/"; }
servers() { as_lab cat "$DRILLBOOK_LAB/data/kube/ready-web"; }

stage warm-standby warm
for name in cluster-b balancer; do check "doctor $name" book doctor "$name"; done
equal "the shop, before" "site a, 4 servers, 100 percent" "$(shop)"
equal "web servers at site b, before" 1 "$(servers)"
drill failover
equal "the failover's exit status" 0 "$drill_status"
equal "the shop" "site b, 4 servers, 100 percent" "$(shop)"
equal "web servers at site b" 4 "$(servers)"
equal "the database at site b" primary "$(as_lab sqlite3 -readonly "$(env_of SQLITE_B)" 'select role from drillbook_role')"
equal "the database at site a" fenced "$(as_lab sqlite3 -readonly "$(env_of SQLITE_A)" 'select role from drillbook_role')"
mark=$(now_ms)
check "orders are acknowledged" until_ok 10000 acknowledged_after "$mark" 20
count
equal "lost orders, reported and counted" "$count_lost" "$(reported "[x for x in r['services'] if x['name'] == 'orders'][0]['rpo']['lost']")"
check "drillbook verify finds the record whole" book verify

# a cluster that does not grow: nobody is sent to a site that is too small
lab down 2>/dev/null
stage warm-standby warm
as_lab touch "$DRILLBOOK_LAB/data/kube/stuck"
drill failover --param patience=2s
check "with a cluster that does not grow the drill does not end well ($drill_status)" test "$drill_status" != 0
equal "the shop is not sent to it" "503" "$(curl -s -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$(env_of SHOP_PORT)/")"
check "the report says how many there are" grep -q "1 of 4 are ready" <(book report last)
finish
