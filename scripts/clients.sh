#!/usr/bin/env bash
# Drives real third-party clients, pinned in tests/clients/requirements.txt, against a Watchbell on SQLite whose providers are
# sandboxes, and stops it again.
#
# WATCHBELL_TEST_BIN names a ready program to test instead of building one.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup.sh
. scripts/setup.sh
# shellcheck source=session.sh
. scripts/session.sh
# shellcheck source=servers.sh
. scripts/servers.sh
# shellcheck source=build.sh
. scripts/build.sh
# shellcheck source=venv.sh
. scripts/venv.sh
# shellcheck source=sandbox.sh
. scripts/sandbox.sh

own_sessions remove_servers_dir
install_missing python
make_servers_dir
make_venv clients tests/clients/requirements.txt
find_watchbell

admin_key=wb_clients
start_sandbox "$admin_key"
export CLIENTS_URL=$watchbell_url CLIENTS_ADMIN_KEY=$admin_key PYTHONDONTWRITEBYTECODE=1
for client in tests/clients/*_client.py; do
  run_session group 10 "$venv/bin/python" "$client"
done
