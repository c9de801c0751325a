# shellcheck shell=bash
# embedded.sh: two sites with an SQLite database each.
embedded_crash() { :; }
