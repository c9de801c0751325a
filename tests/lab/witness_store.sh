#!/usr/bin/env bash
# witness_store.sh: as witness.c, for Redis and MariaDB, through their own clients.
#
#   witness_store.sh redis|mariadb PORT LOG [EVERY_MS [FIRST_SEQ]]
#
# Appends order FIRST_SEQ, FIRST_SEQ + 1, … through the address clients use, and "epoch_ms seq ok|fail" to LOG after the
# answer.  The same statement keeps the heartbeat fresh.  Ends at SIGTERM.
set -u
kind=$1 port=$2 log=$3 every=${4:-20} seq=${5:-1}
secrets=$(dirname "$(readlink -f "$0")")/../secrets
REDISCLI_AUTH=$(<"$secrets/store-password"); export REDISCLI_AUTH
now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' "${t%???}"; }
order_redis() {
	local answer
	answer=$(printf 'RPUSH orders %d\nSET heartbeat %s\n' "$seq" "$(now_ms)" | timeout 1 redis-cli -p "$port" 2>/dev/null)
	[[ $answer =~ ^[0-9]+ ]]
}
order_mariadb() {
	timeout 1 mariadb --defaults-extra-file="$secrets/shop.cnf" -N -B -h 127.0.0.1 -P "$port" -u shop shop \
		-e "insert into orders(seq) values ($seq); update heartbeat set at_ms = $(now_ms)" >/dev/null 2>&1
}
trap 'exit 0' TERM
while :; do
	begin=$(now_ms) word=fail
	if "order_$kind"; then word=ok; fi
	printf '%s %d %s\n' "$(now_ms)" "$seq" "$word" >>"$log"
	seq=$((seq + 1))
	left=$((every - ($(now_ms) - begin)))
	if ((left > 0)); then sleep "$(printf '0.%03d' "$left")"; fi
done
