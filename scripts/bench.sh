#!/usr/bin/env bash
# Measures Watchbell beside a bare pipeline, with a private nats-server and PostgreSQL, and stops those again:
#
#   scripts/bench.sh                      all parts, three times each
#   scripts/bench.sh saturation latency   some
#   scripts/bench.sh --quick              everything small: whether it works, not how fast
#
# Unlike for tests, PostgreSQL is as durable as it is by default. WATCHBELL_BENCH_KEEP=1 builds nothing and takes the programs
# that are in target/release.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup.sh
. scripts/setup.sh
# shellcheck source=session.sh
. scripts/session.sh
# shellcheck source=servers.sh
. scripts/servers.sh

release_dir=${CARGO_TARGET_DIR:-target}/release
keep=${WATCHBELL_BENCH_KEEP:-}
own_sessions remove_servers_dir
find_cargo
install_missing cc nats-server postgresql
check_rust
if [ -z "$keep" ]; then
  echo "Building Watchbell and its benchmark (release; the first time takes some minutes) …" >&2
  run_session group 10 cargo build --locked --release -p watchbell --bins -p watchbell-bench
  [ "$signals" = 0 ] || exit 143 # the signal may have come too late to stop cargo
fi
for name in "${!PG@}" "${!WATCHBELL_@}"; do unset "$name"; done
make_servers_dir
start_nats "$servers_dir/nats" "$servers_dir/nats.log"
export WATCHBELL_BENCH_NATS_URL=$nats_url WATCHBELL_BENCH_NATS_PID=$started
start_postgres fsync=on full_page_writes=on synchronous_commit=on shared_buffers=1GB max_wal_size=16GB checkpoint_timeout=30min
export WATCHBELL_BENCH_POSTGRES_URL=$postgres_url WATCHBELL_BENCH_POSTGRES_PID=$started
export WATCHBELL_BENCH_BIN=$release_dir/watchbell
run_session group 20 "$release_dir/watchbell-bench" run "$@"
