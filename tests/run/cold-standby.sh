#!/usr/bin/env bash
# Site a is gone with its disk.  Site b, which was nothing, is provisioned with Terraform, configured with Ansible and filled
# from the newest backup that can be read; the orders since then are lost and reported as they are.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"
type -P terraform tofu >/dev/null || { trap - EXIT; echo "neither terraform nor tofu is installed"; exit 77; }
approvals[backup]=""
approvals[rebuild]="--approve open"
stage cold-standby cold
for name in standby standby-host oncall; do check "doctor $name" book doctor "$name"; done
site_b=$(dirname "$(env_of SQLITE_B)")
backups=$(env_of SQLITE_BACKUPS)

for ((i = 1; i <= 2; i++)); do
	drill backup
	equal "backup $i" 0 "$drill_status"
done
mark=$(now_ms); until_ok 10000 acknowledged_after "$mark" 50 # a second behind the newest backup
# the newest one rots: the one before it must be taken, and the report says so
newest=$(as_lab ls "$backups" | sort | tail -n 1)
as_lab dd if=/dev/zero of="$backups/$newest" bs=1 seek=8200 count=4000 conv=notrunc status=none
check "site b is nothing" test ! -e "$site_b"

drill rebuild
equal "the rebuild's exit status" 0 "$drill_status"
measured_rightly
check "orders are lost ($count_lost), those since the older backup" test "$count_lost" -ge 50
check "site b's host was built" test -d "$site_b/log"
check "and configured" as_lab grep -q "database = $site_b/orders.db" "$site_b/shop.conf"
equal "site b" primary "$(as_lab sqlite3 -readonly -cmd '.timeout 5000' "$(env_of SQLITE_B)" 'select role from drillbook_role')"
equal "the clients are led there" "$(env_of SQLITE_B)" "$(as_lab readlink "$(env_of SQLITE_ADDRESS)")"
mark=$(now_ms)
check "orders are acknowledged again" until_ok 10000 acknowledged_after "$mark" 20
check "the damaged backup is in the report" grep -q "$newest cannot be used" <(book report last)
equal "the people on call were told, and that it is over" "open resolve" \
	"$(as_lab jq -r .event "$(env_of NOTICES)" | tr '\n' ' ' | sed 's/ $//')"
finish
