#!/usr/bin/env bash
# Two servers on one data directory: the second is refused; one that was stopped and continued after another took over is
# fenced at its next write, ends, and leaves alone what is the other's.  What a run acts on is held against other runs.
set -u -o pipefail
run_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
build=${DRILLBOOK_BUILD:-$(readlink -f "$run_dir/../..")/build/dev}
place=/tmp/drillbook-fence-$$ checks_ok=0 checks_bad=0 old=
export DRILLBOOK_DATA=$place/data DRILLBOOK_CONFIG=$place/config DRILLBOOK_WORKSPACE=$place/space
drillbook() { timeout 60 "$build/bin/drillbook" "$@" </dev/null; }

now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' "${t%???}"; }
until_ok() {
	local end=$(($(now_ms) + $1)); shift
	until "$@" >/dev/null 2>&1; do
		(($(now_ms) < end)) || return 1
		sleep 0.02
	done
}
good() { checks_ok=$((checks_ok + 1)); printf 'ok      %s\n' "$1"; }
bad() { checks_bad=$((checks_bad + 1)); printf 'NOT OK  %s\n' "$1"; }
check() { local name=$1; shift; if "$@"; then good "$name"; else bad "$name ($*)"; fi; }
equal() { if [[ $2 == "$3" ]]; then good "$1: $3"; else bad "$1: expected \"$2\", found \"$3\""; fi; }
says() {
	local name=$1 status=$2 text=$3 out code; shift 3
	out=$("$@" 2>&1); code=$?
	if [[ $code == "$status" && $out == *"$text"* ]]; then good "$name"
	else bad "$name: status $code (expected $status), said:"; sed 's/^/    | /' <<<"$out"; fi
}
finish() {
	trap - EXIT
	[[ -z $old ]] || kill -KILL "$old" 2>/dev/null
	drillbook server stop --force >/dev/null 2>&1
	((!checks_bad)) || tail -n 20 "$place"/old.log "$place"/data/server.log
	rm -rf -- "$place"
	printf '%d ok, %d not ok\n' $checks_ok $checks_bad
	((!checks_bad && checks_ok)) || exit 1
	exit 0
}
trap 'bad "the test ended before its end"; finish' EXIT
trap 'exit 130' INT TERM HUP

mkdir -p "$place/space" && cd "$place" || exit 1
cat >space/drillbook.yaml <<END
name: fence
environments: {lab: {modes: [probe, drill]}}
END
cat >space/services.yaml <<END
services: {shop: {owner: me}, bank: {owner: me}}
END
cat >space/targets.yaml <<END
targets:
  tools:
    provider: command
    environment: lab
    actions:
      mark: {argv: [/bin/sh, -c, "echo x >> $place/effects"], effect: change}
      look: {argv: [/bin/true], effect: read}
END
book() { # book NAME SERVICE USES SCRIPT
	cat >"space/$1.yaml" <<-END
	runbook: $1
	version: 1
	service: $2
	steps:
	  - {id: ask, manual: May it go on?}
	  - {id: act, uses: {$3: tools}, run: '$3("tools", {name = "$4"})'}
	END
}
book mark shop action.run mark
book other bank action.run mark
book look bank action.read look
drillbook trust space >/dev/null || exit 1

# ------------------------------------------------------------------ what a run holds
"$build/bin/drillbook" server run >old.log 2>&1 & old=$!
until_ok 10000 test -S data/server.sock || { cat old.log; exit 1; }
says "a second server is refused" 8 "another server has" drillbook server run
drillbook run mark --detach >/dev/null || bad "the run does not start"
waiting() { [[ $(drillbook history --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["status"])') == open ]]; }
check "a run is open" until_ok 5000 waiting
says "its service is held, and it is said by which run" 8 'run 1 (mark, drill) acts on service "shop" already' drillbook run mark --detach
says "its target is held for a runbook of another service" 8 'run 1 (mark, drill) acts on target "tools" already' drillbook run other --detach
says "a probe holds nothing and is not held" 0 "run 2" drillbook run mark --mode probe --detach
says "who only reads the target is not held" 0 "run 3" drillbook run look --detach

# ------------------------------------------------------------------ stopped, taken over, continued
cat >ask.py <<'END'
import json, os, socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw")
def ask(n, body):
    f.write(json.dumps(dict(body, id=n)) + "\n"); f.flush()
    for line in f:
        m = json.loads(line)
        if m.get("id") == n: return m
    return {"ok": None}
ask(0, {"do": "hello", "proto": 1})
ask(1, {"do": "attach", "run": 1})
open(sys.argv[2], "w").close()
until = time.time() + 30
while len(sys.argv) > 3 and not os.path.exists(sys.argv[3]) and time.time() < until: time.sleep(0.02)
print(ask(2, {"do": "answer", "run": 1, "ask": 1, "answer": "done"})["ok"])
END
python3 ask.py data/server.sock attached go >said & asker=$!
check "a terminal is attached" until_ok 5000 test -e attached
kill -STOP "$old"
rm -f data/server.lock data/journal.lock
check "the next server takes over" drillbook server start
epoch() { drillbook server status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["epoch"])'; }
equal "its epoch" 2 "$(epoch)"
touch go
kill -CONT "$old"
gone() { ! kill -0 "$old" 2>/dev/null; }
check "the old one ends at its next write" until_ok 10000 gone
gone || kill -KILL "$old"
wait "$old"; equal "and says so with its status" 8 $?; old=
check "and in its log" grep -q "a newer server (epoch 2) has taken over" old.log
wait "$asker"; equal "what it was told last was not promised to anybody" None "$(cat said)"
check "nothing was done" test ! -e effects
equal "the new server is still found" 2 "$(epoch)"
check "and the run still asks it" waiting
equal "where it is answered" True "$(python3 ask.py data/server.sock attached)"
ended() { ! drillbook history --json | grep -q '"status": "open".*mark' && [[ -e effects ]]; }
says "the run goes on there" 0 "mark" drillbook attach 1 --plain --approve act
equal "and has its effect once" 1 "$(wc -l <effects)"
drillbook server stop --force >/dev/null
says "the record is whole" 0 "" drillbook verify
finish
