#!/usr/bin/env bash
# kills.sh: kill -9 of server, zygote, worker, client, or all of them, at random moments of a run that is driven
# with the command line only; what happened is counted by the effects themselves and read from the journal's own
# table of events.
#
#   kills.sh [ROUNDS]     default 12
#
# Each step appends its name to a file through a declared action (and half of the actions sleep in the middle of it).
# It holds when: no line is there twice unless a human's decision is recorded, every effect that is claimed is there,
# every effect that is there is claimed or UNKNOWN until it is settled, and the record verifies.
set -u -o pipefail
root=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..")
build=${DRILLBOOK_BUILD:-$root/build/dev}
rounds=${1:-${KILL_ROUNDS:-12}}
type -P sqlite3 jq >/dev/null || { echo "sqlite3 is not installed"; exit 77; }

dir=$(mktemp -d /tmp/drillbook-kills-XXXXXX)
export PATH=$build/bin:$PATH DRILLBOOK_DATA=$dir/data DRILLBOOK_CONFIG=$dir/config
finish() {
	drillbook server stop --force >/dev/null 2>&1
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM
mkdir "$dir/ws" && cd "$dir/ws" || exit 1

cat >drillbook.yaml <<'END'
name: kills
environments:
  here: {modes: [drill]}
END
cat >services.yaml <<'END'
services:
  shop: {tier: 1, owner: me, objectives: {rto: 10m, rpo: 0}}
END
cat >targets.yaml <<'END'
targets:
  count:
    provider: command
    environment: here
    actions:
      add:    {argv: [sh, -c, 'echo "$1" >>effects', sh, "{n}"], params: [n], effect: change, verify: is, undo: cut}
      slow:   {argv: [sh, -c, 'sleep 0.05; echo "$1" >>effects; sleep 0.05', sh, "{n}"], params: [n], effect: change, verify: is, undo: cut}
      is:     {argv: [sh, -c, 'touch effects; grep -qx -- "$1" effects', sh, "{n}"], params: [n], effect: read}
      cut:    {argv: [sh, -c, 'grep -vx -- "$1" effects >rest || :; mv rest effects', sh, "{n}"], params: [n], effect: change, verify: isnt}
      isnt:   {argv: [sh, -c, 'touch effects; ! grep -qx -- "$1" effects', sh, "{n}"], params: [n], effect: read}
END
{
	printf 'runbook: Count\nversion: 1\nservice: shop\nsteps:\n'
	for n in {1..8}; do
		printf '  - id: s%d\n    needs: [%s]\n    uses: {action.run: count}\n    run: |\n' $n "$( ((n > 3)) && echo s$((n - 3)))"
		printf '      action.run("count", {name = "add", args = {n = "%d-a"}})\n' $n
		printf '      action.run("count", {name = "slow", args = {n = "%d-b"}})\n' $n
	done
} >count.yaml
drillbook trust . >/dev/null

server_pid() { drillbook server status --json 2>/dev/null | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' | head -n 1; }
below() { # the processes below a pid
	local child
	for child in $(pgrep -P "$1" 2>/dev/null); do echo "$child"; below "$child"; done
}
random() { echo $(((RANDOM * 32768 + RANDOM) % $1)); }
events() { # events RUN KIND: its payloads, from the table docs/journal-format.md describes
	sqlite3 -readonly "$dir/data/journal.db" "select cast(payload as text) from event where cast(header as text) like '1 $1 % $2 %'"
}
state() { drillbook history --json --limit 1 2>/dev/null | sed -n 's/.*"status": *"\([a-z]*\)".*/\1/p' | head -n 1; }

strike() { # one kill -9, at a moment of chance
	local server zygote victims=()
	read -r -t "0.$(printf '%03d' "$(random 300)")" <> <(:)
	server=$(server_pid); [[ -n $server ]] || return 0
	zygote=$(pgrep -P "$server" | head -n 1)
	case $(random 5) in
	0) victims=("$server") ;;
	1) victims=("${zygote:-$server}") ;;
	2) victims=($(below "${zygote:-$server}")) ;;
	3) victims=("$server" $(below "$server")) ;;
	4) victims=("$client") ;;
	esac
	((${#victims[@]})) && kill -KILL "${victims[@]}" 2>/dev/null
	kills=$((kills + ${#victims[@]}))
}

bad=0 kills=0 unknown=0
wrong() { echo "NOT OK  round $round: $*"; bad=$((bad + 1)); }
for ((round = 1; round <= rounds; round++)); do
	rm -f effects
	drillbook run count --plain </dev/null >"$dir/out" 2>&1 & client=$!
	for ((n = 0; n < 3; n++)); do strike; done
	wait "$client" 2>/dev/null
	run=$round end=$((SECONDS + 60))
	until [[ $(state) == done ]]; do
		((SECONDS < end)) || { wrong "run $run does not end: $(state)"; drillbook answer "$run"; break; }
		drillbook attach "$run" --plain </dev/null >>"$dir/out" 2>&1 # takes up what was open
		# a worker that was killed in Lua leaves its step interrupted: go on
		for ask in $(drillbook answer "$run" --json 2>/dev/null | jq -r '.[] | select(.kind == "failed") | .ask'); do
			drillbook answer "$run" retry --ask "$ask" >/dev/null 2>&1
		done
		for ask in $(drillbook answer "$run" --json 2>/dev/null | jq -r '.[] | select(.kind == "unknown") | .ask'); do
			drillbook answer "$run" verify --ask "$ask" >/dev/null 2>&1
		done
		for ask in $(drillbook answer "$run" --json 2>/dev/null | jq -r '.[] | select(.kind == "confirm") | .ask'); do
			drillbook answer "$run" yes --ask "$ask" >/dev/null 2>&1
		done
	done
	twice=$(sort effects | uniq -d | xargs)
	[[ -z $twice ]] || wrong "done twice: $twice"
	(($(wc -l <effects) == 16)) || wrong "$(wc -l <effects) effects instead of 16"
	intents=$(events "$run" op.intent | jq -r .key | sort -u | wc -l)
	((intents == 16)) || wrong "$intents intents instead of 16"
	unknown=$((unknown + $(events "$run" op.unknown | wc -l)))
done
drillbook verify >"$dir/out" 2>&1 || { wrong "the record does not verify"; tail -n 3 "$dir/out"; }
printf '%d rounds, %d processes killed, %d outcomes UNKNOWN and settled, %d wrong\n' "$rounds" "$kills" "$unknown" "$bad"
((!bad))
