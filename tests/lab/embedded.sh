# shellcheck shell=bash disable=SC2153
# embedded.sh: two sites with an SQLite database each, no server.  A process at each site ships what is new to
# the other one; the clients' address is a symbolic link to the database that takes orders.

sqlite_site() { # sqlite_site DATABASE ROLE
	mkdir -p "$(dirname "$1")"
	sqlite3 "$1" "
		pragma journal_mode = wal;
		create table orders(id integer primary key, seq integer not null unique,
			at_ms integer not null default (cast((julianday('now') - 2440587.5) * 86400000 as integer)), note text);
		create table heartbeat(one integer primary key check (one = 1), at_ms integer not null);
		insert into heartbeat values (1, cast((julianday('now') - 2440587.5) * 86400000 as integer));
		create table drillbook_role(one integer primary key check (one = 1), role text not null, epoch integer not null);
		insert into drillbook_role values (1, '$2', 1);" >/dev/null
}
sqlite_of() { local name=SQLITE_${1^^}; printf '%s' "${!name}"; }
sqlite_address() { # sqlite_address a|b: in one step, so that a client never finds half of it
	ln -sfn "$(sqlite_of "$1")" "$SQLITE_ADDRESS.new" && mv -T "$SQLITE_ADDRESS.new" "$SQLITE_ADDRESS"
}
follow() { # follow FROM TO: starts the shipper at site FROM, unless it runs
	running "follower-$1" ||
		keeper start "follower-$1" "$LAB/tools/follower" "$(sqlite_of "$1")" "$(sqlite_of "$2")" >/dev/null
}

part_embedded() {
	build follower follower.c -lsqlite3 && build witness witness.c witness_sqlite.c -DWITNESS_NO_POSTGRES -lsqlite3 || return
	sqlite_site "$SQLITE_A" primary && sqlite_site "$SQLITE_B" standby && sqlite_address a || return
	follow a b && follow b a
}

# The host of site a loses its power: no client reaches it, nothing more is shipped.  The disk is still there.
# Prints when, in epoch ms.
embedded_crash() {
	now_ms; echo
	rm -f "$SQLITE_ADDRESS"
	keeper kill follower-a >/dev/null
}
