#!/usr/bin/env bash
# The README's five minutes, as they stand there: each block is run by a shell, the questions are answered in a
# terminal of 80 by 24, and what the page promises is looked for.
set -u -o pipefail
root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..
root=$(readlink -f "$root")
build=${DRILLBOOK_BUILD:-$root/build/dev}
type -P tmux >/dev/null || { echo "tmux is not installed"; exit 77; }

dir=$(mktemp -d /tmp/drillbook-readme-XXXXXX)
export PATH=$build/bin:$PATH DRILLBOOK_DATA=$dir/data DRILLBOOK_CONFIG=$dir/config TERM=screen
terminal() { tmux -S "$dir/tmux" -f /dev/null "$@"; }
finish() {
	terminal kill-server 2>/dev/null
	drillbook server stop --force >/dev/null 2>&1
	rm -rf "$dir"
}
trap finish EXIT

bad=0
check() { # check NAME COMMAND...
	local name=$1; shift
	if "$@"; then printf 'ok      %s\n' "$name"; else printf 'NOT OK  %s (%s)\n' "$name" "$*"; bad=$((bad + 1)); fi
}
block() { # the N-th block of shell after the mark
	awk -v want="$1" '/^<!-- tour:/ {on = 1} /^## / {if (on && seen) exit}
		on && /^```sh$/ {seen++; inside = 1; next} /^```$/ {inside = 0} on && inside && seen == want' "$root/README.md"
}
shows() { terminal capture-pane -p | grep -qF -- "$1"; }
appears() { # waits at most 15 s for a text on the screen
	local end=$((SECONDS + 15))
	until shows "$1"; do
		((SECONDS < end)) || { terminal capture-pane -p; return 1; }
		read -r -t 0.05 <> <(:) || :
	done
}
# Keys typed just before a question opened do not count: press until the screen has moved on.
press() { # press KEY TEXT-THAT-MUST-APPEAR
	local end=$((SECONDS + 15))
	until shows "$2"; do
		((SECONDS < end)) || { terminal capture-pane -p; return 1; }
		terminal send-keys "$1"
		read -r -t 0.5 <> <(:) || :
	done
}

cd "$dir" || exit 1
workspace=$(block 1) look=$(block 2) go=$(block 3) after=$(block 4)
check "four blocks" test -n "$workspace" -a -n "$look" -a -n "$go" -a -n "$after"
check "the workspace is written" bash -e -c "$workspace"
cd notes-drill || exit 1

seen=$(bash -e -c "$look" 2>&1); status=$?
check "looking at it succeeds" test $status -eq 0
check "without a mistake or a warning" grep -q '^no mistakes found' <<<"$seen"
check "the point of no return is named" grep -q 'point of no return: before step 6, tidy' <<<"$seen"
drillbook run restore >/dev/null 2>&1; status=$?
check "untrusted, nothing runs" test $status -eq 6 -a -e live

# no terminal here: the run must stop and ask, with the disaster done and nothing else
bash -c "$go" >"$dir/go" 2>&1 </dev/null; status=$?
check "without a terminal: status 5" test $status -eq 5
check "the flag that was missing is named" grep -q -- '--approve restore' "$dir/go"
check "the notes are lost" test -d lost -a ! -e live

terminal new-session -d -x 80 -y 24 "drillbook attach; echo status \$?; exec sleep 600"
check "restore asks" appears "restore"
check "capital Y restores" press Y "Open a note in live/"
check "the notes are back" cmp -s live/one copy/one
check "d and Enter: it is done" press d "Enter does it"
check "tidy asks for the word" press Enter "Type drill"
check "nothing was thrown away before" test -d lost
for key in d r i l l; do terminal send-keys $key; done
check "the word is shown" appears "> drill"
check "and ends the run" press Enter "RUN done"
check "the lost ones are gone" test ! -e lost
check "leaving says the status" press q "status 0"

seen=$(bash -e -c "$after" 2>&1); status=$?
check "history, report and verify succeed" test $status -eq 0
check "the history has the run" grep -qE '^drill +1 .*restore@v1 +done .* met +met$' <<<"$seen"
check "the report says what was lost" grep -qF '0 of 2 notes' <<<"$seen"
check "the report says who confirmed" grep -qF '(that of the intent)' <<<"$seen"
check "the record verifies" grep -q '^VERIFIES' <<<"$seen"

rm -rf live && cp -r copy live
drillbook run restore --plain --approve restore --confirm tidy=drill >"$dir/go" 2>&1 </dev/null; status=$?
check "unattended: only the human's step is open" test $status -eq 5
check "and it is named" grep -q 'step read needs a human' "$dir/go"
exit $((bad > 0))
