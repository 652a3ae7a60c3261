#!/usr/bin/env bash
# Sees to it that what building, running or testing Watchbell needs is on this machine, and installs what is missing.
#
#   scripts/setup.sh run     compiler, Rust, nats-server (not if WATCHBELL_NATS__URL names a server)
#   scripts/setup.sh test    the same, PostgreSQL, Python with what makes virtual environments, Node.js with npm, promtool (of Prometheus), and on Linux libfaketime, Alertmanager and Chromium with its driver
#
# Sourced, it offers setup_for_run and setup_for_tests, which leave the paths in $nats_server, $postgres_bin, $promtool, $faketime, $alertmanager,
# $chromium and $chromedriver.
set -euo pipefail

scripts_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
nats_server=
postgres_bin=
promtool=
faketime=
alertmanager=
chromium=
chromedriver=

setup_for_run() {
  find_cargo
  if [ -n "${WATCHBELL_NATS__URL:-}" ]; then install_missing cc; else install_missing cc nats-server; fi
  check_rust
}

setup_for_tests() {
  find_cargo
  install_missing cc nats-server postgresql python node prometheus faketime prometheus-alertmanager chromium
  check_rust
}

# Installs what is missing of WHAT… (cc, nats-server, postgresql, python, node, prometheus, faketime, prometheus-alertmanager, chromium), then looks again.
install_missing() {
  local missing
  missing=$(missing_of "$@")
  if [ -n "$missing" ]; then
    echo "missing on this machine: $missing; installing" >&2
    if [ "$(uname -s)" = Darwin ]; then
      install_with_brew "$missing"
    elif command -v apt-get >/dev/null; then
      install_with_apt "$missing"
    else
      give_up "no package manager that this script knows (apt-get, brew) is here"
    fi
    missing=$(missing_of "$@")
    [ -z "$missing" ] || give_up "the installation did not bring $missing"
  fi
  # Found again here, as missing_of ran in a subshell.
  find_nats_server || true
  find_postgres || true
  find_promtool || true
  find_faketime || true
  find_alertmanager || true
  find_chromium || true
}

missing_of() {
  local what missing=()
  for what in "$@"; do
    case $what in
      cc) { command -v cc && command -v make; } >/dev/null || missing+=(cc) ;;
      nats-server) find_nats_server || missing+=(nats-server) ;;
      postgresql) find_postgres || missing+=(postgresql) ;;
      python) has_python || missing+=(python) ;;
      node) has_node || missing+=(node) ;;
      prometheus) find_promtool || missing+=(prometheus) ;;
      faketime) find_faketime || missing+=(faketime) ;;
      prometheus-alertmanager) find_alertmanager || missing+=(prometheus-alertmanager) ;;
      chromium) find_chromium || missing+=(chromium) ;;
    esac
  done
  echo "${missing[*]-}"
}

give_up() { # REASON
  echo "$1. Please install: a C compiler (cc), nats-server 2.9 or later (https://nats.io/download) and, for the tests," \
    "PostgreSQL 15 or later with its server programs (initdb, postgres, pg_ctl, psql), Python 3.11 or later with venv," \
    "Node.js 18.18 or later with npm, Prometheus' promtool, and on Linux libfaketime, Alertmanager and Chromium with chromedriver." >&2
  exit 1
}

install_with_apt() { # MISSING, words
  local what packages=() as_root=()
  for what in $1; do
    case $what in
      cc) packages+=(build-essential) ;;
      python) packages+=(python3 python3-venv) ;;
      node) packages+=(nodejs npm) ;;
      chromium) packages+=(chromium chromium-driver) ;;
      *) packages+=("$what") ;;
    esac
  done
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
      give_up "installing needs root and there is no sudo; as root: apt-get install ${packages[*]}"
    as_root=(sudo)
    # Nobody can type a password in CI.
    if [ -n "${CI:-}" ]; then as_root+=(-n); fi
  fi
  ${as_root[@]+"${as_root[@]}"} bash "$scripts_dir/install-packages.sh" "${packages[@]}" >&2 ||
    give_up "apt-get could not install ${packages[*]}"
}

install_with_brew() { # MISSING, words
  local what packages=()
  for what in $1; do
    case $what in
      cc) give_up "there is no C compiler; run: xcode-select --install" ;;
      postgresql) packages+=(postgresql@17) ;;
      python) packages+=(python@3.13) ;;
      node) packages+=(node) ;;
      *) packages+=("$what") ;;
    esac
  done
  command -v brew >/dev/null || give_up "Homebrew (https://brew.sh) is not here to install ${packages[*]}"
  # brew starts no services unless told to.
  brew install "${packages[@]}" >&2 </dev/null || give_up "brew could not install ${packages[*]}"
}

# Debian installs nats-server into /usr/sbin, which a plain user's PATH leaves out.
find_nats_server() {
  local candidate
  for candidate in "$(command -v nats-server || true)" /usr/sbin/nats-server /usr/local/{sbin,bin}/nats-server \
    /opt/homebrew/bin/nats-server; do
    if [ -x "$candidate" ]; then
      nats_server=$candidate
      return
    fi
  done
  return 1
}

# The folder that holds all server programs. Debian keeps them out of PATH, Homebrew's versioned packages do as well.
find_postgres() {
  local dir from_path
  from_path=$(command -v initdb || true)
  # A lone link in PATH leads to the folder that has the rest.
  if [ -n "$from_path" ]; then from_path=$(readlink -f "$from_path" 2>/dev/null || echo "$from_path"); fi
  # Newest version first; `sort -V` is not everywhere, and all of these have two digits.
  for dir in "${from_path%/*}" $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin | sort -r); do
    if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && [ -x "$dir/pg_ctl" ] && [ -x "$dir/psql" ]; then
      postgres_bin=$dir
      return
    fi
  done
  return 1
}

# What checks metrics and rules; it comes with Prometheus, of which nothing else is needed.
find_promtool() {
  promtool=$(command -v promtool || true)
  [ -n "$promtool" ]
}

# What gives a process another clock than the machine's. Other systems do not let it into their programs.
find_faketime() {
  local candidate
  [ "$(uname -s)" = Linux ] || return 0
  for candidate in /usr/lib/*/faketime/libfaketimeMT.so.1 /usr/lib{,64}/faketime/libfaketimeMT.so.1; do
    if [ -r "$candidate" ]; then
      faketime=$candidate
      return
    fi
  done
  return 1
}

# The sender of alerts that most people have. Elsewhere than on Linux its packages differ, and the test of it is left out.
find_alertmanager() {
  local candidate
  [ "$(uname -s)" = Linux ] || return 0
  for candidate in "$(command -v prometheus-alertmanager || true)" "$(command -v alertmanager || true)" /usr/bin/prometheus-alertmanager; do
    if [ -x "$candidate" ]; then
      alertmanager=$candidate
      return
    fi
  done
  return 1
}

# The browser that the page is looked at with. Elsewhere than on Linux the tests of the page are left out.
find_chromium() {
  [ "$(uname -s)" = Linux ] || return 0
  chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
  chromedriver=$(command -v chromedriver || true)
  [ -n "$chromium" ] && [ -n "$chromedriver" ]
}

# Debian's Python comes without the part that makes virtual environments.
has_python() {
  python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

has_node() {
  command -v npm >/dev/null &&
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a < 18 || (a === 18 && b < 18) ? 1 : 0)' 2>/dev/null
}

# Right after rustup's installation the running shell does not have cargo in its PATH yet.
find_cargo() {
  if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    export PATH
  fi
}

check_rust() {
  local wanted found
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$scripts_dir/../Cargo.toml")
  command -v cargo >/dev/null || {
    echo "Rust is not here. Please install $wanted or later from https://rustup.rs" >&2
    exit 1
  }
  # In the project's folder, where rustup reads rust-toolchain.toml (and fetches that toolchain if it has to).
  found=$(cd "$scripts_dir/.." && rustc --version) || exit 1
  found=${found#rustc }
  found=${found%% *}
  if [ "$(printf '%s\n' "$wanted" "$found" | sort -t. -k1,1n -k2,2n | head -n 1)" != "$wanted" ]; then
    echo "Watchbell needs Rust $wanted or later, this is $found. Please install a newer one from https://rustup.rs" >&2
    exit 1
  fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  # With a trap bash waits for its child first: an installation must have put everything back when this ends.
  trap 'exit 143' TERM
  case ${1:-} in
    run) setup_for_run ;;
    test) setup_for_tests ;;
    *)
      echo "usage: $0 run|test" >&2
      exit 2
      ;;
  esac
fi
