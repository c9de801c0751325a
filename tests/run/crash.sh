#!/usr/bin/env bash
# kill -9 in the middle of the promotion, of the server alone and of everything of drillbook: the next server
# finds out what happened, the run goes on to its end, and the standby was promoted exactly once.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"

promoting() { [[ $(lab query b "select count(*) from pg_stat_activity where query like '%pg_promote%' and pid <> pg_backend_pid()") == 1 ]]; }
workers() { pgrep -f "^$DRILLBOOK_LAB/app/libexec/drillbook/worker"; }
no_workers() { [[ -z $(workers) ]]; }

crash() { # crash server|everything
	local startup run result pid
	stage orders pg,balancer,pdns,knot
	lab sync on || fatal "site b is no synchronous standby"
	# a stopped startup process holds the promotion half way, for as long as the test wants
	startup=$(pgrep -P "$(lab pid pg-b)" -f startup) || fatal "b has no startup process"
	kill -STOP "$startup"
	drill failover >"/tmp/drillbook-test-$$.out" 2>&1 & run=$!
	until_ok 30000 promoting || { cat "/tmp/drillbook-test-$$.out"; rm -f "/tmp/drillbook-test-$$.out"; fatal "the promotion did not begin"; }
	kill -KILL "$(lab pid server)"
	if [[ $1 == everything ]]; then
		for pid in $(workers); do kill -KILL "$pid"; done
		check "no worker is left" until_ok 3000 no_workers
	fi
	kill -CONT "$startup"
	wait $run
	rm -f "/tmp/drillbook-test-$$.out"
	check "the standby becomes a primary" until_ok 10000 in_recovery b f
	lab server || fatal "the next server does not start"
	read -r -a flags <<<"${approvals[failover]}"
	book attach --plain "${flags[@]}" 2>&1 | sed 's/^/    /'
	result=${PIPESTATUS[0]}
	equal "kill -9 of $1: the run's exit status" 0 "$result"
	stands b 192.0.2.2 2
	equal "promotions in site b's history" 00000002.history "$(as_lab ls "$DRILLBOOK_LAB/data/b/pg_wal" | grep history)"
	measured_rightly
	equal "runs in the record" 1 "$(reported "r['run']")"
	equal "resumed after the crash" 1 "$(reported "len(r['resumes'])")"
	lab down
}

crash server
crash everything
finish
