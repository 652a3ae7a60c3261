#!/usr/bin/env bash
# Makes Watchbell's Debian package of a program that is built already, and says where it is.
#
#   scripts/deb.sh [PROGRAM [VERSION]]      target/dist/watchbell as scripts/release.sh makes it, and its own version, unless given
#
# By dpkg-deb itself, which is wherever packages are installed. The completions and manual pages in it are what the program prints. The same
# program makes the same package, to the byte.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=${1:-target/dist/watchbell}
[ -x "$program" ] || {
  echo "there is no program at $program: make release builds it" >&2
  exit 1
}
version=${2:-$("$program" --version | cut -d ' ' -f 2)}
architecture=$(dpkg --print-architecture)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
made=$folder/watchbell
package=target/deb/watchbell_${version}_$architecture.deb
mkdir -p target/deb

put() { # MODE PATH: standard input
  install -D -m "$1" /dev/stdin "$made/$2"
}

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
umask 022
mkdir "$made"
install -D -m 755 "$program" "$made/usr/bin/watchbell"
strip --strip-all "$made/usr/bin/watchbell"
"$program" completions bash | put 644 usr/share/bash-completion/completions/watchbell
"$program" completions zsh | put 644 usr/share/zsh/vendor-completions/_watchbell
"$program" completions fish | put 644 usr/share/fish/vendor_completions.d/watchbell.fish
for command in '' $("$program" man | sed -n 's/^watchbell\\-\(.*\)(1)$/\1/p' | tr -d '\\' | grep -vx help); do
  # shellcheck disable=SC2086 # no command: the whole program
  "$program" man $command | gzip -9n | put 644 "usr/share/man/man1/watchbell${command:+-$command}.1.gz"
done
put 644 usr/lib/systemd/system/watchbell.service <deploy/watchbell.service
put 644 etc/watchbell/watchbell.toml <deploy/debian/watchbell.toml
put 644 etc/watchbell/watchbell.env <deploy/debian/watchbell.env
put 644 usr/share/doc/watchbell/default.toml <config/default.toml
put 644 usr/share/doc/watchbell/copyright <deploy/debian/copyright
gzip -9nc CHANGELOG.md | put 644 usr/share/doc/watchbell/CHANGELOG.md.gz
printf 'watchbell (%s) stable; urgency=medium\n\n  * What is new: CHANGELOG.md.gz, beside this file.\n\n -- %s  %s\n' "$version" "$(sed -n 's/^Maintainer: //p' deploy/debian/control)" \
  "$(LC_ALL=C date --utc --date "@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %T +0000')" | gzip -9n | put 644 usr/share/doc/watchbell/changelog.gz
printf '%s\n' /etc/watchbell/watchbell.toml /etc/watchbell/watchbell.env | put 644 DEBIAN/conffiles
for script in postinst prerm postrm; do put 755 "DEBIAN/$script" <"deploy/debian/$script"; done
# The newest of glibc that the program asks for.
libc=$(objdump -T "$made/usr/bin/watchbell" | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -V | tail -n 1)
size_kib=$(du -sk --apparent-size "$made" | cut -f 1)
sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@LIBC@/$libc/; s/@SIZE_KIB@/$size_kib/" deploy/debian/control | put 644 DEBIAN/control
(cd "$made" && find usr etc -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) | put 644 DEBIAN/md5sums
find "$made" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group --build "$made" "$folder/made.deb" >&2
# Last, so that what stands there is whole.
mv "$folder/made.deb" "$package"
echo "$package"
