#!/usr/bin/env bash
# provider-notify.sh: notify.* by e-mail, webhook, PagerDuty's Events API and a program, into sinks that are strict about
# the documented shapes.
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/call.sh"
begin notify python3 openssl socat

for name in TLS SMTPS PLAIN HTTP MUTE DEAD; do port; declare "$name=$REPLY"; done
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
	-keyout tls.key -out ca.pem 2>log/openssl || { cat log/openssl; exit 1; }
mkdir mail smtps plain hook
start mail python3 "$here/sinks.py" smtp "$TLS" mail ca.pem tls.key
start smtps python3 "$here/sinks.py" smtp "$SMTPS" smtps ca.pem tls.key tls
start plain python3 "$here/sinks.py" smtp "$PLAIN" plain
start hook python3 "$here/sinks.py" http "$HTTP" hook
start mute socat -u TCP-LISTEN:"$MUTE",bind=127.0.0.1,fork,reuseaddr OPEN:/dev/null
for p in "$TLS" "$SMTPS" "$PLAIN" "$HTTP" "$MUTE"; do
	listening() { [[ -n $(ss -Hltn "sport = :$p") ]]; }
	until_ok 10000 listening || { cat log/*; exit 1; }
done
printf 'open-sesame' >password; printf 'wrong-word' >wrongpassword
printf 'http://127.0.0.1:%d/hook/T0/B0/secretpath0123' "$HTTP" >url; printf 'http://127.0.0.1:%d/hook/gone/secretpath0123' "$HTTP" >goneurl
printf 'http://127.0.0.1:%d/hook/T0/%s' "$DEAD" "secretpath0123$(printf 'x%.0s' {1..300})" >deadurl
printf 'http://127.0.0.1:%d/hook/T0/secretpath0123' "$MUTE" >muteurl
printf '0123456789abcdef0123456789abcdef' >routing; printf 'short' >badrouting
mail() { # mail PORT TLS PASSWORD-FILE [SETTINGS]
	jq -cn --arg s "localhost:$1" --arg tls "$2" --arg p "$T/$3" --arg ca "$T/ca.pem" --argjson more "${4:-"{}"}" '{provider: "notify", environment: "lab",
		settings: ({via: "email", server: $s, tls: $tls, from: "drill@example.org", to: ["ops@example.org", "boss@example.org"], ca_file: $ca, source: "lab",
		connect_timeout: "1s"} + $more)} + (if $p | endswith("/") then {} else {settings: (({via: "email", server: $s, tls: $tls, from: "drill@example.org",
		to: ["ops@example.org", "boss@example.org"], ca_file: $ca, source: "lab", connect_timeout: "1s", user: "user"} + $more)), secrets: {password: {file: $p}}} end)'
}
hook() { jq -cn --arg f "$T/$1" '{provider: "notify", settings: {via: "webhook", allow_http: true, source: "lab", retry_wait: "50ms", connect_timeout: "1s"}, secrets: {webhook_url: {file: $f}}}'; }
duty() { jq -cn --arg u "http://127.0.0.1:$1" --arg f "$T/$2" '{provider: "notify", settings: {via: "pagerduty", url: $u, allow_http: true, source: "lab", retry_wait: "50ms", connect_timeout: "1s"}, secrets: {routing_key: {file: $f}}}'; }
target mail "$(mail "$TLS" starttls password)"
target smtps "$(mail "$SMTPS" tls password)"
target plain "$(mail "$PLAIN" none "")"
target leak "$(mail "$PLAIN" none password)"
target nostarttls "$(mail "$PLAIN" starttls "")"
target wrongmail "$(mail "$TLS" starttls wrongpassword)"
target untrusted "$(jq -c 'del(.settings.ca_file)' <<<"$(mail "$TLS" starttls password)")"
target nobody "$(mail "$TLS" starttls password '{"to": ["nobody@example.org"]}')"
target deadmail "$(mail "$DEAD" starttls password)"
target mutemail "$(mail "$MUTE" starttls password)"
target hook "$(hook url)"
target gone "$(hook goneurl)"
target deadhook "$(hook deadurl)"
target mutehook "$(hook muteurl)"
target duty "$(duty "$HTTP" routing)"
target badduty "$(duty "$HTTP" badrouting)"
target deadduty "$(duty "$DEAD" routing)"
target command "$(jq -cn --arg out "$T/told" '{provider: "notify", settings: {via: "command", command: ["sh", "-c", "cat >>\"$1\"; echo >>\"$1\"; echo noted", "sh", $out], source: "lab"}}')"
target badcommand '{"provider": "notify", "settings": {"via": "command", "command": ["sh", "-c", "cat >/dev/null; echo no pager >&2; exit 4"]}}'
request() { # another key for each call: RUN/STEP/ITERATION/ORDINAL
	jq -cn --arg target "$1" --arg op "$2" --argjson args "$3" --arg phase "$4" --argjson before "${5:-null}" --arg key "${KEY:-2042/tell/1/1}" \
		--argjson spec "${TARGETS[$1]}" --arg ws "$T/ws" --argjson timeout "${TIMEOUT_MS:-0}" \
		'{target: $target, targets: {($target): $spec}, op: $op, args: $args, phase: $phase, workspace: $ws, key: $key, timeout_ms: $timeout}
		+ (if $before == null then {} else {before: $before} end)'
}
opened='{"summary": "Orders fail over: site <a> & b", "text": "The primary\nis gone.", "severity": "critical", "details": {"service": "orders", "lost": 3}, "link": "https://runs.example.org/2042"}'
eml() { python3 - "$1" "$2" <<'PY'
import email, email.policy, sys
with open(sys.argv[1], "rb") as f:
    m = email.message_from_binary_file(f, policy=email.policy.default)
print(m.get_content() if sys.argv[2] == "body" else m[sys.argv[2]])
PY
}

# e-mail
call mail notify.open "$opened"
is "e-mail: sent; undo resolves the incident" '.ok and .effect == "change" and .result.via == "email" and .result.incident == "drillbook/lab/2042/run" and .before.undo.op == "notify.resolve" and .before.undo.args.incident == "run"'
id=$(jq -r .result.id <<<"$ANSWER")
check "its envelope: both recipients, after STARTTLS and a login" jq -e '.to == ["ops@example.org", "boss@example.org"] and .from == "drill@example.org" and .tls and .user == "user"' mail/1.env
check "its Message-ID is the call's" test "$(eml mail/1.eml Message-ID)" = "$id"
check "its subject" test "$(eml mail/1.eml Subject)" = "[critical] Orders fail over: site <a> & b"
check "its text" grep -q "^lost: 3" <(eml mail/1.eml body)
check "it is no mail of a person" test "$(eml mail/1.eml Auto-Submitted)" = auto-generated
call mail notify.open "$opened"
check "the same call again has the same Message-ID" test "$(eml mail/2.eml Message-ID)" = "$id"
KEY=2042/end/1/7 call mail notify.resolve '{"summary": "Bestellungen laufen wieder – alles in Ordnung, und zwar für längere Zeit, wie wir hoffen dürfen ✓"}'
is "resolve: another message" ".ok and .result.id != \"$id\""
check "it refers to the same thread" test "$(eml mail/3.eml References)" = "$(eml mail/1.eml References)"
check "its subject, beyond ASCII" test "$(eml mail/3.eml Subject)" = "[info] RESOLVED: Bestellungen laufen wieder – alles in Ordnung, und zwar für längere Zeit, wie wir hoffen dürfen ✓"
check "no line is longer than 998 bytes" test "$(awk '{ if (length($0) > n) n = length($0) } END { print n }' mail/3.eml)" -le 998
call smtps notify.open "$opened"
is "TLS from the start" '.ok'
check "it was" jq -e '.tls and .user == "user"' smtps/1.env
call plain notify.open "$opened"
is "plain, without a login, when the target says so" '.ok'
call leak notify.open "$opened"
is "a password is not sent without TLS" '.error.code == "FORBIDDEN" and .error.world == "unchanged"'
call nostarttls notify.open "$opened"
is "a server that offers no STARTTLS gets nothing" '.error.code == "REFUSED" and .error.world == "unchanged"'
call wrongmail notify.open "$opened"
is "a wrong password: AUTH" '.error.code == "AUTH" and .error.world == "unchanged"'
call untrusted notify.open "$opened"
is "a certificate nobody vouches for: AUTH" '.error.code == "AUTH" and .error.world == "unchanged"'
call nobody notify.open "$opened"
is "a recipient that is refused: its words, unchanged" '.error.code == "REFUSED" and .error.world == "unchanged" and (.error.text | test("550"))'
call deadmail notify.open "$opened"
is "no mail server: unreachable, unchanged" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
TIMEOUT_MS=700 call mutemail notify.open "$opened"
is "a silent one: timeout, unchanged, for nothing was sent" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
target droppedmail "$(jq -c '.settings.server = "192.0.2.9:25"' <<<"$(mail 1 starttls password)")"; printf 'https://192.0.2.9/hook/secretpath0123' >droppedurl; target droppedhook "$(hook droppedurl)"
if dark droppedmail notify.open "$opened"; then
	is "mail: dropped by a firewall: timeout, unchanged" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
	dark droppedhook notify.open "$opened"
	is "webhook: dropped by a firewall: timeout, unchanged; the URL is a secret" '.error.code == "TIMEOUT" and .error.world == "unchanged" and (.error.text | test("secretpath") | not)'
fi
touch mail/full
call mail notify.open "$opened"
is "a message that is refused: its words, unchanged" '.error.code == "REFUSED" and .error.world == "unchanged" and (.error.text | test("552"))'
rm mail/full; touch mail/slow
begun=$(now_ms)
TIMEOUT_MS=1500 call mail notify.open "$opened"
is "silence after the message was sent: timeout, unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
check "and it did not wait longer than that" test $(($(now_ms) - begun)) -lt 6000
rm mail/slow
call mail notify.open '{"summary": "a\r\nBcc: evil@example.org"}'
is "a summary with a line break is refused" '.error.code == "USAGE"'
killed mail notify.open "$opened" cannot_tell cannot_tell
is "verify says what a second sending would be" '.evidence.reason | test("same Message-ID")'

# a webhook
last() { tail -n 1 hook/requests; }
call hook notify.open "$opened"
is "webhook: posted" '.ok and .result.answer == "ok" and .result.attempts == 1'
check "the shape Slack asks for; <, > and & escaped" jq -e '.type == "application/json" and (.body | keys) == ["text"] and (.body.text | test("^\\*Orders fail over: site &lt;a&gt; &amp; b\\* \\(critical\\)\nThe primary\nis gone.\n• service: orders\n• lost: 3\nhttps://runs.example.org/2042\nrun 2042 · 2042/tell/1/1$"))' <(last)
echo "2 429" >hook/busy
call hook notify.update '{"summary": "half way"}'
is "429 is tried again" '.ok and .result.attempts == 3'
echo "1 500" >hook/busy
call hook notify.update '{"summary": "half way"}'
is "500 is not: it may have been posted" '.error.code == "REFUSED" and .error.world == "unknown"'
echo "0 0" >hook/busy
call gone notify.open "$opened"
is "a webhook that is gone: its words" '.error.code == "NOT_FOUND" and .error.world == "unchanged" and (.error.text | test("no_service"))'
call deadhook notify.open "$opened"
is "unreachable; the URL is a secret" '.error.code == "UNREACHABLE" and .error.world == "unchanged" and (.error.text | test("webhook of target")) and (.error.text | test("secretpath|xxx|/hook/") | not)'
TIMEOUT_MS=600 call mutehook notify.open "$opened"
is "silence: timeout, unknown; the URL is a secret" '.error.code == "TIMEOUT" and .error.world == "unknown" and (.error.text | test("secretpath") | not)'
killed hook notify.resolve '{"summary": "over"}' cannot_tell cannot_tell

# PagerDuty
call duty notify.open "$opened"
is "PagerDuty: taken" '.ok and .result.id == "drillbook/lab/2042/run" and (.result.answer | test("success"))'
check "its event" jq -e '.path == "/v2/enqueue" and (.body | .event_action == "trigger" and .dedup_key == "drillbook/lab/2042/run" and .payload.severity == "critical" and .payload.source == "lab" and .payload.custom_details.lost == 3 and .links[0].href == "https://runs.example.org/2042")' <(last)
KEY=2042/more/1/2 call duty notify.update '{"summary": "half way", "severity": "warning"}'
check "an update is of the same incident" jq -e '.body | .event_action == "trigger" and .dedup_key == "drillbook/lab/2042/run" and .payload.summary == "UPDATE: half way"' <(last)
KEY=2042/end/1/1 call duty notify.resolve '{"summary": "over"}'
check "and so is its end" jq -e '.body | .event_action == "resolve" and .dedup_key == "drillbook/lab/2042/run" and has("payload") == false' <(last)
call duty notify.open '{"summary": "another", "incident": "mail"}'
is "an incident of its own" '.result.id == "drillbook/lab/2042/mail"'
for status in 429 500 503; do
	echo "2 $status" >hook/busy
	call duty notify.open "$opened"
	is "$status is tried again, with the same dedup_key" '.ok and .result.attempts == 3'
done
echo "9 429" >hook/busy
call duty notify.open "$opened"
is "but not for ever" '.error.code == "REFUSED" and .error.world == "unchanged" and (.error.text | test("429"))'
echo "1 403" >hook/busy
call duty notify.open "$opened"
is "403 is not tried again" '.error.code == "AUTH" and .error.world == "unchanged"'
check "it was sent once" test "$(cut -d' ' -f1 hook/busy)" = 0
call badduty notify.open "$opened"
is "a wrong routing key: its words" '.error.code == "REFUSED" and .error.world == "unchanged" and (.error.text | test("Invalid routing key"))'
call deadduty notify.open "$opened"
is "unreachable" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
killed duty notify.open "$opened" cannot_tell cannot_tell
kill -STOP "${PIDS[hook]}"
TIMEOUT_MS=600 call duty notify.open "$opened"
is "frozen: timeout, unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
kill -CONT "${PIDS[hook]}"

# a program
call command notify.open "$opened"
is "command: told" '.ok and .result.answer == "noted"'
check "the event on its input" jq -e '.event == "open" and .incident == "drillbook/lab/2042/run" and .key == "2042/tell/1/1" and .details.service == "orders" and .severity == "critical"' told
undo command "$(jq -c .before <<<"$ANSWER")"
is "undone: resolved" '.ok'
call badcommand notify.open "$opened"
is "a program that fails: its words, unknown" '.error.code == "FAILED" and .error.world == "unknown" and (.error.text | test("no pager"))'
killed command notify.update '{"summary": "x"}' cannot_tell cannot_tell
for bad in '{"summary": ""}' '{"summary": "x", "incident": "a/b"}' '{"summary": "x", "details": {"a": [1]}}'; do
	call command notify.open "$bad"
	is "refused: $bad" '.error.code == "USAGE"'
done

call mail "" '{}' probe
is "doctor: sends nothing" '[.report.checks[].ok] == [true]'
check "no secret is in any log" fails grep -rqE 'open-sesame|wrong-word|secretpath|0123456789abcdef' log
