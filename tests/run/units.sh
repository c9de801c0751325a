#!/usr/bin/env bash
# The units for systemd: what they allow is measured, and they are installed where systemd looks.
set -u -o pipefail
run_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
build=${DRILLBOOK_BUILD:-$(readlink -f "$run_dir/../..")/build/dev}
type -P systemd-analyze >/dev/null || { echo "needs systemd-analyze"; exit 77; }
worst=25 bad=0 # exposure, in tenths
unit=$build/systemd/system/drillbook.service
if out=$(systemd-analyze security --offline=true --threshold=$worst "$unit" 2>&1); then
	echo "ok      the team server's unit: ${out##*level for }"
else
	echo "NOT OK  the team server's unit is more exposed than $worst: $(tail -n 1 <<<"$out")"; bad=1
fi
for line in User=drillbook Group=drillbook KillMode=process NoNewPrivileges=yes "ExecStart=.*/drillbook server run --team"; do
	if grep -qE "^$line$" "$unit"; then echo "ok      $line"; else echo "NOT OK  $line is not in the unit"; bad=1; fi
done
# systemd's own reading of it; where nothing is installed only the programs are missing
complaints=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -v "is not executable\|Failed to open\|Cannot add dependency" | grep -F drillbook.service)
if [[ -z $complaints ]]; then echo "ok      systemd understands all of it"; else echo "NOT OK  $complaints"; bad=1; fi
exit $bad
