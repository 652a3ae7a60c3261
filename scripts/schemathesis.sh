#!/usr/bin/env bash
# Has schemathesis send requests of its own making, right and wrong ones, to a Watchbell on SQLite whose providers are
# sandboxes. Nothing may answer 5xx, and nothing what /openapi.json does not declare. Words go to `schemathesis run`:
#
#   scripts/schemathesis.sh                                         every operation, bounded in number and time
#   scripts/schemathesis.sh --include-path-regex '^/admin' -n 500   more of some
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
make_venv schemathesis scripts/schemathesis/requirements.txt
find_watchbell

admin_key=wb_schemathesis_admin_of_a_sandbox
start_sandbox "$admin_key"
export SCHEMATHESIS_HOOKS=hooks SCHEMATHESIS_WATCHBELL_URL=$watchbell_url SCHEMATHESIS_WATCHBELL_KEY=$admin_key
export PYTHONPATH=$PWD/scripts/schemathesis PYTHONDONTWRITEBYTECODE=1
# Deterministic: what fails fails again, and CI does not fail by chance. One worker, as CPython 3.11 sometimes fails in
# ast.parse, which hypothesis calls, when two threads are in it (python/cpython issue 106905). The streams have no end, and
# so no answer.
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks=$checks,response_schema_conformance,unsupported_method
program=$(cd "$venv/bin" && pwd)/schemathesis
cd "$servers_dir" # where it may write
rc=0
run_session group 10 timeout --foreground 240 "$program" run "$watchbell_url/openapi.json" --checks "$checks" --phases examples,coverage,fuzzing \
  --max-examples 8 --workers 1 --generation-deterministic --continue-on-failure --request-timeout 20 \
  --suppress-health-check all --warnings off --exclude-path /v1/messaging/notifications/stream \
  --exclude-path /watchbell/v1/stream "$@" || rc=$?
if grep -q ' ERROR ' "$servers_dir/watchbell.log"; then
  echo "Watchbell has logged errors:" >&2
  grep ' ERROR ' "$servers_dir/watchbell.log" | head -n 20 >&2
  [ "$rc" != 0 ] || rc=1
fi
exit "$rc"
