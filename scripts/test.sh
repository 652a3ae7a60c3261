#!/usr/bin/env bash
# Runs all tests against private servers, and stops those again. Words given to it go to `cargo test`; without any, what
# scripts/schemathesis.sh and scripts/clients.sh do follows, and the checks of packages and of the book:
#
#   scripts/test.sh                         everything
#   scripts/test.sh escalation              tests whose name holds a word
#   scripts/test.sh -- --nocapture          with the tests' output
#
# For the tests it sets
#   WATCHBELL_TEST_POSTGRES_URL   a PostgreSQL superuser's address; tests make databases of their own there
#   WATCHBELL_TEST_NATS_URL       a nats-server with JetStream
#   WATCHBELL_TEST_NATS_SERVER    path of the nats-server program, for tests that need one of their own
#   WATCHBELL_TEST_POSTGRES_BIN   folder of PostgreSQL's programs, likewise
#   WATCHBELL_TEST_CHROMIUM, WATCHBELL_TEST_CHROMEDRIVER, WATCHBELL_TEST_AXE
#                                 a browser, what drives it, and axe-core, for the tests of the page
#   WATCHBELL_TEST_BIN            path of the watchbell program that was just built
# Tests run in one session with cargo, which is killed at the end: what they start without a session of its own cannot
# be left behind.
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
# shellcheck source=node.sh
. scripts/node.sh

own_sessions remove_servers_dir
setup_for_tests
start_test_servers
# cargo builds a program only for tests of the same package, so the program is built before. Everything else along with it:
# cargo would compile many crates twice if they were first wanted without the tests' dependencies.
build_watchbell --workspace --all-targets
export WATCHBELL_TEST_BIN=$watchbell_bin
run_session group 10 cargo test --workspace --locked "$@"
if [ $# = 0 ]; then
  run_session group 20 scripts/schemathesis.sh
  run_session group 20 scripts/clients.sh
  # What is handed out beside the program, each tried with it.
  run_session group 20 scripts/helm.sh
  run_session group 20 scripts/compose.sh
  run_session group 20 scripts/book.sh
  run_session group 20 scripts/deb-test.sh
  run_session group 20 scripts/image-test.sh
fi
