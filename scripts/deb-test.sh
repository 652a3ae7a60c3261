#!/usr/bin/env bash
# Installs, upgrades, removes and purges the Debian package in a Debian of its own, and looks what stays.
# WATCHBELL_TEST_BIN names a ready program instead of target/dist/watchbell.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup.sh
. scripts/setup.sh
# shellcheck source=debian-root.sh
. scripts/debian-root.sh

fail() {
  echo "the Debian package: $1" >&2
  exit 1
}

has_debian_root "the Debian package" || exit 0
program=${WATCHBELL_TEST_BIN:-target/dist/watchbell}
# That of this machine, as the program may ask for its glibc.
make_debian_root "the Debian package" "$(. /etc/os-release && echo "$VERSION_CODENAME")" passwd,ca-certificates,tzdata
# Fast rather than small: nobody downloads these.
export DPKG_DEB_COMPRESSOR_TYPE=gzip DPKG_DEB_COMPRESSOR_LEVEL=1
mv "$(scripts/deb.sh "$program" 0.0.1)" "$root/before.deb"
mv "$(scripts/deb.sh "$program")" "$root/after.deb"

# Runs the service as its unit does, as far as that goes without systemd: user, folder, variables.
start() {
  local variables
  in_root install -d -o watchbell -g watchbell -m 700 /var/lib/watchbell /var/lib/watchbell/data
  mapfile -t variables < <(grep '^WATCHBELL_' "$root/etc/watchbell/watchbell.env")
  start_in_root watchbell /var/lib/watchbell "${variables[@]}" WATCHBELL_NATS__URL= "WATCHBELL_ADMIN_KEY=$key"
}

dpkg_in_root() { # WHAT-IS-WRONG ARGUMENTS
  local wrong=$1
  shift
  in_root dpkg "$@" >"$folder/dpkg.log" 2>&1 || {
    cat "$folder/dpkg.log" >&2
    fail "$wrong"
  }
}

key=wb_$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
dpkg_in_root "it does not install" --install /before.deb
[ "$(in_root stat -c '%U:%G %a' /etc/watchbell/watchbell.toml)" = "root:watchbell 640" ] || fail "others may read watchbell.toml"
[ "$(in_root stat -c '%U %a' /etc/watchbell/secrets)" = "root 700" ] || fail "others may look into /etc/watchbell/secrets"
in_root test -s /usr/share/man/man1/watchbell.1.gz || fail "the manual page is missing"
start
curl -sSf "http://127.0.0.1:$port/api/users" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
  -d '{"username":"dana","email":"dana@example.org"}' >/dev/null || fail "it makes no user"
stop_in_root
echo '# an administrator was here' >>"$root/etc/watchbell/watchbell.toml"

dpkg_in_root "it does not upgrade" --install /after.deb
grep -q 'an administrator was here' "$root/etc/watchbell/watchbell.toml" || fail "an upgrade overwrites watchbell.toml"
start
curl -sSf "http://127.0.0.1:$port/api/users" -H "Authorization: Bearer $key" | grep -q dana@example.org || fail "an upgrade loses the database"
stop_in_root

dpkg_in_root "it does not go" --remove watchbell
[ ! -e "$root/usr/bin/watchbell" ] || fail "the program stays after it was removed"
[ -e "$root/etc/watchbell/watchbell.toml" ] || fail "removing takes the settings as well"
dpkg_in_root "it cannot be purged" --purge watchbell
[ ! -e "$root/etc/watchbell" ] || fail "/etc/watchbell stays after a purge"
[ -s "$root/var/lib/watchbell/data/watchbell.db" ] || fail "a purge takes the database, which is nobody's to take but an administrator's"
echo "the Debian package: installed, upgraded, removed and purged; the unit itself was not started, as there is no systemd in such a root" >&2
