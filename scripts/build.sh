# Sourced (after session.sh and servers.sh): builds the watchbell program.
# shellcheck shell=bash

# Builds it by `cargo build` with FLAG…; its path is in $watchbell_bin. Cargo is asked where it put the program, as the
# target folder can be set in several places.
build_watchbell() { # FLAG…
  local messages=$servers_dir/build.json
  run_session group 10 cargo build --locked --message-format json-render-diagnostics "$@" >"$messages"
  [ "$signals" = 0 ] || exit 143 # the signal may have come too late to stop cargo
  watchbell_bin=$(sed -n 's|.*"executable":"\([^"]*/watchbell\)".*|\1|p' "$messages" | tail -n 1)
  if [ ! -x "$watchbell_bin" ]; then
    echo "cargo build did not make the watchbell program" >&2
    exit 1
  fi
}
