# bash completion for drillbook.  tests/tools/manuals compares it with drillbook --help.

# The options of each command.
declare -A _drillbook_options=(
	[tui]="--suggest --mode --param --plain --theme --record"
	[run]="--mode --param --services --with-dependencies --plain --approve --confirm --from --scenario --speed --replay-answers --impact --note --check --override --reason --detach --json --theme --record"
	[attach]="--watch --plain --approve --confirm --theme --record"
	[act]="--note --undo --lead --json"
	[adopt]="--note --json"
	[answer]="--ask --note --value --word --digest --lead --json"
	[debris]="--undo --plain --approve --confirm --json"
	[halt]="--note --lift --list --json"
	[list]="--json"
	[show]="--log --offline --json --param"
	[lint]="--json"
	[trust]="--remove"
	[plan]="--mode --param --services --with-dependencies --json"
	[history]="--json --runbook --service --mode --limit"
	[report]="--format --json"
	[compare]="--json"
	[play]="--speed --idle --plain"
	[verify]="--json --run --seal --seal-out"
	[journal]=""
	[doctor]=""
	[providers]="--json --luacats --markdown"
	[schema]=""
	[keys]="--json --yaml --man"
	[secret]="--json"
	[server]="--force --foreground --team --json"
	[whoami]="--json"
)
_drillbook_global="--workspace --data --server --no-color --help"

# First column of a section of `drillbook list`; nothing is executed in a workspace for it.
_drillbook_names() {
	"${_drillbook_call[@]}" list 2>/dev/null | awk -v head="$1" '$1 == head {on = 1; next} NF == 0 {on = 0} on {print $1}'
}

_drillbook() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command="" word words="" i
	local _drillbook_call=(drillbook)
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--workspace | --data | --server) _drillbook_call+=("$word" "${COMP_WORDS[i + 1]}"); ((++i)) ;;
		-*) ;;
		*) [[ -v _drillbook_options[$word] ]] && { command=$word; break; } ;;
		esac
	done
	case $previous in
	--workspace | --data) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
	--seal | --server | --scenario) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
	--mode) words="probe simulate tabletop drill live" ;;
	--format) words="md json junit" ;;
	--theme) words="dark light mono" ;;
	--record) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
	--suggest | --runbook) words=$(_drillbook_names RUNBOOK) ;;
	--service | --services) words=$(_drillbook_names SERVICE) ;;
	--undo | --from | --speed | --ask | --value | --word | --digest | --param | --approve | --confirm | --impact | --note | --override | --reason | --limit | --run) return ;;
	*)
		if [[ $current == -* ]]; then
			words="$_drillbook_global ${_drillbook_options[${command:-doctor}]}"
			[[ -n $command ]] || words+=" --version"
		else
			case $command in
			"") words=${!_drillbook_options[*]} ;;
			run | show | lint | plan) words=$(_drillbook_names RUNBOOK) ;;
			attach | act | adopt | answer | report | compare) words="last $("${_drillbook_call[@]}" history 2>/dev/null | awk '$1 == "MODE" {on = 1; next} on {print $2}')" ;;
			trust) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
			play) mapfile -t COMPREPLY < <(compgen -f -X "!*.cast" -- "$current"); return ;;
			providers) words=$("${_drillbook_call[@]}" providers 2>/dev/null | awk -F: '/^[a-z]/ {print $1}') ;;
			journal) words="check rebuild" ;;
			schema) words="drillbook services targets drills runbook server client policy" ;;
			secret) words="check give" ;;
			server) words="start run stop status" ;;
			esac
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _drillbook drillbook
