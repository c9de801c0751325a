#!/usr/bin/env bash
# tui-terminal.sh: what a terminal can do to the client, and through it to nothing else: it closes in the middle of a
# step, hangs up, stops reading for as long as it likes, comes back many times.  The run goes on; memory and
# descriptors of the server stay as they are.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin tui python3
PROGRAM=$BUILD/bin/drillbook
[[ -x $PROGRAM ]] || skip "no drillbook in $BUILD"

export DRILLBOOK_DATA=$T/data DRILLBOOK_CONFIG=$T/config PATH=$BUILD/bin:$PATH
unset TMUX ACCESSIBLE NO_COLOR
cat >ws/drillbook.yaml <<'Y'
name: terminal
environments:
  lab: {modes: [probe, drill]}
Y
cat >ws/services.yaml <<'Y'
services:
  orders: {title: Orders, tier: 1, owner: ops, standby: hot, objectives: {rto: 10m, rpo: 0}}
Y
cat >ws/flood.yaml <<'Y'
runbook: Print a lot
version: 1
service: orders
params:
  lines: {type: int, default: 10000000}
steps:
  - id: flood
    run: for i = 1, params.lines do log("line " .. i .. " of the flood") end
  - id: wait
    manual: Is it quiet?
    marks: [{service: orders, reached: verified}]
Y
cat >terminal.py <<'P'
"""Runs drillbook attach on a pty and does to it what the first argument says."""
import os, pty, select, signal, sys, termios, fcntl, struct, time

what, run = sys.argv[1], sys.argv[2]
pid, master = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm-256color"
    os.execlp("drillbook", "drillbook", "attach", "--watch", run)
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
seen = b""

def hear(seconds, until=None):
    global seen
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 0.05)
        if ready:
            try:
                seen += os.read(master, 65536)
            except OSError:
                return until is None
        if until and until in seen:
            return True
    return until is None

def finish():
    try:
        os.write(master, b"q")
    except OSError:
        pass
    end = time.monotonic() + 10
    while time.monotonic() < end:
        hear(0.05)
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

ok = hear(15, b"flood")
if what == "close":
    os.close(master)
    os.waitpid(pid, 0)
elif what == "hangup":
    os.kill(pid, signal.SIGHUP)
    os.waitpid(pid, 0)
elif what == "deaf":      # reads nothing until the file given says that the run has gone on
    end = time.monotonic() + 60
    while not os.path.exists(sys.argv[3]) and time.monotonic() < end:
        time.sleep(0.02)
    ok = ok and hear(15, b"Is it quiet?")
    finish()
else:                     # look and leave
    ok = ok and hear(15, sys.argv[3].encode()) if len(sys.argv) > 3 else ok
    finish()
sys.exit(0 if ok else 1)
P

start server "$PROGRAM" server start --foreground
check 'the server answers' until_ok 10000 "$PROGRAM" server status
server_pid() { "$PROGRAM" server status --json | jq -r .pid; }
memory() { awk '/^VmRSS:/ {print $2}' "/proc/$(server_pid)/status"; }
descriptors() { awk '/^FDSize:/ {print $2}' "/proc/$(server_pid)/status"; } # the table: the server's own fd/ is closed to us
(cd ws && "$PROGRAM" trust . >/dev/null)
flood() { (cd ws && "$PROGRAM" run flood --detach --json --param lines="$1") | jq .run; }
# the step that floods is over: the one after it asks
over() { [[ $("$PROGRAM" report "$1" --format json 2>/dev/null | jq -r '.steps[0].state') == ok ]]; }

# ------------------------------------------------------------------ T12
for what in close hangup; do
	run=$(flood 10000000)
	check "$what in the middle of a flood: the client is gone" python3 terminal.py "$what" "$run"
	check "$what: the step goes on to its end" until_ok 60000 over "$run"
	check "$what: who comes back sees the question" python3 terminal.py look "$run" 'Is it quiet?'
	"$PROGRAM" act "$run" abort --note 'the test is over' --lead >/dev/null
done
run=$(flood 10000000)
python3 terminal.py deaf "$run" "$T/go" &
deaf=$!
check 'a terminal that does not read: the step goes on to its end' until_ok 60000 over "$run"
: >go
wait "$deaf"; note 'and shows the question as soon as it reads again' $?
"$PROGRAM" act "$run" abort --note 'the test is over' --lead >/dev/null

# ------------------------------------------------------------------ T18, a slice
run=$(flood 10000000)
check 'ten million lines' until_ok 60000 over "$run"
for _ in 1 2 3; do python3 terminal.py look "$run" 'Is it quiet?'; done
kib=$(memory) open=$(descriptors)
times=0
for _ in {1..25}; do python3 terminal.py look "$run" 'Is it quiet?' && times=$((times + 1)); done
check '25 re-attaches, each shows the question' test "$times" = 25
until_ok 5000 test "$(descriptors)" -le "$open"
note "descriptors are constant ($open before, $(descriptors) after)" $?
now=$(memory)
check "memory grows by less than 5 % ($kib KiB before, $now after)" test "$now" -le $((kib * 105 / 100))
ticks() { awk '{print $14 + $15}' "/proc/$(server_pid)/stat"; }
before=$(ticks); end=$(($(now_ms) + 3000)); until (($(now_ms) >= end)); do :; done
check 'a server nobody looks at costs less than 1 % of a CPU' test $(($(ticks) - before)) -le 3
finish
