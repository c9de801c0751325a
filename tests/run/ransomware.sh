#!/usr/bin/env bash
# The newest clean restore point: of a point a day the newest k are damaged, each in a way drawn by chance, k by
# chance too; the documents are encrypted, and the runbook must land on exactly the newest clean one.  With every
# point damaged it must find none.  Afterwards a new point is made, and is the one that is found.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"
for program in restic python3 openssl; do type -P $program >/dev/null || { trap - EXIT; echo "$program is not installed"; exit 77; }; done
approvals[restore]="--confirm restore=drill"
approvals[backup]=""
lab up --parts vault --with $$ || fatal "the lab did not come up"
lab stage "$build" "$root/runbooks/ransomware" || fatal "drillbook does not run in the lab"
equal "drillbook lint" "no mistakes found" "$(book lint 2>&1)"
documents=$(lab env DOCUMENTS)
scratch() { as_lab find "$DRILLBOOK_LAB/data/scratch" -mindepth 1 -maxdepth 1; }
planted() { as_lab cat "$DRILLBOOK_LAB/log/points.log"; }
found() { reported "[n['text'] for n in r['notes'] if 'is clean' in n['text']][0].split()[1]"; }
rows() { as_lab wc -l <"$documents/orders/orders.csv"; }

days=7 bad=$((RANDOM % 6 + 1))
check "$days points, the newest $bad of them damaged" lab points $days $bad
planted | sed 's/^/    /'
read -r day clean _ < <(planted | awk '$3 == "clean"' | tail -n 1)

drill restore
equal "the restore's exit status" 0 "$drill_status"
equal "the point it found" "${clean:0:12}" "$(found)"
equal "that is the one of the day" $((bad + 1)) "$day"
equal "as many orders as it had" $((200 + days - bad)) "$(rows)"
near "lost time (ms), reported and planted" $((day * 86400000 - 3600000)) "$(reported "s['rpo']['actual_ms']")" 120000
equal "RPO" met "$(reported "s['rpo']['verdict']")"
equal "RTO" met "$(reported "s['rto']['verdict']")"
equal "nothing is left of the search" "" "$(scratch)"
check "the encrypted documents are kept" test -e "$(as_lab ls -d "$documents".replaced-*)/HOW_TO_DECRYPT.txt"
check "none of them is among the documents" test -z "$(as_lab find "$documents" -name '*.locked' -o -name '*DECRYPT*')"
check "drillbook verify finds the record whole" book verify

drill backup
equal "a new point: exit status" 0 "$drill_status"
equal "nothing is left of its proof" "" "$(scratch)"
drill restore
equal "the new point is found at once" 0 "$drill_status"
check "it was not among the older ones" test -z "$(planted | grep "$(found)")"
check "and is minutes old" test "$(reported "s['rpo']['actual_ms']")" -lt 600000

# no clean point at all: nothing is put in the documents' place
drill restore --param rows=100000
check "none is clean: the run fails" test "$drill_status" != 0
check "the documents were left as they are" test -e "$documents/HOW_TO_DECRYPT.txt"
equal "nothing is left of the search" "" "$(scratch)"
finish
