# shellcheck shell=bash
# base.sh: clock, polling, processes through the keeper.  Sourced by `lab`; LAB is the lab's directory.

set -u -o pipefail
umask 077
export LC_ALL=C.UTF-8 TZ=UTC
bin_dirs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:$bin_dirs

say() { printf 'lab: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' "${t%???}"; }

until_ok() { # until_ok MS COMMAND…: polls until the command succeeds
	local end=$(($(now_ms) + $1)); shift
	until "$@" >/dev/null 2>&1; do
		(($(now_ms) < end)) || return 1
		sleep 0.02
	done
}

keeper() { "$LAB/tools/keeper" ask "$LAB/run/keeper.sock" "$@"; }
keeper_answers() { [[ -S $LAB/run/keeper.sock ]] && keeper list >/dev/null 2>&1; }
running() { [[ $(keeper status "$1") == running* ]]; }
build() { # build PROGRAM SOURCE… [FLAG…]
	local out=$LAB/tools/$1; shift
	(cd "$LAB/tools" && "${CC:-cc}" -std=c17 -O1 -o "$out" "$@")
}

secret() { # secret NAME COMMAND…: a file only this user can read, made from the command's output
	local file=$LAB/secrets/$1; shift
	printf '%s' "$("$@")" >"$file"
}
random_word() { head -c 18 /dev/urandom | base64 | tr '+/' '-_'; }
random_key() { head -c 32 /dev/urandom | base64 -w 0; }

# What the lab offers, for ${NAME} in a workspace's targets.yaml and for these scripts.
write_env() { # write_env FIRST_PORT
	local port=$1 name
	{
		printf 'LAB: %s\n' "$LAB"
		printf 'LAB_TOOL: %s\n' "$LAB/tools/lab"
		printf 'SECRETS: %s\n' "$LAB/secrets"
		printf 'PG_BIN: %s\n' "$bin_dirs"
		printf 'PG_SOCKETS: %s\n' "$LAB/run"
		printf 'PG_USER: lab\nPG_DATABASE: orders\n'
		printf 'PG_A_DATA: %s\nPG_B_DATA: %s\n' "$LAB/data/a" "$LAB/data/b"
		printf 'PG_A_CONF: %s\nPG_B_CONF: %s\n' "$LAB/conf/a.conf" "$LAB/conf/b.conf"
		printf 'PG_BACKUPS: %s\nPG_ARCHIVE: %s\nPG_RESTORES: %s\n' "$LAB/backups" "$LAB/archive" "$LAB/restores"
		for name in PG_A PG_B WAN_A WAN_B DB PDNS PDNS_API KNOT STORE_A STORE_B BIND CACHE WEB; do
			printf '%s_PORT: %s\n' "$name" $((++port)) # the first is the keeper's claim
		done
		# the warm lab has neither database server nor name server: it takes their ports
		printf 'SHOP_A_PORT: %s\nSHOP_B_PORT: %s\nSHOP_PORT: %s\nKUBE_PORT: %s\n' $(($1 + 1)) $(($1 + 2)) $(($1 + 5)) $(($1 + 7))
		printf 'BALANCER_SOCKET: %s\n' "$LAB/run/haproxy.sock"
		printf 'WANLINK_SOCKET: %s\n' "$LAB/run/wanlink.sock"
		printf 'WITNESS_LOG: %s\n' "$LAB/log/orders.log"
		printf 'ZONE: lab.test\nNAME: orders.lab.test\nTSIG_KEY_NAME: drillbook\n'
		printf 'ADDRESS_A: 192.0.2.1\nADDRESS_B: 192.0.2.2\n'
		printf 'SQLITE_A: %s\nSQLITE_B: %s\n' "$LAB/data/site-a/orders.db" "$LAB/data/site-b/orders.db"
		printf 'REDIS_A_CONF: %s\n' "$LAB/conf/redis-a.conf"
		printf 'STORE_A_FENCE: %s\nSTORE_B_FENCE: %s\n' "$LAB/conf/mariadb-a.d/fence.cnf" "$LAB/conf/mariadb-b.d/fence.cnf"
		printf 'SQLITE_ADDRESS: %s\n' "$LAB/data/address"
		printf 'VAULT_REPO: %s\nVAULT_SCRATCH: %s\nDOCUMENTS: %s\n' "$LAB/data/vault" "$LAB/data/scratch" "$LAB/data/documents"
		printf 'SQLITE_BACKUPS: %s\nSITE_B: %s\n' "$LAB/data/backups" "$LAB/data/site-b"
		printf 'SHOP_SOCKET: %s\nKUBE_CA: %s\n' "$LAB/run/shop.sock" "$LAB/data/kube-ca.pem"
		printf 'NOTICES: %s\n' "$LAB/log/notices"
		# what the workspaces run; tofu where there is no terraform
		printf 'TERRAFORM: %s\n' "$(type -P terraform || type -P tofu || echo terraform)"
		printf 'PYTHON: %s\n' "$(PATH=/usr/bin type -P python3 || echo python3)"
	} >"$LAB/env.yaml"
}

load_env() { # every line becomes a shell variable
	local name value
	[[ -s $LAB/env.yaml ]] || die "no lab is up in $LAB"
	while IFS=' ' read -r name value; do
		printf -v "${name%:}" '%s' "$value"
	done <"$LAB/env.yaml"
}
