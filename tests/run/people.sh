# shellcheck shell=bash
# people.sh: a team server and real system users around it, for team.sh and policy.sh.  Sourced; needs root (77 without) and
# DRILLBOOK_BUILD (tests/suite sets it).
#
# Everything lies in one directory of /tmp; users and groups are named dbNNNN-*, made here and removed at the end however the
# test ends.  The server runs as a user of its own, never as root.

set -u -o pipefail
run_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root=$(readlink -f "$run_dir/../..")
build=${DRILLBOOK_BUILD:-$root/build/dev}
if ((EUID)); then echo "needs root, to make users"; exit 77; fi
for tool in useradd userdel setpriv python3 git; do type -P $tool >/dev/null || { echo "needs $tool"; exit 77; }; done
tag=db$$
place=/tmp/drillbook-people-$$
socket=$place/run/socket
checks_ok=0 checks_bad=0 server_pid=

now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' "${t%???}"; }
until_ok() { # until_ok MS COMMAND…
	local end=$(($(now_ms) + $1)); shift
	until "$@" >/dev/null 2>&1; do
		(($(now_ms) < end)) || return 1
		sleep 0.02
	done
}
good() { checks_ok=$((checks_ok + 1)); printf 'ok      %s\n' "$1"; }
bad() { checks_bad=$((checks_bad + 1)); printf 'NOT OK  %s\n' "$1"; }
check() { local name=$1; shift; if "$@"; then good "$name"; else bad "$name ($*)"; fi; }
equal() { if [[ $2 == "$3" ]]; then good "$1: $3"; else bad "$1: expected \"$2\", found \"$3\""; fi; }
says() { # says NAME STATUS TEXT COMMAND…: exit status and a part of what is printed
	local name=$1 status=$2 text=$3 out code; shift 3
	out=$("$@" 2>&1 </dev/null); code=$?
	if [[ $code == "$status" && $out == *"$text"* ]]; then good "$name"
	else bad "$name: status $code (expected $status), said:"; sed 's/^/    | /' <<<"$out"; fi
}
gone() { ! kill -0 "$1" 2>/dev/null; }

finish() {
	local name
	trap - EXIT
	[[ -z $server_pid ]] || stop_server
	((!checks_bad)) || tail -n 20 "$place"/server.log 2>/dev/null
	for name in $(cut -d: -f1 /etc/passwd | grep "^$tag-"); do
		until_ok 5000 userdel "$name" || { userdel -f "$name"; bad "user $name could not be removed"; }
	done
	for name in $(cut -d: -f1 /etc/group | grep "^$tag-"); do groupdel "$name" 2>/dev/null; done
	rm -rf -- "$place"
	printf '%d ok, %d not ok\n' $checks_ok $checks_bad
	((!checks_bad && checks_ok)) || exit 1
	exit 0
}
trap 'bad "the test ended before its end"; finish' EXIT # not reached when finish was called
trap 'exit 130' INT TERM HUP
fatal() { bad "$1"; finish; }

# ------------------------------------------------------------------ people

user() { # user NAME [GROUP,…]
	useradd --no-create-home --home-dir "$place" --shell /bin/sh --no-log-init "$tag-$1" ${2:+--groups "$2"} || fatal "no user $1"
}
uid() { id -u "$tag-$1"; }
as() { # as NAME COMMAND…, with a home of their own
	local name=$tag-$1; shift
	env -i PATH="$PATH" LANG=C.UTF-8 TERM=dumb HOME="$place/home-$name" DRILLBOOK_ETC="$place/etc" ${SECRET_ENV:+"$SECRET_ENV"} \
		setpriv --reuid="$name" --regid="$name" --init-groups timeout 60 "$@"
}
book() { # book NAME ARG…: drillbook of the team server, as that person
	local name=$1; shift
	as "$name" "$place/app/bin/drillbook" --server "$socket" --workspace "$place/space" "$@"
}

# One request as that person, with nothing of the client's own checks in between: ask NAME REQUEST-JSON…; prints each answer.
# {"file": PATH} waits for that file.
ask() {
	local name=$1; shift
	as "$name" python3 - "$socket" "$@" <<'PY'
import json, os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rw")
def ask(n, body):
    body = dict(body, id=n)
    f.write(json.dumps(body) + "\n"); f.flush()
    for line in f:
        answer = json.loads(line)
        if answer.get("id") == n:
            return answer
ask(0, {"do": "hello", "proto": 1, "version": "test"})
for n, text in enumerate(sys.argv[2:], 1):
    body = json.loads(text)
    if "file" in body: # wait for somebody else
        until = time.time() + 20
        while not os.path.exists(body["file"]) and time.time() < until: time.sleep(0.02)
        continue
    print(json.dumps(ask(n, body)), flush=True)
PY
}

# ------------------------------------------------------------------ the server

prepare() { # users and groups that every test has
	mkdir -p "$place"/{etc,run,data,app,space} || exit 1
	groupadd "$tag-team" && groupadd "$tag-dba" && groupadd "$tag-boss" || fatal "no groups"
	user server "$tag-team"
	user anna "$tag-team,$tag-dba"
	user bert "$tag-team,$tag-boss"
	user fred "$tag-team,$tag-boss"
	user carl "$tag-team"
	user dora "$tag-team"
	user egon
	cp -r "$build"/{bin,libexec,share} "$place/app/"
	chmod -R a+rX "$place"
	chown "$tag-server:" "$place/run" "$place/data"
	chmod 0700 "$place/data"
	for name in anna bert carl dora egon fred server; do install -d -o "$tag-$name" -m 0700 "$place/home-$tag-$name"; done
	cat >"$place/etc/server.yaml" <<-END
	socket: $socket
	group: $tag-team
	data: $place/data
	roles:
	  operator: ["@$tag-dba"]
	  approver: ["@$tag-boss", $tag-anna]
	  observer: [$tag-carl]
	workspaces: [$place/space]
	END
}
start_server() {
	as_server "$place/app/bin/drillbook" server run --team >>"$place/server.log" 2>&1 &
	server_pid=$!
	until_ok 10000 test -S "$socket" && until_ok 10000 answers || { cat "$place/server.log"; fatal "the team server does not start"; }
}
as_server() { # without a timeout around it: $! is the server itself
	exec env -i PATH="$PATH" LANG=C.UTF-8 HOME="$place/home-$tag-server" DRILLBOOK_ETC="$place/etc" \
		setpriv --reuid="$tag-server" --regid="$tag-server" --init-groups "$@"
}
answers() { ask carl '{"do":"runs"}' | grep -q '"ok": true'; }
stop_server() {
	kill -TERM "$server_pid" 2>/dev/null
	until_ok 10000 gone "$server_pid" || { kill -KILL "$server_pid"; bad "the server did not end"; }
	wait "$server_pid" 2>/dev/null
	server_pid=
}

# A workspace with one target of each environment; effects are lines of a file that belongs to the server's user.
workspace() {
	local space=$1
	cat >"$space/drillbook.yaml" <<-END
	name: team
	environments:
	  lab: {modes: [probe, drill, live]}
	  production: {modes: [probe, drill, live]}
	END
	cat >"$space/services.yaml" <<-END
	services:
	  shop: {owner: team}
	END
	cat >"$space/targets.yaml" <<-END
	targets:
	  tools:
	    provider: command
	    environment: lab
	    actions:
	      whoami: {argv: [$place/app/bin/drillbook, --server, $socket, whoami, --json], effect: read, output: json}
	      stop: {argv: [$place/app/bin/drillbook, --server, $socket, server, stop, --force], effect: read, expect_status: [1]}
	      mark: {argv: [/bin/sh, -c, "echo lab >> $place/data/effects"], effect: change}
	  prod:
	    provider: command
	    environment: production
	    actions:
	      mark: {argv: [/bin/sh, -c, "echo production >> $place/data/effects"], effect: change}
	END
	cat >"$space/look.yaml" <<-END
	runbook: Who am I to the server
	version: 1
	service: shop
	steps:
	  - id: look
	    uses: {action.read: tools}
	    run: |
	      local me = action.read("tools", {name = "whoami"}).json
	      return {uid = me.uid, read_only = me.read_only, roles = table.concat(me.roles, ",")}
	END
	cat >"$space/overstep.yaml" <<-END
	runbook: A step that would stop the server
	version: 1
	service: shop
	steps:
	  - id: overstep
	    uses: {action.read: tools}
	    run: |
	      return {status = action.read("tools", {name = "stop"}).status}
	END
	cat >"$space/mark.yaml" <<-END
	runbook: Leave a mark in the lab
	version: 1
	service: shop
	steps:
	  - id: mark
	    uses: {action.run: tools}
	    run: action.run("tools", {name = "mark"})
	END
	cat >"$space/prod.yaml" <<-END
	runbook: Leave a mark in production
	version: 1
	service: shop
	steps:
	  - id: mark
	    uses: {action.run: prod}
	    run: action.run("prod", {name = "mark"})
	END
	cat >"$space/talk.yaml" <<-END
	runbook: Ask somebody
	version: 1
	service: shop
	steps:
	  - id: ring
	    manual: Ring them.
	END
	cat >"$space/four.yaml" <<-END
	runbook: Two others have to agree
	version: 1
	service: shop
	steps:
	  - id: agreed
	    approve: May the mark be left?
	    from: ["@$tag-boss", $tag-anna]
	    count: 2
	  - id: mark
	    uses: {action.run: tools}
	    run: action.run("tools", {name = "mark"})
	END
	chmod -R a+rX "$space"
}
