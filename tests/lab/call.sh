# shellcheck shell=bash
# call.sh: for the provider tests: a directory, daemons of our own on loopback, operations through
# `worker --call`, and checks of what it answered.  Sourced.
#
#   begin NAME                          directory $T; root becomes an unprivileged user first
#   port                                a free port, random, in $REPLY
#   start NAME COMMAND…                 a daemon; ended by its pid at the end
#   stop NAME [SIGNAL]                  ends it now
#   target NAME JSON                    a target of targets.yaml
#   call TARGET OP [ARGS] [PHASE] [BEFORE]   the answer is in $ANSWER, what was logged in $T/log/call
#   is WHAT JQ-EXPRESSION               the expression is true of $ANSWER
#   check WHAT COMMAND…                 the command succeeds
#   dark TARGET OP [ARGS]               a call from a network in which 192.0.2.9 never answers (a firewall that drops) and
#                                       every other address is unreachable; status 1: not possible here
#   killed TARGET OP ARGS VERDICT_BEFORE VERDICT_AFTER   kill -9 at both sides of the effect, then verify
set -u -o pipefail
umask 077
export LC_ALL=C.UTF-8 TZ=UTC PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
BUILD=${DRILLBOOK_BUILD:-$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../../build/dev")}
WORKER=${DRILLBOOK_WORKER:-$BUILD/libexec/drillbook/worker}
PASSED=0 FAILED=0
declare -A PIDS=() TARGETS=()

now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' "${t%???}"; }
until_ok() { # until_ok MS COMMAND…
	local end=$(($(now_ms) + $1)); shift
	until "$@" >/dev/null 2>&1; do
		(($(now_ms) < end)) || return 1
		sleep 0.02
	done
}
skip() { echo "$*"; exit 77; }

begin() { # begin NAME NEEDED-PROGRAM…
	local name=$1 program user; shift
	[[ -x $WORKER ]] || skip "no worker in $BUILD"
	for program in jq ss "$@"; do
		type -P "$program" >/dev/null || skip "$program is not installed"
	done
	if ((EUID == 0)); then
		user=nobody; getent passwd postgres >/dev/null && user=postgres
		exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups --no-new-privs \
			env -i PATH="$PATH" HOME=/tmp DRILLBOOK_BUILD="$BUILD" DRILLBOOK_WORKER="$WORKER" \
			bash "$(readlink -f "$0")"
	fi
	MAIN=$BASHPID
	T=$(mktemp -d "/tmp/drillbook-$name-XXXXXX") || exit 1
	trap finish EXIT; trap 'exit 130' INT; trap 'exit 143' TERM HUP
	cd "$T" && mkdir log run ws || exit 1
	export HOME=$T
}
finish() {
	local status=$? name
	trap - EXIT
	[[ $BASHPID == "$MAIN" ]] || exit "$status" # a child that was stopped before it became a daemon
	for name in "${!PIDS[@]}"; do stop "$name"; done
	if ((FAILED)) && [[ -n ${KEEP:-} ]]; then echo "kept: $T"; else cd / && rm -rf -- "${T:?}"; fi
	((status)) && { echo "ended early (status $status)"; exit "$status"; }
	printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
	((FAILED == 0)) || exit 1
	exit 0
}
port() {
	local try
	for try in {1..200}; do
		REPLY=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		[[ -e run/port-$REPLY || -n $(ss -Hltun "sport = :$REPLY") ]] && continue
		: >"run/port-$REPLY"
		return 0
	done
	echo "no free port after $try tries"; exit 1
}
start() {
	local name=$1; shift
	setsid "$@" >>"log/$name" 2>&1 </dev/null &
	PIDS[$name]=$!
}
stop() {
	local name=$1 pid=${PIDS[$1]:-}
	[[ -n $pid ]] || return 0
	unset "PIDS[$name]"
	kill -"${2:-TERM}" "$pid" 2>/dev/null
	until_ok 5000 gone "$pid" || kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}
gone() { # a zombie is gone too: it is ours to wait for
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }; [[ ${stat%% *} == Z ]]
}

target() { TARGETS[$1]=$2; }
request() { # request TARGET OP ARGS PHASE BEFORE
	jq -cn --arg target "$1" --arg op "$2" --argjson args "$3" --arg phase "$4" --argjson before "${5:-null}" \
		--argjson spec "${TARGETS[$1]}" --arg ws "$T/ws" --argjson timeout "${TIMEOUT_MS:-0}" \
		'{target: $target, targets: {($target): $spec}, op: $op, args: $args, phase: $phase, workspace: $ws,
		key: "test/1", timeout_ms: $timeout} + (if $before == null then {} else {before: $before} end)'
}
call() {
	ANSWER=$(request "$1" "$2" "${3:-"{}"}" "${4:-run}" "${5:-}" | "$WORKER" --call 2>log/call)
	STATUS=$?
	if grep -qE 'Sanitizer|runtime error:' log/call; then
		note "a sanitizer found something in $2" 1 "$(<log/call)"
	fi
	return 0
}
dark() {
	local lit=$WORKER
	unshare -Urn true 2>/dev/null && type -P ip >/dev/null || return 1
	printf '#!/bin/sh\nexec unshare -Urn sh -c '\''ip link add d0 type dummy && ip addr add 192.0.2.1/24 dev d0 && ip link set d0 up && exec "%s" "$@"'\'' sh "$@"\n' \
		"$lit" >dark-worker && chmod 700 dark-worker
	WORKER=$T/dark-worker
	call "$@"
	WORKER=$lit
}
note() { # note WHAT STATUS [DETAIL]
	if (($2 == 0)); then
		PASSED=$((PASSED + 1)); printf 'ok      %s\n' "$1"
	else
		FAILED=$((FAILED + 1)); printf 'FAILED  %s\n%s\n' "$1" "${3:-}"
	fi
}
is() {
	jq -e "$2" <<<"$ANSWER" >/dev/null 2>&1
	note "$1" $? "        wanted: $2
        answer: $ANSWER
        logged: $(tail -n 3 log/call)"
}
check() { local what=$1; shift; "$@" >log/check 2>&1; note "$what" $? "        $(tail -n 3 log/check)"; }
fails() { ! "$@"; }

killed() { # killed TARGET OP ARGS [VERDICT_BEFORE [VERDICT_AFTER]]; RESET is run in between
	local target=$1 op=$2 args=$3 point want before
	for point in before after; do
		want=${4:-not_done}; [[ $point == after ]] && want=${5:-done}
		call "$target" "$op" "$args" prepare
		before=$(jq -c .before <<<"$ANSWER")
		is "$op, killed just $point the effect: it was prepared" '.ok'
		ANSWER=$(request "$target" "$op" "$args" run "$before" |
			DRILLBOOK_FAILPOINT=effect.$point "$WORKER" --call 2>log/call)
		note "$op: ended by the failpoint effect.$point" $(($? == 137 ? 0 : 1)) "        $ANSWER"
		call "$target" "$op" "$args" verify "$before"
		is "$op, killed just $point the effect: verify says $want" ".verdict == \"$want\""
	done
}
undo() { # undo TARGET BEFORE: runs the compensation prepared
	call "$1" "$(jq -r .undo.op <<<"$2")" "$(jq -c .undo.args <<<"$2")"
}
