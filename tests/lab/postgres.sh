# shellcheck shell=bash disable=SC2153
# postgres.sh: nodes a (primary) and b (standby).  A node's postgresql.conf only includes a file of ours
# outside the data directory, because pg_rewind and pg_basebackup copy whatever lies inside.

pg_port() { local name=PG_${1^^}_PORT; printf '%s' "${!name}"; }
pg_query() { # pg_query NODE SQL: over the private socket, at the node itself
	psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$LAB/run" -p "$(pg_port "$1")" -U lab -d "${3:-orders}" -c "$2"
}
pg_is() { [[ $(pg_query "$1" 'select pg_is_in_recovery()') == "$2" ]]; } # f = primary, t = standby
pg_streams() { # pg_streams FROM TO
	[[ $(pg_query "$1" "select count(*) from pg_stat_replication
		where application_name = '$2' and state = 'streaming'") == 1 ]]
}
pg_primary() { # the node that takes writes
	local node
	for node in a b; do
		if pg_is "$node" f 2>/dev/null; then printf '%s' "$node"; return; fi
	done
	return 1
}

# The timeouts are lowered: a drill would otherwise measure the defaults (5 s, 10 s, 60 s).
pg_conf() {
	cat >"$LAB/conf/$1.conf" <<CONF
hba_file = '$LAB/conf/hba.conf'
cluster_name = '$1'
listen_addresses = '127.0.0.1'
port = $(pg_port "$1")
unix_socket_directories = '$LAB/run'
unix_socket_permissions = 0700
shared_buffers = 16MB
dynamic_shared_memory_type = mmap
max_connections = 40
wal_level = replica
wal_log_hints = on
archive_mode = on
archive_command = '/bin/true'
hot_standby = on
max_wal_senders = 8
max_replication_slots = 8
max_slot_wal_keep_size = 512MB
wal_keep_size = 64MB
min_wal_size = 32MB
max_wal_size = 256MB
recovery_target_timeline = 'latest'
wal_retrieve_retry_interval = 200ms
wal_receiver_status_interval = 1s
wal_receiver_timeout = 5s
wal_sender_timeout = 5s
log_line_prefix = '%m [%p] %a '
CONF
	cat >"$LAB/conf/hba.conf" <<'CONF'
local all all trust
host all all 127.0.0.1/32 scram-sha-256
local replication all trust
host replication all 127.0.0.1/32 scram-sha-256
CONF
}

pg_start() { # as an init system would; the postmaster is the keeper's child
	keeper start "pg-$1" postgres -D "$LAB/data/$1" >/dev/null &&
		until_ok 30000 pg_query "$1" 'select 1' postgres
}
pg_pid() { head -n 1 "$LAB/data/$1/postmaster.pid" 2>/dev/null; }
pg_down() { ! kill -0 "$1" 2>/dev/null; }
pg_stop() { # fast: sends everything to the standby first; the node may have been started by others than us
	local pid; pid=$(pg_pid "$1") || return 0
	kill -INT "$pid" && until_ok 30000 pg_down "$pid"
}

part_pg() {
	printf '*:*:*:*:%s\n' "$(<"$LAB/secrets/pg-password")" >"$LAB/secrets/pgpass"
	pg_conf a && pg_conf b || return
	initdb -D "$LAB/data/a" -U lab -A scram-sha-256 --auth-local=trust --pwfile="$LAB/secrets/pg-password" \
		-E UTF8 --locale=C --no-sync --no-instructions >/dev/null || return
	printf "include '%s'\n" "$LAB/conf/a.conf" >"$LAB/data/a/postgresql.conf"
	pg_start a && pg_query a 'create database orders' postgres && pg_query a "
		create table orders(seq bigint primary key, at timestamptz not null default clock_timestamp(), note text);
		create table heartbeat(one bool primary key default true check (one), at timestamptz not null);
		insert into heartbeat(at) values (clock_timestamp())" || return
	pg_basebackup -h "$LAB/run" -p "$PG_A_PORT" -U lab -D "$LAB/data/b" -X stream -C -S b -c fast --no-sync || return
	touch "$LAB/data/b/standby.signal"
	printf "include '%s'\n" "$LAB/conf/b.conf" >"$LAB/data/b/postgresql.conf"
	# over the line, with the password file: what a remote standby would have
	cat >>"$LAB/data/b/postgresql.auto.conf" <<CONF
primary_conninfo = 'host=127.0.0.1 port=$WAN_A_PORT user=lab passfile=$LAB/secrets/pgpass application_name=b connect_timeout=2'
primary_slot_name = 'b'
CONF
	until_ok 10000 running wanlink && pg_start b && until_ok 10000 pg_streams a b
}

# Without it WAL is not kept; with it every WAL file of the primary is in $PG_ARCHIVE, complete or not at all.
pg_archive() { # pg_archive on|off
	local command=/bin/true
	case ${1:-} in on) command="cp %p $PG_ARCHIVE/%f.part && mv $PG_ARCHIVE/%f.part $PG_ARCHIVE/%f" ;; off) ;; *) die "archive on | off" ;; esac
	mkdir -p "$PG_ARCHIVE" "$PG_BACKUPS" "$PG_RESTORES" || return
	pg_query a "alter system set archive_command = '$command'" postgres >/dev/null &&
		pg_query a 'select pg_reload_conf()' postgres >/dev/null
}

part_link() {
	build wanlink wanlink.c &&
		keeper start wanlink "$LAB/tools/wanlink" "$WANLINK_SOCKET" \
			"$WAN_A_PORT:$PG_A_PORT" "$WAN_B_PORT:$PG_B_PORT" >/dev/null
}
link() { "$LAB/tools/wanlink" ask "$WANLINK_SOCKET" "$*"; }

part_witness() {
	local include library
	include=$(pg_config --includedir 2>/dev/null) library=$(pg_config --libdir 2>/dev/null)
	build witness witness.c witness_postgres.c witness_sqlite.c \
		${include:+-I"$include"} ${library:+-L"$library"} -lpq -lsqlite3
}
