#!/usr/bin/env bash
# Installs, upgrades, removes and purges the Debian package in a Debian of its own, which mmdebstrap makes, and looks what stays.
# It needs root and Debian; elsewhere it says that it did not. WATCHBELL_TEST_BIN names a ready program instead of target/dist/watchbell.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup.sh
. scripts/setup.sh

if ! command -v dpkg-deb >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "NOT CHECKED: the Debian package, which is tried by root on Debian" >&2
  exit 0
fi
for tool in mmdebstrap curl; do
  command -v "$tool" >/dev/null || bash scripts/install-packages.sh "$tool" >&2
done

folder=$(mktemp -d)
root=$folder/root
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

fail() {
  echo "the Debian package: $1" >&2
  exit 1
}

in_root() { chroot "$root" "$@"; }

# Fast rather than small: nobody downloads these.
export DPKG_DEB_COMPRESSOR_TYPE=gzip DPKG_DEB_COMPRESSOR_LEVEL=1
program=${WATCHBELL_TEST_BIN:-target/dist/watchbell}
before=$(scripts/deb.sh "$program" 0.0.1)
mv "$before" "$folder/before.deb"
after=$(scripts/deb.sh "$program")
mv "$after" "$folder/after.deb"
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mmdebstrap --quiet --mode=root --variant=minbase --include=passwd,ca-certificates,tzdata "$suite" "$root" 2>"$folder/mmdebstrap.log" || {
  cat "$folder/mmdebstrap.log" >&2
  fail "mmdebstrap made no root to try it in"
}
cp "$folder"/*.deb "$root/"

# Runs the service as its unit does, as far as that goes without systemd: user, folder, variables. A port below those that systems hand out.
start() {
  port=$((20000 + RANDOM % 10000))
  in_root install -d -o watchbell -g watchbell -m 700 /var/lib/watchbell /var/lib/watchbell/data
  # Not by the function, whose shell would be what a signal reaches.
  chroot "$root" sh -c "cd /var/lib/watchbell && set -a && . /etc/watchbell/watchbell.env && WATCHBELL_NATS__URL= WATCHBELL_ADMIN_KEY=$key WATCHBELL_HTTP__LISTEN=127.0.0.1:$port exec setpriv --reuid=watchbell --regid=watchbell --clear-groups watchbell serve" 2>"$folder/log" &
  server=$!
  tries=0
  until "$program" health --url "http://127.0.0.1:$port" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then
      cat "$folder/log" >&2
      fail "the installed program does not start"
    fi
    sleep 0.1
  done
}

stop() {
  kill "$server"
  wait "$server" || fail "the program does not end as it should"
  server=
}

key=wb_$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
in_root dpkg --install /before.deb >"$folder/install.log" 2>&1 || { cat "$folder/install.log" >&2; fail "it does not install"; }
[ "$(in_root stat -c '%U:%G %a' /etc/watchbell/watchbell.toml)" = "root:watchbell 640" ] || fail "others may read watchbell.toml"
[ "$(in_root stat -c '%U %a' /etc/watchbell/secrets)" = "root 700" ] || fail "others may look into /etc/watchbell/secrets"
in_root test -s /usr/share/man/man1/watchbell.1.gz || fail "the manual page is missing"
start
curl -sSf "http://127.0.0.1:$port/api/users" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
  -d '{"username":"dana","email":"dana@example.org"}' >/dev/null || fail "it makes no user"
stop
echo '# an administrator was here' >>"$root/etc/watchbell/watchbell.toml"

in_root dpkg --install /after.deb >"$folder/upgrade.log" 2>&1 || { cat "$folder/upgrade.log" >&2; fail "it does not upgrade"; }
grep -q 'an administrator was here' "$root/etc/watchbell/watchbell.toml" || fail "an upgrade overwrites watchbell.toml"
start
curl -sSf "http://127.0.0.1:$port/api/users" -H "Authorization: Bearer $key" | grep -q dana@example.org || fail "an upgrade loses the database"
stop

in_root dpkg --remove watchbell >/dev/null 2>&1 || fail "it does not go"
[ ! -e "$root/usr/bin/watchbell" ] || fail "the program stays after it was removed"
[ -e "$root/etc/watchbell/watchbell.toml" ] || fail "removing takes the settings as well"
in_root dpkg --purge watchbell >/dev/null 2>&1 || fail "it cannot be purged"
[ ! -e "$root/etc/watchbell" ] || fail "/etc/watchbell stays after a purge"
[ -s "$root/var/lib/watchbell/data/watchbell.db" ] || fail "a purge takes the database, which is nobody's to take but an administrator's"
echo "the Debian package: installed, upgraded, removed and purged; the unit itself was not started, as there is no systemd in such a root" >&2
