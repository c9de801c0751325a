#!/usr/bin/env bash
# provider-http.sh: health.* and action.* against HAProxy as a small stateful service, plain and with TLS.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin http haproxy openssl socat

port; PLAIN=$REPLY; port; TLS=$REPLY; port; MUTE=$REPLY; port; NOISE=$REPLY; port; BIG=$REPLY; port; DEAD=$REPLY; port; HANGUP=$REPLY
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
	-keyout tls.key -out ca.pem 2>log/openssl || { cat log/openssl; exit 1; }
cat ca.pem tls.key >tls.pem
: >items.map
cat >service.cfg <<CONF
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
frontend f
    bind 127.0.0.1:$PLAIN
    bind 127.0.0.1:$TLS ssl crt $T/tls.pem
    acl item path_beg /items/
    acl known path,map($T/items.map) -m found
    acl key req.hdr(X-Api-Key) -m str open-sesame
    acl json req.hdr(Content-Type) -m str application/json
    http-request deny status 401 if item !key
    http-request set-map($T/items.map) %[path] set if item METH_PUT
    http-request return status 201 content-type text/plain string stored if item METH_PUT
    http-request del-map($T/items.map) %[path] if item METH_DELETE known
    http-request return status 204 if item METH_DELETE
    http-request return status 200 content-type application/json string '{"state": "there", "ratio": 0.5}' if item METH_GET known
    http-request return status 404 content-type text/plain string 'no such item' if item
    http-request return status 200 content-type text/plain lf-string '%[req.body]|%[req.hdr(content-type)]|%[path]|%[query]|%[req.hdr(x-note)]' if { path_beg /echo }
    http-request return status 200 content-type text/plain lf-string '%[req.hdr(x-api-key)]|%[req.hdr(authorization)]' if { path /who }
    http-request redirect location http://127.0.0.1:$PLAIN/who if { path /moved }
    http-request return status 503 content-type text/plain string 'down for repairs' if { path /sick }
    http-request return status 403 if { path /forbidden }
    http-request return status 409 content-type text/plain string 'somebody was faster' if { path /conflict }
    http-request return status 200 content-type text/plain string 'all is well' if { path / }
    http-request return status 404
CONF
{ printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n'; head -c 6000000 /dev/zero | tr '\0' x; } >big.http
start service haproxy -db -f service.cfg
start mute socat -u TCP-LISTEN:"$MUTE",bind=127.0.0.1,fork,reuseaddr OPEN:/dev/null
start noise socat TCP-LISTEN:"$NOISE",bind=127.0.0.1,fork,reuseaddr SYSTEM:'head -c 20 >/dev/null; echo SSH-2.0-hello'
start hangup socat TCP-LISTEN:"$HANGUP",bind=127.0.0.1,fork,reuseaddr SYSTEM:'head -c 20 >/dev/null'
start big socat TCP-LISTEN:"$BIG",bind=127.0.0.1,fork,reuseaddr SYSTEM:"cat $T/big.http"
for p in "$PLAIN" "$TLS" "$MUTE" "$NOISE" "$BIG" "$HANGUP"; do
	listening() { [[ -n $(ss -Hltn "sport = :$p") ]]; }
	until_ok 5000 listening || { cat log/*; exit 1; }
done
printf 'open-sesame' >key; printf 'wrong' >wrongkey; printf 'two\nlines' >badkey
actions='{
	item: {method: "GET", path: "/items/{id}", effect: "read", params: ["id"], output: "json"},
	put: {method: "PUT", path: "/items/{id}", effect: "change", params: ["id", "n"], json: {name: "{id}", n: "{n}", text: "n is {n}"}, verify: "item", undo: "delete"},
	delete: {method: "DELETE", path: "/items/{id}", effect: "change", params: ["id"], verify: "absent"},
	absent: {method: "GET", path: "/items/{id}", effect: "read", params: ["id"], expect_status: [404], not_done_status: [200]},
	echo: {method: "POST", path: "/echo/{a}?q={b}", effect: "read", params: ["a", "b"], json: {a: "{a}", b: "{b}", list: [1, "x{a}"]}},
	raw: {method: "POST", path: "/echo/", effect: "read", params: ["a"], body: "a={a}", headers: {"Content-Type": "text/x-own", "X-Note": "{a}"}},
	sick: {method: "POST", path: "/sick", effect: "costly"},
	conflict: {method: "POST", path: "/conflict"},
	who: {path: "/who", effect: "read"},
	anonymous: {path: "/who", effect: "read", with_secret: false},
	wrongtext: {path: "/", effect: "read", contains: "all is lost"},
	rude: {method: "BREW", path: "/"},
	nopath: {method: "GET", path: "items"}
}'
service() { # service URL KEYFILE [SETTINGS]
	jq -cn --arg url "$1" --arg key "$T/$2" --argjson more "${3:-"{}"}" "{provider: \"http\", environment: \"lab\",
		settings: ({url: \$url, secret_header: \"X-Api-Key\", connect_timeout: \"1s\"} + \$more), secrets: {secret: {file: \$key}}, actions: $actions}"
}
target tls "$(service "https://localhost:$TLS" key "{\"ca_file\": \"$T/ca.pem\"}")"
target plain "$(service "http://127.0.0.1:$PLAIN/" key '{"allow_http": true}')"
target bearer "$(service "http://127.0.0.1:$PLAIN/" key '{"allow_http": true, "secret_header": "Authorization"}')"
target strict "$(service "http://127.0.0.1:$PLAIN/" key)"
target untrusted "$(service "https://localhost:$TLS" key)"
target misnamed "$(service "https://127.0.0.1:$TLS" key "{\"ca_file\": \"$T/ca.pem\"}")"
target wrong "$(service "https://localhost:$TLS" wrongkey "{\"ca_file\": \"$T/ca.pem\"}")"
target badkey "$(service "https://localhost:$TLS" badkey "{\"ca_file\": \"$T/ca.pem\"}")"
target dead "$(service "http://127.0.0.1:$DEAD" key '{"allow_http": true}')"
target mute "$(service "http://127.0.0.1:$MUTE" key '{"allow_http": true}')"
target mutetls "$(service "https://127.0.0.1:$MUTE" key '{"connect_timeout": "400ms"}')"
target noise "$(service "http://127.0.0.1:$NOISE" key '{"allow_http": true}')"
target hangup "$(service "http://127.0.0.1:$HANGUP" key '{"allow_http": true}')"
target any '{"provider": "http", "settings": {"allow_http": true}}'
args() { jq -cn --arg name "$1" --argjson args "${2:-"{}"}" '{name: $name, args: $args}'; }

# health
call tls health.probe
is "probe with TLS: healthy" '.ok and .result.healthy and .result.status == 200 and .result.excerpt == "all is well" and .result.body_bytes == 11'
is "probe: the latency is a number" '.result.latency_ms >= 0'
call tls health.probe '{"url": "/sick"}'
is "an unhealthy answer raises, with its words" '.error.code == "REFUSED" and (.error.text | test("503: down for repairs"))'
call tls health.probe '{"url": "/sick", "raise": false}'
is "raise: false returns it" '.ok and (.result.healthy | not) and .result.status == 503 and .result.code == "REFUSED"'
call tls health.probe '{"url": "/sick", "expect": [503, "2xx"]}'
is "a status that is expected" '.ok and .result.healthy'
call tls health.probe '{"expect": "3xx"}'
is "a good status that was not expected" '.error.code == "FAILED"'
call tls health.probe '{"contains": "is well"}'
is "contains: it does" '.result.healthy'
call tls health.probe '{"contains": "is bad"}'
is "contains: it does not" '.error.code == "FAILED" and (.error.text | test("does not hold"))'
call tls health.probe '{"method": "HEAD"}'
is "HEAD: no body" '.result.healthy and .result.body_bytes == 0'
call any health.probe "{\"url\": \"http://127.0.0.1:$BIG/\", \"contains\": \"xxx\"}"
is "a body without an end is cut" '.ok and .result.body_bytes == 1048576'
call tls health.probe '{"url": "/forbidden"}'
is "403: AUTH" '.error.code == "AUTH"'
call untrusted health.probe
is "a certificate nobody vouches for: AUTH" '.error.code == "AUTH" and (.error.text | test("certificate"))'
call misnamed health.probe
is "a certificate for another name: AUTH" '.error.code == "AUTH"'
call strict health.probe
is "http without allow_http: forbidden" '.error.code == "FORBIDDEN" and (.error.text | test("allow_http"))'
call dead health.probe
is "refused: unreachable" '.error.code == "UNREACHABLE"'
call dead health.probe '{"raise": false}'
is "refused, returned" '.ok and .result.code == "UNREACHABLE" and .result.status == 0'
call mute health.probe '{"timeout": "300ms"}'
is "silence: timeout" '.error.code == "TIMEOUT"'
call noise health.probe
is "not HTTP: protocol" '.error.code == "PROTOCOL"'
call hangup health.probe
is "hung up: unreachable" '.error.code == "UNREACHABLE"'
call tls health.probe '{"max_latency": 0, "url": "/"}'
is "max_latency 0 is none" '.ok'
call any health.probe '{"url": "http://user:pass@127.0.0.1/"}'
is "a password in a URL is refused" '.error.code == "USAGE" and (.error.text | test("pass@") | not)'
call any health.probe '{"url": "file:///etc/passwd"}'
is "another scheme is refused" '.error.code == "USAGE"'
call any health.probe '{"url": "/x"}'
is "a path without a base" '.error.code == "USAGE"'
http_proxy=http://127.0.0.1:$DEAD https_proxy=http://127.0.0.1:$DEAD ALL_PROXY=http://127.0.0.1:$DEAD call tls health.probe
is "the environment's proxies are not used" '.ok'
printf 'machine 127.0.0.1 login me password netrc-word\n' >.netrc
call any health.probe "{\"url\": \"http://127.0.0.1:$PLAIN/who\"}"
is "netrc is not read" '.ok and .result.excerpt == "|"'

# where the secret goes
call plain health.probe '{"url": "/who"}'
is "the secret goes below the target's url (and is masked here)" '.result.excerpt | test("^\\[masked\\]\\|$")'
call bearer health.probe '{"url": "/who"}'
is "Authorization gets Bearer" '.result.excerpt | test("^\\|Bearer .+")'
call plain health.probe "{\"url\": \"http://127.0.0.1:$PLAIN/who\"}"
is "a whole URL gets no secret" '.result.excerpt == "|"'
call plain health.probe '{"url": "/moved"}'
is "a redirect is not followed" '.error.code == "FAILED" and (.error.text | test("302.*not followed"))'
call plain health.probe '{"url": "/moved", "redirects": 2}'
is "no redirect with a secret" '.error.code == "USAGE"'
call any health.probe "{\"url\": \"http://127.0.0.1:$PLAIN/moved\", \"redirects\": 2}"
is "a redirect when asked for" '.ok and .result.excerpt == "|"'
call badkey health.probe
is "a secret with a line break goes nowhere" '.error.code == "AUTH"'

# many
urls=$(jq -cn --arg h "http://127.0.0.1:$PLAIN" --arg d "http://127.0.0.1:$DEAD/" '[range(250) | "\($h)/echo/\(.)"] + [$h + "/sick", $d]')
call any health.probe_all "{\"urls\": $urls, \"need\": 250}"
is "probe_all: 250 of 252" '.ok and .result.total == 252 and .result.healthy == 250 and .result.enough'
is "probe_all: results in order, each with its reason" '.result.results[249].url[-4:] == "/249" and .result.results[250].status == 503 and .result.results[251].code == "UNREACHABLE"'
call any health.probe_all "{\"urls\": $urls}"
is "probe_all: all are needed" '.error.code == "FAILED" and (.error.text | test("250 of 252 are healthy"))'
call any health.probe_all "{\"urls\": $urls, \"raise\": false, \"at_once\": 3}"
is "probe_all: returned, three at once" '.ok and (.result.enough | not) and .result.healthy == 250'
TIMEOUT_MS=500 call any health.probe_all "{\"urls\": [\"http://127.0.0.1:$MUTE/\", \"http://127.0.0.1:$PLAIN/\"]}"
is "probe_all: the deadline" '.error.code == "TIMEOUT"'

# actions
call tls action.run "$(args put '{"id": "a b/../c", "n": 7}')"
is "PUT: its class, its undo" '.ok and .result.status == 201 and .effect == "change" and .before.undo.args == {name: "delete", args: {id: "a b/../c"}}'
check "the argument stayed one segment" grep -q '' <<<"$ANSWER"
call tls action.read "$(args item '{"id": "a b/../c"}')"
is "GET: JSON, a fraction becomes text" '.result.json == {state: "there", ratio: "0.5"}'
call tls action.read "$(args item '{"id": "c"}')"
is "404: not found" '.error.code == "NOT_FOUND" and (.error.text | test("no such item"))'
call tls action.read "$(args item '{"id": ".."}')"
is "a dot segment is refused" '.error.code == "USAGE"'
call tls action.read "$(args item '{"id": ""}')"
is "an empty segment is refused" '.error.code == "USAGE"'
call plain action.read "$(args echo '{"a": "x\"y/ü", "b": 3}')"
is "what was sent: path and query encoded, JSON quoted, types kept" '.result.body == "{\"a\":\"x\\\"y/ü\",\"b\":3,\"list\":[1,\"xx\\\"y/ü\"]}|application/json|/echo/x%22y%2F%C3%BC|q=3|"'
call plain action.read "$(args raw '{"a": "v"}')"
is "a raw body with its own headers" '.result.body == "a=v|text/x-own|/echo/||v"'
call plain action.read "$(args raw '{"a": "v\r\nX-Evil: 1"}')"
is "a line break in a header is refused" '.error.code == "USAGE" and (.error.text | test("line break"))'
call plain action.read "$(args anonymous)"
is "with_secret: false" '.result.body == "|"'
call plain action.read "$(args wrongtext)"
is "contains" '.error.code == "FAILED"'
call plain action.run "$(args sick)"
is "503: refused, world unknown" '.error.code == "REFUSED" and .error.world == "unknown" and .effect == "costly"'
call plain action.run "$(args conflict)"
is "409: conflict, unchanged; no class is irreversible" '.error.code == "CONFLICT" and .error.world == "unchanged" and .effect == "irreversible"'
call wrong action.run "$(args put '{"id": "q", "n": 1}')"
is "a wrong key: AUTH, unchanged" '.error.code == "AUTH" and .error.world == "unchanged"'
call dead action.run "$(args put '{"id": "q", "n": 1}')"
is "refused: unreachable, unchanged" '.error.code == "UNREACHABLE" and .error.world == "unchanged"'
TIMEOUT_MS=400 call mute action.run "$(args put '{"id": "q", "n": 1}')"
is "silence after it was sent: timeout, unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
call mutetls action.run "$(args put '{"id": "q", "n": 1}')"
is "silence while connecting: timeout, unchanged" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
call hangup action.run "$(args put '{"id": "q", "n": 1}')"
is "hung up after it was sent: unknown" '.error.code == "UNREACHABLE" and .error.world == "unknown"'
for name in rude nopath; do
	call plain action.run "$(args "$name")"
	is "declaration \"$name\" is refused" '.error.code == "WORKSPACE"'
done
call plain action.read "$(args put '{"id": "q", "n": 1}')"
is "action.read sends only what is declared read" '.error.code == "FORBIDDEN"'
killed tls action.run "$(args put '{"id": "k", "n": 1}')"
killed tls action.run "$(args delete '{"id": "k"}')"
call wrong action.run "$(args put '{"id": "k", "n": 1}')" verify '{}'
is "a verify that is not let in: cannot tell" '.verdict == "cannot_tell"'
call dead action.run "$(args put '{"id": "k", "n": 1}')" verify '{}'
is "a verify that cannot look is an error" '.error.code == "UNREACHABLE"'

call tls "" '{}' probe
is "doctor: the library, the URL, the actions" '([.report.checks[] | select(.name == "url")][0].ok) and ([.report.checks[] | select(.name == "library")][0].detail | test("libcurl"))'
call untrusted "" '{}' probe
is "doctor: the certificate" '[.report.checks[] | select(.name == "url")][0] | (.ok | not) and (.detail | test("certificate"))'
check "no secret in any log" fails grep -rq open-sesame log
