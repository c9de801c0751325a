# shellcheck shell=bash disable=SC2153
# stores.sh: nodes a (primary) and b (replica) of Redis, or of MariaDB, behind HAProxy on port DB.  A lab has one of the
# two: they share the ports and the names store-a and store-b.

store_kind() { cat "$LAB/run/store"; } # of this lab, written by its part
store_port() { local name=STORE_${1^^}_PORT; printf '%s' "${!name}"; }
store_start() { # store_start a|b: as an init system would
	case $(store_kind) in
	redis) keeper start "store-$1" redis-server "$LAB/conf/redis-$1.conf" >/dev/null ;;
	mariadb) keeper start "store-$1" mariadbd --defaults-file="$LAB/conf/mariadb-$1.cnf" >/dev/null ;;
	esac && until_ok 30000 store_answers "$1"
}
store_stop() { keeper stop "store-$1" TERM 20000 >/dev/null; }
store_answers() { case $(store_kind) in redis) redis_do "$1" PING ;; mariadb) maria_do "$1" 'select 1' ;; esac; }
store_primary() { # the node that takes writes
	local node
	for node in a b; do
		case $(store_kind) in
		redis) redis_do "$node" INFO replication 2>/dev/null | grep -q '^role:master' && redis_do "$node" SET lab:probe 1 >/dev/null 2>&1 ;;
		mariadb) [[ $(maria_do "$node" "select @@read_only" 2>/dev/null) == 0 ]] ;;
		esac && { printf '%s' "$node"; return; }
	done
	return 1
}
store_orders() { # store_orders NODE: the numbers it holds
	case $(store_kind) in redis) redis_do "$1" LRANGE orders 0 -1 ;; mariadb) maria_do "$1" 'select seq from shop.orders' ;; esac
}
# Replication to b stands still from now on, and b goes on answering.
store_stale() {
	case $(store_kind) in
	redis) redis_do b CONFIG SET masterauth stale >/dev/null && redis_do a CLIENT KILL TYPE replica >/dev/null ;;
	mariadb) maria_do b 'stop slave io_thread' ;;
	esac
}

# Clients use port DB.  b is in maintenance until a failover says otherwise: a replica takes no orders.
store_front() {
	cat >"$LAB/conf/haproxy.cfg" <<CONF
global
    stats socket $BALANCER_SOCKET mode 600 level admin
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
    server a 127.0.0.1:$STORE_A_PORT check on-marked-down shutdown-sessions
    server b 127.0.0.1:$STORE_B_PORT check disabled on-marked-down shutdown-sessions
CONF
	keeper start haproxy haproxy -db -f "$LAB/conf/haproxy.cfg" >/dev/null && until_ok 5000 test -S "$BALANCER_SOCKET"
}

# ------------------------------------------------------------------ Redis

redis_do() { # redis_do NODE COMMAND…
	local node=$1; shift
	REDISCLI_AUTH=$(<"$LAB/secrets/store-password") timeout 3 redis-cli -e -p "$(store_port "$node")" "$@"
}
redis_conf() { # redis_conf NODE [DIRECTIVE…]
	local node=$1; shift
	mkdir -p "$LAB/data/store-$node"
	printf '%s\n' "port $(store_port "$node")" 'bind 127.0.0.1' "dir $LAB/data/store-$node" 'save ""' 'appendonly no' \
		"requirepass $(<"$LAB/secrets/store-password")" "masterauth $(<"$LAB/secrets/store-password")" \
		'repl-diskless-sync-delay 0' 'repl-ping-replica-period 1' 'repl-timeout 5' "$@" >"$LAB/conf/redis-$node.conf"
}
redis_linked() { redis_do b INFO replication | grep -q '^master_link_status:up'; }
part_redis() {
	printf redis >"$LAB/run/store"
	redis_conf a && redis_conf b "replicaof 127.0.0.1 $STORE_A_PORT" && store_start a && store_start b &&
		until_ok 10000 redis_linked && store_front
}

# ------------------------------------------------------------------ MariaDB

maria_do() { timeout 5 mariadb --no-defaults -N -B -S "$LAB/run/store-$1.sock" -u root -e "$2"; } # maria_do NODE SQL
maria_conf() { # maria_conf NODE ID
	mkdir -p "$LAB/conf/mariadb-$1.d" && cp -r "$LAB/data/store" "$LAB/data/store-$1"
	cat >"$LAB/conf/mariadb-$1.cnf" <<CONF
[mariadbd]
datadir = $LAB/data/store-$1
port = $(store_port "$1")
socket = $LAB/run/store-$1.sock
pid-file = $LAB/run/store-$1.own
bind-address = 127.0.0.1
server-id = $2
log-bin = binlog
log-slave-updates
gtid-strict-mode = 1
skip-name-resolve
performance-schema = OFF
innodb-buffer-pool-size = 32M
innodb-log-file-size = 8M
slave-net-timeout = 4
!includedir $LAB/conf/mariadb-$1.d
CONF
}
maria_follows() { [[ $(maria_do a 'select @@gtid_current_pos') == "$(maria_do b 'select @@gtid_current_pos')" ]]; }
part_mariadb() {
	local password; password=$(<"$LAB/secrets/store-password")
	printf mariadb >"$LAB/run/store"
	mariadb-install-db --no-defaults --datadir="$LAB/data/store" --auth-root-authentication-method=normal --skip-test-db \
		--innodb-log-file-size=8M && maria_conf a 1 && maria_conf b 2 && rm -rf "$LAB/data/store" || return
	printf '[client]\npassword=%s\n' "$password" >"$LAB/secrets/shop.cnf"
	printf '[mariadbd]\nread_only = 1\n' >"$LAB/conf/mariadb-b.d/fence.cnf"
	store_start a && store_start b || return
	maria_do a "create user drillbook@'127.0.0.1' identified by '$password';
		grant select, insert, update, create, reload, process, lock tables, binlog monitor, replica monitor, replication slave,
			replication slave admin, read_only admin, connection admin on *.* to drillbook@'127.0.0.1';
		create database shop; create user shop@'127.0.0.1' identified by '$password'; grant select, insert, update on shop.* to shop@'127.0.0.1';
		create table shop.orders(seq bigint primary key, note varchar(100));
		create table shop.heartbeat(one int primary key, at_ms bigint not null); insert into shop.heartbeat values (1, $(now_ms))" || return
	maria_do b "change master to master_host = '127.0.0.1', master_port = $STORE_A_PORT, master_user = 'drillbook', master_password = '$password',
		master_use_gtid = slave_pos, master_connect_retry = 1; start slave"
	until_ok 10000 maria_follows && store_front
}

# ------------------------------------------------------------------ names only

# Two sites that serve a page, BIND and Knot for their name, and a cache as clients have it.
site() { # site a|b ADDRESS
	cat >"$LAB/conf/site-$1.cfg" <<CONF
defaults
    mode http
    timeout client 5s
    timeout server 5s
frontend site
    bind $2:$WEB_PORT
    http-request return status 200 content-type text/plain string "this is site $1"
CONF
	keeper start "site-$1" haproxy -db -f "$LAB/conf/site-$1.cfg" >/dev/null
}
named_zone() {
	printf '$ORIGIN %s.\n$TTL 2\n@ SOA ns1 hostmaster 1 60 30 600 2\n@ NS ns1\nns1 A 127.0.0.1\nwww A %s\n' "$ZONE" 127.0.0.1
}
www_is() { [[ $(dig +short +time=1 +tries=1 -p "$1" @127.0.0.1 "www.$ZONE" A) == "$2" ]]; } # www_is PORT ADDRESS
part_sites() { site a 127.0.0.1 && site b 127.0.0.2; }
part_bind() {
	mkdir -p "$LAB/data/bind" && named_zone >"$LAB/data/bind/$ZONE.zone"
	cat >"$LAB/conf/named.conf" <<CONF
options {
    directory "$LAB/data/bind";
    listen-on port $BIND_PORT { 127.0.0.1; };
    listen-on-v6 { none; };
    pid-file none;
    session-keyfile none;
    managed-keys-directory "$LAB/data/bind";
    recursion no;
    dnssec-validation no;
    notify no;
};
controls { };
key "$TSIG_KEY_NAME" { algorithm hmac-sha256; secret "$(<"$LAB/secrets/tsig-key")"; };
zone "$ZONE" { type primary; file "$ZONE.zone"; allow-update { key "$TSIG_KEY_NAME"; }; };
CONF
	keeper start named named -g -n 1 -c "$LAB/conf/named.conf" >/dev/null && until_ok 8000 www_is "$BIND_PORT" 127.0.0.1
}
cache_start() { # cache_start [MIN_TTL]: one that keeps answers for longer than they may be kept
	cat >"$LAB/conf/unbound.conf" <<CONF
server:
    interface: 127.0.0.1@$CACHE_PORT
    do-ip6: no
    do-daemonize: no
    use-syslog: no
    logfile: ""
    username: ""
    chroot: ""
    directory: "$LAB/data"
    pidfile: "$LAB/run/unbound.own"
    num-threads: 1
    cache-min-ttl: ${1:-0}
    do-not-query-localhost: no
    module-config: "iterator"
    local-zone: "test." nodefault
    local-zone: "$ZONE." transparent
remote-control:
    control-enable: no
stub-zone:
    name: "$ZONE"
    stub-addr: 127.0.0.1@$BIND_PORT
CONF
	keeper start cache unbound -d -c "$LAB/conf/unbound.conf" >/dev/null && until_ok 8000 www_is "$CACHE_PORT" 127.0.0.1
}
part_cache() { until_ok 10000 www_is "$BIND_PORT" 127.0.0.1 && cache_start; }
