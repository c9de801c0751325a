#!/usr/bin/env bash
# provider-dns.sh: dns.* on Knot and BIND (RFC 2136 with TSIG) and PowerDNS (its API), with dig as the other witness, and unbound as a
# cache where it is installed.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin dns knotd named pdns_server sqlite3 dig socat curl

port; KNOT=$REPLY; port; BIND=$REPLY; port; PDNS=$REPLY; port; API=$REPLY; port; DEAD=$REPLY; port; MUTE=$REPLY; port; CACHE=$REPLY; port; LIAR=$REPLY
random_key() { head -c 32 /dev/urandom | base64 -w 0; }
KEY=$(random_key) OTHER=$(random_key) APIKEY=$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')
printf 'hmac-sha256:lab-key:%s\n' "$KEY" >key
printf 'hmac-sha256:lab-key:%s\n' "$OTHER" >wrongkey
printf 'hmac-sha256:nobody:%s\n' "$KEY" >unknownkey
printf 'hmac-sha256:look-only:%s\n' "$OTHER" >lookkey
printf '%s' "$KEY" >bare; printf 'hmac-md5:lab-key:%s' "$KEY" >md5; printf '%s' "$APIKEY" >apikey; printf 'nope' >wrongapi

mkdir knot
long=$(head -c 200 /dev/zero | tr '\0' t)
{
	printf '$ORIGIN lab.test.\n$TTL 30\n@ SOA ns1 hostmaster 1 60 30 600 2\n@ NS ns1\nns1 A 127.0.0.1\napp A 192.0.2.1\nmulti 5 A 192.0.2.2\nmulti A 192.0.2.1\n'
	printf 'www CNAME app\nsix AAAA 2001:db8::1\ntext TXT "a \\"quoted\\" string" "two"\n_sip._tcp SRV 10 5 5060 App\nsub NS ns.elsewhere.test.\n'
	for i in {1..40}; do printf 'big TXT "%s-%d"\n' "$long" "$i"; done
} >knot/lab.test.zone
cat >knot.conf <<CONF
server:
  rundir: "$T/run"
  listen: 127.0.0.1@$KNOT
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "$T/knot"
log:
  - target: stderr
    any: info
key:
  - id: lab-key
    algorithm: hmac-sha256
    secret: $KEY
  - id: look-only
    algorithm: hmac-sha256
    secret: $OTHER
acl:
  - id: update
    address: 127.0.0.1
    key: lab-key
    action: [update, transfer]
  - id: look
    address: 127.0.0.1
    key: look-only
    action: transfer
zone:
  - domain: lab.test
    storage: "$T/knot"
    file: "lab.test.zone"
    acl: [update, look]
CONF
mkdir bind && cp knot/lab.test.zone bind/
cat >named.conf <<CONF
options {
    directory "$T/bind";
    listen-on port $BIND { 127.0.0.1; };
    listen-on-v6 { none; };
    pid-file none;
    session-keyfile none;
    managed-keys-directory "$T/bind";
    recursion no;
    dnssec-validation no;
    allow-transfer { none; };
    notify no;
};
controls { };
key "lab-key" { algorithm hmac-sha256; secret "$KEY"; };
key "look-only" { algorithm hmac-sha256; secret "$OTHER"; };
zone "lab.test" { type primary; file "lab.test.zone"; allow-update { key "lab-key"; }; };
CONF
schema=$(find /usr/share/pdns-backend-sqlite3 /usr/share/doc/pdns-backend-sqlite3 -name schema.sqlite3.sql 2>/dev/null | head -n 1)
[[ -n $schema ]] || skip "the schema of PowerDNS's SQLite backend is not installed"
sqlite3 pdns.db ".read $schema"
cat >pdns.conf <<CONF
launch=gsqlite3
gsqlite3-database=$T/pdns.db
gsqlite3-pragma-synchronous=0
local-address=127.0.0.1
local-port=$PDNS
socket-dir=$T/run
daemon=no
guardian=no
webserver=yes
webserver-address=127.0.0.1
webserver-port=$API
webserver-allow-from=127.0.0.1
api=yes
api-key=$APIKEY
receiver-threads=1
distributor-threads=1
security-poll-suffix=
CONF
start knot knotd -c knot.conf
start bind named -g -n 1 -c named.conf
start pdns pdns_server --config-dir="$T"
start mute socat -u UDP-RECV:"$MUTE",bind=127.0.0.1 OPEN:/dev/null
start mutetcp socat -u TCP-LISTEN:"$MUTE",bind=127.0.0.1,fork,reuseaddr OPEN:/dev/null
printf 'X-API-Key: %s\n' "$APIKEY" >header
api() { curl -sS -f -m 3 -X "$1" -H @header -H 'Content-Type: application/json' ${3:+--data "$3"} "http://127.0.0.1:$API/api/v1/servers/localhost$2"; }
ask() { dig +short +time=1 +tries=1 -p "$1" @127.0.0.1 "$2" "${3:-A}" | sort | tr '\n' ' '; }
silent() { [[ -z $(ask "$1" "$2") ]]; }
says() { [[ $(ask "$1" "$2" "${4:-A}") == "$3 " ]]; }
until_ok 8000 says "$KNOT" app.lab.test 192.0.2.1 || { cat log/*; exit 1; }
until_ok 8000 says "$BIND" app.lab.test 192.0.2.1 || { cat log/*; exit 1; }
until_ok 8000 api GET /zones || { cat log/*; exit 1; }
api POST /zones '{"name": "lab.test.", "kind": "Native", "nameservers": ["ns1.lab.test."], "rrsets": [
	{"name": "app.lab.test.", "type": "A", "ttl": 30, "records": [{"content": "192.0.2.1", "disabled": false}]},
	{"name": "half.lab.test.", "type": "A", "ttl": 30, "records": [{"content": "192.0.2.1", "disabled": false}, {"content": "192.0.2.2", "disabled": true}]},
	{"name": "www.lab.test.", "type": "CNAME", "ttl": 30, "records": [{"content": "app.lab.test.", "disabled": false}]}]}' >/dev/null || exit 1
until_ok 5000 says "$PDNS" app.lab.test 192.0.2.1 || { cat log/*; exit 1; }

rfc() { # rfc KEYFILE [SETTINGS]: of Knot, unless the settings say otherwise
	jq -cn --arg s "127.0.0.1@$KNOT" --arg f "$T/$1" --argjson more "${2:-"{}"}" \
		'{provider: "dns", environment: "lab", settings: ({zone: "lab.test", server: $s, method: "rfc2136", query_timeout: "2s"} + $more), secrets: {key: {file: $f}}}'
}
pdns() { # pdns KEYFILE [SETTINGS]
	jq -cn --arg s "127.0.0.1@$PDNS" --arg u "http://127.0.0.1:$API" --arg f "$T/$1" --argjson more "${2:-"{}"}" \
		'{provider: "dns", environment: "lab", settings: ({zone: "lab.test.", server: $s, method: "powerdns", api_url: $u, allow_http: true} + $more), secrets: {api_key: {file: $f}}}'
}
target knot "$(rfc key)"
at_bind="{\"server\": \"127.0.0.1@$BIND\"}"
target bind "$(rfc key "$at_bind")"
target pdns "$(pdns apikey)"
target wrong "$(rfc wrongkey)"
target unknown "$(rfc unknownkey)"
target look "$(rfc lookkey)"
target md5 "$(rfc md5)"
target parts "$(rfc bare '{"tsig_name": "lab-key"}' | jq -c '.secrets = {tsig_key: .secrets.key}')"
target deadknot "$(rfc key "{\"server\": \"127.0.0.1@$DEAD\"}")"
target mute "$(rfc key "{\"server\": \"127.0.0.1@$MUTE\", \"query_timeout\": \"300ms\"}")"
target halfmute "$(rfc key "{\"update_server\": \"127.0.0.1@$MUTE\"}")"
target nokey "$(rfc key | jq -c 'del(.secrets)')"
target asks "$(rfc key | jq -c 'del(.settings.method)')"
target wrongapi "$(pdns wrongapi)"
target plainapi "$(pdns apikey '{"allow_http": false}')"
target deadapi "$(pdns apikey "{\"api_url\": \"http://127.0.0.1:$DEAD\"}")"
target nozone "$(pdns apikey '{"zone": "else.test"}')"
point() { jq -cn --arg n "${1%% *}.lab.test" --argjson more "$2" '{name: $n} + $more'; }

# asking
call knot dns.get '{"name": "app.lab.test"}'
is "get: A" '.result.values == ["192.0.2.1"] and .result.ttl_s == 30 and .result.exists and .result.name == "app.lab.test."'
call knot dns.get '{"name": "MULTI.lab.test."}'
is "get: several values, sorted" '.result.values == ["192.0.2.1", "192.0.2.2"]'
call knot dns.get '{"name": "six.lab.test", "type": "AAAA"}'
is "get: AAAA" '.result.values == ["2001:db8::1"]'
call knot dns.get '{"name": "www.lab.test", "type": "CNAME"}'
is "get: CNAME" '.result.values == ["app.lab.test."]'
call knot dns.get '{"name": "www.lab.test"}'
is "get: A of an alias is what is there: nothing, and the alias" '.result.values == [] and .result.aliases == ["app.lab.test."] and (.result.exists | not)'
call knot dns.get '{"name": "text.lab.test", "type": "TXT"}'
is "get: TXT with quotes" '.result.values == ["\"a \\\"quoted\\\" string\" \"two\""]'
call knot dns.get '{"name": "_sip._tcp.lab.test", "type": "SRV"}'
is "get: SRV" '.result.values == ["10 5 5060 app.lab.test."]'
call knot dns.get '{"name": "big.lab.test", "type": "TXT"}'
is "get: an answer too large for UDP" '.ok and (.result.values | length) == 40'
call knot dns.get '{"name": "none.lab.test"}'
is "get: no such name" '.ok and .result.rcode == "NXDOMAIN" and .result.ttl_s == -1'
call knot dns.get '{"name": "app.else.test"}'
is "get: not its zone" '.error.code == "REFUSED" and (.error.text | test("REFUSED"))'
call knot dns.get '{"name": "x.sub.lab.test"}'
is "get: a delegated name: not authoritative" '.error.code == "REFUSED" and (.error.text | test("not authoritative"))'
call deadknot dns.get '{"name": "app.lab.test"}'
is "get: nobody there: unreachable" '.error.code == "UNREACHABLE"'
target dropped "$(rfc key '{"server": "192.0.2.9", "query_timeout": "400ms"}')"
if dark dropped dns.point "$(point app '{"to": ["192.0.2.66"]}')"; then
	is "point: dropped by a firewall: timeout, unchanged" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
fi
call mute dns.get '{"name": "app.lab.test"}'
is "get: silence: timeout" '.error.code == "TIMEOUT"'
call knot dns.get '{"name": "app..lab.test"}'
is "get: no name" '.error.code == "USAGE"'
call knot dns.resolve "{\"name\": \"www.lab.test\", \"resolver\": \"127.0.0.1@$KNOT\"}"
is "resolve: follows the alias" '.result.values == ["192.0.2.1"] and .result.aliases == ["app.lab.test."]'

# changing, by either method
declare -A ports=([knot]=$KNOT [bind]=$BIND [pdns]=$PDNS)
for t in knot bind pdns; do
	port_of=${ports[$t]}
	call $t dns.point "$(point app '{"to": ["192.0.2.2"], "from": ["192.0.2.1"]}')"
	is "$t: pointed, compare-and-set" '.ok and .result.changed and .result.values == ["192.0.2.2"] and .result.old == ["192.0.2.1"] and .result.caches_s == 30 and .result.ttl_s == 30 and .effect == "costly"'
	is "$t: the undo is captured" '.before.undo == {op: "dns.point", args: {name: "app.lab.test.", type: "A", to: ["192.0.2.1"], from: ["192.0.2.2"], ttl: 30}}'
	before=$(jq -c .before <<<"$ANSWER")
	check "$t: dig sees it" says "$port_of" app.lab.test 192.0.2.2
	call $t dns.point "$(point app '{"to": ["192.0.2.3"], "from": ["192.0.2.1"]}')"
	is "$t: a stale from is a conflict, with what it is" '.error.code == "CONFLICT" and .error.world == "unchanged" and (.error.text | test("is 192.0.2.2, expected was 192.0.2.1"))'
	call $t dns.point "$(point app '{"to": ["192.0.2.2"], "from": ["192.0.2.1"]}')"
	is "$t: again: it is already so" '.ok'
	# somebody else is faster, between prepare and run
	call $t dns.point "$(point app '{"to": ["192.0.2.3"]}')" prepare
	stale=$(jq -c .before <<<"$ANSWER")
	call $t dns.point "$(point app '{"to": ["192.0.2.9"], "ttl": 40}')"
	is "$t: another change comes between" '.ok and .result.ttl_s == 40'
	call $t dns.point "$(point app '{"to": ["192.0.2.3"]}')" run "$stale"
	is "$t: the change prepared before it is a conflict" '.error.code == "CONFLICT" and .error.world == "unchanged" and (.error.text | test("it is 192.0.2.9"))'
	call $t dns.point "$(point app '{"to": ["192.0.2.3"]}')" verify "$stale"
	is "$t: verify cannot tell who did what" '.verdict == "cannot_tell"'
	call $t dns.point "$(point app '{"to": ["192.0.2.2"], "ttl": 30}')"
	undo $t "$before"
	is "$t: undone" '.ok and .result.values == ["192.0.2.1"]'
	call $t dns.point "$(point fresh '{"to": ["192.0.2.8", "192.0.2.7", "192.0.2.8"], "from": [], "ttl": 5}')"
	is "$t: a set that was not there; values sorted, once each" '.ok and .result.values == ["192.0.2.7", "192.0.2.8"] and .result.old == [] and .before.undo.args.to == []'
	before=$(jq -c .before <<<"$ANSWER")
	call $t dns.point "$(point fresh '{"to": ["192.0.2.1"], "from": []}')"
	is "$t: expected to be absent, but there" '.error.code == "CONFLICT"'
	undo $t "$before"
	is "$t: the undo takes it away" '.ok and .result.values == []'
	check "$t: dig sees nothing" silent "$port_of" fresh.lab.test
	call $t dns.point "$(point www '{"to": ["192.0.2.1"]}')"
	is "$t: beside an alias nothing can stand" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
	call $t dns.point "$(point www '{"type": "CNAME", "to": ["Other.lab.test"], "from": ["app.lab.test"]}')"
	is "$t: CNAME, in its one spelling" '.ok and .result.values == ["other.lab.test."]'
	undo $t "$(jq -c .before <<<"$ANSWER")"
	call $t dns.point "$(point text2 '{"type": "TXT", "to": ["v=1; \"x\" \\ ü"], "from": []}')"
	is "$t: TXT from plain text" '.ok and (.result.values[0] | test("^\"v=1; "))'
	call $t dns.point "$(point _svc._tcp '{"type": "SRV", "to": ["1 2 443 app.lab.test"]}')"
	is "$t: SRV" '.ok and .result.values == ["1 2 443 app.lab.test."]'
	call $t dns.point "$(point v6 '{"type": "AAAA", "to": ["2001:DB8:0::1"]}')"
	is "$t: AAAA" '.ok and .result.values == ["2001:db8::1"]'
	call $t dns.point "$(point app '{"to": ["192.0.2.300"]}')"
	is "$t: no address" '.error.code == "USAGE"'
	call $t dns.point '{"name": "app.else.test", "to": ["192.0.2.1"]}'
	is "$t: not in the zone" '.error.code == "USAGE"'
	killed $t dns.point "$(point app '{"to": ["192.0.2.2"], "from": ["192.0.2.1"]}')"
	call $t dns.point "$(point app '{"to": ["192.0.2.2"], "ttl": 77}')" prepare
	before=$(jq -c .before <<<"$ANSWER")
	call $t dns.point "$(point app '{"to": ["192.0.2.2"], "ttl": 77}')" verify "$before"
	is "$t: a change of the TTL alone: not done" '.verdict == "not_done"'
	call $t dns.point "$(point app '{"to": ["192.0.2.2"], "ttl": 77}')" run "$before"
	call $t dns.point "$(point app '{"to": ["192.0.2.2"], "ttl": 77}')" verify "$before"
	is "$t: a change of the TTL alone: done" '.verdict == "done"'
	call $t "" '{}' probe
	is "$t: doctor" '[.report.checks[] | select(.ok)] | length == 2'
done
for t in knot bind; do
	call $t dns.point "$(point multi '{"to": ["192.0.2.5"], "from": ["192.0.2.2"]}')"
	is "$t: a part of the old set is not the old set" '.error.code == "CONFLICT"'
done
call parts dns.point "$(point app '{"to": ["192.0.2.1"], "ttl": 30}')"
is "knot: the key in parts" '.ok'
call pdns dns.point "$(point half '{"to": ["192.0.2.9"]}')"
is "pdns: a disabled record is not deleted in passing" '.error.code == "PRECONDITION" and (.error.text | test("disabled"))'

# an update against the rules is accepted and passed over: the server must be asked again
jq -cn '{old: [], old_ttl_s: -1, ttl_s: 9}' >forged
for t in knot bind; do
	call $t dns.point "$(point www '{"to": ["192.0.2.66"], "wait": "300ms"}')" run "$(<forged)"
	is "$t: accepted without effect is not success" '.ok | not'
	check "$t: and nothing was changed" says "${ports[$t]}" www.lab.test "app.lab.test." CNAME
done

# refusals
call wrong dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "a wrong secret: AUTH, BADSIG, unchanged" '.error.code == "AUTH" and (.error.text | test("BADSIG")) and .error.world == "unchanged"'
call unknown dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "an unknown key: AUTH, BADKEY" '.error.code == "AUTH" and (.error.text | test("BADKEY"))'
call look dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "a key that may not update: AUTH" '.error.code == "AUTH" and .error.world == "unchanged"'
for k in wrongkey:BADSIG unknownkey:BADKEY; do
	target badbind "$(rfc ${k%:*} "$at_bind")"
	call badbind dns.point "$(point app '{"to": ["192.0.2.66"]}')"
	is "bind: ${k%:*}: AUTH, ${k#*:}, unchanged" '.error.code == "AUTH" and (.error.text | test("'${k#*:}'")) and .error.world == "unchanged"'
done
target badbind "$(rfc lookkey "$at_bind")"
call badbind dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "bind: a key that may not update: AUTH" '.error.code == "AUTH" and .error.world == "unchanged"'
call md5 dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "an algorithm that is not offered: AUTH" '.error.code == "AUTH" and (.error.text | test("hmac-sha256"))'
call nokey dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "no key" '.error.code == "AUTH"'
call asks dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "a target that can only be asked" '.error.code == "USAGE"'
TIMEOUT_MS=1500 call halfmute dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "an update without an answer: timeout, unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
call deadknot dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "nobody there: unreachable, unchanged" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
call wrongapi dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "a wrong API key: AUTH, 401" '.error.code == "AUTH" and (.error.text | test("401"))'
call nozone dns.point '{"name": "a.else.test", "to": ["192.0.2.66"]}'
is "a zone that is not there: not found" '.error.code == "NOT_FOUND"'
call plainapi dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "an unencrypted API needs allow_http" '.error.code == "FORBIDDEN"'
call deadapi dns.point "$(point app '{"to": ["192.0.2.66"]}')"
is "no API: unreachable, unchanged" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
for p in "$KNOT" "$BIND" "$PDNS"; do check "no refused change took effect" fails says "$p" app.lab.test 192.0.2.66; done
call wrong "" '{}' probe
is "doctor: the key" '[.report.checks[] | select(.ok | not) | .name] == ["update"]'
call wrongapi "" '{}' probe
is "doctor: the API key" '[.report.checks[] | select(.ok | not) | .name] == ["api"]'

# waiting
call knot dns.wait '{"name": "app.lab.test", "want": ["192.0.2.1"]}'
is "wait: it is so already" '.ok and .result.servers[0].values == ["192.0.2.1"]'
# a name server that is frozen in the middle of an update
for t in knot bind; do
	call $t dns.point "$(point app '{"to": ["192.0.2.1"], "ttl": 30}')"
	call $t dns.point "$(point app '{"to": ["192.0.2.77"], "from": ["192.0.2.1"]}')" prepare; before=$(jq -c .before <<<"$ANSWER")
	kill -STOP "${PIDS[$t]}"; began=$(now_ms)
	TIMEOUT_MS=1500 call $t dns.point "$(point app '{"to": ["192.0.2.77"], "from": ["192.0.2.1"]}')" run "$before"
	is "$t: frozen: timeout, unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
	check "$t: frozen: at the deadline" test $(($(now_ms) - began)) -lt 4000
	call $t dns.point "$(point app '{"to": ["192.0.2.77"], "from": ["192.0.2.1"]}')" verify "$before"
	is "$t: frozen: verify cannot look" '.ok | not'
	kill -CONT "${PIDS[$t]}"
	settled() { call $t dns.point "$(point app '{"to": ["192.0.2.77"], "from": ["192.0.2.1"]}')" verify "$before"; jq -e '.verdict == "done" or .verdict == "not_done"' <<<"$ANSWER" >/dev/null; }
	check "$t: frozen: afterwards verify knows" until_ok 5000 settled
	call $t dns.point "$(point app '{"to": ["192.0.2.1"], "ttl": 30}')"
done

call knot dns.wait "{\"name\": \"app.lab.test\", \"want\": [\"192.0.2.1\"], \"servers\": [\"127.0.0.1@$KNOT\", \"127.0.0.1@$DEAD\"], \"wait\": \"300ms\", \"interval\": \"50ms\"}"
is "wait: one server is not there" '.error.code == "TIMEOUT" and (.error.text | test("1 of 2 servers"))'
call knot dns.wait "{\"name\": \"app.lab.test\", \"want\": [\"192.0.2.7\"], \"servers\": [\"127.0.0.1@$KNOT\"], \"wait\": \"200ms\", \"interval\": \"50ms\"}"
is "wait: another value, and for how long" '.error.code == "TIMEOUT" and (.error.text | test("192.0.2.1 for 30 s more"))'
if type -P unbound >/dev/null; then
	cat >unbound.conf <<CONF
server:
    interface: 127.0.0.1@$CACHE
    do-ip6: no
    do-daemonize: no
    use-syslog: no
    logfile: ""
    username: ""
    chroot: ""
    directory: "$T"
    pidfile: "$T/run/unbound.own"
    num-threads: 1
    do-not-query-localhost: no
    module-config: "iterator"
    local-zone: "test." nodefault
    local-zone: "lab.test." transparent
remote-control:
    control-enable: no
stub-zone:
    name: "lab.test"
    stub-addr: 127.0.0.1@$KNOT
CONF
	start unbound unbound -d -c unbound.conf
	call knot dns.point "$(point app '{"to": ["192.0.2.1"], "ttl": 2}')"
	check "a cache has the old value" until_ok 5000 says "$CACHE" app.lab.test 192.0.2.1
	call knot dns.point "$(point app '{"to": ["192.0.2.2"]}')"
	is "pointed under it" '.ok and .result.caches_s == 2'
	call knot dns.wait "{\"name\": \"app.lab.test\", \"want\": [\"192.0.2.2\"], \"servers\": [\"127.0.0.1@$CACHE\", \"127.0.0.1@$KNOT\"], \"interval\": \"50ms\"}"
	is "wait: until the cache has forgotten" '.ok and (.result.servers | map(.values[0]) | unique) == ["192.0.2.2"]'
	check "the waiting was told with the TTL" grep -q 'has 192.0.2.1 for' log/call
	call knot dns.resolve "{\"name\": \"app.lab.test\", \"resolver\": \"127.0.0.1@$CACHE\"}"
	is "resolve through the cache" '.result.values == ["192.0.2.2"]'
fi
check "no key in any log" fails grep -rqF -e "$KEY" -e "$APIKEY" log
