#!/usr/bin/env bash
# provider-ssh.sh: action.* on another host: a real sshd on loopback with keys of its own.
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/call.sh"
. "$here/sshd.sh"
begin ssh sshd ssh ssh-keygen
sshd_up
mkdir tmp; export TMPDIR=$T/tmp

# what an operator has on the other host
mkdir far
cat >far/switch <<'SCRIPT'
#!/bin/sh
# switch on|off|state NAME
case $1 in
on) touch "$2" ;;
off) rm -f "$2" ;;
state) test -e "$2" ;;
esac
SCRIPT
chmod +x far/switch
printf 'correct horse battery' >key
target far "$(jq -cn --arg t "$T" --argjson s "$(sshd_settings)" '{provider: "ssh", environment: "lab", settings: $s, actions: {
	show: {argv: ["printf", "%s|", "{a}", "x{b}y", "{{a}"], effect: "read", params: ["a", "b"]},
	lines: {argv: ["printf", "one\\ntwo\\n\\nlast"], effect: "read", output: "lines"},
	json: {argv: ["echo", "{{\"lag\": 2.5, \"n\": [1]}"], effect: "read", output: "json"},
	where: {argv: ["pwd"], effect: "read", cwd: ($t + "/far")},
	env: {argv: ["printenv", "WHO"], effect: "read", params: ["who"], env: {WHO: "it is {who}"}},
	words: {argv: ["wc", "-c"], effect: "read", params: ["text"], stdin: "{text}"},
	shell: {argv: ["ps", "-o", "ppid=,args="], effect: "read"},
	status: {argv: ["sh", "-c", "exit 7"], effect: "read", expect_status: [0, 7]},
	broken: {argv: ["sh", "-c", "echo it is broken >&2; exit 3"]},
	own255: {argv: ["sh", "-c", "echo \"Permission denied (publickey).\" >&2; exit 255"], effect: "change"},
	shot: {argv: ["sh", "-c", "kill -9 $$"], effect: "change"},
	dropped: {argv: ["sh", "-c", "kill -9 $PPID; sleep 3"], effect: "change"},
	slow: {argv: ["sleep", "3"], effect: "change", timeout: "300ms"},
	on: {argv: [($t + "/far/switch"), "on", "{name}"], effect: "change", params: ["name"], verify: "state", undo: "off", cwd: ($t + "/far")},
	off: {argv: [($t + "/far/switch"), "off", "{name}"], effect: "change", params: ["name"], verify: "not-state", undo: "on", cwd: ($t + "/far")},
	state: {argv: [($t + "/far/switch"), "state", "{name}"], effect: "read", params: ["name"], cwd: ($t + "/far")},
	"not-state": {argv: ["sh", "-c", "! test -e \"$1\"", "sh", "{name}"], effect: "read", params: ["name"], cwd: ($t + "/far")},
	bare: {argv: ["true"]},
	missing: {argv: ["/no/such/program"], effect: "read"},
	secretin: {argv: ["wc", "-c"], effect: "read", secret: "stdin"},
	secretfile: {argv: ["cat", "{secret_file}"], effect: "read", secret: "file"},
	typo: {argv: ["true"], verfy: "x"}
}, secrets: {secret: {file: ($t + "/key")}}}')"
other() { jq -c --argjson s "$1" '.settings += $s' <<<"${TARGETS[far]}"; } # the same target, other settings
port; CLOSED=$REPLY
target closed "$(other "{\"port\": $CLOSED}")"
target wrong "$(other "{\"known_hosts\": \"$T/ssh/wrong\"}")"
target unknown "$(other "{\"known_hosts\": \"$T/ssh/none\"}")"
target stranger "$(other "{\"identity\": \"$T/ssh/stranger\"}")"
target noname "$(other '{"host": "no-such-host.invalid"}')"
target option "$(other '{"host": "-oProxyCommand=touch /tmp/x"}')"
target noclient "$(other '{"ssh": "ssh-of-another-planet"}')"
target keyless "$(jq -c 'del(.settings.known_hosts)' <<<"${TARGETS[far]}")"

args() { jq -cn --arg name "$1" --argjson args "${2:-"{}"}" '{name: $name, args: $args}'; }
reads() { call far action.read "$(args "$@")"; }
runs() { call far action.run "$(args "$@")"; }

reads show '{"a": "two words; $(id) *", "b": 12}'
is "an argument stays one word there, whatever is in it" '.result.out == "two words; $(id) *|x12y|{a}|"'
reads show "$(jq -cn --arg a $'it\'s "`x`" $HOME \\ !\nnew ~ # line' '{a: $a, b: true}')"
is "quotes, back quotes, newlines and all" ".result.out == $(jq -n --arg a $'it\'s "`x`" $HOME \\ !\nnew ~ # line|xtruey|{a}|' '$a')"
reads show '{"a": "", "b": ""}'
is "an empty argument stays an argument" '.result.out == "|xy|{a}|"'
reads lines
is "output: lines" '.result.lines == ["one", "two", "", "last"]'
reads json
is "output: json" '.result.json == {lag: "2.5", n: [1]}'
reads where
is "cwd is a directory there" '.result.out == "'"$T"'/far\n"'
reads env '{"who": "me; id"}'
is "env is set there" '.result.out == "it is me; id\n"'
reads words '{"text": "12345"}'
is "stdin goes there" '.result.out == "5\n"'
reads status
is "a status that is expected" '.ok and .result.status == 7'
reads secretin
is "the secret on stdin" '.result.out == "22\n"'
reads secretfile
is "a secret as a file is refused: it would have to lie there" '.error.code == "WORKSPACE" and .error.world == "unchanged"'
reads show "$(jq -cn --arg q "'" '{a: ($q * 40000), b: 1}')"
is "words longer than a command may be" '.error.code == "LIMIT" and .error.world == "unchanged"'

runs broken
is "a failing program: its last words, world unknown" '.error.code == "FAILED" and (.error.text | test("\"sh\" ended with status 3: it is broken")) and .error.world == "unknown" and .effect == "irreversible"'
runs own255
is "status 255 of the program is not ssh's, whatever it prints" '.error.code == "FAILED" and (.error.text | test("status 255")) and .error.world == "unknown"'
runs shot
is "a program that is killed there" '.ok == false and .error.world == "unknown"'
runs dropped
is "a connection that breaks while it runs: unknown, and it says so" '.error.code == "UNREACHABLE" and .error.world == "unknown" and (.error.text | test("while the program ran"))'
begun=$(now_ms); runs slow
is "its timeout: world unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
check "it did not take longer" test $(($(now_ms) - begun)) -lt 2500
reads missing
is "a program that is not there: the shell's status" '.error.code == "FAILED" and (.error.text | test("status 127"))'
reads on '{"name": "x"}'
is "action.read runs only what is declared read" '.error.code == "FORBIDDEN"'
runs typo
is "a wrong declaration" '.error.code == "WORKSPACE" and (.error.text | test("did you mean \"verify\""))'

for name in closed noname; do
	call $name action.run "$(args bare)"
	is "$name: unreachable, unchanged" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
done
for name in wrong unknown stranger; do
	call $name action.run "$(args on '{"name": "never"}')"
	is "$name: AUTH, unchanged" '.error.code == "AUTH" and .error.world == "unchanged"'
done
is "stranger: its text says who said no" '.error.text | test("ssh to \"127.0.0.1\": the host does not accept the key")'
call wrong action.run "$(args bare)"
is "wrong: its text says what it means" '.error.text | test("another key than the one in known_hosts")'
check "nothing ran" test ! -e far/never
call option action.run "$(args bare)"
is "a host that is an option" '.error.code == "USAGE"'
call keyless action.run "$(args bare)"
is "no known_hosts: refused" '.error.code == "USAGE" and (.error.text | test("known_hosts"))'
call noclient action.run "$(args bare)"
is "no client program" '.error.code == "NOT_FOUND" and .error.world == "unchanged"'
kill -STOP "${PIDS[sshd]}"
call far action.run "$(args bare)"
is "a server that is frozen: unreachable within connect_timeout, unchanged" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
kill -CONT "${PIDS[sshd]}"
# a user's own configuration and agent have no say
mkdir -p .ssh; printf 'Host *\n  ProxyCommand touch %s/proxied\n  IdentityFile %s/ssh/stranger\n' "$T" "$T" >.ssh/config
reads where
is "the user's own ssh_config is not read" '.ok'
check "nor did it run anything" test ! -e proxied

runs on '{"name": "flag"}'
is "a change: its class, its undo" '.ok and .effect == "change" and .before.undo == {op: "action.run", args: {name: "off", args: {name: "flag"}}}'
check "it happened" test -e far/flag
undo far "$(jq -c .before <<<"$ANSWER")"
check "undone" test ! -e far/flag
killed far action.run "$(args on '{"name": "flag"}')"
killed far action.run "$(args off '{"name": "flag"}')"
call closed action.run "$(args on '{"name": "flag"}')" verify '{}'
is "verify that cannot look is an error, not an answer" '.error.code == "UNREACHABLE" and (has("verdict") | not)'

call far "" '{}' probe
is "doctor: login, host key" '[.report.checks[] | select(.name == "login" or .name == "host key") | .ok] == [true, true] and ([.report.checks[].detail] | map(test("OpenSSH")) | any)'
is "doctor: what is wrong is found" '([.report.checks[] | select(.ok | not) | .name] | sort) == ["missing", "typo"]'
call wrong "" '{}' probe
is "doctor: another host key" '.error.code == "AUTH"'
check "ssh's logs are gone" test -z "$(ls "$TMPDIR")"

# a server that knows one command only sees it as it was written
sed -i "s|^|command=\"[ \\\\\"\$SSH_ORIGINAL_COMMAND\\\\\" = 'printf %s one' ] \&\& echo yes \|\| echo no\" |" ssh/authorized
target forced "$(jq -c '.actions = {one: {argv: ["printf", "%s", "one"], effect: "read"}}' <<<"${TARGETS[far]}")"
call forced action.read "$(args one)"
is "a forced command sees plain words plainly" '.result.out == "yes\n"'
