#!/usr/bin/env bash
# Checks what Watchbell is built from, by deny.toml: that licences fit, that nothing comes from elsewhere than crates.io, that no
# banned crate has got in; and, where the database of advisories can be reached, that none is known to be faulty.
#
# cargo-deny is built from crates.io where this machine has none, once (into cargo's own bin folder), unoptimised, as it runs for
# seconds. WATCHBELL_ADVISORIES=required makes an unreachable database a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup.sh
. scripts/setup.sh

# Raised on purpose, since a new one may find more.
readonly version=0.20.2

install_cargo_deny() {
  echo "cargo-deny is not here; building $version, which takes some minutes" >&2
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 \
    CARGO_PROFILE_RELEASE_DEBUG=0 cargo install cargo-deny --version "=$version" --locked
}

find_cargo
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
command -v cargo-deny >/dev/null || install_cargo_deny

cargo-deny --all-features --locked --log-level error check bans licenses sources

# Fetching is apart from checking, so that a network that is not there is told from an advisory that is.
if cargo-deny fetch db; then
  cargo-deny --all-features --locked --log-level error check --disable-fetch advisories
elif [ "${WATCHBELL_ADVISORIES:-}" = required ]; then
  echo "the advisories were not checked: their database cannot be reached" >&2
  exit 1
else
  echo "NOT CHECKED: advisories, as their database (github.com/RustSec/advisory-db) cannot be reached from here" >&2
fi
