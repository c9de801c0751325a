#!/usr/bin/env bash
# provider-command.sh: action.* on real programs.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin command

mkdir ws/tools ws/sub
cat >ws/tools/switch <<'SCRIPT'
#!/bin/sh
# switch on|off|state NAME: what an operator's own script looks like
case $1 in
on) touch "$2" ;;
off) rm -f "$2" ;;
state) test -e "$2" ;;
esac
SCRIPT
cat >ws/tools/daemon <<'SCRIPT'
#!/bin/sh
# leaves a process behind that holds our output open
sleep 30 &
echo $! >"$1"
echo started
SCRIPT
chmod +x ws/tools/*
target tools "$(jq -cn --arg t "$T" '{provider: "command", environment: "lab", actions: {
	show: {argv: ["printf", "%s|", "{a}", "x{b}y", "{{a}"], effect: "read", params: ["a", "b"]},
	lines: {argv: ["printf", "one\\ntwo\\n\\nlast"], effect: "read", output: "lines"},
	json: {argv: ["echo", "{{\"lag\": 2.5, \"n\": [1]}"], effect: "read", output: "json"},
	nojson: {argv: ["echo", "lag: 2"], effect: "change", output: "json"},
	where: {argv: ["pwd"], effect: "read", cwd: "sub"},
	env: {argv: ["printenv", "WHO"], effect: "read", params: ["who"], env: {WHO: "it is {who}"}},
	words: {argv: ["wc", "-c"], effect: "read", params: ["text"], stdin: "{text}"},
	status: {argv: ["sh", "-c", "exit 7"], effect: "read", expect_status: [0, 7]},
	broken: {argv: ["sh", "-c", "echo it is broken >&2; exit 3"]},
	clean: {argv: ["sh", "-c", "exit 3"], fails_clean: true},
	shot: {argv: ["sh", "-c", "kill -9 $$"]},
	slow: {argv: ["sleep", "20"], effect: "change", timeout: "200ms"},
	on: {argv: ["./tools/switch", "on", "{name}"], effect: "change", params: ["name"], verify: "state", undo: "off"},
	off: {argv: ["tools/switch", "off", "{name}"], effect: "change", params: ["name"], verify: "not-state", undo: "on"},
	state: {argv: ["tools/switch", "state", "{name}"], effect: "read", params: ["name"]},
	"not-state": {argv: ["sh", "-c", "! test -e \"$1\"", "sh", "{name}"], effect: "read", params: ["name"]},
	odd: {argv: ["true"], effect: "change", verify: "broken-read"},
	"broken-read": {argv: ["sh", "-c", "echo cannot look; exit 4"], effect: "read"},
	bare: {argv: ["true"]},
	background: {argv: ["tools/daemon", ($t + "/run/left")], effect: "change"},
	flood: {argv: ["sh", "-c", "yes 0123456789 | head -c 3000000"], effect: "read"},
	notthere: {argv: ["tools/none"], effect: "change"},
	typo: {argv: ["true"], verfy: "x"},
	hole: {argv: ["echo", "{nobody}"], effect: "read"},
	program: {argv: ["{x}"], params: ["x"]},
	wrong: {argv: ["true"], effect: "harmless"},
	badverify: {argv: ["true"], effect: "change", verify: "on"},
	secretin: {argv: ["wc", "-c"], effect: "read", secret: "stdin"},
	secretfile: {argv: ["sh", "-c", "wc -c <\"$1\"; tr \"\\0\" \" \" </proc/$$/cmdline", "sh", "{secret_file}"], effect: "read", secret: "file"},
	secretsaid: {argv: ["cat", "{secret_file}"], effect: "read", secret: "file"}
}, secrets: {secret: {file: ($t + "/key")}}}')"
printf 'correct horse battery' >key
args() { jq -cn --arg name "$1" --argjson args "${2:-"{}"}" '{name: $name, args: $args}'; }
reads() { call tools action.read "$(args "$@")"; }
runs() { call tools action.run "$(args "$@")"; }

reads show '{"a": "two words; $(id) *", "b": 12}'
is "an argument stays one element, whatever is in it" '.result.out == "two words; $(id) *|x12y|{a}|"'
reads show '{"a": "{b}", "b": true}'
is "an argument is not a template itself" '.result.out == "{b}|xtruey|{a}|"'
reads lines
is "output: lines" '.result.lines == ["one", "two", "", "last"]'
check "each line was passed on as it came" grep -qx two log/call
reads json
is "output: json, a fraction becomes text" '.result.json == {lag: "2.5", n: [1]}'
runs nojson
is "output that is no JSON: the program did run" '.error.code == "PROTOCOL" and .error.world == "changed"'
reads where
is "cwd is below the workspace" '.result.out | endswith("/ws/sub\n")'
reads env '{"who": "me"}'
is "env is expanded" '.result.out == "it is me\n"'
reads words '{"text": "12345"}'
is "stdin is expanded" '.result.out == "5\n"'
reads status
is "a status that is expected" '.ok and .result.status == 7'
runs broken
is "a failing program: its last words, world unknown, class irreversible" '.error.code == "FAILED" and (.error.text | test("status 3: it is broken")) and .error.world == "unknown" and .effect == "irreversible"'
runs clean
is "fails_clean: nothing was changed" '.error.code == "FAILED" and .error.world == "unchanged"'
runs shot
is "ended by a signal" '.error.text | test("signal 9")'
begun=$(now_ms); runs slow
is "its timeout: world unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
check "it did not take longer" test $(($(now_ms) - begun)) -lt 3000
runs background
is "a program that leaves a daemon with our pipe" '.ok and .result.out == "started\n"'
kill "$(<run/left)"
reads flood
is "a flood is cut" '.ok and .result.truncated and (.result.out | length) == 65536'
runs notthere
is "a program that is not there: nothing happened" '.error.code == "NOT_FOUND" and .error.world == "unchanged"'
reads on '{"name": "x"}'
is "action.read runs only what is declared read" '.error.code == "FORBIDDEN"'
reads show '{"a": 1}'
is "an argument is missing" '.error.code == "USAGE" and (.error.text | test("needs the argument \"b\""))'
reads show '{"a": 1, "b": 2, "bb": 3}'
is "an argument too many, with the nearest" '.error.code == "USAGE" and (.error.text | test("did you mean \"b\""))'
reads show '{"a": [1], "b": 2}'
is "an argument that is a list" '.error.code == "USAGE"'
reads shwo
is "an unknown action, with the nearest" '.error.code == "NOT_FOUND" and (.error.text | test("did you mean \"show\""))'
for name in typo hole program wrong badverify; do
	runs "$name" "$([[ $name == program ]] && echo '{"x": "/bin/true"}')"
	is "declaration \"$name\" is refused before anything runs" '.error.code == "WORKSPACE" and .error.world == "unchanged"'
done
reads secretin
is "the secret on stdin" '.result.out == "22\n"'
reads secretfile
is "the secret as a file, not in argv" '.result.out | test("^21\n.*sh /proc/self/fd/[0-9]+ ?$")'
reads secretsaid
is "a program that prints the secret: masked" '.ok and (.result.out | test("horse") | not)'
check "nor is it in what was logged" fails grep -q horse log/call

runs on '{"name": "flag"}'
is "a change: its class, its undo" '.ok and .effect == "change" and .before.undo == {op: "action.run", args: {name: "off", args: {name: "flag"}}}'
done_before=$(jq -c .before <<<"$ANSWER")
undo tools "$done_before"
check "undone" test ! -e ws/flag
killed tools action.run "$(args on '{"name": "flag"}')"
killed tools action.run "$(args off '{"name": "flag"}')"
call tools action.run "$(args bare)" verify '{}'
is "no verify action: cannot tell" '.verdict == "cannot_tell" and (.evidence.reason | test("no verify"))'
call tools action.run "$(args odd)" verify '{}'
is "a verify action that cannot look: cannot tell" '.verdict == "cannot_tell" and (.evidence.reason | test("status 4: cannot look"))'

# a stop is passed on to the program
request tools action.run "$(args slow | jq -c '.name = "slower"')" run >request.json
jq -c '.targets.tools.actions.slower = {argv: ["sleep", "20"], effect: "change"}' request.json >request2.json
"$WORKER" --call <request2.json >answer.json 2>log/call & worker=$!
asleep() { pgrep -P "$worker" >/dev/null; }
check "a long program runs" until_ok 3000 asleep
kill -TERM "$worker"; wait "$worker"; ANSWER=$(<answer.json)
is "stopped: cancelled, world unknown" '.error.code == "CANCELLED" and .error.world == "unknown"'

call tools "" '{}' probe
is "doctor names each action" '(.report.checks | length) == ([.report.checks[].name] | unique | length) and ([.report.checks[] | select(.name == "on")][0].ok)'
is "doctor: what is wrong is found" '[.report.checks[] | select(.ok | not) | .name] | contains(["typo", "wrong", "badverify", "notthere"])'
