#!/usr/bin/env bash
# A team server with real users: who may start, answer, approve and look; who may nothing; what is recorded of it.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/people.sh"
prepare
workspace "$place/space"
value() { python3 -c "import json, sys; r = json.loads(sys.stdin.readlines()[-1]); print($1)"; }
outputs() { # outputs RUN STEP EXPRESSION over o, from the events as an observer is sent them
	as carl python3 - "$socket" "$1" "$2" "$3" <<'PY'
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw")
for n, body in enumerate(({"do": "hello", "proto": 1}, {"do": "attach", "run": int(sys.argv[2])})):
    f.write(json.dumps(dict(body, id=n)) + "\n"); f.flush()
events = []
for line in f:
    m = json.loads(line)
    if "event" in m: events.append(m["event"])
    if "caught_up" in m: break
o = next((e["data"].get("outputs") for e in events if e["kind"] == "step.finished" and e["data"]["step"] == sys.argv[3]), None)
print(eval(sys.argv[4]))
PY
}

says "a team server does not run as root" 1 "does not run as root" \
	env DRILLBOOK_ETC="$place/etc" "$place/app/bin/drillbook" server run --team
chmod 0666 "$place/etc/server.yaml"
says "nor with a configuration that others may write" 1 "nobody else may write it" \
	as server "$place/app/bin/drillbook" server run --team
chmod 0644 "$place/etc/server.yaml"
start_server
equal "the server's user" "$(uid server)" "$(stat -c %u /proc/$server_pid)"
equal "mode of the socket" "660 $tag-team" "$(stat -c '%a %G' "$socket")"
says "a second server on the same directory" 8 "another server has" as server "$place/app/bin/drillbook" server run --team

# ------------------------------------------------------------------ who is who
says "the operator is known by group" 0 "roles:  operator, approver" book anna whoami
says "the approver by name" 0 "roles:  approver" book bert whoami
says "the observer" 0 "roles:  observer" book carl whoami
says "one of the group without a role is told so" 0 "none: everything but this is refused" book dora whoami
says "and may not even list runs" 1 "has no role on this server" book dora attach --plain
says "who is not of the group does not get in" 1 "you may not open" book egon whoami
mkdir "$place/etc-client" && echo "server: $socket" >"$place/etc-client/client.yaml" && chmod -R a+rX "$place/etc-client"
says "the team server is found by client.yaml" 0 "team server at $socket" \
	as anna env DRILLBOOK_ETC="$place/etc-client" "$place/app/bin/drillbook" whoami
says "and by the environment" 0 "team server at $socket" \
	as anna env DRILLBOOK_SERVER="$socket" "$place/app/bin/drillbook" whoami

# ------------------------------------------------------------------ acting
says "the operator starts a run" 0 "run 1" book anna run mark --mode drill --plain
equal "and it had its effect" lab "$(cat "$place/data/effects")"
equal "the effect is the server's user's" "$(uid server)" "$(stat -c %u "$place/data/effects")"
equal "the record names who started it" "$(uid anna) $tag-anna" \
	"$(outputs 1 mark "'%d %s' % (events[0]['uid'], events[0]['who'])")"
says "the approver starts nothing" 1 "takes the role of operator" book bert run mark --mode drill --plain
says "the observer neither" 1 "takes the role of operator" book carl run mark --mode drill --plain
says "nor who has no role" 1 "has no role" book dora run mark --mode drill --plain
equal "still one effect" 1 "$(wc -l <"$place/data/effects")"

# ------------------------------------------------------------------ an open question
book anna run talk --mode drill --detach >/dev/null || bad "the run with a question does not start"
waiting() { ask carl '{"do":"runs","open":true}' | grep -q '"asks": 1'; }
check "the run waits for a person" until_ok 10000 waiting
run=$(ask carl '{"do":"runs","open":true}' | value "r['runs'][0]['run']")
answer="{\"do\":\"answer\",\"run\":$run,\"ask\":1,\"answer\":\"done\"}"
equal "the observer cannot answer" FORBIDDEN "$(ask carl "$answer" | value "r['error']['code']")"
equal "who has no role cannot look" FORBIDDEN "$(ask dora "{\"do\":\"attach\",\"run\":$run}" | value "r['error']['code']")"
equal "nor read what a step printed" FORBIDDEN "$(ask dora "{\"do\":\"output\",\"run\":$run,\"step\":\"ring\"}" | value "r['error']['code']")"
equal "the approver answers approvals only" FORBIDDEN "$(ask bert "$answer" | value "r['error']['code']")"
equal "the observer attaches without the lead" False "$(ask carl "{\"do\":\"attach\",\"run\":$run}" | value "r['lead_is_you']")"
equal "and cannot take it" FORBIDDEN "$(ask carl "{\"do\":\"lead\",\"run\":$run}" | value "r['error']['code']")"
equal "nor end the run" FORBIDDEN "$(ask carl "{\"do\":\"act\",\"run\":$run,\"action\":\"abort\",\"note\":\"x\"}" | value "r['error']['code']")"
equal "nor leave a note" FORBIDDEN "$(ask carl "{\"do\":\"act\",\"run\":$run,\"action\":\"note\",\"note\":\"x\"}" | value "r['error']['code']")"
equal "the approver may leave a note" True "$(ask bert "{\"do\":\"act\",\"run\":$run,\"action\":\"note\",\"note\":\"I rang\"}" | value "r['ok']")"
equal "but not end the run" FORBIDDEN "$(ask bert "{\"do\":\"act\",\"run\":$run,\"action\":\"abort\",\"note\":\"x\"}" | value "r['error']['code']")"
equal "nobody but an administrator stops the server" FORBIDDEN "$(ask anna '{"do":"stop","force":true}' | value "r['error']['code']")"
equal "the operator answers" True "$(ask anna "{\"do\":\"attach\",\"run\":$run}" "$answer" | value "r['ok']")"
over() { ! ask carl '{"do":"runs","open":true}' | grep -q '"run":'; }
check "the run ends" until_ok 10000 over
equal "the note is the approver's" "$(uid bert) $tag-bert" \
	"$(outputs "$run" ring "next('%d %s' % (e['uid'], e['who']) for e in events if e['kind'] == 'note.added')")"
equal "the answer is the operator's" "$(uid anna)" \
	"$(outputs "$run" ring "next(e['uid'] for e in events if e['kind'] == 'step.answered')")"

# ------------------------------------------------------------------ somebody of the group who means no good
as dora python3 - "$socket" <<'PY'
import array, os, socket, sys
def connect():
    s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1]); return s
s = connect()
try: # no end of line: cut off long before it costs anything
    for _ in range(64): s.sendall(b"x" * 65536)
    sys.exit("4 MiB without an end of line were taken")
except OSError: pass
s = connect()
s.sendall(b'{"do":"hello","proto":1,"id":0}\n' + b"\0\xff[[[[" * 100 + b"\n")
fd = os.open("/dev/zero", os.O_RDONLY)
s = connect()
for _ in range(40): # descriptors nobody asked for
    try: s.sendmsg([b'{"do":"whoami","secrets":true,"id":1}\n'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd] * 8))])
    except OSError: break
many = []
try:
    for _ in range(1000):
        c = connect(); c.sendall(b'{"do":"whoami","id":1}\n')
        if not c.recv(1): break
        many.append(c)
except OSError: pass
sys.exit(0 if 100 < len(many) < 500 else "%d connections of one person" % len(many))
PY
equal "long lines, garbage, descriptors and connections are cut short" 0 $?
says "and others are served meanwhile" 0 "roles:" book carl whoami
files() { (($(ls "/proc/$server_pid/fd" | wc -l) < 60)); }
check "nothing of it stays open" until_ok 5000 files

# ------------------------------------------------------------------ the record
says "the observer sees past runs" 0 "mark" book carl history
says "and reads a report" 0 "by $tag-anna" book carl report 1
says "that says whether it is sealed" 0 '"seal_matches": true' book carl report 1 --format json
equal "it is the report the server's user makes of the file" \
	"$(as server env DRILLBOOK_SERVER=none "$place/app/bin/drillbook" --data "$place/data" report 1 | sha256sum)" \
	"$(book carl report 1 | sha256sum)"
says "who has no role does not" 1 "has no role" book dora report 1
says "nobody but the server's user reads the file" 1 "read by its own user" book carl compare 1 1

# ------------------------------------------------------------------ what a step starts
says "a step asks the server who it is" 0 "run 3" book anna run look --mode drill --plain
equal "it is the server's user, and may only look" "$(uid server) True administrator" \
	"$(outputs 3 look "'%d %s %s' % (o['uid'], o['read_only'], o['roles'])")"
says "a step that would stop the server" 0 "run 4" book anna run overstep --mode drill --plain
equal "is refused" 1 "$(outputs 4 overstep "o['status']")"
check "and the server still runs" kill -0 "$server_pid"

# ------------------------------------------------------------------ approvals: three people
rm -f "$place/data/effects"
book anna run four --mode drill --detach >/dev/null || bad "the run with an approval does not start"
check "the approval is asked for" until_ok 10000 waiting
run=$(ask carl '{"do":"runs","open":true}' | value "r['runs'][0]['run']")
says "who started it cannot approve, though an approver and named" 1 "somebody else has to approve" book anna answer "$run" approve
says "nor leave the approval out" 1 "only an approver who did not start the run" book anna act "$run" skip agreed --note "in a hurry"
says "the observer cannot approve" 1 "takes the role of approver" book carl answer "$run" approve
says "one approver" 0 "" book bert answer "$run" approve
says "cannot be two" 1 "has answered this already" book bert answer "$run" approve
check "one is not enough" test ! -e "$place/data/effects"
says "another one" 0 "" book fred answer "$run" approve
says "two others have agreed" 0 "done" book anna attach "$run" --plain --approve mark
equal "and it is done" lab "$(cat "$place/data/effects")"
equal "the record has both, by uid" "[$(uid bert), $(uid fred)]" \
	"$(outputs "$run" agreed "[e['uid'] for e in events if e['kind'] == 'step.approved']")"

# ------------------------------------------------------------------ roles change while it runs
sed -i "s/operator: .*/operator: [$tag-dora]/" "$place/etc/server.yaml"
says "a role that is taken away is gone at once" 1 "takes the role of operator" book anna run mark --mode drill --plain
says "and one that is given is there" 0 "roles:  operator" book dora whoami
cp "$place/etc/server.yaml" "$place/etc/kept"; echo "roles: [" >>"$place/etc/server.yaml"
says "what cannot be read changes nothing" 0 "cannot be read, what it said before holds" book dora whoami
mv "$place/etc/kept" "$place/etc/server.yaml"
says "root stops it" 0 "" "$place/app/bin/drillbook" --server "$socket" server stop
until_ok 5000 gone "$server_pid" && server_pid= || bad "the server is still there"
finish
