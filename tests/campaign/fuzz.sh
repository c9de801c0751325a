#!/usr/bin/env bash
# fuzz.sh: every fuzz target under AddressSanitizer and UBSan, many mutations of its corpus with a seed of the day.
#
#   fuzz.sh [EXECUTIONS]     default 200000 for each target; builds build/asan when it is not there
set -u -o pipefail
root=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..")
count=${1:-${FUZZ_EXECUTIONS:-200000}} seed=${FUZZ_SEED:-$(date +%s)} bad=0 all=0
cd "$root" || exit 1
{ cmake --preset asan && cmake --build --preset asan; } >build/asan.log 2>&1 || { tail -n 20 build/asan.log; exit 1; }
work=$(mktemp -d /tmp/drillbook-fuzz-XXXXXX)
trap 'rm -rf "$work"' EXIT
for target in build/asan/tests/fuzz_*; do
	name=${target##*/fuzz_}
	if (cd "$work" && "$root/$target" -n "$count" -s "$seed" "$root/tests/fuzz/corpus/$name") >"$work/out" 2>&1; then
		printf '%-10s %s (seed %s)\n' "$name" "$(tail -n 1 "$work/out")" "$seed"
		all=$((all + count))
	else
		echo "$name: a finding with seed $seed"; tail -n 30 "$work/out"; bad=$((bad + 1))
		cp "$work/crash-input" "$root/build/crash-$name" 2>/dev/null
	fi
done
printf '%d executions, %d findings\n' "$all" "$bad"
((!bad))
