#!/usr/bin/env bash
# provider-pushgateway.sh: metric.* against a real Prometheus Pushgateway.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin pushgateway prometheus-pushgateway curl socat

port; GATE=$REPLY; port; MUTE=$REPLY; port; DEAD=$REPLY; port; LIAR=$REPLY
base=http://127.0.0.1:$GATE
start gateway prometheus-pushgateway --web.listen-address=127.0.0.1:"$GATE"
start mute socat -u TCP-LISTEN:"$MUTE",bind=127.0.0.1,fork,reuseaddr OPEN:/dev/null
# takes everything and keeps nothing
printf 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"status": "success", "data": [  ]}' >liar.http
start liar socat TCP-LISTEN:"$LIAR",bind=127.0.0.1,fork,reuseaddr SYSTEM:"head -c 20 >/dev/null; cat $T/liar.http"
until_ok 10000 curl -sf "$base/-/ready" || { cat log/gateway; exit 1; }
gate() { jq -cn --arg url "$1" '{provider: "pushgateway", environment: "lab", settings: {url: $url, allow_http: true, connect_timeout: "1s"}}'; }
target gate "$(gate "$base")"
target dead "$(gate "http://127.0.0.1:$DEAD")"
target mute "$(gate "http://127.0.0.1:$MUTE")"
target liar "$(gate "http://127.0.0.1:$LIAR")"
target strict "$(jq -cn --arg url "$base" '{provider: "pushgateway", settings: {url: $url}}')"
group='"job": "drillbook", "labels": {"run": "2042"}'
values='{"drill_rta_seconds": "12.5", "drill_lost_orders": {"value": 3, "type": "counter", "help": "of so many\\acknowledged"}, "drill_big": 12345678901}'
seen() { curl -sf "$base/metrics" | grep -E "$1"; }

call gate metric.query "{$group}"
is "a group nobody pushed" '.ok and (.result.there | not) and .result.values == {}'
call gate metric.push "{$group, \"metrics\": $values}"
is "pushed and read back" '.ok and .effect == "change" and .result.pushed == 3 and (.result.pushed_at_ms > 1600000000000) and .before.undo.op == "metric.delete"'
first=$(jq -c .before <<<"$ANSWER")
check "the gateway has it under its labels" seen '^drill_rta_seconds\{instance="",job="drillbook",run="2042"\} 12.5$'
check "its type and help" seen '^# HELP drill_lost_orders of so many.*acknowledged'
call gate metric.query "{$group}"
is "query: values as text, and their age" '.result.there and .result.values.drill_lost_orders == "3" and .result.age_ms >= 0 and .result.age_ms < 60000'
call gate metric.query '{"job": "drillbook"}'
is "another group is not this one" '.result.there | not'

# what was there before is what undo brings back
call gate metric.push "{$group, \"metrics\": {\"drill_rta_seconds\": 99}}"
is "a second push: undo pushes the old values" '.ok and .before.undo.op == "metric.push" and .before.undo.args.metrics.drill_rta_seconds.value == "12.5"'
second=$(jq -c .before <<<"$ANSWER")
call gate metric.query "{$group}"
is "replaced: nothing else is left" '.result.values == {drill_rta_seconds: "99"}'
undo gate "$second"
is "undone" '.ok'
call gate metric.query "{$group}"
is "the old values are back" '.result.values.drill_rta_seconds == "12.5" and .result.values.drill_lost_orders == "3"'
call gate metric.push "{$group, \"metrics\": {\"drill_more\": 1}, \"replace\": false}"
call gate metric.query "{$group}"
is "replace: false keeps other names" '.result.values.drill_more == "1" and .result.values.drill_rta_seconds == "12.5"'
undo gate "$first"
is "the first push undone: the group is gone" '.ok'
call gate metric.query "{$group}"
is "gone" '.result.there | not'

# killed at both sides
killed gate metric.push "{$group, \"metrics\": $values}"
killed gate metric.push "{$group, \"metrics\": $values}"
call gate metric.push "{$group, \"metrics\": {\"drill_rta_seconds\": 7}}" prepare
before=$(jq -c .before <<<"$ANSWER")
call gate metric.push "{$group, \"metrics\": {\"drill_rta_seconds\": 8}}"
call gate metric.push "{$group, \"metrics\": {\"drill_rta_seconds\": 7}}" verify "$before"
is "verify is red when somebody else's values are there" '.verdict == "cannot_tell" and (.evidence.reason | test("somebody"))'
killed gate metric.delete "{$group}"
call gate metric.delete "{$group}"
is "deleting what is not there" '.error.code == "NOT_FOUND"'

# names and values
call gate metric.push '{"job": "a/b", "labels": {"empty": "", "path": "/x/y", "odd": "a b?c%d"}, "metrics": {"m": "-0.25"}}'
is "labels with slashes, blanks, nothing" '.ok'
call gate metric.query '{"job": "a/b", "labels": {"empty": "", "path": "/x/y", "odd": "a b?c%d"}}'
is "found again" '.result.values.m == "-0.25"'
call gate metric.delete '{"job": "a/b", "labels": {"empty": "", "path": "/x/y", "odd": "a b?c%d"}}'
is "and deleted" '.ok and .before.undo.args.labels.path == "/x/y"'
for bad in '{"a b": 1}' '{"m": "1 2"}' '{"m": "1\nevil 2"}' '{"m": true}' '{"push_time_seconds": 1}' '{}' '{"m": {"value": 1, "type": "histogram"}}'; do
	call gate metric.push "$(jq -cn --argjson m "$bad" '{job: "j", metrics: $m}')"
	is "refused: $bad" '.error.code == "USAGE"'
done
call gate metric.push '{"job": "j", "labels": {"job": "x"}, "metrics": {"m": 1}}'
is "a label job is refused" '.error.code == "USAGE"'
call gate metric.push "$(jq -cn '{job: "j", metrics: ([range(501) | {("m\(.)"): .}] | add)}')"
is "too many metrics" '.error.code == "USAGE"'

# a gateway that is not well
call dead metric.push "{$group, \"metrics\": $values}"
is "refused: unreachable, unchanged" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
TIMEOUT_MS=500 call mute metric.query "{$group}"
is "silence: timeout" '.error.code == "TIMEOUT"'
TIMEOUT_MS=500 call mute metric.push "{$group, \"metrics\": $values}" run '{"there": false}'
is "silence while pushing: timeout, unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
call liar metric.push "{$group, \"metrics\": $values}" run '{"there": false}'
is "a gateway that takes it and does not hold it: no success" '.error.code == "CONFLICT" and .error.world == "unknown" and (.error.text | test("0 of its 3"))'
call strict metric.query "{$group}"
is "http without allow_http" '.error.code == "FORBIDDEN"'
target dropped "$(gate "http://192.0.2.9")"
if dark dropped metric.push "{$group, \"metrics\": $values}" run '{"there": false}'; then
	is "dropped by a firewall: timeout, unchanged" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
fi
kill -STOP "${PIDS[gateway]}"
TIMEOUT_MS=600 call gate metric.push "{$group, \"metrics\": $values}" run '{"there": false}'
is "frozen in the middle: timeout, unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
kill -CONT "${PIDS[gateway]}"

call gate "" '{}' probe
is "doctor" '[.report.checks[].ok] == [true, true] and (.report.checks[1].detail | test("^[0-9]+\\."))'
call dead "" '{}' probe
is "doctor: not there" '[.report.checks[].ok] == [false]'
