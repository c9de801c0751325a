#!/usr/bin/env bash
# tui-screen.sh: the real program in a real terminal (tmux): attach, resize, suspend, leave, lose the terminal, come
# back, hand over the lead, answer.  Everything polls what the screen shows.
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
source "$HERE/call.sh"
begin tui tmux
PROGRAM=$BUILD/bin/drillbook
[[ -x $PROGRAM ]] || skip "no drillbook in $BUILD"

export DRILLBOOK_DATA=$T/data DRILLBOOK_CONFIG=$T/config TMUX_TMPDIR=$T PATH=$BUILD/bin:$PATH
unset TMUX ACCESSIBLE NO_COLOR
cat >ws/drillbook.yaml <<'Y'
name: screen
environments:
  lab: {modes: [probe, drill]}
Y
cat >ws/services.yaml <<'Y'
services:
  orders: {title: Orders, tier: 1, owner: ops, standby: hot, objectives: {rto: 10m, rpo: 0}}
Y
cat >ws/targets.yaml <<Y
targets:
  tools:
    provider: command
    environment: lab
    actions:
      fence: {argv: [/bin/sh, -c, "echo fenced >> $T/effects"], effect: costly}
      promote: {argv: [/bin/sh, -c, "echo promoted >> $T/effects"], effect: irreversible}
Y
cat >ws/move.yaml <<'Y'
runbook: Move the orders
version: 1
service: orders
steps:
  - id: look
    title: Look around
    run: |
      log("ordinary line")
      log("\27[2Jhostile line")
  - id: fence
    title: Fence the old one
    uses: {action.run: tools}
    run: action.run("tools", {name = "fence"})
  - id: promote
    title: Promote the new one
    uses: {action.run: tools}
    run: action.run("tools", {name = "promote"})
  - id: verify
    title: Look at the dashboard
    manual: Is the order rate back?
    checklist: [rate is back, no errors]
    marks: [{service: orders, reached: verified}]
Y

start server "$PROGRAM" server start --foreground
source "$HERE/tmux.sh"
open_runs() { "$PROGRAM" server status --json | jq -e ".runs_open == $1"; }

check 'the server answers' until_ok 10000 "$PROGRAM" server status
check 'tmux listens' until_ok 10000 test -S "$T/tmux-$EUID/drill"
check 'the workspace is trusted' "$PROGRAM" trust ws

# ------------------------------------------------------------------ attach
shell one 80 24
type_in one "drillbook run move" Enter
see 'the run opens with its mode first' one '[DRILL] orders / move'
see 'a costly step asks by itself' one 'Will do     action.run on tools'
press_until 'Enter alone does nothing' one 'Enter does nothing here' Enter
type_in one Escape
see 'Esc leaves the question open' one '1 asked'
type_in one Up
see 'output is shown' one 'ordinary line'
see 'a hostile line is shown as text' one '^[[2Jhostile line'

# ------------------------------------------------------------------ sizes
tm resize-window -t one -x 60 -y 16
see '60x16: the steps' one 'STEPS 1/4 done'
type_in one Tab
see '60x16: Tab shows the output' one 'OUTPUT  1 look'
type_in one Tab
tm resize-window -t one -x 200 -y 50
see '200x50: a third column' one 'PEOPLE'
tm resize-window -t one -x 30 -y 4
see '30x4: one line' one '[DRILL] LEFT'
tm resize-window -t one -x 80 -y 24
see '80x24 again' one 'OUTPUT  1 look'

# ------------------------------------------------------------------ suspend
type_in one C-z
see 'Ctrl-Z gives the terminal back' one 'Stopped'
type_in one 'fg' Enter
see 'fg brings the screen back' one 'STEPS 1/4 done'

# ------------------------------------------------------------------ leave and come back
type_in one C-c
see 'Ctrl-C explains' one 'Ctrl-C stops nothing'
type_in one q
see 'q says that the run continues' one 'run 1 continues'
type_in one 'clear; drillbook attach 1; echo left with $?' Enter
see 'attach shows the same run, which asks again' one 'Will do     action.run on tools'
see 'the clock has gone on' one 'LEFT 9:'

# ------------------------------------------------------------------ two people
shell two 100 30
type_in two 'drillbook attach 1' Enter
see 'a second terminal watches' two '(you watch)'
type_in two p
see 'and may not act' two 'somebody else leads'
type_in two L
see 'it takes the lead' one 'leads now; you watch'
see 'and is asked' two 'Will do     action.run on tools'
press_until 'capital Y runs it; then the irreversible step wants a word' two 'Type drill to run it' Y
check 'the effect happened once' test "$(cat effects)" = fenced
press_until 'a wrong word does nothing' two 'that is not the word' x Enter
check 'and nothing happened' test "$(cat effects)" = fenced

# ------------------------------------------------------------------ the terminal dies
tm kill-session -t two
check 'the run has not stopped' open_runs 1
press_until 'the first one takes the lead again and is asked' one 'Type drill to run it' L
type_in one C-u
press_until 'the right word runs it; a person is asked last' one 'Is the order rate back?' d r i l l Enter
check 'both effects happened once' test "$(tr '\n' ' ' <effects)" = 'fenced promoted '
press_until 'an item of the checklist' one '[x] rate is back' Space
press_until 'the other item' one '[x] no errors' Space
press_until 'done' one 'RUN done' d Enter
see 'the objective was met' one 'MET'
type_in one q
see 'the exit status is that of the run' one 'left with 0'
