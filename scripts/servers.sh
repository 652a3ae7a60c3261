#!/usr/bin/env bash
# Private nats-server and PostgreSQL for tests and demos: on free loopback ports, in a temporary folder, gone at the end.
#
#   scripts/servers.sh COMMAND…    runs COMMAND with both servers up and WATCHBELL_TEST_… set, and exits with its code
#
# Sourced (after setup.sh and session.sh), it offers the functions. Servers of this machine's own are neither used nor
# disturbed: no fixed port, no default folder, no PG… variable is touched or read.
set -euo pipefail

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  # shellcheck source=setup.sh
  . "$(dirname "$0")/setup.sh"
  # shellcheck source=session.sh
  . "$scripts_dir/session.sh"
  # shellcheck source=node.sh
  . "$scripts_dir/node.sh"
fi

servers_dir=
nats_url=
postgres_url=

# Always in /tmp: reachable for the postgres user, whereas a TMPDIR of root's often is not, and short enough for the name of
# a unix socket (about 100 bytes).
make_servers_dir() {
  servers_dir=$(mktemp -d /tmp/watchbell.XXXXXX)
  chmod 755 "$servers_dir"
}

remove_servers_dir() {
  if [ -n "$servers_dir" ]; then rm -rf "$servers_dir"; fi
}

# Starts nats-server with JetStream on a port that the kernel chooses; its address is in $nats_url.
start_nats() { # STORE LOG
  local store=$1 log=$2 ports tries=0
  mkdir -p "$store" "$servers_dir/ports"
  start_session TERM "$nats_server" --addr 127.0.0.1 --port -1 --jetstream --store_dir "$store" \
    --ports_file_dir "$servers_dir/ports" --log "$log"
  ports=$servers_dir/ports/$(basename "$nats_server")_$started.ports
  nats_url=
  while [ -z "$nats_url" ]; do
    # Written when the server accepts connections: {"nats":["nats://127.0.0.1:41235"],…}
    if [ -s "$ports" ]; then
      nats_url=$(sed -n 's/.*"nats":\["\([^"]*\)".*/\1/p' <<<"$(tr -d ' \n\t' <"$ports")")
    fi
    tries=$((tries + 1))
    if ! kill -0 "$started" 2>/dev/null || [ "$tries" -gt 600 ]; then
      echo "$nats_server did not start; the end of its log:" >&2
      tail -n 20 "$log" >&2 || true
      exit 1
    fi
    sleep 0.05 || true
  done
}

# Starts PostgreSQL with settings; its pid is in $started, the address of its database postgres in $postgres_url. initdb and
# postgres refuse root, so root runs them as a user that has no other rights here.
start_postgres() { # NAME=VALUE…
  local dir=$servers_dir/postgres as_user=() settings=() port attempt setting
  for setting in "$@"; do settings+=(-c "$setting"); done
  mkdir "$dir"
  if [ "$(id -u)" = 0 ]; then
    choose_postgres_user
    chown "$postgres_user" "$dir"
    as_user=(env "HOME=$dir" "${become_postgres_user[@]}")
  fi
  cd "$dir" # postgres looks at where it was started, and may not be allowed to look at our folder
  ${as_user[@]+"${as_user[@]}"} "$postgres_bin/initdb" --pgdata "$dir/data" --username postgres --auth trust \
    --encoding UTF8 --no-locale --no-sync >"$servers_dir/initdb.log" 2>&1 || {
    echo "$postgres_bin/initdb failed:" >&2
    tail -n 20 "$servers_dir/initdb.log" >&2
    exit 1
  }
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    # PostgreSQL cannot ask the kernel for a free port. Those from 20000 are below what systems hand out to clients.
    port=$((20000 + RANDOM % 10000))
    start_session QUIT ${as_user[@]+"${as_user[@]}"} "$postgres_bin/postgres" -D "$dir/data" \
      -c listen_addresses=127.0.0.1 -c "port=$port" -c "unix_socket_directories=$dir" -c max_connections=200 \
      -c log_destination=stderr ${settings[@]+"${settings[@]}"} >"$servers_dir/postgres.log" 2>&1
    if postgres_ready "$dir/data"; then
      postgres_url=postgres://postgres@127.0.0.1:$port/postgres
      cd "$scripts_dir/.."
      return
    fi
    stop_session "$started" QUIT
    forget_session "$started"
    # Somebody else has the port: try another one. Anything else will not get better.
    grep -q 'could not bind' "$servers_dir/postgres.log" || break
  done
  echo "$postgres_bin/postgres did not start (attempt $attempt); the end of its log:" >&2
  tail -n 20 "$servers_dir/postgres.log" >&2
  exit 1
}

# Waits until the server in DATA says so in the eighth line of its pid file; false when it has ended, or after 60 s.
postgres_ready() { # DATA
  local tries=0 status
  while kill -0 "$started" 2>/dev/null && [ "$tries" -lt 1200 ]; do
    status=$(sed -n 8p "$1/postmaster.pid" 2>/dev/null || true)
    case $status in ready*) return 0 ;; esac
    tries=$((tries + 1))
    sleep 0.05 || true
  done
  return 1
}

# The words that turn root into another user by exec, so that a server's pid is the one we started.
choose_postgres_user() {
  if id postgres >/dev/null 2>&1; then postgres_user=postgres; else postgres_user=nobody; fi
  local group
  group=$(id -g "$postgres_user")
  become_postgres_user=(setpriv "--reuid=$postgres_user" "--regid=$group" --init-groups --)
  "${become_postgres_user[@]}" true 2>/dev/null && return
  become_postgres_user=(chroot "--userspec=$postgres_user:$group" --skip-chdir /)
  "${become_postgres_user[@]}" true 2>/dev/null && return
  echo "PostgreSQL refuses to run as root, and neither setpriv nor GNU chroot is here to run it as $postgres_user;" \
    "please run the tests as a plain user" >&2
  exit 1
}

# Starts both for tests and says where they are. What the caller's environment says about other databases or another
# Watchbell is taken out of the way.
start_test_servers() {
  local name
  for name in "${!PG@}" "${!WATCHBELL_@}"; do unset "$name"; done
  make_servers_dir
  start_nats "$servers_dir/nats" "$servers_dir/nats.log"
  start_postgres fsync=off full_page_writes=off # nothing in it has to survive
  export WATCHBELL_TEST_NATS_URL=$nats_url WATCHBELL_TEST_NATS_SERVER=$nats_server
  export WATCHBELL_TEST_POSTGRES_URL=$postgres_url WATCHBELL_TEST_POSTGRES_BIN=$postgres_bin
  export WATCHBELL_TEST_PROMTOOL=$promtool WATCHBELL_TEST_FAKETIME=$faketime WATCHBELL_TEST_ALERTMANAGER=$alertmanager WATCHBELL_TEST_PROMETHEUS=$(command -v prometheus || true)
  export WATCHBELL_TEST_CHROMIUM=$chromium WATCHBELL_TEST_CHROMEDRIVER=$chromedriver
  make_node page "$scripts_dir/../tests/browser"
  export WATCHBELL_TEST_AXE=$node_dir/node_modules/axe-core/axe.min.js
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  [ $# -gt 0 ] || {
    echo "usage: $0 COMMAND…" >&2
    exit 2
  }
  own_sessions remove_servers_dir
  setup_for_tests
  caller_dir=$PWD
  start_test_servers
  cd "$caller_dir"
  run_session group 10 "$@"
fi
