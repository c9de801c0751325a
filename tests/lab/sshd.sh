# shellcheck shell=bash
# sshd.sh: an OpenSSH server of our own on a high port of loopback, with its own host and user keys, run by
# an ordinary user.  Sourced after `begin` of call.sh.
#
#   sshd_up                 needs the programs sshd, ssh and ssh-keygen; sets SSH_PORT
#   $T/ssh/{user,stranger}  private keys: one that may log in, one that may not
#   $T/ssh/known            the host's key; $T/ssh/wrong another one; $T/ssh/none an empty file
#   sshd_settings HOST      the settings of a target as JSON
sshd_up() {
	local shell
	shell=$(getent passwd "$(id -un)" | cut -d: -f7)
	[[ $shell == *sh ]] || skip "the user $(id -un) has no login shell"
	port; SSH_PORT=$REPLY
	mkdir -p "$T/ssh"
	local key
	for key in host other user stranger; do
		ssh-keygen -q -t ed25519 -N '' -C "$key" -f "$T/ssh/$key" || exit 1
	done
	cp "$T/ssh/user.pub" "$T/ssh/authorized"
	printf '[127.0.0.1]:%d %s\n' "$SSH_PORT" "$(<"$T/ssh/host.pub")" >"$T/ssh/known"
	printf '[127.0.0.1]:%d %s\n' "$SSH_PORT" "$(<"$T/ssh/other.pub")" >"$T/ssh/wrong"
	: >"$T/ssh/none"
	cat >"$T/ssh/sshd_config" <<CONF
Port $SSH_PORT
ListenAddress 127.0.0.1
HostKey $T/ssh/host
PidFile none
AuthorizedKeysFile $T/ssh/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding no
PermitUserEnvironment no
LogLevel ERROR
CONF
	start sshd "$(type -P sshd)" -D -e -f "$T/ssh/sshd_config"
	until_ok 5000 sshd_answers || { cat log/sshd; exit 1; }
}
sshd_answers() { (exec 9<>"/dev/tcp/127.0.0.1/$SSH_PORT") 2>/dev/null; }
sshd_settings() {
	jq -cn --arg t "$T" --argjson p "$SSH_PORT" \
		'{host: "127.0.0.1", port: $p, identity: ($t + "/ssh/user"), known_hosts: ($t + "/ssh/known"), connect_timeout: "3s"}'
}
