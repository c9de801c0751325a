#!/usr/bin/env bash
# provider-restic.sh: backup.* and restore.* on real restic repositories: whole ones, and ones with a flipped
# bit, a cut pack, a missing pack, another password, a lock.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/call.sh"
begin restic restic python3 openssl

SRC=$T/srv/shop
mkdir -p "$SRC/orders/2026" "$SRC/empty dir" out
head -c 300000 /dev/urandom >"$SRC/orders/2026/data.bin"
for i in {1..20}; do echo "order $i" >"$SRC/orders/$i.txt"; done
ln -s orders/1.txt "$SRC/latest"
printf 'x' >"$SRC/orders/[a]*? weird, name"
printf 'right password' >key; printf 'wrong password' >badkey
restic=(restic --no-cache --password-file "$T/key" -q)
"${restic[@]}" -r "$T/repo" init >/dev/null || exit 1
# half a second for each of a hundred commands is not what is tested here
"$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/restic-key" "$T/repo" "$T/key" || exit 1
spec() { jq -cn --arg r "$1" --arg k "$T/${2:-key}" '{provider: "restic", environment: "lab", settings: {repository: $r, host: "lab"}, secrets: {password: {file: $k}}}'; }
target repo "$(spec "$T/repo")"
target wrong "$(spec "$T/repo" badkey)"
target none "$(spec "$T/nothing")"
port; target refused "$(spec "rest:http://127.0.0.1:$REPLY/")"
target noprogram "$(jq -c '.settings.program = "/no/such/restic"' <<<"${TARGETS[repo]}")"
target readonly "$(jq -c '.settings.read_only = true' <<<"${TARGETS[repo]}")"
backup=$(jq -cn --arg p "$SRC" '{paths: $p}')
restore() { jq -cn --arg to "$T/out/$1" --argjson more "${2:-"{}"}" '{to: $to} + $more'; }

# ------------------------------------------------------------------ looking

call repo "" '{}' probe
is "doctor: program and repository" '[.report.checks[] | select(.ok)] | length == 2'
call wrong "" '{}' probe
is "doctor: wrong password" '.error.code == "AUTH" and (.error.text | test("password"))'
call none backup.points
is "no repository: NOT_FOUND" '.error.code == "NOT_FOUND"'
call refused backup.points
is "nobody listens: UNREACHABLE" '.error.code == "UNREACHABLE"'
call noprogram backup.points
is "no program: NOT_FOUND" '.error.code == "NOT_FOUND" and (.error.text | test("/no/such/restic"))'
call repo backup.points
is "no points yet: unknown, not zero" '.ok and .result.count == 0 and .result.unknown == ["newest_ms", "age_ms"]'
call repo restore.start "$(restore none)"
is "nothing to restore" '.error.code == "NOT_FOUND" and .error.world == "unchanged"'

# ------------------------------------------------------------------ backup

call wrong backup.start "$backup"
is "backup with a wrong password: AUTH, unchanged" '.error.code == "AUTH" and .error.world == "unchanged"'
call readonly backup.start "$backup"
is "backup to a repository declared read_only: refused" '.error.code == "PRECONDITION"'
call repo backup.start '{"paths": ["/no/such/dir"]}'
is "backup of nothing: NOT_FOUND" '.error.code == "NOT_FOUND" and .error.world == "unchanged"'
killed repo backup.start "$backup"
first=$(jq -r .evidence.result.id <<<"$ANSWER")
is "killed after: verify gives what run would have" '.evidence.result | .recovery_point_ms > 0 and (.id | length) == 64'
# the other one that was killed "before" left nothing: exactly one point
call repo backup.points
is "one point, with its tree, its key and its age" '.result | .count == 1 and (.points[0] | .host == "lab" and .paths == ["'"$SRC"'"] and .key == "test/1" and
	(.trees["'"$SRC"'"] | test("^[0-9a-f]{64}$")) and .tags == []) and .age_ms >= 0 and .age_ms < 120000'
echo changed >"$SRC/orders/1.txt"
call repo backup.start "$backup"
is "a second point: what it holds and added" '.ok and .effect == "change" and .result.files == 22 and .result.bytes > 300000 and .result.added_bytes < 300000 and .result.unknown == []'
second=$(jq -r .result.id <<<"$ANSWER"); tree=$(jq -r '.result.trees[]' <<<"$ANSWER")
chmod 000 "$SRC/orders/2.txt"
call repo backup.start "$(jq -c '.digest = false' <<<"$backup")"
is "a file that cannot be read: failed, though a point was made" '.error.code == "FAILED" and .error.world == "changed" and (.error.text | test("2.txt"))'
call repo backup.start "$(jq -c '.digest = false | .allow_partial = true' <<<"$backup")"
is "allow_partial says so" '.ok and .result.partial and .result.unknown == ["trees"]'
chmod 600 "$SRC/orders/2.txt"

# ------------------------------------------------------------------ restore

call repo restore.start "$(restore new)"
is "latest, to a new directory: a change" '.ok and .effect == "change" and .result.path == "'"$T"'/out/new"'
call repo restore.start "$(restore one "{\"point\": \"${second:0:8}\"}")"
is "a point by the beginning of its id" ".ok and .result.point == \"$second\" and .result.expected_tree == \"$tree\""
check "it is the tree itself, not a tree of its path" diff -r "$SRC" out/one
call repo restore.validate "$(restore one)"
is "validate: equal to the digest of the backup" ".ok and .result.ok and .result.tree == \"$tree\" and .result.files == 22 and .result.links == 1 and .result.compared_with == \"the digest of the backup\" and .result.point == \"$second\""
call repo restore.validate "$(restore one "{\"like\": \"$SRC\"}")"
is "validate: equal to another tree" '.ok and .result.differences == {missing: [], extra: [], changed: []}'
call repo restore.start "$(restore old "{\"point\": \"$first\"}")"
call repo restore.validate "$(restore old "{\"like\": \"$SRC\"}")"
is "a stale copy goes red, and says where" '.error.code == "FAILED" and (.error.text | test("changed \"orders/1.txt\""))'
call repo restore.validate "$(restore old "{\"tree\": \"$tree\"}")"
is "a stale copy has another digest" '.error.code == "FAILED"'
call repo restore.validate "$(restore new)"
is "a partial point has nothing to be compared with" '.error.code == "PRECONDITION" and (.error.text | test("tree or like"))'
call repo restore.start "$(restore one)"
is "a directory that holds something: refused" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
mkdir out/hollow
call repo restore.start "$(restore hollow '{"point": "000000000000"}')"
is "no such point" '.error.code == "NOT_FOUND"'
call repo restore.start "$(restore hollow '{"path": "/no/such"}')"
is "no such directory in the point: nothing is left" '.error.code == "NOT_FOUND" and .error.world == "unchanged"'
check "the target and what is beside it are as they were" test "$(ls -A out/hollow; ls -d out/hollow*)" = out/hollow
call repo restore.start "$(restore hollow "{\"path\": \"$SRC/orders/2026\"}")"
is "one directory of a point, into an empty one" '.ok'
check "that directory alone" test "$(ls out/hollow)" = data.bin

# each kind of damage
printf 'X' >>out/one/orders/7.txt
call repo restore.validate "$(restore one)"
is "one byte more: red" '.error.code == "FAILED" and (.error.text | test("is not what was backed up"))'
mv out/one/orders/8.txt out/one/orders/8.TXT
call repo restore.validate "$(restore one "{\"like\": \"$SRC\"}")"
is "and where: changed, missing, extra" '.error.text | test("in 3 names")'
rm -rf out/one/*
call repo restore.validate "$(restore one)"
is "an empty restore: red" '.error.code == "FAILED" and (.error.text | test("0 files"))'
call repo restore.validate "$(restore gone)"
is "no restore at all: red" '.error.code == "NOT_FOUND"'

# over something that is there
mkdir out/live; echo mine >out/live/mine
live=$(restore live "{\"overwrite\": true, \"point\": \"$second\"}")
call repo restore.start "$live" prepare
is "over a directory: irreversible" '.effect == "irreversible" and .before.state == "used"'
killed repo restore.start "$live"
kept=$(jq -r .evidence.result.kept <<<"$ANSWER")
check "nothing of the old one is among what was restored" diff -r "$SRC" out/live
check "the old one is kept" grep -q mine "$kept/mine"
undo repo '{"undo": {"op": "restore.cleanup", "args": {"to": "'"$T/out/live"'"}}}'
is "cleanup puts it back" '.ok and .effect == "change" and .result.put_back'
check "as it was" test "$(ls out/live; ls -d out/live*)" = "mine
out/live"

killed repo restore.start "$(restore fresh "{\"point\": \"$second\"}")"
echo note >out/fresh/new-file
call repo restore.cleanup "$(restore fresh)" prepare
is "cleanup of what was changed since: irreversible" '.ok and .effect == "irreversible"'
rm out/fresh/new-file; touch -r "$SRC" out/fresh
killed repo restore.cleanup "$(restore fresh)"
check "nothing is left beside it" test -z "$(ls -d out/fresh* 2>/dev/null)"
call repo restore.cleanup "$(restore hollow)"
is "cleanup of an untouched restore: a change" '.ok and .effect == "change"'
mkdir out/mine
call repo restore.cleanup "$(restore mine)"
is "cleanup of what was not restored: refused" '.error.code == "PRECONDITION"'
rm -rf out/new && mkdir out/new && echo other >out/new/file
call repo restore.cleanup "$(restore new)"
is "cleanup of another directory of that name: refused" '.error.code == "PRECONDITION"'
check "it is still there" test -e out/new/file

# between the steps of the exchange: what was there before is never taken for ours
mkdir out/swap; echo mine >out/swap/mine
swap=$(restore swap "{\"overwrite\": true, \"point\": \"$second\"}")
call repo restore.start "$swap"
before=$(jq -c .before <<<"$ANSWER"); kept=$(jq -r .result.kept <<<"$ANSWER")
mv out/swap out/third && mv "$kept" out/swap && mv out/third "$kept"
call repo restore.start "$swap" verify "$before"
is "killed just before the two change places: not done" '.verdict == "not_done"'
call repo restore.cleanup "$(restore swap)"
is "cleanup removes what was restored" '.ok and (.result.put_back | not)'
check "and leaves what was there" test "$(ls out/swap; ls -d out/swap*)" = "mine
out/swap"
call repo restore.start "$swap"
kept=$(jq -r .result.kept <<<"$ANSWER"); mv "$kept" out/elsewhere
call repo restore.cleanup "$(restore swap)"
is "what was there before is gone from where it was kept: cleanup refuses" '.error.code == "PRECONDITION" and (.error.text | test("put back"))'
check "and removes nothing" test -e out/swap/latest

# killed in the middle of fetching
cat >halfway-restic <<'SCRIPT'
#!/bin/sh
case " $* " in *" restore "*) echo half >half; mkdir -p "$PART"; echo half >"$PART/half"; : >"$PART.reached"; kill -STOP $$ ;; esac
exec restic "$@"
SCRIPT
chmod +x halfway-restic
half=$(restore half "{\"point\": \"$second\"}")
target halfway "$(jq -c --arg t "$T" '.settings += {program: ($t + "/halfway-restic"), env: {PART: ($t + "/out/half.part-test-1")}}' <<<"${TARGETS[repo]}")"
call halfway restore.start "$half" prepare
before=$(jq -c .before <<<"$ANSWER")
request halfway restore.start "$half" run "$before" >request.json
start worker bash -c "exec '$WORKER' --call <request.json >/dev/null"
check "a restore is half done" until_ok 5000 test -e out/half.part-test-1.reached
left=$(pgrep -P "${PIDS[worker]}")
check "restic has the password neither in its words nor in its environment" fails grep -aq 'right password' "/proc/$left/cmdline" "/proc/$left/environ"
check "but was told where it is" grep -aq 'RESTIC_PASSWORD_FILE=/proc/self/fd/' "/proc/$left/environ"
stop worker KILL 2>/dev/null; kill -KILL "$left"
rm out/half.part-test-1.reached
call repo restore.start "$half" verify "$before"
is "killed in the middle: not done" '.verdict == "not_done"'
check "the target is as it was" test ! -e out/half
call repo restore.cleanup "$(restore half)" prepare
is "cleanup would remove what is left beside it: a change" '.ok and .effect == "change"'
call repo restore.start "$half"
is "once more: done" '.ok'
check "and nothing of the first attempt is in it" diff -r "$SRC" out/half
check "nor beside it" test -z "$(ls -d out/half.part* 2>/dev/null)"

# a tree that changes while it is read has no digest
cat >slow-restic <<'SCRIPT'
#!/bin/sh
case " $* " in *" backup "*) echo late >"$RACE" ;; esac
exec restic "$@"
SCRIPT
chmod +x slow-restic
target racing "$(jq -c --arg t "$T" --arg s "$SRC" '.settings += {program: ($t + "/slow-restic"), env: {RACE: ($s + "/late")}}' <<<"${TARGETS[repo]}")"
call racing backup.start "$backup"
is "a tree that changed meanwhile: the point is made, its digest is not kept" '.ok and .result.unknown == ["trees"]'
call repo backup.points '{"limit": 1}'
is "the newest point has no digest" '(.result.points | length) == 1 and (.result.points[0] | has("trees") | not)'

# ------------------------------------------------------------------ damage in the repository

call repo backup.verify
is "verify: a whole repository, all data read" '.ok and .result.ok and .result.data == "all"'
damaged() { cp -r repo "$1"; target "$1" "$(spec "$T/$1")"; }
biggest() { find "$1/data" -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-; }
damaged flipped
pack=$(biggest flipped); chmod u+w "$pack"
byte=$(od -An -tu1 -j 1000 -N 1 "$pack" | tr -d ' ')
printf "\\x$(printf '%02x' $((byte ^ 1)))" | dd of="$pack" bs=1 seek=1000 conv=notrunc status=none
call flipped backup.verify
is "verify finds one flipped bit" '.error.code == "FAILED" and (.error.text | test("damaged"))'
call flipped backup.verify '{"data": "none"}'
is "verify without data cannot, which is why it is not the default" '.ok and .result.data == "none"'
call flipped restore.start "$(restore flipped)"
is "restore of it fails, and leaves nothing" '.error.code == "FAILED" and .error.world == "unchanged"'
check "nothing there" test -z "$(ls -d out/flipped* 2>/dev/null)"
damaged cut
pack=$(biggest cut); chmod u+w "$pack"; truncate -s -100 "$pack"
call cut backup.verify '{"data": "none"}'
is "verify finds a cut pack in the structure" '.error.code == "FAILED" and (.error.text | test("damaged"))'
damaged missing; rm -f "$(biggest missing)"
call missing backup.verify '{"data": "none"}'
is "verify finds a missing pack" '.error.code == "FAILED" and (.error.text | test("damaged"))'
call wrong backup.verify
is "a wrong password is no damage" '.error.code == "AUTH"'

# ------------------------------------------------------------------ a lock

start holder "${restic[@]}" -r "$T/repo" check --read-data
locked() { [[ -n $(ls repo/locks) ]]; }
check "another restic holds the repository" until_ok 10000 locked
kill -STOP "${PIDS[holder]}"
call repo backup.start "$(jq -c '.digest = false' <<<"$backup")"
is "backup: HELD, unchanged" '.error.code == "HELD" and .error.world == "unchanged" and (.error.text | test("lock"))'
call repo restore.start "$(restore held)"
is "restore: HELD, unchanged" '.error.code == "HELD" and .error.world == "unchanged"'
call readonly restore.start "$(restore held "{\"point\": \"$second\"}")"
is "a repository declared read_only is restored from without a lock" '.ok'
call repo backup.points
is "points can still be looked at" '.ok and .result.count > 3'
kill -CONT "${PIDS[holder]}"; stop holder

# ------------------------------------------------------------------ a deadline

cat >frozen-restic <<'SCRIPT'
#!/bin/sh
case " $* " in *" restore "*) kill -STOP $$ ;; esac
exec restic "$@"
SCRIPT
chmod +x frozen-restic
target frozen "$(jq -c --arg t "$T" '.settings.program = ($t + "/frozen-restic")' <<<"${TARGETS[readonly]}")"
call frozen restore.start "$(restore frozen)" prepare
before=$(jq -c .before <<<"$ANSWER")
TIMEOUT_MS=1000 call frozen restore.start "$(restore frozen)" run "$before"
is "a restic that freezes: TIMEOUT, and the target is as it was" '.error.code == "TIMEOUT" and .error.world == "unchanged"'
check "nothing is left" test -z "$(ls -d out/frozen* 2>/dev/null)"
check "the password was never an argument or in what was logged" fails grep -rq 'right password' log
