#!/usr/bin/env bash
# Secrets that a person gives: typed without an echo, or from the environment of the command; asked for again after the server
# died; and in no argument, environment, log, output or record (T9), in no spelling.
set -u -o pipefail
run_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
build=${DRILLBOOK_BUILD:-$(readlink -f "$run_dir/../..")/build/dev}
type -P python3 >/dev/null || { echo "needs python3"; exit 77; }
place=/tmp/drillbook-secrets-$$ checks_ok=0 checks_bad=0
export DRILLBOOK_DATA=$place/data DRILLBOOK_CONFIG=$place/config DRILLBOOK_WORKSPACE=$place/space DRILLBOOK_SERVER=none
typed='Tr0ub4dor&3 "x' given='c0rrect-horse/battery+staple' third='filed-secret-77' fourth='open sesame/99+"y'

now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' "${t%???}"; }
until_ok() {
	local end=$(($(now_ms) + $1)); shift
	until "$@" >/dev/null 2>&1; do
		(($(now_ms) < end)) || return 1
		sleep 0.02
	done
}
drillbook() { timeout 60 "$build/bin/drillbook" "$@"; }
good() { checks_ok=$((checks_ok + 1)); printf 'ok      %s\n' "$1"; }
bad() { checks_bad=$((checks_bad + 1)); printf 'NOT OK  %s\n' "$1"; }
check() { local name=$1; shift; if "$@"; then good "$name"; else bad "$name ($*)"; fi; }
equal() { if [[ $2 == "$3" ]]; then good "$1: $3"; else bad "$1: expected \"$2\", found \"$3\""; fi; }
says() {
	local name=$1 status=$2 text=$3 out code; shift 3
	out=$("$@" 2>&1); code=$?
	printf '%s\n' "$out" >>"$place/said"
	if [[ $code == "$status" && $out == *"$text"* ]]; then good "$name"
	else bad "$name: status $code (expected $status), said:"; sed 's/^/    | /' <<<"$out"; fi
}
finish() {
	trap - EXIT
	drillbook server stop --force >/dev/null 2>&1
	((!checks_bad)) || tail -n 20 "$place/data/server.log"
	rm -rf -- "$place"
	printf '%d ok, %d not ok\n' $checks_ok $checks_bad
	((!checks_bad && checks_ok)) || exit 1
	exit 0
}
trap 'bad "the test ended before its end"; finish' EXIT
trap 'exit 130' INT TERM HUP

mkdir -p "$place/space" && cd "$place" || exit 1
(umask 077; echo "$third" >space/filed)
cat >space/drillbook.yaml <<END
name: secrets
environments: {lab: {modes: [probe, drill]}}
END
cat >space/targets.yaml <<END
targets:
  asked:
    provider: command
    environment: lab
    secrets: {secret: {typed: true, prompt: of the vault}}
    actions: {tell: {argv: [/bin/sh, -c, "tee $place/got-asked"], secret: stdin, effect: read}}
  named:
    provider: command
    environment: lab
    secrets: {secret: {env: VAULT_TOKEN}}
    actions: {tell: {argv: [/bin/sh, -c, "tee $place/got-named"], secret: stdin, effect: read}}
  filed:
    provider: command
    environment: lab
    secrets: {secret: {file: filed}}
    actions:
      tell: {argv: [/bin/sh, -c, "tee $place/got-filed"], secret: stdin, effect: read}
      wait: {argv: [/bin/sh, -c, "touch $place/waits; until test -e $place/go; do sleep 0.02; done"], effect: read}
END
cat >>space/targets.yaml <<END
  left:
    provider: command
    environment: lab
    secrets: {secret: {param: pass}}
    actions: {tell: {argv: [/bin/sh, -c, "tee $place/got-left"], secret: stdin, effect: read}}
  right:
    provider: command
    environment: lab
    secrets: {secret: {param: token}}
    actions:
      tell: {argv: [/bin/sh, -c, "tee $place/got-right"], secret: stdin, effect: read}
      wait: {argv: [/bin/sh, -c, "touch $place/waits-both; until test -e $place/go-both; do sleep 0.02; done"], effect: read}
END
cat >space/both.yaml <<END
runbook: Tell both
version: 1
params:
  pass: {type: secret, help: of the vault}
steps:
  - id: own
    uses: {action.read: left}
    run: |
      log(action.read("left", {name = "tell"}).out)
      local name = "pass"
      local ok, e = pcall(function() return params[name] end)
      log("%s", e.text)
  - {id: nested, runbook: inner, params: {token: {param: pass}}}
END
cat >space/inner.yaml <<END
runbook: Tell the other
version: 1
params: {token: {type: secret, help: of somebody}}
steps:
  - id: tell
    uses: {action.read: right}
    run: |
      log(action.read("right", {name = "tell"}).out)
      action.read("right", {name = "wait"})
END
cat >space/use.yaml <<END
runbook: Tell what you know
version: 1
steps:
  - id: tell
    uses: {action.read: [asked, named, filed]}
    run: |
      for _, t in ipairs({"asked", "named", "filed"}) do
        log(action.read(t, {name = "tell"}).out)
      end
  - id: wait
    uses: {action.read: filed}
    run: action.read("filed", {name = "wait"})
END
cat >space/later.yaml <<END
runbook: Tell it later
version: 1
steps:
  - {id: ask, manual: Now?}
  - id: tell
    uses: {action.read: [asked, named]}
    run: |
      for _, t in ipairs({"asked", "named"}) do action.read(t, {name = "tell"}) end
END
drillbook trust space >/dev/null || exit 1

# Every spelling under which a value might have got out; prints where it was found.
cat >scan.py <<'END'
import base64, json, os, sys, urllib.parse
values = [v.encode() for v in sys.argv[2:]]
forms = set()
for v in values:
    forms |= {v, v.hex().encode(), v.hex().upper().encode(), json.dumps(v.decode()).encode()[1:-1],
              urllib.parse.quote(v.decode(), safe="").encode(), urllib.parse.quote_plus(v.decode()).encode()}
    for shift in range(3): # at each alignment, without the characters that depend on the neighbours
        text = base64.b64encode(b"x" * shift + v)
        text = text[(shift * 8 + 5) // 6:(shift + len(v)) * 8 // 6]
        forms |= {text, text.replace(b"+", b"-").replace(b"/", b"_")}
found = 0
def look(path, data):
    global found
    for f in forms:
        if f in data:
            print(path, f); found += 1
if sys.argv[1] == "proc": # all but the terminal that types it and the command that was given its variable
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open(f"/proc/{pid}/cmdline", "rb").read()
            if any(word in line for word in (b"scan.py", b"type.py", b"secrets.sh", b"run\0use\0")): continue
            look(f"/proc/{pid}/cmdline", line)
            look(f"/proc/{pid}/environ", open(f"/proc/{pid}/environ", "rb").read())
        except OSError: pass
else:
    for dir, _, names in os.walk(sys.argv[1]):
        for n in names: look(os.path.join(dir, n), open(os.path.join(dir, n), "rb").read())
sys.exit(found > 0)
END
# A terminal: types what it is given when it is asked; prints all that came to the screen.
cat >type.py <<'END'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[2], sys.argv[2:])
out, typed, until = b"", False, time.time() + 40
while time.time() < until:
    r, _, _ = select.select([fd], [], [], 0.2)
    if r:
        try: data = os.read(fd, 65536)
        except OSError: break
        if not data: break
        out += data
    if not typed and b"of the vault: " in out:
        os.write(fd, sys.argv[1].encode() + b"\r"); typed = True
sys.stdout.buffer.write(out)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END

# ------------------------------------------------------------------ which can be read
says "what can be read is said, and what is asked for" 1 "asked  asked/secret  (typed)" drillbook secret check
says "and what cannot" 1 "NOT OK named/secret  (variable VAULT_TOKEN): " drillbook secret check
says "with the variable there" 0 "ok     named/secret  (variable VAULT_TOKEN)" env VAULT_TOKEN="$given" "$build/bin/drillbook" secret check
says "and the file" 0 "ok     filed/secret  (file filed)" env VAULT_TOKEN="$given" "$build/bin/drillbook" secret check
says "too short is no length" 1 "is too short" env VAULT_TOKEN=abc "$build/bin/drillbook" secret check
check "no length is told either" bash -c "! grep -qE '(\b3 bytes|\b28 bytes)' $place/said"

# ------------------------------------------------------------------ typed and from the environment
VAULT_TOKEN=$given timeout 60 python3 type.py "$typed" "$build/bin/drillbook" run use --plain >screen 2>&1 & typist=$!
check "the step has what it needs" until_ok 20000 test -e waits
equal "the typed one arrived" "$typed" "$(cat got-asked)"
equal "the one of the environment" "$given" "$(cat got-named)"
equal "and the filed one" "$third" "$(cat got-filed)"
check "no process has one in its arguments, no other one in its environment" python3 scan.py proc "$typed" "$given" "$third"
touch go
wait $typist; equal "the run ends" 0 $?
check "what was typed was not echoed" python3 scan.py "$place/screen.d" "$typed" "$given" "$third"
mkdir screen.d && cp screen screen.d/ && check "nor is any on the screen" python3 scan.py "$place/screen.d" "$typed" "$given" "$third"
check "masked it is there" grep -q '\[masked\]' screen

# ------------------------------------------------------------------ the server dies
drillbook run later --detach </dev/null >/dev/null || bad "the second run does not start"
told() { # told RUN TEXT: what a terminal that attaches is told
	local out; out=$(timeout 2 "$build/bin/drillbook" attach "$1" --watch --plain </dev/null 2>&1); [[ $out == *"$2"* ]]
}
last_pause() { # the newest word on it
	local out; out=$(timeout 2 "$build/bin/drillbook" attach 2 --watch --plain </dev/null 2>&1 | grep -E "paused|continued" | tail -n 1)
	[[ $out == *"typed by a person. What a person has: drillbook secret give 2"* ]]
}
check "without a terminal the run asks for them" until_ok 20000 last_pause
says "a give without a line" 2 "has no line for secret \"asked/secret\"" drillbook secret give 2 </dev/null
printf '%s\n' "$typed" | VAULT_TOKEN=$given drillbook secret give 2 >gave 2>&1; equal "given by a pipe" 0 $?
has_them() { [[ $(drillbook secret give 2 </dev/null 2>&1) == *"has its secrets"* ]]; }
check "the run has its secrets" until_ok 10000 has_them
pid=$(cat data/server.lock)
kill -KILL "$pid"
gone() { ! readlink "/proc/$pid/exe"; }
check "the server is gone" until_ok 10000 gone
rm -f got-asked got-named
answered() { drillbook answer 2 "$@" </dev/null; }
says "the next server asks again before the step" 0 "" answered done
check "and says what to do" until_ok 20000 last_pause
check "nothing has run meanwhile" test ! -e got-asked
printf '%s\n' "$typed" | VAULT_TOKEN=$given drillbook secret give 2 >>gave 2>&1; equal "given again" 0 $?
check "and the step has them" until_ok 20000 test -s got-named
equal "the typed one" "$typed" "$(cat got-asked)"
ended() { drillbook history --json | python3 -c 'import json, sys; sys.exit(json.load(sys.stdin)[0]["status"] != "done")'; }
check "the run ends" until_ok 20000 ended

# ------------------------------------------------------------------ a parameter that targets take
says "whose secret a parameter is, is asked for" 1 "asked  left/secret  (parameter pass)" drillbook secret check
says "it is never an argument" 2 "is a secret: leave it out here" drillbook plan both --param pass=x-y-z-0
timeout 60 python3 type.py "$fourth" "$build/bin/drillbook" run both --plain >screen.both 2>&1 & typist=$!
check "typed once, both targets have it" until_ok 20000 test -e waits-both
equal "the one of the runbook" "$fourth" "$(cat got-left)"
equal "and the one of the nested runbook" "$fourth" "$(cat got-right)"
check "it is in no process's arguments or environment" python3 scan.py proc "$fourth"
touch go-both
wait $typist; equal "the run ends" 0 $?
equal "it was asked for once, by the name of the run's parameter" 1 "$(grep -c 'secret pass, of the vault: ' screen.both)"
check "a script that reads the parameter is told" grep -q 'params.pass is a secret' screen.both
rm -f got-left got-right
drillbook run both --detach </dev/null >/dev/null || bad "the run without a terminal does not start"
gives() { printf '%s\n' "$fourth" | drillbook secret give last >>gave 2>&1; }
check "one line of a pipe is enough" until_ok 20000 gives
check "for both" until_ok 20000 test -s got-right
equal "it arrived" "$fourth$fourth" "$(cat got-left)$(cat got-right)"
check "and that run ends" until_ok 20000 ended

# ------------------------------------------------------------------ who gives what is not theirs to give
cat >forge.py <<'END'
import array, base64, json, os, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
def send(body, fd=None):
    data = (json.dumps(body) + "\n").encode()
    s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else [])
def recv(n):
    global rest
    while True:
        while b"\n" in rest:
            line, rest = rest.split(b"\n", 1)
            m = json.loads(line)
            if m.get("id") == n: return m
        rest += s.recv(1 << 16)
rest = b""
send({"do": "hello", "proto": 1, "id": 0}); recv(0)
fd = os.memfd_create("x"); os.write(fd, json.dumps({"filed/secret": base64.b64encode(b"not-the-file").decode()}).encode())
send({"do": "start", "plan": json.load(sys.stdin), "secrets": True, "id": 1}, fd)
print(recv(1).get("run"))
END
rm -f go waits got-filed
drillbook plan use --json >plan.json
run=$(python3 forge.py data/server.sock <plan.json)
forged() { told "$run" 'the secret "filed/secret" is not one that a person gives'; }
check "another value for what a file holds is refused" until_ok 20000 forged
check "and nothing ran with it" test ! -e got-filed

# ------------------------------------------------------------------ what is left behind
drillbook server stop --force >/dev/null
cat said gave screen screen.both >kept 2>/dev/null; mkdir left && mv kept left/ && cp -r data left/
drillbook report 1 >left/report.md; drillbook report 1 --format json >left/report.json
check "no journal, log, output or report has any of them" python3 scan.py left "$typed" "$given" "$third" "$fourth"
says "and the record is whole" 0 "" drillbook verify
finish
