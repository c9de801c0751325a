#!/usr/bin/env bash
# tui-screens.sh: every screen in a real terminal, with the keyboard only: a runbook is started from its form, done,
# reported, compared with the run before; at 80x24, 60x16 and 200x60; recorded and played; and all of it once more as
# plain lines.
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
source "$HERE/call.sh"
begin tui tmux git
PROGRAM=$BUILD/bin/drillbook
[[ -x $PROGRAM ]] || skip "no drillbook in $BUILD"

export DRILLBOOK_DATA=$T/data DRILLBOOK_CONFIG=$T/config TMUX_TMPDIR=$T PATH=$BUILD/bin:$PATH EDITOR=$T/editor PAGER='cat; read -r x </dev/tty'
unset TMUX ACCESSIBLE NO_COLOR VISUAL
mkdir -p config
printf '#!/bin/sh\nprintf "written in the editor\\n" >>"$1"\n' >editor; chmod +x editor
cat >ws/drillbook.yaml <<'Y'
name: screens
environments:
  lab: {modes: [probe, drill]}
Y
cat >ws/services.yaml <<'Y'
services:
  orders: {title: Orders, tier: 1, owner: ops, standby: hot, objectives: {rto: 10m, rpo: 0}}
Y
cat >ws/drills.yaml <<'Y'
drills:
  quarterly: {runbook: move, every: 90d, owner: ops}
Y
cat >ws/move.yaml <<'Y'
runbook: Move the orders
version: 1
service: orders
params:
  site: {type: choice, choices: [east, west], default: west, help: where to}
  ticket: {type: string, help: the change ticket}
steps:
  - id: look
    title: Look around
    run: |
      for i = 1, 500 do log("\27[32mline\27[0m " .. i) end
      return {seen = 500}
  - id: left
    needs: [look]
    run: log(params.ticket)
  - id: right
    needs: [look]
    run: log(params.site)
  - id: verify
    needs: [left, right]
    manual: Is the order rate back?
    marks: [{service: orders, reached: verified}]
Y
git -C ws init -q && git -C ws add -A && git -C ws -c user.name=op -c user.email=op@example.com commit -qm 'first version'
printf 'pause: P\n' >config/keys.yaml
printf 'theme: mono\nbell: false\n' >config/screen.yaml
(cd ws && "$PROGRAM" trust . >/dev/null)
start server "$PROGRAM" server start --foreground
source "$HERE/tmux.sh"
check 'the server answers' until_ok 10000 "$PROGRAM" server status
shell one 80 24

# ------------------------------------------------------------------ start from the form
type_in one 'clear; drillbook --record ../one.cast; echo left with $?' Enter
see 'Home' one '[----] HOME  workspace screens'
press_until 'key 2: the runbooks' one 'move                 v1' 2
see 'with what they ask for' one 'ticket: string, asked for: the change ticket'
see 'and their versions' one 'op: first version'
press_until 'Enter opens the form on what must be given' one '> ticket *' Enter
press_until 'nothing typed is refused' one 'ticket: must be given' Enter
type_in one CH-1 Enter Enter Enter Enter Enter Enter
see 'the run opens' one '[DRILL] orders / move'
see 'branches stand beside each other' one 'o\ look'
see 'a person is asked' one 'Is the order rate back?'
press_until 'Esc leaves it open; keys.yaml has given pause another key' one 'P pause' Escape
press_until 'which pauses' one 'PAUSED' P
type_in one P
see 'and goes on' one 'no notes (+ writes one)'
press_until 'values' one 'ticket = CH-1' v
press_until 'the timeline' one 'TIMELINE  run 1' t
press_until 'one step' one 'STEP' i
press_until 'back to the run' one 'STEPS 3/4 done' Escape
type_in one e
see 'a note written in the editor' one 'written in the editor'
type_in one g Tab
type_in one '/' 'line 77' Enter
see 'searching the output shows the place' one 'line 77'
see 'and holds it' one 'held at'
type_in one Escape Tab
press_until 'A: what needs somebody' one 'manual    verify' A
press_until 'goes to the question' one 'd     it is done' Enter
press_until 'which is answered' one 'RUN done' d Enter
press_until 'key 6: the report' one 'REPORT  run 1' 6
see 'with the verdict' one 'met'
press_until 'V: the independent checker' one 'VERIFIES' V
press_until 'back' one 'REPORT  run 1' Enter

# ------------------------------------------------------------------ a second one, compared
sed -i 's/version: 1/version: 2/; s/Look around/Look around twice/' ws/move.yaml
"$PROGRAM" --workspace ws run move --detach --param ticket=CH-2 >/dev/null
until_ok 10000 sh -c "'$PROGRAM' answer 2 done --lead >/dev/null 2>&1"
press_until 'key 5: history has both' one 'move@v2' 5
type_in one g
press_until 'c marks one' one 'comparing 2 with' c
type_in one Down
press_until 'and compares it with the other' one 'COMPARE  1 with 2' c
see 'steps side by side' one 'look'
press_until 'what changed in the runbook' one 'Look around twice' PgDn
press_until 'key 4: the drill is not overdue' one '1 planned, 0 overdue' 4
press_until 'the runbook changed since nothing: it is what was drilled' one 'RUNBOOKS' 2

# ------------------------------------------------------------------ sizes
for size in 60x16 200x60 80x24; do
	tm resize-window -t one -x "${size%x*}" -y "${size#*x}"
	for screen in 1:HOME 2:RUNBOOKS 4:DRILLS 5:HISTORY 6:REPORT; do
		press_until "$size: key ${screen%%:*}" one "${screen#*:}" "${screen%%:*}"
	done
done
tm resize-window -t one -x 30 -y 3
see '30x3: one line' one '[DRILL] LEFT'
tm resize-window -t one -x 80 -y 24
press_until '? lists the keys' one 'Keys valid now' '?'
type_in one Escape q
see 'q leaves' one 'left with 0'

# ------------------------------------------------------------------ other terminals
for term in vt100 linux screen xterm-256color; do
	type_in one "clear; TERM=$term drillbook attach 1 --watch" Enter
	see "TERM=$term" one 'STEPS 4/4 done'
	type_in one q
	see "$term is given back" one 'read it again with'
done
type_in one 'clear; LC_ALL=C drillbook attach 1 --watch' Enter
see 'without UTF-8' one 'STEPS 4/4 done'
type_in one q
type_in one 'clear; TERM=dumb drillbook attach 1 --watch' Enter
see 'TERM=dumb: lines' one 'run 1 done: 4 of 4 steps ok'

# ------------------------------------------------------------------ the kill switch
type_in one 'clear; drillbook' Enter
see 'Home once more' one '[----] HOME'
command() { # a command of the palette, in pieces: more than 16 keys at once count as pasted
	type_in one :
	see "the palette, for $1" one 'open  attention'
	type_in one "$1" Space
	see "$1" one ":$1"
	type_in one "$2" Enter
}
command stop-drills smoke
see 'the kill switch stops the drills of the workspace' one 'DRILLS ARE STOPPED by'
command allow-drills toast
see 'and allows them again' one 'Needs attention'
type_in one q

# ------------------------------------------------------------------ the recording
check 'the recording is an asciicast' sh -c "head -n 1 one.cast | jq -e '.version == 2 and .width == 80'"
check 'each of its lines is an event' sh -c "tail -n +2 one.cast | jq -es 'all(.[]; length == 3)'"
check 'it plays as lines' sh -c "'$PROGRAM' play --plain one.cast | grep -q 'COMPARE  1 with 2'"
type_in one 'clear; drillbook play ../one.cast --speed 100000' Enter
see 'and on the screen, to its last picture' one 'paused: Space goes on'
type_in one q
type_in one 'clear; echo played' Enter
see 'and gives the terminal back' one 'played'

# ------------------------------------------------------------------ plain
tm resize-window -t one -x 100 -y 50
type_in one 'clear; drillbook --plain' Enter
see 'Home as lines' one 'what next?'
type_in one 'start move' Enter
see 'asks for what must be given' one 'site [west]:'
type_in one 1 Enter
see 'by number where there are choices' one 'ticket []:'
type_in one CH-3 Enter
for _ in mode note from impact; do type_in one Enter; done
see 'starts and follows' one 'QUESTION about step verify'
press_until 'a number answers' one 'A value to record' 1 Enter
type_in one Enter
see 'to the end' one 'RTO MET'
type_in one 'clear' Enter 'compare 2 3' Enter
see 'compares' one 'B - A'
type_in one 'report 3' Enter
see 'reports' one 'recovered in'
type_in one leave Enter
finish
