#!/usr/bin/env bash
# provider-prometheus.sh: metric.* against a real Prometheus that scrapes a Pushgateway.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin prometheus prometheus prometheus-pushgateway curl socat

port; PROM=$REPLY; port; GATE=$REPLY; port; MUTE=$REPLY; port; DEAD=$REPLY
base=http://127.0.0.1:$PROM
cat >rules.yml <<CONF
groups:
  - name: drill
    rules:
      - {alert: OrdersDown, expr: orders_up == 0, labels: {service: orders}}
      - {alert: Slow, expr: orders_up >= 0, for: 1h}
CONF
cat >prom.yml <<CONF
global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}
rule_files: [rules.yml]
scrape_configs: [{job_name: gate, honor_labels: true, static_configs: [{targets: ["127.0.0.1:$GATE"]}]}]
CONF
start gateway prometheus-pushgateway --web.listen-address=127.0.0.1:"$GATE"
start prom prometheus --config.file=prom.yml --storage.tsdb.path="$T/tsdb" --web.listen-address=127.0.0.1:"$PROM" --log.level=warn
start mute socat -u TCP-LISTEN:"$MUTE",bind=127.0.0.1,fork,reuseaddr OPEN:/dev/null
until_ok 15000 curl -sf "$base/-/ready" || { cat log/prom; exit 1; }
until_ok 5000 curl -sf "http://127.0.0.1:$GATE/-/ready" || { cat log/gateway; exit 1; }
prom() { jq -cn --arg url "$1" '{provider: "prometheus", environment: "lab", settings: {url: $url, allow_http: true, connect_timeout: "1s"}}'; }
target prom "$(prom "$base")"
target dead "$(prom "http://127.0.0.1:$DEAD")"
target mute "$(prom "http://127.0.0.1:$MUTE")"
push() { printf '%s\n' "$@" | curl -sf --data-binary @- "http://127.0.0.1:$GATE/metrics/job/orders"; }
query() { call prom metric.query "$(jq -cn --arg q "$1" --argjson more "${2:-"{}"}" '{query: $q} + $more')"; }
gives() { query "$1"; jq -e ".ok and .result.value == \"$2\"" <<<"$ANSWER"; }

check "values are pushed" push 'orders_up 0' 'orders_lag_seconds 1.2345' 'orders_big 12345678901234' 'orders_nan NaN' 'orders{site="a"} 1' 'orders{site="b"} 2'
check "query: a value, once it was scraped" until_ok 20000 gives orders_lag_seconds 1.2345
is "its thousandths, when it was measured, how old that is" '.result.milli == 1235 and .result.basis == "sample" and .result.age_ms >= 0 and .result.age_ms < 10000 and (.result.evaluated_at_ms - .result.at_ms) == .result.age_ms'
is "labels without the name" '.result.labels.job == "orders" and (.result.labels | has("__name__") | not)'
query orders_big
is "a large number is exact" '.result.milli == 12345678901234000'
query orders_nan
is "NaN has no thousandths" '.result.value == "NaN" and (.result | has("milli") | not)'
query 'orders{site=~"a|b"}'
is "two series: none stands for both" '.result.count == 2 and (.result | has("value") | not) and ([.result.samples[].value] | sort) == ["1", "2"] and (.result.samples[0].age_ms >= 0)'
query 'sum(orders)'
is "an expression: its age is not known" '.result.value == "3" and .result.basis == "evaluation" and (.result | has("age_ms") | not)'
query 'sum(orders)' '{"max_age": "10s"}'
is "max_age of an expression is refused" '.error.code == "USAGE" and (.error.text | test("series itself"))'
query '1 + 1'
is "a scalar" '.result.value == "2" and .result.milli == 2000'
query 'orders[1m]'
is "a range has no value" '.error.code == "USAGE"'
query no_such_series
is "no series is not zero" '.error.code == "NOT_FOUND" and (.error.text | test("not zero"))'
query no_such_series '{"allow_empty": true}'
is "unless that is allowed" '.ok and .result.count == 0'
query 'orders{'
is "bad_data: its own words" '.error.code == "REFUSED" and (.error.text | test("bad_data"))'
query 'orders_lag_seconds' '{"max_age": "30s"}'
is "max_age: fresh enough" '.ok'

# alerts
fires() { call prom metric.alarms '{"name": "OrdersDown"}'; jq -e '.result.firing == 1' <<<"$ANSWER"; }
quiet() { call prom metric.alarms '{"name": "OrdersDown"}'; jq -e '.ok and .result.firing == 0' <<<"$ANSWER"; }
check "alarms: it fires" until_ok 10000 fires
is "alarms: its labels, value and since when" '.result.alarms[0] | .labels.service == "orders" and .value == "0e+00" and .milli == 0 and .active_at_ms > 1600000000000'
call prom metric.alarms '{"state": "pending"}'
is "alarms: pending" '.result.pending == 1 and .result.alarms[0].name == "Slow"'
call prom metric.alarms '{"labels": {"service": "mail"}}'
is "alarms: of another service there is none" '.result.alarms == []'
push 'orders_up 1'
check "alarms: it stops firing" until_ok 10000 quiet

# staleness: the exporter stands still, Prometheus goes on answering
query orders_lag_seconds; at=$(jq .result.evaluated_at_ms <<<"$ANSWER")
kill -STOP "${PIDS[gateway]}"
call prom metric.query "{\"query\": \"up\", \"at_ms\": $((at + 60000)), \"max_age\": \"30s\"}"
is "an old sample is refused with its age" '.error.code == "PRECONDITION" and (.error.text | test("old, allowed is 30s"))'
call prom metric.query "{\"query\": \"up\", \"at_ms\": $((at + 60000))}"
is "without max_age its age is told" '.ok and .result.age_ms > 30000'
kill -CONT "${PIDS[gateway]}"

call dead metric.query '{"query": "up"}'
is "unreachable" '.error.code == "UNREACHABLE"'
TIMEOUT_MS=500 call mute metric.query '{"query": "up"}'
is "silence: timeout" '.error.code == "TIMEOUT"'
kill -STOP "${PIDS[prom]}"
TIMEOUT_MS=600 call prom metric.alarms
is "frozen: timeout" '.error.code == "TIMEOUT"'
kill -CONT "${PIDS[prom]}"
call prom "" '{}' probe
is "doctor" '[.report.checks[].ok] == [true, true] and (.report.checks[1].detail | test("^2\\."))'
call mute "" '{}' probe
is "doctor: not there" '[.report.checks[].ok] == [false]'
