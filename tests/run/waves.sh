#!/usr/bin/env bash
# Several services in one run, tier by tier, each with the runbook that recovers it; and a runbook of 300 steps in 40
# branches. Driven only with the command line; what was done is read from files that the steps wrote.
set -u -o pipefail
root=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..")
build=${DRILLBOOK_BUILD:-$root/build/dev}
type -P jq >/dev/null || { echo "jq is not installed"; exit 77; }

dir=$(mktemp -d /tmp/drillbook-waves-XXXXXX)
export PATH=$build/bin:$PATH DRILLBOOK_DATA=$dir/data DRILLBOOK_CONFIG=$dir/config
finish() {
	drillbook server stop --force >/dev/null 2>&1
	rm -rf "$dir"
}
trap finish EXIT

bad=0
check() { # check NAME COMMAND...
	local name=$1; shift
	if "$@" >"$dir/said" 2>&1; then printf 'ok      %s\n' "$name"; else printf 'NOT OK  %s (%s)\n' "$name" "$*"; tail -n 8 "$dir/said"; bad=$((bad + 1)); fi
}
status() { # status WANTED COMMAND...: its exit status
	local wanted=$1 got; shift
	"$@" >"$dir/out" 2>&1 </dev/null; got=$?
	[[ $got == "$wanted" ]] || { echo "status $got, wanted $wanted"; tail -n 8 "$dir/out"; return 1; }
}
report() { drillbook report last --format json | jq -r "$1"; }
same() { [[ $1 == "$2" ]] || { printf 'expected %s\nfound    %s\n' "$1" "$2"; return 1; }; }

mkdir -p "$dir/ws" && cd "$dir/ws" || exit 1
cat >drillbook.yaml <<'END'
name: waves
environments: {here: {modes: [drill]}}
END
cat >services.yaml <<'END'
services:
  shop: {tier: 1, objectives: {rto: 10m, rpo: 0}, depends_on: [web, search], recover: shop-up, recover_params: {what: shop}}
  web: {tier: 2, objectives: {rto: 10m, rpo: 0}, depends_on: [db], recover: web-up, recover_params: {what: web}}
  search: {tier: 3, objectives: {rto: 10m, rpo: 0}, depends_on: [db], recover: search-up, recover_params: {what: search}}
  db: {tier: 3, objectives: {rto: 10m, rpo: 0}, recover: base}
  mail: {tier: 4, objectives: {rto: 10m, rpo: 0}, recover: mail-up, recover_params: {what: mail}}
END
cat >targets.yaml <<END
targets:
  host:
    provider: command
    environment: here
    actions:
      start: {argv: [/bin/sh, -c, 'echo "\$1" >>"\$2"', start, "{what}", $dir/started], params: [what], effect: change}
END
for service in shop web search mail; do
	cat >$service-up.yaml <<-END
		runbook: Start $service
		version: 1
		service: $service
		params: {what: {type: service}, zone: {default: a}}
		steps:
		  - {id: go, uses: {action.run: host}, run: 'action.run("host", {name = "start", args = {what = params.what}}) return {zone = params.zone}'}
		  - {id: seen, run: 'if outputs.go.zone ~= "b" then fail("not what was given") end', marks: [{reached: verified}]}
	END
done
cat >base.yaml <<'END'
runbook: Start the database
version: 1
service: db
steps:
  - id: nodes
    for_each: {in: [one, two, three], as: node}
    uses: {action.run: host}
    run: 'action.run("host", {name = "start", args = {what = node}}) return {node = node}'
  - {id: count, run: log(1), when: {output: "nodes[2].node", equals: three}, marks: [{reached: verified}]}
END
check "trusted" drillbook trust "$dir/ws"
check "lint" status 0 drillbook lint

# ------------------------------------------------------------------ services
check "four services and what they need, in one run" status 0 drillbook run --services mail,shop --with-dependencies --param zone=b --plain
check "a service after those it depends on, tier by tier" same "one three two" "$(head -n 3 "$dir/started" | sort | xargs)"
check "what is independent has no order" same "search web" "$(sed -n 4,5p "$dir/started" | sort | xargs)"
check "the shop, then the next wave" same "shop mail" "$(tail -n +6 "$dir/started" | xargs)"
check "each step has its runbook's own names" same "mail/seen search/seen shop/seen web/seen" \
	"$(report '.steps[] | select(.id | endswith("/seen")) | select(.state == "ok") | .id' | sort | xargs)"
check "a condition on the third of three" same ok "$(report '.steps[] | select(.id == "db/count") | .state')"
check "the marks of a nested runbook are for its service" same 5 "$(grep -c 'RTO MET' "$dir/out")"
check "the run is called by its services" same "Recover shop, web, search, db, mail" "$(report '.runbook.title')"

# ------------------------------------------------------------------ 300 steps, 40 branches
{
	printf 'runbook: Wide\nversion: 1\nparallel: 40\nsteps:\n  - {id: begin, run: "return {n = 0}"}\n'
	for branch in {1..40}; do
		printf '  - {id: b%d-0, needs: [begin], run: "return {n = outputs.begin.n + 1}"}\n' "$branch"
		for i in {1..6}; do
			printf '  - {id: b%d-%d, run: "return {n = outputs[\\"b%d-%d\\"].n + 1}", when: {output: b%d-%d.n, equals: %d}}\n' \
				"$branch" "$i" "$branch" $((i - 1)) "$branch" $((i - 1)) "$i"
		done
	done
	printf '  - {id: end0, needs: ['; for branch in {1..40}; do printf '%sb%d-6' "$([[ $branch == 1 ]] || echo ', ')" "$branch"; done
	printf '], run: "local n = 0 for i = 1, 40 do n = n + outputs[\\"b\\" .. i .. \\"-6\\"].n end if n ~= 280 then fail(n) end"}\n'
	for i in {1..18}; do printf '  - {id: end%d, run: log(%d)}\n' "$i" "$i"; done
} >wide.yaml
check "300 steps in 40 branches" status 0 drillbook run wide --plain
check "all of them" same 300 "$(report '[.steps[] | select(.state == "ok")] | length')"
drillbook verify >"$dir/verified" 2>&1
check "the record holds" same 0 $?

((!bad)) || exit 1
