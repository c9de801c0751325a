#!/usr/bin/env bash
# seeded.sh: bugs that are put in on purpose, one at a time; each must be caught by the test it names.
#
#   seeded.sh [NAME…]      tests/campaign/bugs/NAME.patch, all of them without names
#
# A patch that does not apply any more is as bad as a bug that survives: the code it was made for has changed.
set -u -o pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root=$(readlink -f "$here/../..")
limit=${SEEDED_LIMIT:-300}
dir=$(mktemp -d /tmp/drillbook-seeded-XXXXXX)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
unset DRILLBOOK_CAMPAIGN # the slice is what must catch them

(cd "$root" && git ls-files -z --cached --others --exclude-standard | tar -c --null -T - 2>/dev/null) | tar -x -C "$dir" || exit 1
build() { (cd "$dir" && cmake --build build/dev) >"$dir/log" 2>&1; }
(cd "$dir" && cmake --preset dev) >"$dir/log" 2>&1 && build || { tail -n 20 "$dir/log"; exit 1; }

killed=0 survived=0 stale=0
names=("$@")
((${#names[@]})) || mapfile -t names < <(cd "$here/bugs" && printf '%s\n' *.patch | sed 's/\.patch$//')
for name in "${names[@]}"; do
	patch=$here/bugs/$name.patch
	test=$(sed -n 's/^test: //p' "$patch")
	if ! patch -s -p1 -d "$dir" <"$patch" >/dev/null 2>&1; then
		echo "STALE     $name: the patch does not apply"; stale=$((stale + 1)); continue
	fi
	if ! build; then
		echo "STALE     $name: it does not compile"; tail -n 5 "$dir/log"; stale=$((stale + 1))
	elif (cd "$dir" && timeout -k 5 "$limit" "build/dev/tests/test_$test") >"$dir/out" 2>&1; then
		echo "SURVIVED  $name: $(sed -n 's/^bug: //p' "$patch") (unit.$test did not notice)"; survived=$((survived + 1))
	else
		echo "killed    $name by unit.$test"; killed=$((killed + 1))
	fi
	patch -s -R -p1 -d "$dir" <"$patch" >/dev/null 2>&1
done
printf '%d killed, %d survived, %d stale\n' $killed $survived $stale
((!survived && !stale && killed))
