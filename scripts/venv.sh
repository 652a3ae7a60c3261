# Sourced (after setup.sh): Python packages that tests use, each set in a virtual environment of its own under target/venv.
# shellcheck shell=bash

# Makes the environment NAME of what REQUIREMENTS pins; its folder is in $venv, its programs are in $venv/bin. One that was
# made from the same file is taken as it is.
make_venv() { # NAME REQUIREMENTS
  local made_from
  venv=$scripts_dir/../target/venv/$1
  made_from=$(cat "$2")
  if [ "$(cat "$venv/made-from.txt" 2>/dev/null || true)" = "$made_from" ]; then return; fi
  install_missing python
  rm -rf "$venv"
  mkdir -p "${venv%/*}"
  python3 -m venv "$venv"
  # Everything is pinned, so nothing has to be resolved.
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --requirement "$2" </dev/null
  # Last, so that an installation that was cut off is made again.
  printf '%s\n' "$made_from" >"$venv/made-from.txt"
}
