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

# Starts Watchbell on a port that the kernel chooses; its address is in $watchbell_url.
start_watchbell() {
  local log=$servers_dir/watchbell.log channel name tries=0
  for name in "${!WATCHBELL_@}"; do unset "$name"; done
  for channel in EMAIL SMS VOICE PUSH WHATSAPP TELEGRAM SLACK TEAMS MATTERMOST WEBHOOK; do
    export "WATCHBELL_CHANNELS__${channel}__PROVIDERS=sandbox"
  done
  export WATCHBELL_PROVIDERS__SANDBOX__KIND=sandbox WATCHBELL_ADMIN_KEY=$admin_key
  export WATCHBELL_DATABASE__URL=sqlite://$servers_dir/watchbell.db WATCHBELL_NATS__URL=
  export WATCHBELL_HTTP__LISTEN=127.0.0.1:0
  export WATCHBELL_HTTP__RATE_LIMIT__KEY_PER_MINUTE=1000000 WATCHBELL_HTTP__RATE_LIMIT__ADDRESS_PER_MINUTE=1000000
  start_session TERM "$watchbell_bin" serve 2>"$log"
  watchbell_url=
  while [ -z "$watchbell_url" ]; do
    watchbell_url=$(sed -n 's/.*serving HTTP.*\(127\.0\.0\.1:[0-9][0-9]*\).*/http:\/\/\1/p' "$log" | head -n 1)
    tries=$((tries + 1))
    if ! kill -0 "$started" 2>/dev/null || [ "$tries" -gt 600 ]; then
      echo "$watchbell_bin did not start; the end of its log:" >&2
      tail -n 20 "$log" >&2
      exit 1
    fi
    sleep 0.05 || true
  done
}

own_sessions remove_servers_dir
install_missing python
make_servers_dir
make_venv schemathesis scripts/schemathesis/requirements.txt
if [ -n "${WATCHBELL_TEST_BIN:-}" ]; then
  watchbell_bin=$WATCHBELL_TEST_BIN
else
  find_cargo
  install_missing cc
  check_rust
  build_watchbell -p watchbell --bins
fi

admin_key=wb_schemathesis
start_watchbell
export SCHEMATHESIS_HOOKS=hooks SCHEMATHESIS_WATCHBELL_URL=$watchbell_url SCHEMATHESIS_WATCHBELL_KEY=$admin_key
export PYTHONPATH=$PWD/scripts/schemathesis PYTHONDONTWRITEBYTECODE=1
# Deterministic: what fails fails again, and CI does not fail by chance. The stream has no end, and so no answer.
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks=$checks,response_schema_conformance,unsupported_method
program=$(cd "$venv/bin" && pwd)/schemathesis
cd "$servers_dir" # where it may write
rc=0
run_session group 10 timeout --foreground 240 "$program" run "$watchbell_url/openapi.json" --checks "$checks" --phases examples,coverage,fuzzing \
  --max-examples 8 --workers 2 --generation-deterministic --continue-on-failure --request-timeout 20 \
  --suppress-health-check all --warnings off --exclude-path /v1/messaging/notifications/stream "$@" || rc=$?
if grep -q ' ERROR ' "$servers_dir/watchbell.log"; then
  echo "Watchbell has logged errors:" >&2
  grep ' ERROR ' "$servers_dir/watchbell.log" | head -n 20 >&2
  [ "$rc" != 0 ] || rc=1
fi
exit "$rc"
