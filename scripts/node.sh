# Sourced (after setup.sh): Node packages that tests use, each set in a folder of its own under target/node.
# shellcheck shell=bash

# Makes the folder NAME with all that SOURCE has, and the packages that its package-lock.json pins; it is in $node_dir. Packages that
# were installed from the same lock are taken as they are.
make_node() { # NAME SOURCE
  local made_from
  node_dir=$scripts_dir/../target/node/$1
  made_from=$(cat "$2/package-lock.json")
  if [ "$(cat "$node_dir/made-from.json" 2>/dev/null || true)" != "$made_from" ]; then
    install_missing node
    rm -rf "$node_dir"
    mkdir -p "$node_dir"
    cp "$2/package.json" "$2/package-lock.json" "$node_dir"
    # No package's own scripts: nothing here needs one.
    npm --prefix "$node_dir" ci --ignore-scripts --no-audit --no-fund --loglevel error </dev/null >&2
    # Last, so that an installation that was cut off is made again.
    printf '%s\n' "$made_from" >"$node_dir/made-from.json"
  fi
  cp "$2"/* "$node_dir"
}
