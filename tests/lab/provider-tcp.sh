#!/usr/bin/env bash
# provider-tcp.sh: health.probe of ports that answer, answer wrongly, are silent, refuse or cannot be reached.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin tcp socat

port; GREETS=$REPLY; port; ECHOES=$REPLY; port; MUTE=$REPLY; port; DEAD=$REPLY; port; CLOSES=$REPLY; port; FLOODS=$REPLY; port; FROZEN=$REPLY
listen() { start "$1" socat TCP-LISTEN:"$2",bind=127.0.0.1,fork,reuseaddr "$3"; }
printf '#!/bin/sh\nprintf "220 mail.example.org ready\\r\\n"\nexec cat >/dev/null\n' >greet && chmod 700 greet
listen greets "$GREETS" EXEC:"$T/greet"
listen echoes "$ECHOES" EXEC:cat
listen mute "$MUTE" SYSTEM:'cat >/dev/null'
listen closes "$CLOSES" SYSTEM:true
listen floods "$FLOODS" EXEC:'yes no'
listen frozen "$FROZEN" EXEC:cat
tcp() { jq -cn --argjson p "$1" '{provider: "tcp", environment: "lab", settings: {host: "127.0.0.1", port: $p, connect_timeout: "500ms"}}'; }
target greets "$(tcp "$GREETS")"; target echoes "$(tcp "$ECHOES")"; target mute "$(tcp "$MUTE")"; target dead "$(tcp "$DEAD")"
target closes "$(tcp "$CLOSES")"; target floods "$(tcp "$FLOODS")"; target frozen "$(tcp "$FROZEN")"
target nowhere "$(tcp 1 | jq -c '.settings.host = "nobody.invalid"')"
for p in "$GREETS" "$ECHOES" "$MUTE" "$CLOSES" "$FLOODS" "$FROZEN"; do
	until_ok 5000 bash -c ": <>/dev/tcp/127.0.0.1/$p" || { cat log/*; exit 1; }
done

call greets health.probe
is "a port that is open" '.ok and .result.healthy and .result.state == "open" and .result.connect_us > 0 and (.result | has("answer") | not)'
call greets health.probe '{"match": "^220 .*ready"}'
is "a banner that matches" '.result.healthy and (.result.answer | test("^220 mail")) and .result.latency_us >= 0'
call greets health.probe '{"contains": "example.org"}'
is "a text it holds" '.result.healthy'
call greets health.probe '{"match": "^554", "timeout": "300ms"}'
is "another banner: failed" '.error.code == "FAILED" and .error.world == "unchanged" and (.error.text | test("220 mail.*is not the pattern"))'
call greets health.probe '{"match": "^554", "timeout": "300ms", "raise": false}'
is "the same without raising" '.ok and (.result.healthy | not) and .result.state == "wrong_answer" and (.result.answer | test("220"))'
call greets health.probe '{"match": "(", "raise": false}'
is "no pattern: usage, also without raising" '.error.code == "USAGE"'
call echoes health.probe '{"send": "PING\n", "contains": "PING"}'
is "what was sent comes back" '.result.healthy and .result.answer == "PING\n"'
call dead health.probe
is "refused" '.error.code == "UNREACHABLE" and (.error.text | test("refused"))'
call dead health.probe '{"raise": false}'
is "refused, as a state" '.result.state == "refused" and .result.code == "UNREACHABLE"'
call echoes health.probe "{\"port\": $DEAD, \"raise\": false}"
is "another port of the same host" '.result.state == "refused"'
call nowhere health.probe '{"raise": false}'
is "a name without address" '.result.state == "unreachable"'
target dropped "$(tcp 80 | jq -c '.settings.host = "192.0.2.9"')"; target noroute "$(tcp 80 | jq -c '.settings.host = "198.51.100.1"')"
began=$(now_ms)
if dark dropped health.probe '{"raise": false}'; then
	is "dropped by a firewall: silent" '.result.state == "silent" and .result.code == "TIMEOUT"'
	check "dropped: after connect_timeout" test $(($(now_ms) - began)) -lt 2500
	dark noroute health.probe '{"raise": false}'
	is "no route: unreachable" '.result.state == "unreachable" and (.result.reason | test("unreachable"))'
fi
call mute health.probe '{"match": ".", "timeout": "300ms", "raise": false}'
is "silent after connecting" '.result.state == "silent" and .result.code == "TIMEOUT" and .result.connect_us > 0'
call mute health.probe '{"match": ".", "timeout": "300ms"}'
is "silent: timeout" '.error.code == "TIMEOUT"'
call closes health.probe '{"match": ".", "raise": false}'
is "closed without a word" '.result.state == "closed" and .result.code == "FAILED"'
call floods health.probe '{"contains": "yes", "raise": false}'
is "a flood is read up to its limit" '.result.state == "wrong_answer"'
# a stopped process: the system still accepts for it, then there is silence
kill -STOP "${PIDS[frozen]}"
began=$(now_ms)
call frozen health.probe '{"send": "x", "match": "x", "timeout": "400ms", "raise": false}'
is "frozen: silent" '.result.state == "silent"'
check "frozen: in time" test $(($(now_ms) - began)) -lt 2500
began=$(now_ms)
TIMEOUT_MS=300 call frozen health.probe '{"send": "x", "match": "x", "timeout": "20s"}'
is "frozen: the call's own deadline" '.error.code == "TIMEOUT"'
check "frozen: at the deadline" test $(($(now_ms) - began)) -lt 2500
kill -CONT "${PIDS[frozen]}"

call echoes "" '{}' probe
is "doctor: reachable" '[.report.checks[].ok] == [true]'
call dead "" '{}' probe
is "doctor: refused" '.ok and ([.report.checks[].ok] == [false]) and (.report.checks[0].detail | test("refused"))'
