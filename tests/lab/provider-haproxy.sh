#!/usr/bin/env bash
# provider-haproxy.sh: traffic.* on a real HAProxy with two sites, one of which can be dead.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin haproxy haproxy curl

port; FRONT=$REPLY; port; SITE_A=$REPLY; port; SITE_B=$REPLY; port; DEAD=$REPLY; port; ADMIN=$REPLY
site() {
	cat >"site-$1.cfg" <<CONF
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
frontend f
    bind 127.0.0.1:$2
    http-request return status 200 content-type text/plain hdr X-Site $1 string "site $1"
CONF
	start "site-$1" haproxy -db -f "site-$1.cfg"
}
cat >balancer.cfg <<CONF
global
    stats socket $T/run/admin.sock mode 600 level admin
    stats socket $T/run/user.sock mode 600 level user
    stats socket 127.0.0.1:$ADMIN level admin
    hard-stop-after 1s
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 500ms
    timeout check 300ms
    retries 2
    option redispatch 1
    default-server inter 150ms fastinter 150ms downinter 150ms
frontend app
    bind 127.0.0.1:$FRONT
    default_backend sites
backend sites
    option httpchk GET /
    server a 127.0.0.1:$SITE_A check fall 2 rise 1
    server b 127.0.0.1:$SITE_B check fall 2 rise 1 disabled
backend lazy
    # one failed check is enough here: after maintenance a dead server looks UP until the first check
    server live 127.0.0.1:$SITE_A check fall 1 rise 1
    server dead 127.0.0.1:$DEAD check fall 1 rise 1 disabled
    server plain 127.0.0.1:$SITE_B
CONF
site a "$SITE_A"; site b "$SITE_B"
start balancer haproxy -db -f balancer.cfg
where() { curl -s -m 1 -o /dev/null -w '%header{x-site}' "http://127.0.0.1:$FRONT/"; }
serves() { [[ $(where) == "$1" ]]; }
until_ok 5000 serves a || { cat log/*; exit 1; }
settings() { jq -cn --arg s "$1" --arg b "${2:-sites}" '{provider: "haproxy", environment: "lab", settings: {socket: $s, backend: $b, check_interval: "400ms"}}'; }
target lb "$(settings "$T/run/admin.sock")"
target lazy "$(settings "$T/run/admin.sock" lazy)"
target user "$(settings "$T/run/user.sock")"
target gone "$(settings "$T/run/none.sock")"
target tcp "$(jq -cn --argjson p "$ADMIN" '{provider: "haproxy", settings: {host: "127.0.0.1", port: $p}}')"
target closed "$(jq -cn --argjson p "$DEAD" '{provider: "haproxy", settings: {host: "127.0.0.1", port: $p, backend: "sites"}}')"
server() { echo ".result.servers[] | select(.name == \"$1\")"; }

call lb traffic.status
is "status: a is ready and up" "$(server a) | .admin == \"ready\" and .up and .status == \"UP\" and .weight == 1"
is "status: b is in maintenance" "$(server b) | .admin == \"maint\" and (.up | not)"
is "status: one is up" '.result.up == 1 and .result.backend == "sites"'
call tcp traffic.status '{"backend": "sites"}'
is "status over TCP" '.ok and .result.up == 1'
call tcp traffic.status
is "no backend named: usage" '.error.code == "USAGE"'
call lb traffic.status '{"backend": "nope"}'
is "a backend that is not there" '.error.code == "NOT_FOUND"'
call lb traffic.status '{"backend": "sites; shutdown sessions server sites/a"}'
is "a name that is a command" '.error.code == "USAGE"'
call lb traffic.drain '{"server": "c"}'
is "a server that is not there, with the nearest" '.error.code == "NOT_FOUND" and .error.world == "unchanged"'
call gone traffic.status
is "no socket: unreachable" '.error.code == "UNREACHABLE" and (.error.text | test("none.sock"))'
call closed traffic.status
is "no listener: unreachable" '.error.code == "UNREACHABLE" and (.error.text | test("refused"))'
call user traffic.drain '{"server": "a", "wait": 0}'
is "a socket of level user: AUTH, unchanged" '.error.code == "AUTH" and .error.world == "unchanged"'

# the planned switch, with a client that counts what it loses
start client bash -c "while :; do curl -s -m 2 -o /dev/null -w '%{http_code} %header{x-site}\n' http://127.0.0.1:$FRONT/; done"
until_ok 3000 grep -q '200 a' log/client
call lb traffic.switch '{"to": "b"}'
is "switch: done" '.ok and .result.changed == 2 and .effect == "change"'
is "switch: b is up, a drains" "([$(server b) | .up] == [true]) and ([$(server a) | .admin] == [\"drain\"])"
is "switch: the states before are kept" '.before.states == {a: "ready", b: "maint"}'
is "switch: undo is their restoring" '.before.undo == {op: "traffic.restore", args: {backend: "sites", states: {a: "ready", b: "maint"}}}'
switched=$(jq -c .before <<<"$ANSWER")
check "traffic goes to b" until_ok 2000 serves b
check "some requests went to b" until_ok 3000 grep -q '200 b' log/client
stop client
check "no request was lost" fails grep -qv '^200' log/client
call lb traffic.switch '{"to": "b"}' verify "$switched"
is "switch: verify says done" '.verdict == "done"'
undo lb "$switched"
is "undo: a is ready again, b in maintenance" "([$(server a) | .up] == [true]) and ([$(server b) | .admin] == [\"maint\"])"
check "traffic goes to a again" until_ok 2000 serves a
call lb traffic.switch '{"to": "b"}' verify "$switched"
is "after the undo verify says not done" '.verdict == "not_done"'
# half of it by another hand
call lb traffic.ready '{"server": "b"}'
call lb traffic.switch '{"to": "b"}' verify "$switched"
is "half done: cannot tell, and why" '.verdict == "cannot_tell" and (.evidence.reason | test("half done"))'
undo lb "$switched"

# b is dead: nothing may be taken out
stop site-b KILL
call lb traffic.switch '{"to": "b", "wait": "700ms"}'
is "switch to a dead server: timeout, the world changed" '.error.code == "TIMEOUT" and .error.world == "changed"'
is "its text says what is the matter" '.error.text | test("b is ready but DOWN.*L4CON.*no server was taken out")'
check "a still serves" serves a
call lb traffic.maint '{"server": "b"}'
TIMEOUT_MS=600 call lb traffic.ready '{"server": "b"}'
is "the call's own deadline: the states are known" '.error.code == "TIMEOUT" and .error.world == "changed"'
call lb traffic.maint '{"server": "b"}'
call lazy traffic.switch '{"to": "dead", "from": ["live"], "wait": "1s"}'
is "fall 1: UP before the first check does not count" '.error.code == "TIMEOUT" and (.error.text | test("no server was taken out"))'
call lazy traffic.status
is "fall 1: the live server is still ready" "$(server live) | .admin == \"ready\""
is "a server without checks is up" "$(server plain) | .up and .status == \"no check\""
site b "$SITE_B"

# an open session holds a drain
exec 9<>"/dev/tcp/127.0.0.1/$FRONT"
printf 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n' >&9
sessions() { call lb traffic.status; jq -e "$(server a) | .sessions == $1" <<<"$ANSWER" >/dev/null; }
check "a session is open" until_ok 2000 sessions 1
call lb traffic.drain '{"server": "a", "wait": "300ms"}'
is "drain with a session left: timeout, changed" '.error.code == "TIMEOUT" and .error.world == "changed" and (.error.text | test("1 sessions are left"))'
exec 9>&-
call lb traffic.drain '{"server": "a", "wait": "8s"}'
is "drain again: idle" ".ok and .result.changed == 0 and ([$(server a) | .sessions] == [0])"
call lb traffic.ready '{"server": "a"}'
is "ready again" '.ok and .result.changed == 1'

# weight
call lb traffic.weight '{"server": "a", "weight": 7}'
is "weight: set and read again" '.ok and .result.weight == 7 and .before.weight == 1 and .before.undo.args.weight == 1'
undo lb "$(jq -c .before <<<"$ANSWER")"
is "weight: undone" '.result.weight == 1'
call lb traffic.weight '{"server": "a", "weight": 300}'
is "a weight out of range" '.error.code == "USAGE"'

# killed at both sides of each effect
killed lb traffic.weight '{"server": "a", "weight": 9}'
killed lb traffic.maint '{"server": "a"}'
killed lb traffic.ready '{"server": "a"}'
killed lb traffic.drain '{"server": "a"}'
killed lb traffic.switch '{"to": "b", "from": ["a"]}' not_done done
killed lb traffic.restore '{"states": {"a": "ready", "b": "maint"}}'

call lb "" '{}' probe
is "doctor: version, level and backend" '[.report.checks[] | select(.ok)] | length == 3'
call user "" '{}' probe
is "doctor: the level is not enough" '[.report.checks[] | select(.ok | not)] | map(.name) == ["level"]'
call gone "" '{}' probe
is "doctor: unreachable" '.error.code == "UNREACHABLE"'
