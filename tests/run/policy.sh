#!/usr/bin/env bash
# The policy of a team server: which environments in which mode, by whom, from where; clean, signed and reviewed runbooks; reasons
# in place of a rule; what a terminal says that is not so.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/people.sh"
prepare
workspace "$place/space"
cp -r "$place/space" "$place/other"
value() { python3 -c "import json, sys; r = json.loads(sys.stdin.readlines()[-1]); print($1)"; }
policy() { cat >"$place/etc/new" && chmod 0644 "$place/etc/new" && mv "$place/etc/new" "$place/etc/policy.yaml"; }
run() { book anna run "$@" --plain; }
events() { # events RUN EXPRESSION over e, the list of events
	as carl python3 - "$socket" "$1" "$2" <<'PY'
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw")
for n, body in enumerate(({"do": "hello", "proto": 1}, {"do": "attach", "run": int(sys.argv[2])})):
    f.write(json.dumps(dict(body, id=n)) + "\n"); f.flush()
e = []
for line in f:
    m = json.loads(line)
    if "event" in m: e.append(m["event"])
    if "caught_up" in m: break
print(eval(sys.argv[3]))
PY
}
sed -i "s/operator: .*/operator: [\"@$tag-dba\", $tag-dora]/; s|workspaces: .*|workspaces: [$place/space, $place/third]|" "$place/etc/server.yaml"
start_server

# ------------------------------------------------------------------ which workspaces, and whose word counts
says "without a policy the workspace decides" 0 "run 1" run prod --mode live --confirm mark=shop --approve mark
says "a workspace that is not listed" 6 "is none of the workspaces of this server" \
	as anna "$place/app/bin/drillbook" --server "$socket" --workspace "$place/other" run mark --plain
plan=$(book anna plan mark --mode drill --json)
send() { # send MEMBER PYTHON: a start whose plan was changed by hand (p), as JSON
	python3 -c "
import json, sys
p = json.loads(sys.argv[1])
$1
print(json.dumps({'do': 'start', 'plan': p}))" "$plan"
}
code() { value "r.get('error', {}).get('code', 'ok')"; }
equal "other bytes than the server reads" CONFLICT \
	"$(ask anna "$(send "next(f for f in p['files'] if f['path'] == 'mark.yaml')['text'] += '#'")" | code)"
equal "a file more" CONFLICT "$(ask anna "$(send "p['files'].append({'path': 'x.lua', 'text': ''})")" | code)"
equal "another directory" UNTRUSTED "$(ask anna "$(send "p['workspace']['root'] = '$place/other'")" | code)"
equal "a directory above a workspace is none" UNTRUSTED "$(ask anna "$(send "p['workspace']['root'] = '$place'")" | code)"
rm -f "$place/data/effects"
run=$(ask anna "$(send "p['steps'][0]['script']['source'] = 'os.exit()'; p['steps'][0]['uses'] = {'action.run': ['prod']}; p['targets']['tools']['environment'] = 'none'; p['workspace']['dirty'] = False")" |
	value "r['run']")
says "a plan that was tampered with" 0 "done" book anna attach "$run" --plain --approve mark
equal "is made anew by the server: what ran is what is in the file" lab "$(cat "$place/data/effects")"

# ------------------------------------------------------------------ environments, modes, people
policy <<-END
	allow:
	- {environments: [lab], modes: [probe, drill]}
	- {environments: [production], modes: [probe, drill], who: ["@$tag-dba"], workspaces: [$place/space]}
	- {name: night, environments: [production], modes: [live], who: [$tag-anna], override: true}
END
says "the lab may be touched in a drill" 0 "done" run mark --mode drill --approve mark
says "but not live" 1 'does not allow '"$tag-anna"' to touch environment "lab" in mode live' run mark --mode live --confirm mark=shop --approve mark
says "production in a drill, by one of the group" 0 "done" run prod --mode drill --approve mark
says "and by nobody else" 1 'does not allow '"$tag-dora"' to touch environment "production"' book dora run prod --mode drill --plain
says "live only with a reason, and it is said which rule" 1 "with a reason it does: --override night" run prod --mode live --approve mark
says "an override needs its reason" 2 "--override needs --reason" run prod --mode live --override night
says "an override that is none" 1 'no rule "day" that a reason may override' run prod --mode live --override day --reason x
says "nor one that would not help this person" 1 "does not allow $tag-dora" book dora run prod --mode live --override night --reason x --plain
says "it can be asked beforehand, with the reason" 0 "with rule night overridden" run prod --mode live --override night --reason x --check
says "and without it" 1 "with a reason it does: --override night" run prod --mode live --check
equal "which starts nothing" "$(ask carl '{"do":"runs"}' | value "len(r['runs'])")" "$(ask carl '{"do":"runs"}' | value "r['runs'][0]['run']")"
says "with the reason it runs" 0 "DEVIATION by $tag-anna: override of night: the lab is gone" \
	run prod --mode live --override night --reason "the lab is gone" --approve mark --confirm mark=shop
run=$(ask carl '{"do":"runs"}' | value "r['runs'][0]['run']")
equal "and the record says who did it and why" "[('override', 'night', 'the lab is gone', '$tag-anna')]" \
	"$(events "$run" "[(x['data']['what'], x['data']['rule'], x['data']['reason'], x['who']) for x in e if x['kind'] == 'deviation.recorded']")"
rm -f "$place/data/effects"

# ------------------------------------------------------------------ the policy changes while a run is open
book anna run prod --mode drill --detach >/dev/null || bad "the run does not start"
run=$(ask carl '{"do":"runs","open":true}' | value "r['runs'][0]['run']")
waiting() { ask carl '{"do":"runs","open":true}' | grep -q '"asks": 1'; }
check "it waits for the operator" until_ok 10000 waiting
equal "who may not touch its targets cannot lead it" FORBIDDEN "$(ask dora "{\"do\":\"lead\",\"run\":$run}" | code)"
equal "nor answers by being the first to come" FORBIDDEN \
	"$(ask dora "{\"do\":\"attach\",\"run\":$run}" "{\"do\":\"answer\",\"run\":$run,\"ask\":1,\"answer\":\"yes\"}" | code)"
ask anna "{\"do\":\"attach\",\"run\":$run}" "{\"file\":\"$place/go\"}" "{\"do\":\"answer\",\"run\":$run,\"ask\":1,\"answer\":\"yes\"}" >"$place/asked" &
led() { grep -q '"lead_is_you": true' "$place/asked"; }
check "the operator leads" until_ok 5000 led
policy <<<"allow: [{environments: [lab]}]"
touch "$place/go"
refused() { [[ $(events "$run" "[x['data']['reason'] for x in e if x['kind'] == 'op.refused']") == *"does not allow $tag-anna"* ]]; }
check "an intent is checked again" until_ok 10000 refused
wait %%
check "nothing happened" test ! -e "$place/data/effects"
ask anna "{\"do\":\"attach\",\"run\":$run}" "{\"do\":\"act\",\"run\":$run,\"action\":\"abort\",\"note\":\"enough\"}" >/dev/null
policy <<<"allow: [{modes: [drll]}]"
says "a policy that cannot be read: nothing starts" 1 "nothing starts, because the policy cannot be read: $place/etc/policy.yaml:1:18" \
	run mark --mode drill
chmod 0666 "$place/etc/policy.yaml"
says "nor when others could have written it" 1 "nobody else may write it" run mark --mode drill
rm "$place/etc/policy.yaml"; mkdir "$place/etc/policy.yaml"
says "nor when it is something else" 1 "is no file" run mark --mode drill
rmdir "$place/etc/policy.yaml"

# ------------------------------------------------------------------ clean, signed, reviewed
space=$place/space
git_as() { # git_as MAIL ARG…: signed when there is a key of that name
	local mail=$1 key=$place/keys/${1%@*}; shift
	HOME=$place git -C "$space" -c user.name=Somebody -c user.email="$mail" -c gpg.format=ssh -c user.signingkey="$key" "$@"
}
mkdir -m 0700 "$place/keys"
for name in anna bert; do ssh-keygen -q -t ed25519 -N "" -f "$place/keys/$name" || fatal "no key"; done
echo "bert@example.org $(cat "$place/keys/bert.pub")" >"$place/etc/allowed_signers"
policy <<-END
	live: {require: [clean, signed, reviewed], override: [clean, reviewed]}
	signers: allowed_signers
	people:
	  $tag-anna: {commits_as: [anna@example.org, Anna@example.com]}
END
live() { run mark --mode live --approve mark --confirm mark=shop "$@"; }
says "a drill needs none of it" 0 "done" run mark --mode drill --approve mark
says "live, but not in Git" 1 "wants a live run to be clean" live
git_as anna@example.org init -q && git_as anna@example.org add . && git_as anna@example.org commit -q -m first || bad "git"
chmod -R a+rX "$space"
says "committed, not signed" 1 "wants a live run to be signed: commit" live
git_as anna@example.org commit -q -S --amend -m "signed by anna" || bad "git"; chmod -R a+rX "$space"
says "signed by who may not" 1 "carries no valid signature of an allowed signer" live
git_as bert@example.org commit -q -S --amend -m "signed by bert, still anna's work" || bad "git"; chmod -R a+rX "$space"
says "signed, but of who starts it" 1 "was last changed by anna@example.org, who is who starts it" live
says "a reason may stand in for the second pair of eyes" 0 "override of live.reviewed: nobody else is awake" \
	live --override live.reviewed --reason "nobody else is awake"
says "but not for the signature" 1 'no rule "live.signed" that a reason may override' live --override live.signed --reason x
says "who is not in people: is not believed" 1 "does not say as whom $tag-dora commits" \
	book dora run mark --mode live --plain
for file in drillbook services targets mark; do echo "# by bert" >>"$space/$file.yaml"; done
git_as bert@example.org commit -q -S -a -m "all touched by bert" || bad "git"; chmod -R a+rX "$space"
says "clean, signed and of somebody else" 0 "done" live
echo "# in a hurry" >>"$space/mark.yaml"
says "changed since" 1 "wants a live run to be clean" live
says "what is not as committed is not what was signed, whatever the reason" 1 "wants a live run to be signed" \
	live --override live.clean --reason "in a hurry"
git_as bert@example.org config gpg.ssh.program /bin/true; git_as bert@example.org config gpg.ssh.allowedSignersFile /dev/null
git_as bert@example.org checkout -q mark.yaml
says "the repository's own configuration changes nothing" 0 "done" live

# ------------------------------------------------------------------ a book that is mended while its run is open
git_as bert@example.org checkout -q -- . ; rm -f "$place/data/effects"
cat >"$space/mend.yaml" <<END
runbook: To be mended
version: 1
service: shop
steps:
  - {id: ask, manual: Go on?}
  - id: mark
    uses: {action.run: prod}
    run: action.run("prod", {name = "mark"})
END
chmod a+r "$space/mend.yaml"
policy <<<"allow: [{environments: [lab, production], who: [$tag-anna]}]"
book anna run mend --mode drill --detach >/dev/null || bad "the run to be mended does not start"
run=$(ask carl '{"do":"runs","open":true}' | value "r['runs'][0]['run']")
says "nothing has changed yet" 0 "nothing has changed since run $run started" book anna adopt "$run"
sed -i 's/prod/tools/g' "$space/mend.yaml"
says "what has changed is said" 0 "changed mend.yaml" book anna adopt "$run"
equal "a plan that was tampered with is made anew here, too" CONFLICT \
	"$(ask anna "{\"do\":\"adopt\",\"run\":$run,\"note\":\"x\",\"plan\":$(book anna plan mend --json | python3 -c '
import json, sys
p = json.load(sys.stdin); p["files"][0]["text"] += "#"; print(json.dumps(p))')}" | code)"
book anna act "$run" pause >/dev/null && book anna answer "$run" done >/dev/null || bad "it does not pause"
policy <<<"allow: [{environments: [production]}]"
says "the policy looks at what would be adopted" 1 'environment "lab"' book anna adopt "$run" --note "the lab will do"
policy <<<"allow: [{environments: [lab, production], who: [$tag-anna]}]"
says "the mended book is adopted" 0 "adopted for the steps" book anna adopt "$run" --note "the lab will do"
book anna act "$run" continue >/dev/null
says "and runs" 0 "done" book anna attach "$run" --plain --approve mark
equal "as mended" lab "$(cat "$place/data/effects")"

# ------------------------------------------------------------------ a personal server has one, too
mkdir -p "$place/home-$tag-egon/.config/drillbook"
echo "allow: [{modes: [probe]}]" >"$place/home-$tag-egon/.config/drillbook/policy.yaml"
chown -R "$tag-egon:" "$place/home-$tag-egon"
own() { as egon "$place/app/bin/drillbook" --workspace "$place/other" "$@"; }
says "a workspace is trusted" 0 "" own trust "$place/other"
says "a policy of one's own" 1 "does not allow $tag-egon" own run mark --mode drill --plain
rm "$place/home-$tag-egon/.config/drillbook/policy.yaml"
says "and without it all is as before" 2 "no policy here that could be overridden" own run mark --mode drill --plain --override x --reason y
own server stop --force >/dev/null
finish
