#!/usr/bin/env bash
# Builds Watchbell and shows it at work: a demo team on SQLite in ./data, with providers that only record. Ctrl-C ends it.
#
# Events come over a nats-server of its own, on a free loopback port with its store in ./data/nats, or over the one that
# WATCHBELL_NATS__URL names. Ctrl-C reaches Watchbell first and nats-server only when Watchbell has ended.
# WATCHBELL_RUN_BIN names a ready program to run instead of building one.
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

# Two servers on one store would destroy it.
refuse_second_run() {
  local pid
  pid=$(cat data/nats-server.pid 2>/dev/null || true)
  if [ -n "$pid" ] && ps -p "$pid" -o command= 2>/dev/null | grep -qF -- "--store_dir $PWD/data/nats "; then
    echo "a nats-server (pid $pid) works on ./data/nats already: end the other \`make run\` first" \
      "(if there is none, it was killed; then: kill $pid)" >&2
    exit 1
  fi
}

clean_up() {
  if [ -n "$own_nats" ]; then rm -f data/nats-server.pid; fi
  remove_servers_dir
}

own_nats=
own_sessions clean_up
setup_for_run
make_servers_dir
if [ -n "${WATCHBELL_RUN_BIN:-}" ]; then
  watchbell_bin=$WATCHBELL_RUN_BIN
else
  echo "Building Watchbell (unoptimised; the first time takes some minutes) …" >&2
  build_watchbell --profile demo --no-default-features -p watchbell --bins
fi

# Addresses and the admin key are in it, also where it was made before.
umask 077
mkdir -p data
chmod 700 data
if [ -z "${WATCHBELL_NATS__URL:-}" ]; then
  refuse_second_run
  own_nats=1
  start_nats "$PWD/data/nats" "$PWD/data/nats-server.log"
  echo "$started" >data/nats-server.pid
  export WATCHBELL_NATS__URL=$nats_url
  echo "nats-server: $nats_url, store in ./data/nats, log in ./data/nats-server.log" >&2
fi

# Watchbell drains for up to 30 s after a signal.
unset WATCHBELL_RUN_BIN
run_session leader 45 "$watchbell_bin" demo --data ./data
