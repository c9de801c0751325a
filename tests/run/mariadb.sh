#!/usr/bin/env bash
# The shop's orders in MariaDB: a failover that is measured; then a replica that has been standing still, which is refused before
# it is promoted, and, where the operator lets it pass, found by the runbook's last step.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/check.sh"
. "$run_dir/stores.sh"
store_test mariadb
