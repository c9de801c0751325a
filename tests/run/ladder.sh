#!/usr/bin/env bash
# One workspace, the whole ladder: lint, plan, probe, simulate, tabletop, drill; groups, items, conditions,
# invariants, debris, undo and the kill switch, driven only with the command line.
set -u -o pipefail
root=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..")
build=${DRILLBOOK_BUILD:-$root/build/dev}
type -P jq >/dev/null || { echo "jq is not installed"; exit 77; }

dir=$(mktemp -d /tmp/drillbook-ladder-XXXXXX)
export PATH=$build/bin:$PATH DRILLBOOK_DATA=$dir/data DRILLBOOK_CONFIG=$dir/config
finish() {
	drillbook server stop --force >/dev/null 2>&1
	rm -rf "$dir"
}
trap finish EXIT

bad=0
check() { # check NAME COMMAND...
	local name=$1; shift
	if "$@" >"$dir/said" 2>&1; then printf 'ok      %s\n' "$name"; else printf 'NOT OK  %s (%s)\n' "$name" "$*"; tail -n 5 "$dir/said"; bad=$((bad + 1)); fi
}
status() { # status WANTED COMMAND...: its exit status
	local wanted=$1 got; shift
	"$@" >"$dir/out" 2>&1 </dev/null; got=$?
	[[ $got == "$wanted" ]] || { echo "status $got, wanted $wanted"; tail -n 8 "$dir/out"; return 1; }
}
says() { grep -qF -- "$1" "$dir/out" || { echo "not said: $1"; cat "$dir/out"; return 1; }; }
made() { # made NAME...: exactly these files are there
	local want; want=$(printf '%s\n' "$@" | sort | xargs)
	[[ $(cd "$dir/ws/made" && printf '%s\n' * | sort | xargs) == "$want" ]] || { ls "$dir/ws/made"; return 1; }
}
until_ok() {
	local end=$((SECONDS + 15))
	until "$@" >/dev/null 2>&1; do ((SECONDS < end)) || { "$@"; return 1; }; read -r -t 0.05 <> <(:) || :; done
}
operations() { # every change a run proposed, without what differs between two runs
	drillbook report "$1" --format json | jq -c '[.operations[] | {step, op, target, args, effect, outcome}] | sort_by(.step)'
}
state() { drillbook report last --format json | jq -r ".steps[] | select(.id == \"$1\") | .state"; }

mkdir -p "$dir/ws/made" && cd "$dir/ws" || exit 1
touch made/.keep; rm made/.keep
cat >drillbook.yaml <<'END'
name: ladder
environments:
  here: {modes: [probe, drill]}
END
cat >services.yaml <<'END'
services:
  shop: {tier: 1, owner: me, objectives: {rto: 10m, rpo: 0}}
END
cat >targets.yaml <<'END'
targets:
  box:
    provider: command
    environment: here
    actions:
      look:  {argv: [sh, -c, 'test -e "made/$1" && echo yes || echo no', sh, "{f}"], params: [f], effect: read}
      is:    {argv: [test, -e, "made/{f}"], params: [f], effect: read}
      isnt:  {argv: [test, "!", -e, "made/{f}"], params: [f], effect: read}
      make:  {argv: [touch, "made/{f}"], params: [f], effect: change, verify: is, undo: rm}
      lease: {argv: [touch, "made/{f}"], params: [f], effect: change, verify: is, undo: rm, creates: true}
      rm:    {argv: [rm, "made/{f}"], params: [f], effect: costly, verify: isnt}
END
cat >part.yaml <<'END'
runbook: One part
version: 1
service: shop
params:
  name: {type: string}
outputs: {name: make.name}
steps:
  - id: make
    uses: {action.run: box}
    run: |
      action.run("box", {name = "make", args = {f = params.name}})
      return {name = params.name}
END
cat >shop.yaml <<'END'
runbook: Recover the shop
version: 1
service: shop
params:
  nodes: {type: strings, default: [n1, n2, n3]}
  fail: {type: bool, default: false}
steps:
  - id: nodes
    title: Every node
    for_each: {as: node, in: {param: nodes}}
    parallel: 2
    uses: {action.run: box}
    run: |
      action.run("box", {name = "make", args = {f = node}})
  - id: part
    runbook: part
    params: {name: web}
  - id: lease
    when: {output: part.name, matches: "^w"}
    uses: {action.run: box}
    run: action.run("box", {name = "lease", args = {f = "lease"}})
  - id: never
    when: {mode: live}
    uses: {action.run: box}
    run: action.run("box", {name = "make", args = {f = "never"}})
  - id: broken
    when: {param: fail}
    on_failure: undo
    run: fail("as asked")
  - id: look
    uses: {action.read: box}
    run: |
      return {web = action.read("box", {name = "look", args = {f = "web"}}).out:find("yes") ~= nil}
    verify:
      run: return outputs.look
      tolerance: {value: web, equals: true}
    marks: [{service: shop, reached: verified}]
END

check "lint" status 0 drillbook lint
check "plan" status 0 drillbook plan shop
check "trust" drillbook trust .

check "probe: it sees that nothing is there" status 5 drillbook run shop --mode probe --plain
check "probe: and says so" says '{"web":false}'
check "probe: ended" status 0 drillbook act last abort --note "as expected"
check "probe: nothing is there" made '*'

check "drill: asks about what it created" status 5 drillbook run shop --plain
check "drill: everything is there" made lease n1 n2 n3 web
check "drill: the debris is named" status 0 drillbook answer last
check "drill: by its question" says "what it created is still there"
check "a reason is needed to keep it" status 2 drillbook answer last keep
check "it is taken away" status 0 drillbook answer last undo
check "drill: ended" until_ok drillbook history --json
check "drill: without the lease" until_ok made n1 n2 n3 web
check "a skipped step says why" grep -q 'mode is live' <(drillbook report last)
first=$(operations 2)

rm -f made/*
check "simulate needs something to answer from" status 2 drillbook run shop --mode simulate --plain
check "simulate the drill" status 5 drillbook run shop --mode simulate --from 2 --speed max --plain
check "simulate: its debris is simulated, too" status 0 drillbook answer last undo
check "simulate: nothing is there" made '*'
until_ok test "$(drillbook history --json | jq -r '[.[] | select(.mode == "simulate")][0].status')" = done
check "simulate: the same intents, argument for argument" test "$first" = "$(operations 3)"
cat >slow.yaml.txt <<'END'
scenario: a node does not answer
answers:
  - {step: nodes/2, op: action.run, error: {code: TIMEOUT, text: no answer, world: unchanged}}
END
check "simulate with a fault" status 5 drillbook run shop --mode simulate --from 2 --scenario slow.yaml.txt --speed max --plain
check "simulate: the fault is there" says "no answer"
check "simulate: aborted" status 0 drillbook act last abort --note "seen enough"
sed -i 's/f = "lease"/f = "other"/' shop.yaml
check "what was not recorded ends with NO_RECORDING" status 5 drillbook run shop --mode simulate --from 2 --speed max --plain
check "and says what was" says "nothing recorded answers action.run"
drillbook act last abort --note "seen enough" >/dev/null
sed -i 's/f = "other"/f = "lease"/' shop.yaml

check "tabletop asks" status 5 drillbook run shop --mode tabletop --plain
for step in 1 2 3 4 5 6; do
	until_ok test "$(drillbook answer last --json | jq length)" -gt 0
	for ask in $(drillbook answer last --json | jq '.[].ask'); do drillbook answer last done --ask "$ask" >/dev/null 2>&1; done
done
check "tabletop ended" until_ok test "$(drillbook history --json | jq -r '.[0].status')" = done
check "tabletop: nothing is there" made '*'

check "a failure undoes everything" status 1 drillbook run shop --param fail=true --plain
check "undone: nothing is there" made '*'
check "undone: told" test "$(state part/make)" = undone

check "a drill that waits" status 5 drillbook run shop --plain
check "the kill switch" status 0 drillbook halt --note "real incident"
check "halted: nothing is there" until_ok made '*'
check "halted: no new drill" status 10 drillbook run shop --plain
check "halted: and why" says "real incident"
check "lifted" status 0 drillbook halt --lift --note over
check "an aborted drill" status 5 drillbook run shop --plain
left=$(drillbook history --json | jq -r '.[0].run')
check "ended without undo" status 0 drillbook act last abort --note "no time"
check "what it created is in the ledger" grep -q 'step lease: action.run on box' <(drillbook debris)
check "and taken away by a run of its own" status 0 drillbook debris --undo "$left" --plain --approve undo-1
check "only that" made n1 n2 n3 web
check "the ledger is empty" grep -q 'nothing is left' <(drillbook debris)
cat >slow.yaml <<'END'
runbook: A person in between
version: 1
service: shop
params:
  every: {type: duration, default: 5s}
steps:
  - id: person
    manual: Do it.
  - id: after
    uses: {action.run: box}
    run: action.run("box", {name = "make", args = {f = "wrong"}})
END
rm -f made/*
check "a run waits for a person" status 5 drillbook run slow --plain
check "nothing has changed yet" status 0 drillbook adopt last
check "and that is said" says "nothing has changed"
sed -i 's/wrong/right/; s/^version: 1/version: 2/' slow.yaml
check "the difference is shown" status 0 drillbook adopt last
check "line by line" says '+    run: action.run("box", {name = "make", args = {f = "right"}})'
check "while a step runs nothing is adopted" status 1 drillbook adopt last --note "the name was wrong"
check "the person is done" status 0 drillbook act last pause
check "asked by the book as it was" status 0 drillbook answer last done
check "adopted" status 0 drillbook adopt last --note "the name was wrong"
drillbook server stop --force >/dev/null 2>&1
check "goes on, with a new server" status 0 drillbook act last continue
check "previewed" until_ok drillbook answer last yes
check "what was adopted was done" until_ok made right
check "and is a deviation" grep -q 'version 2 .* adopted for 1 steps' <(drillbook report last)
check "the record is sound" status 0 drillbook verify
printf '%d not ok\n' "$bad"
((!bad))
