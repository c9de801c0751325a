#!/usr/bin/env bash
# The restore test of docs/ci.md as it stands there: its files, its block of shell, the XML read by a parser.  A
# backup that is whole passes; one that is damaged, empty or old makes the pipeline fail and the XML say where.
set -u -o pipefail
root=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..")
build=${DRILLBOOK_BUILD:-$root/build/dev}
page=$root/docs/ci.md
type -P sqlite3 python3 >/dev/null || { echo "sqlite3 or python3 is not installed"; exit 77; }

dir=$(mktemp -d /tmp/drillbook-ci-XXXXXX)
export PATH=$build/bin:$PATH
unset DRILLBOOK_DATA DRILLBOOK_CONFIG DRILLBOOK_WORKSPACE DRILLBOOK_SERVER
finish() {
	local data
	for data in "$dir"/*/.drillbook; do
		[[ ! -d $data ]] || DRILLBOOK_DATA=$data DRILLBOOK_CONFIG=$data/config drillbook server stop --force >/dev/null 2>&1
	done
	rm -rf "$dir"
}
trap finish EXIT

bad=0
check() { # check NAME COMMAND...
	local name=$1; shift
	if "$@"; then printf 'ok      %s\n' "$name"; else printf 'NOT OK  %s (%s)\n' "$name" "$*"; bad=$((bad + 1)); fi
}
equal() { check "$1: $3" test "$2" = "$3"; } # equal NAME EXPECTED FOUND
block() { # block MARK: what stands in the fence behind the comment
	awk -v mark="<!-- $1" 'index($0, mark) == 1 {on = 1; next} on && /^```/ {if (inside) exit; inside = 1; next} on && inside' "$page"
}
database() { # database FILE ROWS AGE_SECONDS
	mkdir -p "${1%/*}"
	sqlite3 "$1" "create table orders(seq integer primary key, note text);
		create table heartbeat(one integer primary key check (one = 1), at_ms integer not null);
		insert into heartbeat values (1, (unixepoch() - $3) * 1000);
		with recursive n(i) as (select 1 union all select i + 1 from n where i < $2)
			insert into orders select i, 'order ' || i from n where $2 > 0;" >/dev/null
}
# A clean checkout and one job in it; its exit status in `status`.
job() { # job NAME ROWS AGE_SECONDS
	local file
	mkdir "$dir/$1" && cd "$dir/$1" || exit 1
	for file in drillbook.yaml services.yaml targets.yaml restore-test.yaml; do block "file: $file" >"$file"; done
	database backups/orders.db "$2" "$3"
	! declare -F "harm_$1" >/dev/null || "harm_$1"
	sh -e -c "$shell" >job.log 2>&1
	status=$?
	check "$1: no server is left" no_server
}
no_server() {
	DRILLBOOK_DATA=$PWD/.drillbook DRILLBOOK_CONFIG=$PWD/.drillbook/config drillbook server status 2>&1 | grep -q 'no server runs'
}
# A Python expression over the parsed XML: s the suite, cases {name: element}, p {property: value}.
xml() { python3 -c "
import sys, xml.etree.ElementTree as tree
s = tree.parse('results/restore-test.xml').getroot().find('testsuite')
cases = {c.get('name'): c for c in s.findall('testcase')}
p = {e.get('name'): e.get('value') for e in s.find('properties')}
bad = sorted(c.get('name').split(':')[0] for c in s.findall('testcase') if c.find('failure') is not None or c.find('error') is not None)
print($1)"; }
counts() { xml "int(s.get('tests')) == len(cases) and int(s.get('failures')) + int(s.get('errors')) == len(bad)"; }

shell=$(block shell)
check "the page has its block of shell" test -n "$shell"

job whole 500 60
equal "a whole backup: exit status" 0 $status
equal "its test cases" "6 0 0 0" "$(xml "s.get('tests'), s.get('failures'), s.get('errors'), s.get('skipped')" | tr -d "(),'")"
equal "its class" restore-test "$(xml "cases['restore: Restore it to a new place'].get('classname')")"
equal "its RTO" met "$(xml "p['orders-backup.rto.verdict']")"
equal "its RPO" met "$(xml "p['orders-backup.rpo.verdict']")"
check "the lost time is the backup's age" test "$(xml "60000 <= int(p['orders-backup.rpo.actual_ms']) < 120000")" = True
equal "its mode" drill "$(xml "p['mode']")"
check "the report is there" grep -q '^# DRILL report' results/restore-test.md
check "the seal is there" test -s results/seals.txt
((!bad)) || cat job.log

harm_damaged() { dd if=/dev/zero of=backups/orders.db bs=4096 seek=1 count=2 conv=notrunc status=none; }
job damaged 500 60
equal "a damaged backup: exit status" 1 $status
equal "what fails" "['RTO of orders-backup', 'end of the run', 'read']" "$(xml bad)"
equal "what was not reached is skipped" True "$(xml "cases['count: Count what is there'].find('skipped') is not None")"
equal "the counts are those of the cases" True "$(counts)"

job empty 0 60
equal "an empty backup: exit status" 1 $status
equal "what fails" "['RTO of orders-backup', 'count', 'end of the run']" "$(xml bad)"

job old 500 200000
equal "an old backup: exit status" 3 $status
equal "what fails" "['RPO of orders-backup', 'end of the run']" "$(xml bad)"
equal "the counts are those of the cases" True "$(counts)"

harm_unsound() { echo "surprise: true" >>restore-test.yaml; }
job unsound 500 60
check "a workspace with mistakes fails" test $status -ne 0
check "and there are no results" test ! -e results/restore-test.xml

((!bad)) || tail -n 30 "$dir"/*/job.log
exit $((bad > 0))
