# Sourced (after setup.sh, session.sh, servers.sh and build.sh): a Watchbell to be called by test programs, with providers that
# only record.
# shellcheck shell=bash

watchbell_url=

# The program: the one that WATCHBELL_TEST_BIN names, or a new build; its path is in $watchbell_bin.
find_watchbell() {
  if [ -n "${WATCHBELL_TEST_BIN:-}" ]; then
    watchbell_bin=$WATCHBELL_TEST_BIN
    return
  fi
  find_cargo
  install_missing cc
  check_rust
  build_watchbell -p watchbell --bins
}

# Starts it on a port that the kernel chooses, on a new SQLite database in $servers_dir and without NATS; ADMIN_KEY opens it. Its
# address is in $watchbell_url.
start_sandbox() { # ADMIN_KEY
  local log=$servers_dir/watchbell.log channel name tries=0
  for name in "${!WATCHBELL_@}"; do unset "$name"; done
  for channel in EMAIL SMS VOICE PUSH WHATSAPP TELEGRAM SLACK TEAMS MATTERMOST DISCORD GOOGLE_CHAT MATRIX WEBHOOK; do
    export "WATCHBELL_CHANNELS__${channel}__PROVIDERS=sandbox"
  done
  export WATCHBELL_PROVIDERS__SANDBOX__KIND=sandbox WATCHBELL_ADMIN_KEY=$1
  export WATCHBELL_DATABASE__URL=sqlite://$servers_dir/watchbell.db WATCHBELL_NATS__URL=
  export WATCHBELL_HTTP__LISTEN=127.0.0.1:0
  export WATCHBELL_HTTP__RATE_LIMIT__KEY_PER_MINUTE=1000000 WATCHBELL_HTTP__RATE_LIMIT__OWN_KEY_PER_MINUTE=1000000
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
