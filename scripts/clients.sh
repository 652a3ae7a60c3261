#!/usr/bin/env bash
# Drives third-party clients against a Watchbell on SQLite whose providers are sandboxes, and stops it again:
#   - real ones, pinned in tests/clients/requirements.txt;
#   - those that openapi-typescript and openapi-python-client make from /openapi.json, checked by their languages' strict checkers;
# and has redocly and spectral look at that document.
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
# shellcheck source=node.sh
. scripts/node.sh
# shellcheck source=sandbox.sh
. scripts/sandbox.sh

own_sessions remove_servers_dir
install_missing python node
make_servers_dir
make_venv generated tests/clients/generated/requirements.txt
generated=$venv/bin
make_venv clients tests/clients/requirements.txt
make_node typescript tests/clients/typescript
find_watchbell

admin_key=wb_clients_admin_of_a_sandbox
start_sandbox "$admin_key"
export CLIENTS_URL=$watchbell_url CLIENTS_ADMIN_KEY=$admin_key PYTHONDONTWRITEBYTECODE=1
for client in tests/clients/*_client.py; do
  run_session group 10 "$venv/bin/python" "$client"
done

document=$servers_dir/openapi.json
"$venv/bin/python" -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' "$watchbell_url/openapi.json" "$document"

# Runs COMMAND… in DIR.
run_in() { # DIR COMMAND…
  # shellcheck disable=SC2016
  run_session group 10 bash -c 'cd "$1" && shift && exec "$@"' bash "$@"
}

node_bin=$(cd "$node_dir/node_modules/.bin" && pwd)
run_in "$node_dir" node lint.mjs "$document"
run_in "$node_dir" "$node_bin/spectral" lint --quiet --fail-severity error --ruleset spectral.yaml "$document"
run_in "$node_dir" "$node_bin/openapi-typescript" "$document" --output schema.d.ts
run_in "$node_dir" "$node_bin/tsc" --project tsconfig.json
run_in "$node_dir" node built/client.js "$watchbell_url" "$admin_key"

made=$servers_dir/python
cp -r tests/clients/generated "$made"
python_bin=$(cd "$generated" && pwd)
run_in "$made" "$python_bin/openapi-python-client" generate --path "$document" --meta none --config generator.yaml --fail-on-warning
run_in "$made" "$python_bin/mypy" --cache-dir "$servers_dir/mypy" client.py watchbell_client
run_in "$made" "$python_bin/python" client.py "$watchbell_url" "$admin_key"
