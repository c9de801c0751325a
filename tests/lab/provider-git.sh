#!/usr/bin/env bash
# provider-git.sh: vcs.* on real repositories: clean and dirty ones, signed and forged ones, hostile ones.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin git git ssh-keygen

for key in alice mallory; do ssh-keygen -q -t ed25519 -N '' -C $key -f $key || exit 1; done
mkdir trust
echo "alice@example.net $(<alice.pub)" >trust/signers
g() { git -C "${REPO:-repo}" -c user.name=Alice -c user.email=alice@example.net -c init.defaultBranch=main -c gpg.format=ssh -c user.signingKey="$T/${KEY:-alice}" "$@"; }
mkdir repo; g init -q
for i in {1..5}; do echo "setting $i" >repo/$i.conf; done
mkdir repo/sub; echo x >"repo/sub/odd "$'\n'"name"
g add -A; g commit -q -S -m "the first one"; first=$(g rev-parse HEAD)
echo more >>repo/1.conf; rm repo/2.conf; echo new >repo/6.conf; g add -A
g commit -q -m "not signed"; g tag light
echo again >>repo/1.conf; g commit -qaS -m "signed again"; head=$(g rev-parse HEAD)
g tag -s -m "release" v1; KEY=mallory g tag -s -m "forged" v2; g tag -a -m "plain" v3
KEY=mallory g commit -q --allow-empty -S -m "by another hand"; forged=$(g rev-parse HEAD); g reset -q --hard "$head"

spec() { jq -cn --arg p "$1" --arg s "$2" '{provider: "git", environment: "lab", settings: {path: $p, allowed_signers: $s}}'; }
target repo "$(spec "$T/repo" "$T/trust/signers")"
target none "$(spec "$T/trust" "$T/trust/signers")"
target gone "$(spec "$T/nothing" "$T/trust/signers")"
target nobody "$(jq -c 'del(.settings.allowed_signers)' <<<"${TARGETS[repo]}")"
target noprogram "$(jq -c '.settings.program = "/no/such/git"' <<<"${TARGETS[repo]}")"

call repo vcs.head
is "head: commit, branch, tags, time" ".ok and .result.commit == \"$head\" and .result.branch == \"main\" and (.result.detached | not) and .result.tags == [\"v1\", \"v2\", \"v3\"] and .result.subject == \"signed again\" and .result.author == \"Alice <alice@example.net>\" and .result.time_ms > 1700000000000"
call repo vcs.head "{\"rev\": \"$first\"}"
is "another commit" ".result.commit == \"$first\" and .result.subject == \"the first one\""
call repo vcs.head '{"rev": "--output=/tmp/x"}'
is "a revision that looks like an option" '.error.code == "NOT_FOUND"'
call repo vcs.head '{"rev": "nope"}'
is "no such revision" '.error.code == "NOT_FOUND" and (.error.text | test("nope"))'
for name in none gone; do
	call $name vcs.head
	is "$name: no repository" '.error.code == "NOT_FOUND"'
done
call noprogram vcs.head
is "no git" '.error.code == "NOT_FOUND" and (.error.text | test("/no/such/git"))'

# ------------------------------------------------------------------ clean

call repo vcs.clean
is "clean" ".ok and .result.clean and .result.commit == \"$head\" and .result.files == []"
echo stray >"repo/stray file"
call repo vcs.clean
is "an untracked file: not clean" '.error.code == "PRECONDITION" and .result.untracked == 1 and .result.files == [{state: "untracked", path: "stray file"}]'
call repo vcs.clean '{"allow_untracked": true}'
is "unless they are allowed" '.ok and .result.ignored_untracked == 1'
rm "repo/stray file"
printf 'Setting 3\n' >repo/3.conf
call repo vcs.clean
is "a changed file of the same size" '.error.code == "PRECONDITION" and (.error.text | test("3.conf")) and .result.changed == 1'
g add -A
call repo vcs.clean
is "staged is not committed" '.error.code == "PRECONDITION" and .result.changed == 1'
g reset -q --hard
echo x >>"repo/sub/odd "$'\n'"name"; rm repo/4.conf
call repo vcs.clean
is "names with line breaks; deleted files" '.result.changed == 2 and ([.result.files[].path] | sort) == ["4.conf", "sub/odd \nname"]'
g reset -q --hard
g update-index --assume-unchanged 5.conf; echo hidden >>repo/5.conf
call repo vcs.clean
is "a change the index is told to hide" '.error.code == "PRECONDITION" and .result.hidden == 1 and .result.changed == 0'
g update-index --no-assume-unchanged 5.conf; g reset -q --hard
call repo vcs.clean
is "clean again" '.ok'

# ------------------------------------------------------------------ diff

call repo vcs.diff "{\"since\": \"$first\"}"
is "what changed since a commit" '.ok and .result.commits == 2 and .result.forward and .result.count == 3 and
	.result.files == [{state: "changed", path: "1.conf"}, {state: "deleted", path: "2.conf"}, {state: "added", path: "6.conf"}]'
call repo vcs.diff "{\"since\": \"$first\", \"paths\": [\"6.conf\", \"*.md\"]}"
is "below some paths, which are no patterns" '.result.count == 1'
call repo vcs.diff "{\"since\": \"light\", \"to\": \"$first\"}"
is "backwards says so" '.ok and .result.commits == 0 and (.result.forward | not) and .result.count == 3'
call repo vcs.diff "{\"since\": \"HEAD\"}"
is "nothing" '.result.commits == 0 and .result.count == 0 and .result.forward'

# ------------------------------------------------------------------ signatures

call repo vcs.verify_signature
is "a signed commit: who, with which key" ".ok and .result.good and .result.signer == \"alice@example.net\" and (.result.key | startswith(\"SHA256:\")) and .result.format == \"ssh\" and .result.commit == \"$head\""
call repo vcs.verify_signature '{"tag": "v1"}'
is "a signed tag" ".ok and .result.tag == \"v1\" and .result.commit == \"$head\""
call repo vcs.verify_signature '{"signers": ["bob@example.net"]}'
is "signed by somebody who is not asked for" '.error.code == "FAILED" and (.error.text | test("not among the signers"))'
call repo vcs.verify_signature '{"rev": "light"}'
is "not signed: red" '.error.code == "FAILED" and (.error.text | test("is not signed"))'
call repo vcs.verify_signature '{"tag": "v3"}'
is "an annotated tag that is not signed: red" '.error.code == "FAILED" and (.error.text | test("is not signed"))'
call repo vcs.verify_signature '{"tag": "light"}'
is "a tag that is no object cannot be signed" '.error.code == "NOT_FOUND"'
call repo vcs.verify_signature "{\"rev\": \"$forged\"}"
is "signed by another hand: red" '.error.code == "FAILED" and (.error.text | test("not in")) and (.result.good | not)'
call repo vcs.verify_signature '{"tag": "v2"}'
is "a tag by another hand: red" '.error.code == "FAILED"'
tampered=$(g cat-file commit "$head" | sed 's/signed again/signed once more/' | g hash-object -t commit -w --stdin)
call repo vcs.verify_signature "{\"rev\": \"$tampered\"}"
is "a commit that was changed after it was signed: red" '.error.code == "FAILED" and (.error.text | test("not good"))'
call nobody vcs.verify_signature
is "nobody may sign: refused" '.error.code == "USAGE"'
cp trust/signers repo/.git/signers; echo "mallory@example.net $(<mallory.pub)" >>repo/.git/signers
target inside "$(spec "$T/repo" "$T/repo/.git/signers")"
call inside vcs.verify_signature "{\"rev\": \"$forged\"}"
is "signers inside the repository: refused" '.error.code == "PRECONDITION" and (.error.text | test("lies in"))'
cp repo/.git/signers ws/signers; ln -s "$T/ws/signers" trust/link
target workspace "$(spec "$T/repo" "$T/trust/link")"
call workspace vcs.verify_signature "{\"rev\": \"$forged\"}"
is "signers in the workspace, also by a link: refused" '.error.code == "PRECONDITION"'
if type -P gpg >/dev/null; then
	mkdir -m 700 ring; export GNUPGHOME=$T/ring
	gpg --batch --quiet --passphrase '' --quick-generate-key 'Carol <carol@example.net>' ed25519 sign never 2>log/gpg
	g -c gpg.format=openpgp -c user.signingKey=carol@example.net tag -s -m "by gpg" v4 2>>log/gpg
	gpgconf --kill all; unset GNUPGHOME
	mkdir -m 700 empty
	target ring "$(jq -c --arg t "$T" '.settings.gnupg_home = ($t + "/ring")' <<<"${TARGETS[repo]}")"
	target empty "$(jq -c --arg t "$T" '.settings.gnupg_home = ($t + "/empty")' <<<"${TARGETS[repo]}")"
	call ring vcs.verify_signature '{"tag": "v4"}'
	is "openpgp: a signed tag" '.ok and .result.format == "openpgp" and .result.signer == "Carol <carol@example.net>" and (.result.key | length) == 40'
	call empty vcs.verify_signature '{"tag": "v4"}'
	is "openpgp: a key that is not in the ring: red" '.error.code == "FAILED" and (.error.text | test("not in gnupg_home"))'
	call repo vcs.verify_signature '{"tag": "v4"}'
	is "openpgp: no ring: red" '.error.code == "FAILED"'
fi

# ------------------------------------------------------------------ a repository that wants to run something

cat >trap <<SCRIPT
#!/bin/sh
echo "\$0 \$*" >>"$T/sprung"
cat
SCRIPT
chmod +x trap
cp -r repo hostile; target hostile "$(spec "$T/hostile" "$T/trust/signers")"
mkdir hooks; for hook in post-index-change reference-transaction post-checkout fsmonitor-watchman; do cp trap hooks/$hook; done
REPO=hostile g config core.hooksPath "$T/hooks"
for setting in core.fsmonitor core.pager pager.log pager.status diff.external core.sshCommand gpg.program gpg.ssh.program gpg.openpgp.program diff.x.textconv diff.x.command \
	filter.x.clean filter.x.smudge filter.x.process filter.y.clean credential.helper core.askPass interactive.diffFilter core.gitProxy alias.status; do
	REPO=hostile g config "$setting" "$T/trap"
done
REPO=hostile g config filter.x.required true; REPO=hostile g config log.showSignature true
echo '*.conf filter=x diff=x
sub/* filter=y' >hostile/.git/info/attributes
touch hostile/*.conf hostile/sub/*
call hostile vcs.clean
is "hostile: clean is still told" '.ok and .result.clean'
echo changed >hostile/1.conf
call hostile vcs.clean
is "hostile: and dirty too" '.error.code == "PRECONDITION" and .result.changed == 1'
call hostile vcs.head
is "hostile: head" ".result.commit == \"$head\""
call hostile vcs.diff "{\"since\": \"$first\"}"
is "hostile: diff" '.result.count == 3'
call hostile vcs.verify_signature
is "hostile: the signature is checked by our own program" '.ok and .result.signer == "alice@example.net"'
REPO=hostile g config gpg.ssh.allowedSignersFile "$T/ws/signers"
call hostile vcs.verify_signature "{\"rev\": \"$forged\"}"
is "hostile: its own list of signers is not asked" '.error.code == "FAILED"'
call hostile "" '{}' probe
is "hostile: doctor" '[.report.checks[] | select(.ok)] | length == 3'
check "nothing of the repository's was run" test ! -e sprung
check "git itself would have (the trap is one)" bash -c "cd hostile && { git -c core.hooksPath= status >/dev/null 2>&1; git diff >/dev/null 2>&1; test -e '$T/sprung'; }"

call repo "" '{}' probe
is "doctor: program, repository, signers" '[.report.checks[] | select(.ok) | .name] == ["program", "repository", "allowed_signers"]'
call inside "" '{}' probe
is "doctor: signers that whoever commits can change" '[.report.checks[] | select(.ok | not) | .name] == ["allowed_signers"]'
