#!/usr/bin/env bash
# provider-borg.sh: backup.* and restore.* on real borg repositories: whole ones, and ones with a flipped bit, a
# cut segment, a missing segment, another passphrase, a lock.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin borg borg

SRC=$T/srv/shop
mkdir -p "$SRC/orders/2026" "$SRC/empty dir" out
head -c 300000 /dev/urandom >"$SRC/orders/2026/data.bin"
for i in {1..20}; do echo "order $i" >"$SRC/orders/$i.txt"; done
ln -s orders/1.txt "$SRC/latest"
printf 'x' >"$SRC/orders/{a} weird, name"
printf 'right passphrase' >key; printf 'wrong passphrase' >badkey
export BORG_BASE_DIR=$T/borg
by_hand() { BORG_PASSPHRASE='right passphrase' borg "$@"; }
by_hand init -e repokey "$T/repo" >log/init 2>&1 || { cat log/init; exit 1; }
spec() { jq -cn --arg t "$T" --arg r "$1" --arg k "$T/${2:-key}" '{provider: "borg", environment: "lab", settings: {repository: $r, base_dir: ($t + "/borg"),
	env: {BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes"}}, secrets: {passphrase: {file: $k}}}'; }
target repo "$(spec "$T/repo")"
target wrong "$(spec "$T/repo" badkey)"
target keyless "$(jq -c 'del(.secrets)' <<<"${TARGETS[repo]}")"
target none "$(spec "$T/nothing")"
port; target refused "$(spec "ssh://nobody@127.0.0.1:$REPLY/srv/repo")"
target noprogram "$(jq -c '.settings.program = "/no/such/borg"' <<<"${TARGETS[repo]}")"
target readonly "$(jq -c '.settings.read_only = true' <<<"${TARGETS[repo]}")"
backup=$(jq -cn --arg p "$SRC" '{paths: $p}')
restore() { jq -cn --arg to "$T/out/$1" --argjson more "${2:-"{}"}" '{to: $to} + $more'; }

# ------------------------------------------------------------------ looking

call repo "" '{}' probe
is "doctor: program and repository" '[.report.checks[] | select(.ok)] | length == 2'
call wrong "" '{}' probe
is "doctor: wrong passphrase" '.error.code == "AUTH" and (.error.text | test("PassphraseWrong"))'
call keyless backup.points
is "no passphrase for a repository that needs one: AUTH" '.error.code == "AUTH"'
call none backup.points
is "no repository: NOT_FOUND" '.error.code == "NOT_FOUND"'
call refused backup.points
is "nobody listens: UNREACHABLE" '.error.code == "UNREACHABLE"'
call noprogram backup.points
is "no program: NOT_FOUND" '.error.code == "NOT_FOUND" and (.error.text | test("/no/such/borg"))'
call repo backup.points
is "no points yet: unknown, not zero" '.ok and .result.count == 0 and .result.unknown == ["newest_ms", "age_ms"]'
call repo restore.start "$(restore none)"
is "nothing to restore" '.error.code == "NOT_FOUND" and .error.world == "unchanged"'

# ------------------------------------------------------------------ backup

call wrong backup.start "$backup"
is "backup with a wrong passphrase: AUTH, unchanged" '.error.code == "AUTH" and .error.world == "unchanged"'
call readonly backup.start "$backup"
is "backup to a repository declared read_only: refused" '.error.code == "PRECONDITION"'
killed repo backup.start "$backup"
first=$(jq -r .evidence.result.id <<<"$ANSWER")
is "killed after: verify gives what run would have" '.evidence.result | .recovery_point_ms > 0 and (.id | length) == 64'
call repo backup.points
is "one point, with its tree, its key and its age" '.result | .count == 1 and (.points[0] | .paths == ["'"$SRC"'"] and .key == "test/1" and (.name | startswith("drillbook-")) and
	(.trees["'"$SRC"'"] | test("^[0-9a-f]{64}$"))) and .age_ms >= 0 and .age_ms < 120000'
echo changed >"$SRC/orders/1.txt"
call repo backup.start "$backup"
is "a second point: what it holds and added" '.ok and .effect == "change" and .result.files == 22 and .result.bytes > 300000 and .result.added_bytes < 300000 and .result.unknown == []'
second=$(jq -r .result.id <<<"$ANSWER"); tree=$(jq -r '.result.trees[]' <<<"$ANSWER")
target shop "$(jq -c '.settings.prefix = "shop-"' <<<"${TARGETS[repo]}")"
target glob "$(jq -c '.settings.prefix = "shop*"' <<<"${TARGETS[repo]}")"
call shop backup.start "$backup"
call shop backup.points
is "prefix: its own archives only, named so" '.result.count == 1 and (.result.points[0].name | startswith("shop-2"))'
call glob backup.points
is "a prefix that is a pattern: refused" '.error.code == "USAGE"'
chmod 000 "$SRC/orders/2.txt"
call repo backup.start "$(jq -c '.digest = false' <<<"$backup")"
is "a file that cannot be read: failed, though a point was made" '.error.code == "FAILED" and .error.world == "changed" and (.error.text | test("2.txt"))'
call repo backup.start "$(jq -c '.digest = false | .allow_partial = true' <<<"$backup")"
is "allow_partial says so" '.ok and .result.partial and .result.unknown == ["trees"]'
chmod 600 "$SRC/orders/2.txt"

# ------------------------------------------------------------------ restore

call repo restore.start "$(restore one "{\"point\": \"${second:0:10}\"}")"
is "a point by the beginning of its id: a change" ".ok and .effect == \"change\" and .result.point == \"$second\" and .result.expected_tree == \"$tree\""
check "it is the tree itself, not a tree of its path" diff -r "$SRC" out/one
call repo restore.validate "$(restore one)"
is "validate: equal to the digest of the backup" ".ok and .result.ok and .result.tree == \"$tree\" and .result.files == 22 and .result.links == 1"
call repo restore.start "$(restore old "{\"point\": \"$first\"}")"
call repo restore.validate "$(restore old "{\"like\": \"$SRC\"}")"
is "a stale copy goes red, and says where" '.error.code == "FAILED" and (.error.text | test("changed \"orders/1.txt\""))'
call repo restore.validate "$(restore old)"
is "though it is what was backed up then" '.ok'
rm -rf out/old/*
call repo restore.validate "$(restore old)"
is "an empty restore goes red" '.error.code == "FAILED" and (.error.text | test("0 files"))'
call repo restore.start "$(restore one)"
is "a directory that holds something: refused" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
mkdir out/hollow
call repo restore.start "$(restore hollow '{"path": "/no/such"}')"
is "no such directory in the point: nothing is left" '.ok == false and .error.world == "unchanged"'
check "the target and what is beside it are as they were" test "$(ls -A out/hollow; ls -d out/hollow*)" = out/hollow
call repo restore.start "$(restore hollow "{\"path\": \"$SRC/orders/2026\"}")"
is "one directory of a point, into an empty one" '.ok'
check "that directory alone" test "$(ls out/hollow)" = data.bin
killed repo restore.start "$(restore fresh "{\"point\": \"$second\"}")"
# how a restore takes a place, and leaves it again, is the same code for all vaults: provider-restic.sh
call repo restore.cleanup "$(restore fresh)"
check "cleanup: nothing is left beside it" test -z "$(ls -d out/fresh* 2>/dev/null)"

cat >racing-borg <<'SCRIPT'
#!/bin/sh
case "$1" in create) echo late >"$RACE" ;; esac
exec borg "$@"
SCRIPT
chmod +x racing-borg
target racing "$(jq -c --arg t "$T" --arg s "$SRC" '.settings += {program: ($t + "/racing-borg")} | .settings.env.RACE = ($s + "/late")' <<<"${TARGETS[repo]}")"
call racing backup.start "$backup"
is "a tree that changed meanwhile: the point is made, its digest is not kept" '.ok and .result.unknown == ["trees"]'
call repo backup.points '{"limit": 1}'
is "the newest point has no digest, and still its key" '.result.points[0] | (has("trees") | not) and .key == "test/1"'

# ------------------------------------------------------------------ damage in the repository

call repo backup.verify
is "verify: a whole repository, every chunk" '.ok and .result.ok'
call repo backup.verify '{"point": "latest"}'
is "verify: one point" '.ok and (.result.point | length) == 64'
damaged() { cp -r repo "$1"; target "$1" "$(spec "$T/$1")"; }
biggest() { find "$1/data" -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-; }
damaged flipped
segment=$(biggest flipped)
byte=$(od -An -tu1 -j 1000 -N 1 "$segment" | tr -d ' ')
printf "\\x$(printf '%02x' $((byte ^ 1)))" | dd of="$segment" bs=1 seek=1000 conv=notrunc status=none
call flipped backup.verify '{"point": "'"$second"'"}'
is "verify of one point finds one flipped bit" '.error.code == "FAILED" and (.error.text | test("IntegrityError"))'
call flipped restore.start "$(restore flipped "{\"point\": \"$second\"}")"
is "restore of it fails, and leaves nothing" '.error.code == "FAILED" and .error.world == "unchanged" and (.error.text | test("damaged"))'
check "nothing there" test -z "$(ls -d out/flipped* 2>/dev/null)"
call flipped backup.verify
is "verify finds one flipped bit" '.error.code == "FAILED" and (.error.text | test("damaged.*checksum mismatch"))'
damaged cut; truncate -s -1000 "$(biggest cut)"
call cut backup.verify '{"data": false}'
is "verify finds a cut segment" '.error.code == "FAILED" and (.error.text | test("damaged"))'
damaged missing; rm -f "$(biggest missing)"
call missing backup.verify '{"data": false}'
is "verify finds a missing segment" '.error.code == "FAILED" and (.error.text | test("damaged"))'
call wrong backup.verify
is "a wrong passphrase is no damage" '.error.code == "AUTH"'

# ------------------------------------------------------------------ a lock, a deadline

start holder env BORG_PASSPHRASE='right passphrase' borg with-lock "$T/repo" sleep 60
check "another borg holds the repository" until_ok 10000 test -e repo/lock.exclusive
call repo backup.start "$(jq -c '.digest = false' <<<"$backup")"
is "backup: HELD, unchanged" '.error.code == "HELD" and .error.world == "unchanged" and (.error.text | test("lock"; "i"))'
call repo restore.start "$(restore held)"
is "restore: HELD, unchanged" '.error.code == "HELD" and .error.world == "unchanged"'
call repo backup.verify
is "verify: HELD" '.error.code == "HELD"'
call readonly restore.start "$(restore held "{\"point\": \"$second\"}")"
is "a repository declared read_only is restored from without a lock" '.ok'
call repo backup.points
is "points can still be looked at" '.ok and .result.count > 3'
stop holder

cat >frozen-borg <<'SCRIPT'
#!/bin/sh
case "$1" in extract) kill -STOP $$ ;; esac
exec borg "$@"
SCRIPT
chmod +x frozen-borg
target frozen "$(jq -c --arg t "$T" '.settings.program = ($t + "/frozen-borg")' <<<"${TARGETS[repo]}")"
TIMEOUT_MS=2000 call frozen restore.start "$(restore frozen)"
is "a borg that freezes: TIMEOUT, and the target is as it was" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
check "nothing is left" test -z "$(ls -d out/frozen* 2>/dev/null)"
check "the passphrase was never in what was logged" fails grep -rq 'right passphrase' log
