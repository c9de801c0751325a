# shellcheck shell=bash disable=SC2153
# vault.sh: the documents of a shop, and a restic repository with a point of each of the last days.  Some
# malware has been in the documents for the newest of those days, each time a little, each time different.

vault_restic() { restic -q --no-cache -r "$VAULT_REPO" --password-file "$LAB/secrets/vault-password" "$@"; }

part_vault() {
	mkdir -p "$DOCUMENTS"/{invoices,orders,canary} "$VAULT_SCRATCH" || return
	local i
	for i in {1..40}; do printf '%%PDF-1.4\n%% invoice %d\n%s\n%%%%EOF\n' "$i" "$(head -c 600 /dev/urandom | base64)" >"$DOCUMENTS/invoices/$i.pdf"; done
	for i in {1..200}; do printf '%d,customer %d,%d.00\n' "$i" $((i % 17)) $((i * 3)); done >"$DOCUMENTS/orders/orders.csv"
	for i in 1 2 3; do printf 'canary %d of the shop: nobody has a reason to change this file\n' "$i" >"$DOCUMENTS/canary/$i.txt"; done
	vault_restic init >/dev/null && "$LAB/tools/restic-key" "$VAULT_REPO" "$LAB/secrets/vault-password"
}

# One more day of work in the documents.
vault_day() { # vault_day DAYS_AGO
	local last; last=$(($(tail -n 1 "$DOCUMENTS/orders/orders.csv" | cut -d, -f1) + 1))
	printf '%d,customer %d,%d.00\n' "$last" $((last % 17)) $((last * 3)) >>"$DOCUMENTS/orders/orders.csv"
	printf '%%PDF-1.4\n%% of %d days ago\n%%%%EOF\n' "$1" >"$DOCUMENTS/invoices/day-$1.pdf"
}

noise() { head -c "$(stat -c %s "$1")" /dev/urandom >"$1.noise" && mv "$1.noise" "$1"; }
vault_damage() { # vault_damage DIR KIND: each of them alone is little
	case $2 in
	encrypted) noise "$1/invoices/$((RANDOM % 40 + 1)).pdf" ;;
	renamed) local file=$1/invoices/$((RANDOM % 40 + 1)).pdf; noise "$file" && mv "$file" "$file.locked" ;;
	note) printf 'Your files are ours. Pay.\n' >"$1/orders/HOW_TO_DECRYPT.txt" ;;
	canary) noise "$1/canary/$((RANDOM % 3 + 1)).txt" ;;
	rows) sed -i '20,$d' "$1/orders/orders.csv" ;; # looks whole, and most of it is gone
	forged) sed -i '150s/,.*/;paid/' "$1/orders/orders.csv" ;;
	*) return 1 ;;
	esac
}

# A point for each of the last DAYS days, the newest BAD of them damaged.  Writes log/points.log: days ago, id,
# clean or the kind of damage.  The documents themselves are clean afterwards.
vault_points() { # vault_points DAYS BAD
	local days=$1 bad=$2 day kind kinds=(encrypted renamed note canary rows forged) at from
	: >"$LAB/log/points.log"
	for ((day = days; day >= 1; day--)); do
		vault_day "$day"
		kind=clean from=$DOCUMENTS
		if ((day <= bad)); then
			# the documents are at the same path when they are backed up
			kind=${kinds[RANDOM % ${#kinds[@]}]}
			cp -a "$DOCUMENTS" "$LAB/data/clean" && vault_damage "$DOCUMENTS" "$kind" || return
		fi
		at=$(date -u -d "@$(($(date +%s) - day * 86400 + 3600))" '+%F %T')
		TZ=UTC vault_restic backup --host shop --time "$at" "$from" >/dev/null || return
		if ((day <= bad)); then rm -rf "$DOCUMENTS" && mv "$LAB/data/clean" "$DOCUMENTS" || return; fi
		printf '%d %s %s\n' "$day" "$(vault_restic snapshots --json | jq -r 'sort_by(.time)[-1].id')" "$kind" >>"$LAB/log/points.log"
	done
}

# The morning everybody remembers.  Prints when, in epoch ms.
vault_encrypt() {
	now_ms; echo
	local file
	find "$DOCUMENTS" -type f -name '*.pdf' | while read -r file; do noise "$file" && mv "$file" "$file.locked"; done
	printf 'Your files are ours. Pay.\n' >"$DOCUMENTS/HOW_TO_DECRYPT.txt"
}
