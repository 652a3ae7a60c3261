#!/usr/bin/env bash
# Builds the program that is handed out: target/dist/watchbell, and beside it what backtraces, profilers and debuggers need. Whoever
# has both files in one folder gets file and line in a backtrace (RUST_BACKTRACE=1); the program alone is a fifth of the size.
#
# Not by cargo's own `strip`: on Linux it also takes away the part that leads to the information which cargo put aside.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup.sh
. scripts/setup.sh

# Puts PROGRAM into DIR, stripped, and what it was stripped of beside it.
put_stripped() { # PROGRAM DIR
  local program
  program=$2/$(basename "$1")
  mkdir -p "$2"
  # Into a new file: one that is running is not written into.
  rm -f "$program"
  if [ "$(uname -s)" = Darwin ]; then
    dsymutil "$1" -o "$program.dSYM"
    strip -o "$program" "$1"
  else
    objcopy --only-keep-debug --compress-debug-sections=zlib "$1" "$program.debug"
    objcopy --strip-all --add-gnu-debuglink="$program.debug" "$1" "$program"
  fi
}

find_cargo
install_missing cc
check_rust
cargo build --locked --release -p watchbell --bins
target_dir=${CARGO_TARGET_DIR:-target}
put_stripped "$target_dir/release/watchbell" "$target_dir/dist"
ls -lh "$target_dir/dist" >&2
