# shellcheck shell=bash disable=SC2153
# services.sh: what stands before the database: HAProxy, and two name servers for the same zone.

# Clients use port DB.  b is in maintenance until a failover says otherwise: a standby takes no orders.
part_balancer() {
	cat >"$LAB/conf/haproxy.cfg" <<CONF
global
    stats socket $BALANCER_SOCKET mode 600 level admin
    stats timeout 10s
    hard-stop-after 2s
defaults
    mode tcp
    timeout client 30s
    timeout server 30s
    timeout connect 500ms
    timeout check 500ms
    retries 1
    default-server inter 200ms fastinter 100ms downinter 200ms fall 2 rise 1
listen db
    bind 127.0.0.1:$DB_PORT
    server a 127.0.0.1:$PG_A_PORT check on-marked-down shutdown-sessions
    server b 127.0.0.1:$PG_B_PORT check disabled on-marked-down shutdown-sessions
CONF
	haproxy -c -q -f "$LAB/conf/haproxy.cfg" && keeper start haproxy haproxy -db -f "$LAB/conf/haproxy.cfg" >/dev/null &&
		until_ok 5000 test -S "$BALANCER_SOCKET"
}

pdns_api() { # pdns_api METHOD PATH [BODY]: the key goes in by standard input, not as an argument
	curl -sS -f -m 3 -X "$1" -H @"$LAB/secrets/pdns-header" -H 'Content-Type: application/json' \
		${3:+--data "$3"} "http://127.0.0.1:$PDNS_API_PORT/api/v1/servers/localhost$2"
}
pdns_zone() {
	pdns_api POST /zones "{\"name\": \"$ZONE.\", \"kind\": \"Native\", \"nameservers\": [\"ns1.$ZONE.\"],
		\"rrsets\": [{\"name\": \"$NAME.\", \"type\": \"A\", \"ttl\": 2,
		\"records\": [{\"content\": \"$ADDRESS_A\", \"disabled\": false}]}]}" >/dev/null
}
part_pdns() {
	local schema
	schema=$(find /usr/share/pdns-backend-sqlite3 /usr/share/doc/pdns-backend-sqlite3 /usr/share/doc/pdns \
		-name 'schema.sqlite3.sql' 2>/dev/null | head -n 1)
	[[ -n $schema ]] || { echo "no schema of the PowerDNS SQLite backend is installed"; return 1; }
	printf 'X-API-Key: %s\n' "$(<"$LAB/secrets/pdns-key")" >"$LAB/secrets/pdns-header"
	cat >"$LAB/conf/pdns.conf" <<CONF
launch=gsqlite3
gsqlite3-database=$LAB/data/pdns.sqlite
gsqlite3-pragma-synchronous=0
local-address=127.0.0.1
local-port=$PDNS_PORT
socket-dir=$LAB/run
daemon=no
guardian=no
webserver=yes
webserver-address=127.0.0.1
webserver-port=$PDNS_API_PORT
webserver-allow-from=127.0.0.1
api=yes
api-key=$(<"$LAB/secrets/pdns-key")
receiver-threads=1
distributor-threads=1
security-poll-suffix=
CONF
	sqlite3 "$LAB/data/pdns.sqlite" ".read $schema" &&
		keeper start pdns pdns_server --config-dir="$LAB/conf" >/dev/null &&
		until_ok 5000 pdns_api GET /zones && pdns_zone && until_ok 5000 resolves "$PDNS_PORT" "$ADDRESS_A"
}

resolves() { [[ $(dig +short +time=1 +tries=1 -p "$1" @127.0.0.1 "$NAME" A) == "$2" ]]; }
part_knot() {
	mkdir -p "$LAB/data/knot"
	cat >"$LAB/data/knot/$ZONE.zone" <<ZONE
\$ORIGIN $ZONE.
\$TTL 2
@ SOA ns1 hostmaster 1 60 30 600 2
@ NS ns1
ns1 A 127.0.0.1
orders A $ADDRESS_A
www A 127.0.0.1
ZONE
	cat >"$LAB/conf/knot.conf" <<CONF
server:
  rundir: "$LAB/run"
  listen: 127.0.0.1@$KNOT_PORT
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "$LAB/data/knot"
log:
  - target: stderr
    any: info
key:
  - id: $TSIG_KEY_NAME
    algorithm: hmac-sha256
    secret: $(<"$LAB/secrets/tsig-key")
acl:
  - id: drillbook
    address: 127.0.0.1
    key: $TSIG_KEY_NAME
    action: [update, transfer]
zone:
  - domain: $ZONE
    storage: "$LAB/data/knot"
    file: "$ZONE.zone"
    acl: drillbook
CONF
	keeper start knot knotd -c "$LAB/conf/knot.conf" >/dev/null &&
		until_ok 5000 resolves "$KNOT_PORT" "$ADDRESS_A"
}
