# Sourced (after setup.sh): a Debian of one's own, in a folder that is gone at the end, to try packages and the image in.
# shellcheck shell=bash

root=''
folder=''
server=''
port=''

# Whether it can be made here; says what was not tried where it cannot.
has_debian_root() { # WHAT
  if command -v dpkg-deb >/dev/null && [ "$(id -u)" = 0 ]; then
    local tool
    for tool in mmdebstrap curl; do
      command -v "$tool" >/dev/null || bash "$scripts_dir/install-packages.sh" "$tool" >&2
    done
    return 0
  fi
  echo "NOT CHECKED: $1, which is tried by root on Debian" >&2
  return 1
}

# Makes it, with PACKAGE… in it, in $root. Machines that lend no mounts, or know no mirror, have none: that is said, and is no fault of what was to be tried.
make_debian_root() { # WHAT SUITE PACKAGE,…
  folder=$(mktemp -d)
  root=$folder/root
  trap end_debian_root EXIT
  mmdebstrap --quiet --mode=root --variant=minbase --include="$3" "$2" "$root" 2>"$folder/mmdebstrap.log" || {
    cat "$folder/mmdebstrap.log" >&2
    echo "NOT CHECKED: $1, as mmdebstrap makes no Debian here to try it in" >&2
    exit 0
  }
}

end_debian_root() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}

in_root() { chroot "$root" "$@"; }

# Starts `watchbell serve` in it, as USER in DIR, without any right, with VARIABLE=VALUE…, and waits until it is ready. It listens on $port, which is
# below those that systems hand out.
start_in_root() { # USER DIR VARIABLE=VALUE…
  local user=$1 dir=$2 tries=0
  shift 2
  port=$((20000 + RANDOM % 10000))
  # Not by in_root, whose shell would be what a signal reaches.
  # shellcheck disable=SC2016 # the inner shell's
  chroot "$root" sh -c 'cd "$1" && user=$2 && shift 2 && exec setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs --bounding-set=-all env -i PATH="$PATH" "$@"' sh \
    "$dir" "$user" "$@" WATCHBELL_HTTP__LISTEN="127.0.0.1:$port" watchbell serve 2>"$folder/log" &
  server=$!
  until in_root watchbell health --url "http://127.0.0.1:$port" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then
      cat "$folder/log" >&2
      fail "the program does not start"
    fi
    sleep 0.1
  done
}

stop_in_root() {
  kill "$server"
  wait "$server" || fail "the program does not end as it should"
  server=''
}
