#!/usr/bin/env bash
# provider-files.sh: replication.*, backup.* and restore.* on real trees, here and over a real sshd.
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/call.sh"
. "$here/sshd.sh"
begin files rsync sshd ssh ssh-keygen
sshd_up
mkdir tmp; export TMPDIR=$T/tmp

SRC=$T/srv/shop
mkdir -p "$SRC/orders/2026" "$SRC/empty dir" copy store "far side" out
head -c 300000 /dev/urandom >"$SRC/orders/2026/data.bin"
for i in {1..20}; do echo "order $i" >"$SRC/orders/$i.txt"; done
ln -s orders/1.txt "$SRC/latest"
printf 'x' >"$SRC/orders/"$'odd \n name\'s "quote"'
: >"$SRC/orders-1"; mkfifo "$SRC/fifo"

spec() { # spec COPY STORE
	jq -cn --arg p "$SRC" --arg c "$1" --arg s "$2" --argjson ssh "$(sshd_settings)" \
		'{provider: "files", environment: "lab", settings: (($ssh | del(.host)) + {path: $p, copy: $c, store: $s})}'
}
target near "$(spec "$T/copy" "$T/store")"
target far "$(spec "127.0.0.1:$T/copy" "127.0.0.1:$T/far side")"
target gone "$(spec "$T/none" "$T/none")"
target stranger "$(jq -c --arg k "$T/ssh/stranger" '.settings.identity = $k' <<<"${TARGETS[far]}")"
port; target closed "$(jq -c --argjson p "$REPLY" '.settings.port = $p' <<<"${TARGETS[far]}")"
target odd "$(spec "relative/dir" "$T/store")"
target bare "$(jq -cn --arg p "$SRC" '{provider: "files", settings: {path: $p}}')"
restore() { jq -cn --arg to "$T/out/$1" --argjson more "${2:-"{}"}" '{to: $to} + $more'; }
replicate() { rsync -a --delete "$SRC/" copy/; }

# ------------------------------------------------------------------ replication

call near replication.status
is "no marker has arrived: unknown, not zero" '.ok and (.result.arrived | not) and .result.unknown == ["marker_ms", "age_ms"]'
call near replication.status '{"max_age": "1m"}'
is "and not fresh enough for anything" '.error.code == "PRECONDITION"'
echo "$(($(now_ms) - 90000))" >"$SRC/.drillbook-marker"; replicate
call near replication.status
is "a marker by another hand: its age, its basis" '.result | .arrived and .age_ms > 89000 and .age_ms < 120000 and .behind_ms == 0 and (.basis | test("marker"))'
call near replication.status '{"max_age": "1m"}'
is "a stale copy goes red" '.error.code == "PRECONDITION" and (.error.text | test("ms old"))'
call far replication.status
is "the same by ssh" '.ok and .result.age_ms > 89000'
echo "what" >copy/.drillbook-marker
call near replication.status
is "a marker that is none" '.error.code == "PROTOCOL"'
replicate
call gone replication.status
is "no copy at all: NOT_FOUND" '.error.code == "NOT_FOUND" and (.error.text | test("setting copy"))'
call closed replication.status
is "nobody listens: UNREACHABLE" '.error.code == "UNREACHABLE"'
call stranger replication.status
is "a key that is not accepted: AUTH" '.error.code == "AUTH"'
call odd replication.status
is "a copy that is no place: USAGE" '.error.code == "USAGE"'
call bare replication.status
is "no copy in the settings: USAGE" '.error.code == "USAGE"'

call near replication.canary '{"wait": "300ms"}'
is "nothing replicates: TIMEOUT, the marker stays" '.error.code == "TIMEOUT" and .error.world == "changed"'
call near replication.status
is "then the copy is behind" '.result.behind_ms > 80000'
cat >replicator <<SCRIPT
#!/bin/sh
while :; do rsync -a --delete "$SRC/" "$T/copy/"; sleep 0.2; done
SCRIPT
start replicator sh replicator
size=0
for name in near far; do
	call $name replication.canary '{"wait": "20s"}'
	check "$name: no two markers in a row have one size" test "$(stat -c %s "$SRC/.drillbook-marker")" != $size
	size=$(stat -c %s "$SRC/.drillbook-marker")
	is "$name: the canary arrives, and when" '.ok and .effect == "change" and .result.lag_ms >= 0 and .result.lag_ms < 20000 and (.result.basis | test("canary"))'
done
killed near replication.canary '{"wait": "20s"}'
echo "$(now_ms) somebody-else" >"$SRC/.drillbook-marker"
call near replication.canary '{}' verify '{"marker_ms": 1}'
is "another hand's marker: cannot tell" '.verdict == "cannot_tell"'
stop replicator; replicate
for name in near far; do
	call $name replication.compare
	is "$name: tree and copy are equal, by the same digest here and there" '.ok and .result.equal and .result.source == .result.copy and .result.source.files == 24'
done
digest=$(jq -r .result.source.tree <<<"$ANSWER")
rm copy/orders/3.txt; printf 'orders 2\n' >copy/orders/2.txt
for name in near far; do
	call $name replication.compare
	is "$name: a copy that differs goes red" '.error.code == "FAILED"'
done
rm -rf copy/* copy/.drill*
call far replication.compare
is "an empty copy goes red" '.error.code == "FAILED" and (.error.text | test("0 with 0 there"))'

# ------------------------------------------------------------------ backup and restore, here and there

call gone backup.points
is "no store: NOT_FOUND" '.error.code == "NOT_FOUND"'
call gone backup.start
is "backup to no store: unchanged" '.error.code == "NOT_FOUND" and .error.world == "unchanged"'
call stranger backup.start
is "backup with a key that is not accepted: AUTH, unchanged" '.error.code == "AUTH" and .error.world == "unchanged"'
for name in near far; do
	echo "order 1" >"$SRC/orders/1.txt"
	call $name backup.points
	is "$name: no points yet" '.result.count == 0 and .result.unknown == ["newest_ms", "age_ms"]'
	killed $name backup.start '{}'
	first=$(jq -r .evidence.result.id <<<"$ANSWER")
	echo changed >"$SRC/orders/1.txt"
	call $name backup.start
	is "$name: a second point" '.ok and .effect == "change" and .result.unknown == [] and (.result.partial | not)'
	second=$(jq -r .result.id <<<"$ANSWER")
	call $name backup.points
	is "$name: both, newest first" "[.result.points[].id] == [\"$second\", \"$first\"] and .result.points[0].key == \"test/1\" and .result.age_ms < 120000"
	call $name backup.verify
	is "$name: verify reads the newest where it is" ".ok and .result.point == \"$second\" and .result.files == 24"
	killed $name restore.start "$(restore "$name")"
	check "$name: restored as it was" diff -r --no-dereference "$SRC" "out/$name" --exclude fifo
	call $name restore.validate "$(restore "$name")"
	is "$name: validate" ".ok and .result.point == \"$second\" and .result.compared_with == \"the digest of the backup\""
	call $name restore.start "$(restore "$name")"
	is "$name: a directory that holds something is refused" '.error.code == "PRECONDITION"'
	call $name restore.start "$(restore "$name" "{\"overwrite\": true, \"point\": \"$first\"}")"
	is "$name: with overwrite the old one is kept" '.ok and .effect == "irreversible" and (.result.kept | test("replaced"))'
	check "$name: the older point" grep -qx 'order 1' "out/$name/orders/1.txt"
	call $name restore.validate "$(restore "$name" "{\"like\": \"$SRC\"}")"
	is "$name: a stale restore goes red" '.error.code == "FAILED" and (.error.text | test("changed \"orders/1.txt\""))'
	find "out/$name" -mindepth 1 -delete
	call $name restore.validate "$(restore "$name")"
	is "$name: an empty restore goes red" '.error.code == "FAILED" and (.error.text | test("0 files"))'
	killed $name restore.cleanup "$(restore "$name")"
	check "$name: what was there before is back" grep -qx changed "out/$name/orders/1.txt"
done
check "what did not change is one file in both points" test "$(stat -c %i "store/"*/orders/7.txt | sort -u | wc -l)" = 1
for dir in store "far side"; do printf 'ORDER 9\n' | dd of="$(ls -d "$dir"/*Z-*/ | sort | tail -n 1)orders/9.txt" conv=notrunc status=none; done
for name in near far; do
	call $name backup.verify
	is "$name: a point that was changed in the store goes red" '.error.code == "FAILED" and (.error.text | test("is not what was backed up"))'
done
# what changes without showing in size and time: the digest knows, --checksum copies it
touch -r "$SRC/orders/5.txt" tmp/time; printf 'ORDER 5\n' >"$SRC/orders/5.txt"; touch -r tmp/time "$SRC/orders/5.txt"; rm tmp/time
call near backup.start
call near backup.verify
is "a change that rsync does not see: the point goes red" '.error.code == "FAILED"'
call near backup.start '{"checksum": true}'
call near backup.verify
is "with checksum it is seen" '.ok'
call near backup.points
call near restore.start "$(restore changed "{\"before_ms\": $(jq ".result.newest_ms - 1" <<<"$ANSWER")}")"
call near restore.validate "$(restore changed)"
is "and so does a restore of it" '.error.code == "FAILED"'

echo 'order two' >"$SRC/orders/2.txt"; chmod 000 "$SRC/orders/2.txt"
call near backup.start '{"digest": false}'
is "a file that cannot be read: failed, though a point was made" '.error.code == "FAILED" and .error.world == "changed"'
call near backup.start '{"digest": false, "allow_partial": true, "exclude": ["*.bin"]}'
is "allow_partial says so" '.ok and .result.partial and .result.unknown == ["trees"]'
chmod 600 "$SRC/orders/2.txt"
call near backup.verify
is "a point without digest cannot be verified" '.error.code == "PRECONDITION"'
call near backup.verify '{"point": "20200101T000000Z-00000000"}'
is "no such point" '.error.code == "NOT_FOUND"'

# the connection breaks in the middle of a copy
call far backup.start '{}' prepare
before=$(jq -c .before <<<"$ANSWER")
kill -STOP "${PIDS[sshd]}"
call far backup.start '{}' run "$before"
is "a server that is frozen: unreachable" '.ok == false and .error.code == "UNREACHABLE"'
kill -CONT "${PIDS[sshd]}"
call far backup.start '{}' verify "$before"
is "verify: not done" '.verdict == "not_done"'
call far "" '{}' probe
is "doctor: rsync, tree, copy, store" '[.report.checks[] | select(.ok)] | length == 4'
call gone "" '{}' probe
is "doctor: what is not there" '[.report.checks[] | select(.ok | not) | .name] == ["copy", "store"]'
check "ssh's logs are gone" test -z "$(ls "$TMPDIR")"
[[ -n $digest ]] # the same here and there, compared above
