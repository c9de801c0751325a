#!/usr/bin/env bash
# provider-ansible.sh: provision.check and provision.play with the real ansible-playbook, on localhost and over a
# real sshd on loopback.
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/call.sh"
. "$here/sshd.sh"
begin ansible ansible-playbook ansible-vault python3 sshd ssh ssh-keygen
export ANSIBLE_STDOUT_CALLBACK=minimal ANSIBLE_CHECK_MODE=1 # nothing of the environment may matter
mkdir site; sshd_up
port; DEAD=$REPLY
python=$(PATH=/usr/bin type -P python3)
# an sshd of an ordinary user gives nobody a terminal: modules go over standard input
printf '[ssh_connection]\npipelining = True\n' >ws/ansible.cfg
cat >ws/hosts.ini <<CONF
[web]
web1 ansible_port=$SSH_PORT
web2 ansible_port=$SSH_PORT
[all:vars]
ansible_host=127.0.0.1
ansible_python_interpreter=$python
CONF
{ cat ws/hosts.ini; printf '[lost]\nweb9 ansible_port=%d\n' "$DEAD"; } >ws/lost.ini
cat >ws/site.yml <<YML
- hosts: all
  gather_facts: false
  tasks:
    - name: write the page
      ansible.builtin.copy: {content: "{{ say | default('hello') }} from {{ inventory_hostname }}\n", dest: "$T/site/{{ inventory_hostname }}"}
    - name: tell the address
      ansible.builtin.set_fact: {address: "10.0.0.{{ 1 + ansible_play_hosts.index(inventory_hostname) }}", ratio: 0.5}
    - name: say how many
      ansible.builtin.set_stats: {data: {pages: "{{ ansible_play_hosts | length }}"}, per_host: false}
      run_once: true
YML
cat >ws/clean.yml <<YML
- hosts: all
  gather_facts: false
  tasks: [{name: remove the page, ansible.builtin.file: {path: "$T/site/{{ inventory_hostname }}", state: absent}}]
YML
cat >ws/two.yml <<YML
- hosts: all
  gather_facts: false
  tasks:
    - {name: first, ansible.builtin.copy: {content: "1\n", dest: "$T/site/first"}}
    - {name: second, ansible.builtin.command: {cmd: "sh -c 'test -e $T/room || { echo no room left >&2; exit 3; }; touch $T/site/second'", creates: "$T/site/second"}}
YML
cat >ws/command.yml <<YML
- hosts: all
  gather_facts: false
  tasks: [{name: do something, ansible.builtin.command: {cmd: "touch $T/site/command"}}]
YML
printf -- '- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.shell: {cmd: "echo $$ >%s/begun; exec sleep 60"}\n' "$T" >ws/slow.yml
printf -- '- hosts: [\n' >ws/broken.yml
printf -- '- hosts: nobody\n  gather_facts: false\n  tasks: [{ansible.builtin.ping: {}}]\n' >ws/nobody.yml
printf -- '- hosts: all\n  gather_facts: false\n  vars_files: [hidden.yml]\n  tasks:\n    - {name: quiet, no_log: true, ansible.builtin.copy: {content: "{{ hidden }}", dest: "%s/site/hidden"}}\n    - {name: loud, ansible.builtin.fail: {msg: the end}, ignore_errors: true}\n' "$T" >ws/vault.yml
printf 'open-sesame' >vault; printf 'wrong' >wrongvault
printf 'hidden: "correct horse"\n' >ws/hidden.yml
ansible-vault encrypt --vault-password-file vault ws/hidden.yml >log/vault 2>&1 || { cat log/vault; exit 1; }

ssh_site() { # ssh_site INVENTORY [SETTINGS]
	jq -cn --arg t "$T" --arg i "$1" --argjson more "${2:-"{}"}" '{provider: "ansible", environment: "lab", settings: ({inventory: $i,
		private_key: ($t + "/ssh/user"), known_hosts: ($t + "/ssh/known"), effect: "costly", connect_timeout: "5s"} + $more)}'
}
here_site() { jq -cn --arg p "$python" --argjson more "${1:-"{}"}" '{provider: "ansible", environment: "lab",
	settings: ({hosts: ["localhost"], connection: "local", effect: "change", vars: {ansible_python_interpreter: $p}} + $more)}'; }
target site "$(ssh_site hosts.ini)"
target lost "$(ssh_site lost.ini)"
target stranger "$(ssh_site hosts.ini "{\"private_key\": \"$T/ssh/stranger\"}")"
target unknown "$(ssh_site hosts.ini "{\"known_hosts\": \"$T/ssh/wrong\"}")"
target impatient "$(ssh_site hosts.ini '{"connect_timeout": "1s"}')"
target here "$(here_site)"
target undeclared "$(jq -c 'del(.settings.effect)' <<<"$(here_site)")"
target vault "$(jq -c --arg f "$T/vault" '. + {secrets: {vault_password: {file: $f}}}' <<<"$(here_site)")"
target wrongvault "$(jq -c --arg f "$T/wrongvault" '. + {secrets: {vault_password: {file: $f}}}' <<<"$(here_site)")"
play() { call "$1" provision.play "$(jq -cn --arg p "$2" --argjson more "${3:-"{}"}" '{playbook: $p} + $more')" "${4:-run}" "${5:-}"; }
go() { play "$1" "$2" "${3:-"{}"}" run "{\"playbook\": \"$(sha256sum <"ws/$2" | cut -d' ' -f1)\"}"; } # as if it had been shown
before_of() { jq -c .before <<<"$ANSWER"; }

call site provision.check '{"playbook": "site.yml"}'
is "check: what would change, on each host" '.ok and .result.changed == 2 and (.result.clean | not) and ([.result.changes[] | "\(.host) \(.task)"] | sort) == ["web1 write the page", "web2 write the page"]'
check "check changed nothing" test ! -e site/web1
check "its differences are in the log" grep -q '^+hello from web1' log/call
play site site.yml '{"undo": "clean.yml"}'
is "play: as declared, results per host" '.ok and .effect == "costly" and .result.changed == 2 and .result.hosts.web1.ok == 3 and .result.hosts.web2.failures == 0'
is "play: facts and outputs come out, fractions as text" '.result.facts.web1 == {address: "10.0.0.1", ratio: "0.5"} and .result.facts.web2.address == "10.0.0.2" and (.result.outputs.pages | tostring) == "2"'
is "play: what it would do was shown before" '.before.changed == 2 and .before.undo.op == "provision.play" and (.before.undo.args.playbook | test("clean.yml"))'
check "it was done over ssh" grep -q "hello from web2" site/web2
check "each result was logged as it came" grep -q "^web1: write the page: changed" log/call
done=$(before_of)
go site site.yml
is "play again: nothing to change" '.ok and .result.changed == 0'
go site site.yml '{"limit": "web2", "vars": {"say": "bye"}}'
is "limit and vars" '.ok and .result.changed == 1 and (.result.hosts | keys) == ["web2"]'
call site provision.check '{"playbook": "site.yml", "vars": {"say": "bye"}, "limit": "web2"}'
is "check: clean" '.ok and .result.clean'
undo site "$done"
is "undone by its playbook" '.ok and .result.changed == 2'
check "the pages are gone" test ! -e site/web1 -a ! -e site/web2
play undeclared site.yml '{"preview": false}' prepare
is "an effect that nobody declared" '.before.effect == "irreversible"'

# killed at both sides; half of it
killed here provision.play '{"playbook": "site.yml"}'
play here two.yml
is "a failed task: FAILED, unknown, with host, task and its words" '.error.code == "FAILED" and .error.world == "unknown" and (.error.text | test("1 of 1 hosts failed, 1 changed.*localhost: task .second.*no room left"; "s"))'
half=$(before_of)
play here two.yml '{}' verify "$half"
is "half of it: verify cannot tell" '.verdict == "cannot_tell" and (.evidence.reason | test("some"))'
touch room
go here two.yml
is "with room: it goes on" '.ok and .result.changed == 1'
play here two.yml '{}' verify "$half"
is "and now it is done" '.verdict == "done"'
play here command.yml
is "a command: check mode cannot see it" '.ok and .before.unseen == 1 and .result.changed == 1'
play here command.yml '{}' verify "$(before_of)"
is "so verify cannot tell" '.verdict == "cannot_tell" and (.evidence.reason | test("check mode"))'
play here site.yml '{}' prepare; shown=$(before_of)
echo '# other' >>ws/site.yml
play here site.yml '{}' run "$shown"
is "a playbook that was changed after it was shown" '.error.code == "PRECONDITION" and .error.world == "unchanged"'
play here site.yml '{}' verify "$shown"
is "nor is it judged" '.verdict == "cannot_tell"'

# 2 and 4 told apart
play here broken.yml
is "a playbook that cannot be parsed: FAILED, nothing done" '.error.code == "FAILED" and .error.world == "unchanged" and (.error.text | test("YAML|Syntax|JSON"))'
play here nowhere.yml
is "no such playbook" '.error.code == "NOT_FOUND"'
play here nobody.yml
is "no host matches" '.error.code == "PRECONDITION" and (.error.text | test("no host"))'
go lost site.yml '{"limit": "lost"}'
is "an unreachable host: UNREACHABLE, nothing done" '.error.code == "UNREACHABLE" and .error.world == "unchanged" and (.error.text | test("1 of 1 hosts.*web9"))'
go lost site.yml '{"vars": {"say": "new"}}'
is "one of three: UNREACHABLE, unknown, the others have it" '.error.code == "UNREACHABLE" and .error.world == "unknown" and (.error.text | test("1 of 3")) and .result.changed == 2'
play lost site.yml '{"vars": {"say": "new"}}' verify '{}'
is "verify cannot look at all of them" '.error.code == "UNREACHABLE"'
go stranger site.yml
is "a key that may not log in" '.error.code == "UNREACHABLE" and .error.world == "unchanged" and (.error.text | test("ermission denied"))'
go unknown site.yml
is "a host key that is another one: not touched" '.error.code == "UNREACHABLE" and (.error.text | test("key|Host"))'
call here provision.check '{"playbook": "site.yml", "limit": "@/etc/passwd"}'
is "a limit that is a file" '.error.code == "USAGE"'

# vault
go vault vault.yml
is "vault: the password goes over a descriptor; an ignored failure is none" '.ok and .result.hosts.localhost.ignored == 1'
check "it was decrypted" grep -q "correct horse" site/hidden
check "what no_log hides is in no log, nor is the password" fails grep -rqE "correct horse|open-sesame" log
play wrongvault vault.yml
is "a wrong password" '.error.code == "FAILED" and .error.world == "unchanged" and (.error.text | test("ecrypt"))'

# too long; frozen
TIMEOUT_MS=4000 go here slow.yml
is "longer than the deadline: timeout, unknown, at which task" '.error.code == "TIMEOUT" and .error.world == "unknown"'
kill "$(<begun)" 2>/dev/null
kill -STOP "${PIDS[sshd]}"
TIMEOUT_MS=15000 go impatient site.yml
is "a frozen sshd: never done, nothing changed or unknown" '(.ok | not) and (.error.code == "UNREACHABLE" or .error.code == "TIMEOUT")'
kill -CONT "${PIDS[sshd]}"
call site "" '{}' probe
is "doctor" '[.report.checks[].ok] == [true, true, true] and (.report.checks[0].detail | test("ansible-playbook"))'
