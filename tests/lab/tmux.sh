# shellcheck shell=bash
# tmux.sh: a tmux of our own to show the program in, and what its panes must show.  Sourced after call.sh; everything
# polls.
start tmux tmux -L drill -f /dev/null -D
tm() { tmux -L drill "$@"; }
shows() { tm capture-pane -p -t "$1" 2>/dev/null | grep -qF -- "$2"; } # shows PANE TEXT
see() { # see WHAT PANE TEXT
	until_ok 15000 shows "$2" "$3"
	note "$1" $? "        wanted: $3
$(tm capture-pane -p -t "$2" 2>&1)"
}
type_in() { tm send-keys -t "$1" "${@:2}"; }
# A question drops what is typed in its first 300 ms: the key is pressed until the screen answers.
press_until() { # press_until WHAT PANE TEXT KEY…
	local what=$1 pane=$2 text=$3 end=$(($(now_ms) + 15000)); shift 3
	until shows "$pane" "$text"; do
		(($(now_ms) < end)) || break
		type_in "$pane" "$@"
		until_ok 400 shows "$pane" "$text" && break
	done
	see "$what" "$pane" "$text"
}
shell() { # shell NAME WIDTH HEIGHT
	tm new-session -d -s "$1" -x "$2" -y "$3" -c "$T/ws" "env PS1='ready> ' bash --norc --noprofile -i"
	until_ok 10000 shows "$1" 'ready>'
}
