#!/usr/bin/env bash
# provider-keepalived.sh: traffic.* by the track file of a real keepalived: two nodes in network namespaces of their own, inside a user
# namespace, so that nobody needs root.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin keepalived keepalived unshare nsenter ip
unshare -Urn true 2>/dev/null || skip "user and network namespaces are not allowed here"

VIP=10.77.0.9
start ns-a unshare -Urnm sleep infinity; A=${PIDS[ns-a]}
is_inside() { [[ $(readlink "/proc/$1/ns/net") != $(readlink /proc/$$/ns/net) ]] && nsenter -t "$1" -U -n --preserve-credentials ip link; }
until_ok 5000 is_inside "$A" || { cat log/ns-a; exit 1; }
enter() { nsenter -t "$A" -U --preserve-credentials nsenter -t "$1" -n -- "${@:2}"; } # enter PID COMMAND…
start ns-b nsenter -t "$A" -U --preserve-credentials unshare -nm sleep infinity; B=${PIDS[ns-b]}
apart() { [[ $(readlink "/proc/$B/ns/net") != $(readlink "/proc/$A/ns/net") ]] && enter "$B" ip link; }
until_ok 5000 apart || { cat log/ns-b; exit 1; }
enter "$A" ip link add va type veth peer name vb netns "$B" || exit 1
enter "$A" ip addr add 10.77.0.1/24 dev va && enter "$A" ip link set va up && enter "$A" ip link set lo up || exit 1
enter "$B" ip addr add 10.77.0.2/24 dev vb && enter "$B" ip link set vb up || exit 1

node() { # node NAME NETNS-PID DEVICE PRIORITY
	echo 0 >"track-$1"
	cat >"$1.conf" <<CONF
global_defs {
    router_id $1
    vrrp_garp_master_delay 0
    dynamic_interfaces
}
vrrp_track_file drain {
    file "$T/track-$1"
    weight 1
}
vrrp_instance shop {
    state BACKUP
    interface $3
    version 3
    virtual_router_id 77
    priority $4
    advert_int 0.1
    virtual_ipaddress {
        $VIP/24 dev $3
    }
    track_file {
        drain
    }
}
CONF
	start "$1" nsenter -t "$A" -U --preserve-credentials nsenter -t "$2" -n -- \
		keepalived --dont-fork --log-console --no-syslog --vrrp -f "$T/$1.conf" -p "$T/run/$1.own" -r "$T/run/$1.vrrp"
}
node a "$A" va 150; node b "$B" vb 100
has() { enter "$1" ip -o addr show | grep -qF "$VIP/"; }
until_ok 15000 has "$A" || { cat log/*; exit 1; }

# the provider looks at the interfaces of the host it runs on: that of node a
printf '#!/bin/sh\nexec nsenter -t %d -U -n --preserve-credentials "%s" "$@"\n' "$A" "$WORKER" >worker && chmod 700 worker
WORKER=$T/worker
settings() { jq -cn --arg f "$T/$1" --arg a "$VIP" --argjson more "${2:-"{}"}" '{provider: "keepalived", environment: "lab", settings: ({track_file: $f, address: $a} + $more)}'; }
target a "$(settings track-a)"
target blind "$(settings track-a | jq -c 'del(.settings.address)')"
target other "$(settings track-a '{"address": "10.77.0.77"}')"
target none "$(settings nowhere/track)"
target odd "$(settings track-a '{"address": "10.77.0"}')"

call a traffic.status
is "status: a has the address" '.result == {file: true, value: 0, admin: "ready", holds: true, unknown: []}'
call blind traffic.status
is "status: without an address nobody can see" '(.result | has("holds") | not) and .result.unknown == ["holds"]'
call odd traffic.status
is "status: no address" '.error.code == "USAGE"'
call a traffic.drain
is "drain: the address has left" '.ok and .result.holds == false and .result.value == -253 and .result.admin == "drain" and .effect == "change"'
is "drain: its undo" '.before.undo == {op: "traffic.restore", args: {value: 0}}'
before=$(jq -c .before <<<"$ANSWER")
check "drain: b has it" until_ok 3000 has "$B"
check "drain: a has it no more" fails has "$A"
call a traffic.drain '{}' verify "$before"
is "drain: verify says done" '.verdict == "done" and .evidence.holds == false'
call a traffic.ready '{"wait": "10s"}'
is "ready: the address is back" '.ok and .result.holds and .result.admin == "ready"'
check "ready: b has it no more" until_ok 3000 fails has "$B"
call a traffic.drain; undo a "$before"
is "undo: the number is back" '.ok and .result.value == 0'
check "undo: and the address" until_ok 10000 has "$A"
killed a traffic.drain '{"wait": 0}'
killed a traffic.ready '{"wait": 0}'
killed a traffic.restore '{"value": 7}'
call a traffic.status
is "status: another number" '.result.admin == "other" and .result.value == 7'
call a traffic.drain '{"wait": 0}' verify '{"value": 3}'
is "verify: neither the old nor the new number" '.verdict == "cannot_tell"'
call a traffic.ready

# nobody is there to take it
kill -STOP "$(<run/b.vrrp)"
until_ok 10000 has "$A"
call other traffic.ready '{"wait": "400ms"}'
is "ready: an address that does not come: timeout, changed" '.error.code == "TIMEOUT" and .error.world == "changed" and (.error.text | test("not here"))'
vrrp=$(<run/b.vrrp); kill -CONT "$vrrp"; stop b
check "b has ended" until_ok 5000 gone "$vrrp"
until_ok 5000 has "$A"
call a traffic.drain '{"wait": "700ms"}'
is "drain: nobody takes it: timeout, changed, and why" '.error.code == "TIMEOUT" and .error.world == "changed" and (.error.text | test("still here.*another node"))'
check "drain: a still has it" until_ok 3000 has "$A"
call a traffic.ready
target drops "$(settings track-a '{"drain_value": -254}')"
call drops traffic.drain
is "drain_value -254 drops the address although nobody takes it" '.ok and .result.holds == false'
call a traffic.ready '{"wait": "10s"}'
# a keepalived that is frozen does not read the file
kill -STOP "$(<run/a.vrrp)"
began=$(now_ms)
TIMEOUT_MS=600 call a traffic.drain
is "drain: a frozen keepalived: the deadline, changed" '.error.code == "TIMEOUT" and .error.world == "changed"'
check "drain: at the deadline" test $(($(now_ms) - began)) -lt 2500
kill -CONT "$(<run/a.vrrp)"

call none traffic.drain
is "no directory for the file" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
call a "" '{}' probe
is "doctor: everything is good" '[.report.checks[].ok] == [true, true, true]'
call none "" '{}' probe
is "doctor: no file" '[.report.checks[] | select(.ok | not) | .name] == ["track_file"]'
call blind "" '{}' probe
is "doctor: no address" '[.report.checks[] | select(.ok | not) | .name] == ["address"]'
