#!/usr/bin/env bash
# provider-alertmanager.sh: metric.* against a real Alertmanager, with a webhook that hears what it tells.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin alertmanager prometheus-alertmanager curl socat

port; AM=$REPLY; port; MUTE=$REPLY; port; DEAD=$REPLY
base=http://127.0.0.1:$AM
cat >am.yml <<CONF
route: {receiver: nobody, group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}
receivers: [{name: nobody}]
CONF
start am prometheus-alertmanager --config.file=am.yml --storage.path="$T/am" --web.listen-address=127.0.0.1:"$AM" --cluster.listen-address=
start mute socat -u TCP-LISTEN:"$MUTE",bind=127.0.0.1,fork,reuseaddr OPEN:/dev/null
until_ok 10000 curl -sf "$base/-/ready" || { cat log/am; exit 1; }
am() { jq -cn --arg url "$1" '{provider: "alertmanager", environment: "lab", settings: {url: $url, allow_http: true, connect_timeout: "1s"}}'; }
target am "$(am "$base")"
target dead "$(am "http://127.0.0.1:$DEAD")"
target mute "$(am "http://127.0.0.1:$MUTE")"
fire() { curl -sf -H 'Content-Type: application/json' -d "[{\"labels\": {\"alertname\": \"$1\", \"service\": \"orders\"}}]" "$base/api/v2/alerts"; }
state_is() { call am metric.alarms "{\"name\": \"$1\"}"; jq -e ".result.alarms[0].state == \"$2\"" <<<"$ANSWER"; }
wanted='"matchers": {"service": "orders", "alertname": "OrdersDown"}'

check "an alert comes in" fire OrdersDown
check "another one" fire DiskFull
check "alarms: it is active" until_ok 5000 state_is OrdersDown active
call am metric.alarms
is "alarms: both, counted" '.result.active == 2 and .result.suppressed == 0 and (.result.alarms | length) == 2 and .result.alarms[0].starts_at_ms > 1600000000000'
call am metric.alarms '{"labels": {"service": "mail"}}'
is "alarms: none of another service" '.result.alarms == []'

call am metric.silence "{$wanted, \"length\": \"1h\", \"comment\": \"a drill\"}"
is "silence: made, with its end" '.ok and .effect == "change" and .result.state == "active" and (.result.id | length) > 10 and .before.undo.op == "metric.unsilence"'
made=$(jq -c .before <<<"$ANSWER"); id=$(jq -r .result.id <<<"$ANSWER"); end=$(jq .result.ends_at_ms <<<"$ANSWER")
check "its end is in an hour" test $((end - $(now_ms))) -gt 3500000 -a $((end - $(now_ms))) -le 3600000
check "the alert is suppressed" until_ok 5000 state_is OrdersDown suppressed
is "by this silence" ".result.alarms[0].silenced_by == [\"$id\"] and .result.suppressed == 1"
check "the other one is not" state_is DiskFull active
call am metric.silences
is "silences: ours, with comment and key" '.result.active == 1 and .result.silences[0].comment == "a drill [test/1]" and .result.silences[0].created_by == "drillbook"'

# there is one for the same matchers, however often a step is run
call am metric.silence "{$wanted, \"length\": \"2h\"}"
is "once more, longer: the same silence" ".ok and .before.id == \"$id\" and .before.undo.op == \"metric.silence\" and .before.undo.args.until_ms == $end"
longer=$(jq -c .before <<<"$ANSWER")
call am metric.silences
is "still one" '.result.active == 1'
undo am "$longer"
is "undone: its old end" ".ok and .result.ends_at_ms == $end"
undo am "$made"
is "undone: it is expired" '.ok and .result.state == "expired"'
check "the alert is told again" until_ok 5000 state_is OrdersDown active
call am metric.unsilence "{$wanted}" prepare
is "ending what is not in force" '.error.code == "NOT_FOUND"'
call am metric.unsilence "{\"id\": \"$id\"}" prepare
is "ending what has ended" '.error.code == "PRECONDITION"'

# killed at both sides.  A key belongs to one call: another one finds nothing under its own.
request() { # another key for each kill
	jq -cn --arg target "$1" --arg op "$2" --argjson args "$3" --arg phase "$4" --argjson before "${5:-null}" --arg key "$KEY" \
		--argjson spec "${TARGETS[$1]}" --arg ws "$T/ws" --argjson timeout "${TIMEOUT_MS:-0}" \
		'{target: $target, targets: {($target): $spec}, op: $op, args: $args, phase: $phase, workspace: $ws, key: $key, timeout_ms: $timeout}
		+ (if $before == null then {} else {before: $before} end)'
}
KEY=run/1; killed am metric.silence "{$wanted, \"length\": \"1h\"}"
is "evidence says which" '.evidence.result.id | length > 10'
KEY=run/2; killed am metric.unsilence "{$wanted}"
KEY=run/3; call am metric.silence "{$wanted, \"length\": \"1h\"}" verify '{}'
is "verify is red for a key that silenced nothing" '.verdict == "not_done"'
KEY=run/4; call am metric.silence "{$wanted, \"length\": \"1s\"}"
id=$(jq -r .result.id <<<"$ANSWER")
expired() { call am metric.silences; jq -e '.result.active == 0' <<<"$ANSWER"; }
check "a short one ends by itself" until_ok 5000 expired
call am metric.unsilence "{\"id\": \"$id\"}" verify "{\"id\": \"$id\", \"ends_at_ms\": 1}"
is "what came to its own end was not ended by us" '.verdict == "cannot_tell"'

for bad in '{"matchers": {}, "length": "1h"}' '{"matchers": {"a": 1}, "length": "1h"}' '{"matchers": {"a": "b"}}' '{"matchers": {"a": "b"}, "length": "1h", "until_ms": 5}' \
	'{"matchers": {"a": "b"}, "until_ms": 5}' '{"matchers": {"a": "b"}, "length": "30d"}'; do
	call am metric.silence "$bad"
	is "refused: $bad" '.error.code == "USAGE" and .error.world == "unchanged"'
done
call am metric.silence '{"matchers": {"no good": "b"}, "length": "1h"}'
is "Alertmanager says no: its own words, nothing done" '.error.code == "REFUSED" and .error.world == "unchanged" and (.error.text | test("matcher|label"))'
call dead metric.silence "{$wanted, \"length\": \"1h\"}"
is "unreachable, unchanged" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
TIMEOUT_MS=500 call mute metric.alarms
is "silence of the server: timeout" '.error.code == "TIMEOUT"'
kill -STOP "${PIDS[am]}"
TIMEOUT_MS=600 call am metric.unsilence "{\"id\": \"$id\"}" run "{\"id\": \"$id\"}"
is "frozen: timeout, unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
kill -CONT "${PIDS[am]}"

call am "" '{}' probe
is "doctor" '[.report.checks[].ok] == [true, true] and (.report.checks[1].detail | test("^[0-9]+\\."))'
