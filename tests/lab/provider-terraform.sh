#!/usr/bin/env bash
# provider-terraform.sh: provision.* with the real terraform, and tofu where it is, on configurations of
# terraform_data, which need no provider and no network.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
programs=()
for name in terraform tofu; do type -P "$name" >/dev/null && programs+=("$name"); done
((${#programs[@]})) || skip "neither terraform nor tofu is installed"
begin terraform
export TF_CLI_ARGS_plan=-no-such-option TF_VAR_size=9 TF_WORKSPACE=elsewhere TF_CLI_CONFIG_FILE=/dev/null # nothing of this may matter

make_config() {
	mkdir -p "ws/$1"
	cat >"ws/$1/main.tf" <<'HCL'
variable "size" { default = 1 }
variable "say" { default = "hello" }
variable "token" {
  default   = "none"
  sensitive = true
}
resource "terraform_data" "db" { input = var.say }
resource "terraform_data" "web" {
  count            = var.size
  input            = "web-${count.index}"
  triggers_replace = [var.say]
  depends_on       = [terraform_data.db]
}
output "said" { value = terraform_data.db.output }
output "half" { value = 0.5 }
output "token" {
  value     = var.token
  sensitive = true
}
HCL
}
tf() { jq -cn --arg p "$1" --arg d "$2" --argjson more "${3:-"{}"}" '{provider: "terraform", environment: "lab", settings: ({program: $p, dir: $d} + $more)}'; }
plan() { call "$1" provision.plan "${2:-"{}"}"; PLAN=$(jq -r .result.plan <<<"$ANSWER"); }
apply() { call "$1" provision.apply "{\"plan\": \"$PLAN\"}" "${2:-run}" "${3:-}"; }
before_of() { jq -c .before <<<"$ANSWER"; }

for program in "${programs[@]}"; do
	make_config "$program"
	target site "$(tf "$program" "$program")"
	plan site '{"vars": {"size": 2}}'
	is "$program: a plan that creates, with its digest" '.ok and (.result.plan | length) == 64 and .result.create == 3 and .result.effect == "change" and (.result.empty | not) and .result.serial == 0'
	is "$program: what it would do to what" '[.result.actions[] | "\(.action) \(.address)"] == ["create terraform_data.db", "create terraform_data.web[0]", "create terraform_data.web[1]"]'
	check "$program: only we can read what is saved" test "$(stat -c %a "ws/$program/.terraform/drillbook/$PLAN.tfplan")" = 600
	apply site
	is "$program: applied: a change, 3 added, outputs without the sensitive one" '.ok and .effect == "change" and .result.added == 3 and .result.outputs == {said: "hello", half: "0.5"}'
	is "$program: undo names what it made" '.before.undo.op == "provision.remove" and (.before.undo.args.addresses | length) == 3'
	check "$program: its progress is in the log" grep -q "Creation complete" log/call
	created=$(before_of)
	apply site
	is "$program: the same plan again is stale" '.error.code == "PRECONDITION" and (.error.text | test("stale")) and .error.world == "unchanged"'
	call site provision.output
	is "$program: output" '.result == {outputs: {said: "hello", half: "0.5"}, sensitive: ["token"]}'
	call site provision.check '{"vars": {"size": 2}}'
	is "$program: check: clean" '.ok and .result.clean'
	call site provision.check '{"vars": {"size": 3, "say": "bye"}}'
	is "$program: check: it is not as configured" '(.result.clean | not) and .result.create == 1 and .result.update == 1 and .result.replace == 2 and .result.effect == "irreversible"'

	# the effect of an apply is that of its plan
	plan site '{"vars": {"size": 2}, "replace": ["terraform_data.web[1]"]}'
	apply site prepare
	is "$program: replacing is irreversible" '.before.effect == "irreversible" and .before.replace == 1 and (.before.effect_reason | test("web\\[1\\]")) and (.before | has("undo") | not)'
	killed site provision.apply "{\"plan\": \"$PLAN\"}"
	plan site '{"vars": {"size": 2, "say": "bye"}, "only": ["terraform_data.db"]}'
	apply site prepare
	is "$program: updating is costly" '.before.effect == "costly" and .before.update == 1'
	killed site provision.apply "{\"plan\": \"$PLAN\"}"
	plan site '{"vars": {"size": 3, "say": "bye"}}'
	killed site provision.apply "{\"plan\": \"$PLAN\"}"
	plan site '{"vars": {"size": 3, "say": "bye"}}'
	is "$program: nothing to do" '.result.empty and .result.effect == "change"'

	# a plan that somebody exchanged
	plan site '{"vars": {"size": 4, "say": "bye"}}'
	printf x >>"ws/$program/.terraform/drillbook/$PLAN.tfplan"
	apply site
	is "$program: a plan that is another file now" '.error.code == "PRECONDITION" and (.error.text | test("changed after"))'

	# remove: what is named and nothing else
	call site provision.remove '{"addresses": ["terraform_data.db"]}'
	is "$program: removing would take others with it" '.error.code == "PRECONDITION" and (.error.text | test("web"))'
	killed site provision.remove '{"addresses": ["terraform_data.web[2]"]}'
	plan site '{"destroy": true}'
	is "$program: a plan to destroy everything" '.result.destroy == 3 and .result.effect == "irreversible"'
	apply site
	is "$program: destroyed" '.ok and .effect == "irreversible" and .result.destroyed == 3'
	plan site '{"vars": {"size": 2}}'; apply site
	undo site "$created"
	is "$program: what was created is removed again" '.ok and .result.destroyed == 3'
done

# half-done, stopped, in somebody's way
program=${programs[0]}
mkdir ws/half
cat >ws/half/main.tf <<'HCL'
variable "fail" { default = true }
resource "terraform_data" "first" {}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = var.fail ? "echo no room left; exit 3" : "true" }
}
resource "terraform_data" "third" { depends_on = [terraform_data.second] }
HCL
target half "$(tf "$program" half)"
plan half; apply half
is "half-done: unknown, with how far it came and why" '.error.code == "FAILED" and .error.world == "unknown" and (.error.text | test("1 of 3 changes were made.*exit status 3"; "s"))'
half=$(before_of)
apply half verify "$half"
is "half-done: verify does not call it done" '.verdict == "cannot_tell" and (.evidence.reason | test("of 3 changes"))'
plan half '{"vars": {"fail": false}}'; apply half
is "the next plan goes on from there" '.ok and .result.added == 2'

mkdir ws/slow
cat >ws/slow/main.tf <<'HCL'
resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "echo $$ >begun; exec sleep 60" }
}
HCL
target slow "$(tf "$program" slow '{"grace": "2s"}')"
plan slow
TIMEOUT_MS=2500 apply slow
is "longer than the deadline: timeout, unknown" '.error.code == "TIMEOUT" and .error.world == "unknown"'
slow=$(before_of)
apply slow verify "$slow"
is "and verify does not call it undone or done" '.verdict == "cannot_tell"'
rm -rf ws/slow/.terraform ws/slow/terraform.tfstate* ws/slow/begun ws/slow/.terraform.tfstate.lock.info
plan slow; apply slow prepare; slow=$(before_of)
request slow provision.apply "{\"plan\": \"$PLAN\"}" run "$slow" >slow.request
"$WORKER" --call <slow.request >slow.answer 2>log/slow &
runner=$!
check "an apply is under way" until_ok 20000 test -s ws/slow/begun
call slow provision.plan
is "meanwhile the state is somebody else's: held" '.error.code == "HELD" and (.error.text | test("lock"))'
engine=$(pgrep -P "$runner" "$program")
kill -KILL "$engine"
wait "$runner"
check "the program is killed in the middle: failed or unknown, never done" jq -e '(.ok | not) and .error.world == "unknown"' slow.answer
apply slow verify "$slow"
is "killed in the middle: the state shows nothing, and that proves nothing" '.verdict == "cannot_tell" and (.evidence.reason | test("begun"))'
kill "$(<ws/slow/begun)" # what the program had started outlived it

# a disk that is full when the state is locked, and when it is written
printf '#!/bin/bash\n[[ $1 != apply ]] || ulimit -f "$(<%s/room)"\nexec %s "$@"\n' "$T" "$(type -P "$program")" >tf-full
chmod +x tf-full
mkdir ws/full; echo 'resource "terraform_data" "one" { input = join("", [for i in range(500) : "padding"]) }' >ws/full/main.tf
target full "$(tf "$T/tf-full" full)"
plan full
echo 0 >room; apply full
is "a full disk, no lock: failed (nobody holds it), unchanged" '.error.code == "FAILED" and .error.world == "unchanged" and (.error.text | test("lock info"))'
apply full verify "$(before_of)"
is "and verify says so" '.verdict == "not_done"'
echo 1 >room; apply full
is "a full disk: failed, unknown, in its words" '.error.code == "FAILED" and .error.world == "unknown" and (.error.text | test("state|file too large"; "i"))'
apply full verify "$(before_of)"
is "the state is half written: verify cannot look, and that is an error and no answer" '.error.code == "FAILED" and (has("verdict") | not) and (.error.text | test("state") and (contains("\u001b") | not))'

# what cannot be
target none "$(tf drillbook-no-such-terraform half)"
call none provision.plan
is "no such program" '.error.code == "NOT_FOUND" and (.error.text | test("drillbook-no-such-terraform"))'
mkdir ws/bad; echo 'resource "terraform_data" {' >ws/bad/main.tf
target bad "$(tf "$program" bad)"
call bad provision.plan
is "a configuration with a mistake: its words" '.error.code == "FAILED" and (.error.text | test("2 labels"))'
target nodir "$(tf "$program" nowhere)"
call nodir provision.plan
is "no such directory" '.error.code == "NOT_FOUND" and (.error.text | test("nowhere"))'
for bad in '"x"' '"../../etc/passwd"' "\"$(printf 'a%.0s' {1..64})\""; do
	call half provision.apply "{\"plan\": $bad}"
	is "no plan: $bad" '.error.code == "USAGE" or .error.code == "NOT_FOUND"'
done

# a secret goes over a descriptor: in no argument and no environment, while it runs
make_config hidden
printf 'token = "open-sesame-1"\n' >hidden.tfvars
printf '#!/bin/bash\ntr "\\0" "\\n" </proc/$$/cmdline >>%s/seen; tr "\\0" "\\n" </proc/$$/environ >>%s/seen; exec %s "$@"\n' "$T" "$T" "$(type -P "$program")" >tf-seen
chmod +x tf-seen
target hidden "$(jq -c --arg f "$T/hidden.tfvars" '. + {secrets: {variables: {file: $f}}}' <<<"$(tf "$T/tf-seen" hidden)")"
plan hidden; apply hidden
is "with a secret variable: applied" '.ok and .result.added == 2'
call hidden provision.output
is "a sensitive output is named and not shown" '.result.sensitive == ["token"]'
check "it was used" grep -q open-sesame-1 ws/hidden/terraform.tfstate
check "nobody saw it" fails grep -q open-sesame seen
check "and it is in no log" fails grep -rq open-sesame log
check "the program's own variables were kept out" fails grep -qE '^TF_(VAR|CLI_ARGS|WORKSPACE)' seen

call site "" '{}' probe
is "doctor: program and state" '[.report.checks[].ok] == [true, true] and (.report.checks[0].detail | test("1\\."))'
call none "" '{}' probe
is "doctor: no program" '[.report.checks[].ok] == [false]'
