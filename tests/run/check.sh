# shellcheck shell=bash
# check.sh: what the end-to-end drills share.  Sourced; needs DRILLBOOK_BUILD (tests/suite sets it).
#
# CHECK_KEEP=DIR keeps the logs and the journal of a test that failed.
# Each test has a lab of its own, which ends with the test however the test ends (--with $$).

set -u -o pipefail
run_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root=$(readlink -f "$run_dir/../..")
build=${DRILLBOOK_BUILD:-$root/build/dev}
lab_tool=$root/tests/lab/lab
export DRILLBOOK_LAB=/tmp/drillbook-test-$$
checks_ok=0 checks_bad=0

lab() { timeout 60 "$lab_tool" "$@"; }
book() { timeout 120 "$lab_tool" drillbook "$@"; }
as_lab() { # a command as the lab's user, for looking into its files
	if ((EUID)); then "$@"; else setpriv --reuid="$(stat -c %u "$DRILLBOOK_LAB")" --regid="$(stat -c %g "$DRILLBOOK_LAB")" --clear-groups "$@"; fi
}
now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' "${t%???}"; }
until_ok() { # until_ok MS COMMAND…
	local end=$(($(now_ms) + $1)); shift
	until "$@" >/dev/null 2>&1; do
		(($(now_ms) < end)) || return 1
		sleep 0.05
	done
}

good() { checks_ok=$((checks_ok + 1)); printf 'ok      %s\n' "$1"; }
bad() { checks_bad=$((checks_bad + 1)); printf 'NOT OK  %s\n' "$1"; }
check() { # check NAME COMMAND…
	local name=$1; shift
	if "$@"; then good "$name"; else bad "$name ($*)"; fi
}
equal() { # equal NAME EXPECTED ACTUAL
	if [[ $2 == "$3" ]]; then good "$1: $3"; else bad "$1: expected \"$2\", found \"$3\""; fi
}
near() { # near NAME EXPECTED ACTUAL TOLERANCE
	local off=$(($2 - $3))
	if ((${off#-} <= $4)); then good "$1: $3"; else bad "$1: expected $2 (within $4), found \"$3\""; fi
}
fatal() { bad "$1"; finish; }

finish() {
	trap - EXIT
	if ((checks_bad)); then
		as_lab tail -n 15 "$DRILLBOOK_LAB"/log/{server,pg-a,pg-b,haproxy,follower}.log 2>/dev/null
		[[ -z ${CHECK_KEEP:-} ]] || cp -r "$DRILLBOOK_LAB/log" "$DRILLBOOK_LAB/drillbook" "$CHECK_KEEP/" # for a closer look
	fi
	lab down 2>/dev/null || checks_bad=$((checks_bad + 1))
	[[ ! -e $DRILLBOOK_LAB ]] || { printf 'NOT OK  %s is still there\n' "$DRILLBOOK_LAB"; checks_bad=$((checks_bad + 1)); }
	printf '%d ok, %d not ok\n' $checks_ok $checks_bad
	((!checks_bad && checks_ok)) || exit 1
	exit 0
}
trap 'bad "the test ended before its end"; finish' EXIT # not reached when finish was called
trap 'exit 130' INT TERM HUP

stage() { # stage WORKSPACE PART,…: lab, installed build, workspace, server, witness
	lab up --parts "$2" --with $$ || fatal "the lab did not come up"
	lab stage "$build" "$root/runbooks/$1" || fatal "drillbook does not run in the lab"
	equal "drillbook lint" "no mistakes found" "$(book lint 2>&1)"
	lab witness start || fatal "the witness does not run"
	until_ok 5000 acknowledged 20 || fatal "the witness has no orders acknowledged"
}
witness_log() { as_lab cat "$DRILLBOOK_LAB/log/orders.log"; }
acknowledged() { (($(witness_log | grep -c ' ok$') >= $1)); }
acknowledged_after() { # acknowledged_after EPOCH_MS COUNT
	(($(witness_log | awk -v t="$1" '$3 == "ok" && $1 > t' | wc -l) >= $2))
}

timeline() { # of a primary; the control file would show the one before the last checkpoint
	printf '%d\n' "0x$(lab query "$1" 'select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)')"
}
in_recovery() { [[ $(lab query "$1" 'select pg_is_in_recovery()' 2>/dev/null || echo down) == "$2" ]]; } # t, f or down
takes_no_writes() { ! in_recovery "$1" f; }
follows() { # follows FROM NAME
	[[ $(lab query "$1" "select count(*) from pg_stat_replication where application_name = '$2' and state = 'streaming'") == 1 ]]
}
answers() { dig +short +time=1 +tries=1 -p "$1" @127.0.0.1 orders.lab.test A; }
env_of() { lab env "$1"; }
stands() { # stands PRIMARY ADDRESS TIMELINE: where everything must be
	local other=a; [[ $1 != a ]] || other=b
	equal "timeline at $1" "$3" "$(timeline "$1")"
	equal "PowerDNS answers" "$2" "$(answers "$(env_of PDNS_PORT)")"
	equal "Knot answers" "$2" "$(answers "$(env_of KNOT_PORT)")"
	check "orders are acknowledged" until_ok 5000 acknowledged_after "$(now_ms)" 10
	check "$other takes no writes" takes_no_writes $other
}

# The independent count, as variables: count_lost, count_kept_at_ms, …
count() { # count [AFTER_MS]
	local name value
	while IFS='=' read -r name value; do printf -v "count_$name" '%s' "$value"; done < <(lab count "$@")
}

# What an operator would have said yes to at each runbook's questions.
declare -A approvals=(
	[failover]="--approve fence --approve names --confirm promote=drill"
	[failback]="--approve reverse --approve stop --approve promote --approve names --approve rejoin"
)
drill() { # drill RUNBOOK [ARG…]: its exit status in drill_status
	local flags; read -r -a flags <<<"${approvals[$1]}"
	book run "$1" --mode drill --plain "${flags[@]}" "${@:2}" 2>&1 | sed 's/^/    /'
	drill_status=${PIPESTATUS[0]}
}

# One value of the newest run's report, by a Python expression over `r` (all of it) and `s` (the service).
reported() { book report last --format json | python3 -c "
import json, sys
r = json.load(sys.stdin)
s = r['services'][0]
print($1)"; }
# The report against the count that shares nothing with the program.  $1: only orders acknowledged later.
measured_rightly() {
	local killed; killed=$(as_lab tail -n 1 "$DRILLBOOK_LAB/log/faults.log")
	count "${1:-0}"
	equal "lost orders, reported and counted" "$count_lost" "$(reported "s['rpo']['lost']")"
	if ((count_lost)); then
		equal "lost time (ms), reported and counted" $((killed - count_kept_at_ms)) "$(reported "s['rpo']['actual_ms']")"
		if [[ $(reported "s['rpo']['objective_ms']") == 0 ]]; then
			equal "RPO of 0" missed "$(reported "s['rpo']['verdict']")"
		else
			equal "RPO of more than that" met "$(reported "s['rpo']['verdict']")"
		fi
	else
		equal "lost time (ms)" 0 "$(reported "s['rpo']['actual_ms']")"
		equal "RPO" met "$(reported "s['rpo']['verdict']")"
	fi
	equal "RTO" met "$(reported "s['rto']['verdict']")"
	equal "the parts sum to the recovery time" "$(reported "s['rto']['actual_ms']")" "$(reported "s['partition_ms']['sum']")"
	check "drillbook verify finds the record whole" book verify
	check "the parts of every recovery sum to its RTA" book journal check
}
