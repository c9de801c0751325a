# shellcheck shell=bash disable=SC2153
# standby.sh: what a cold and a warm standby are drilled on.
#
# cold: one site with an SQLite database; at the other one there is nothing.
# warm: the two databases of `embedded`, and before them the shop's web servers: four at site a, and at site b a workload of
# a (small) Kubernetes API, scaled down; a balancer in front of both.

part_cold() {
	build witness witness.c witness_sqlite.c -DWITNESS_NO_POSTGRES -lsqlite3 || return
	mkdir -p "$SQLITE_BACKUPS" && sqlite_site "$SQLITE_A" primary && sqlite_address a
}
# Site a is gone, its disk too.  Prints when, in epoch ms.
cold_crash() {
	now_ms; echo
	rm -f "$SQLITE_ADDRESS"
	rm -rf "$(dirname "$SQLITE_A")"
}

part_warm() {
	part_embedded || return
	mkdir -p "$LAB/data/kube" "$LAB/secrets"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
		-keyout "$LAB/secrets/kube-key" -out "$KUBE_CA" || return
	secret kube-token random_word
	printf '%s all\n' "$(<"$LAB/secrets/kube-token")" >"$LAB/secrets/kube-tokens"
	cat >"$LAB/data/kube/begin.json" <<'JSON'
{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"replicas": 1,
 "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
 "spec": {"containers": [{"name": "web", "image": "shop/web:4"}]}}}}
JSON
	echo 4 >"$LAB/data/replicas-a"
	cat >"$LAB/conf/web.cfg" <<CONF
global
    stats socket $SHOP_SOCKET mode 600 level admin
    hard-stop-after 2s
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 500ms
    timeout check 500ms
    default-server inter 200ms fastinter 100ms downinter 200ms fall 2 rise 1
listen web
    bind 127.0.0.1:$SHOP_PORT
    option httpchk GET /
    server a 127.0.0.1:$SHOP_A_PORT check
    server b 127.0.0.1:$SHOP_B_PORT check disabled
CONF
	keeper start kube python3 "$LAB/tools/kubeapi.py" "$KUBE_PORT" "$KUBE_CA" "$LAB/secrets/kube-key" "$LAB/secrets/kube-tokens" "$LAB/data/kube" >/dev/null &&
		keeper start web-a python3 "$LAB/tools/web.py" "$SHOP_A_PORT" a "$LAB/data/replicas-a" >/dev/null &&
		keeper start web-b python3 "$LAB/tools/web.py" "$SHOP_B_PORT" b "$LAB/data/kube/ready-web" >/dev/null &&
		keeper start web haproxy -db -f "$LAB/conf/web.cfg" >/dev/null &&
		until_ok 15000 web_answers
}
web_answers() { curl -sf -m 2 "http://127.0.0.1:$SHOP_PORT/" && [[ $(<"$LAB/data/kube/ready-web") == 1 ]]; }
# The host of site a loses its power, database and web servers.
warm_crash() {
	embedded_crash
	keeper kill web-a >/dev/null
}
