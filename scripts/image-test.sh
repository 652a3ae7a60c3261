#!/usr/bin/env bash
# Does what deploy/Dockerfile does in its last stage, in a Debian of its own and without an engine, and runs what comes of it: as the image's user, in its
# folder, with its variables, until its health check is content. The stage that compiles, and layers, are not tried.
# WATCHBELL_TEST_BIN names a ready program instead of target/dist/watchbell.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup.sh
. scripts/setup.sh
# shellcheck source=debian-root.sh
. scripts/debian-root.sh

fail() {
  echo "the image: $1" >&2
  exit 1
}

has_debian_root "the image" || exit 0
# From its last FROM on, without comments, each instruction on a line.
stage=$(grep -v '^#' deploy/Dockerfile | sed ':again; /\\$/ { N; s/\\\n *//; b again }' | awk '/^FROM/ { text = "" } { text = text $0 "\n" } END { printf "%s", text }')
of() { sed -n "s/^$1 //p" <<<"$stage"; }
suite=$(of FROM | sed -n 's/^debian:\(.*\)-slim$/\1/p')
[ -n "$suite" ] || fail "its last stage is none of Debian's slim images, which is all that this knows"
# What apt-get would bring is there from the start; the rest is run as it stands.
packages=$(of RUN | sed 's/ && /\n/g' | sed -n 's/^apt-get install //p' | tr ' ' '\n' | grep -v '^-' | paste -sd , -)
rest=$(of RUN | sed 's/ && /\n/g' | grep -v '^apt-get\|/var/lib/apt/lists' | sed '$!s/$/ \&\&/')
make_debian_root "the image" "$suite" "$packages,passwd"
in_root sh -euc "$rest"
target=$(of COPY | sed -n 's|^--from=build /out/watchbell ||p')
install -m 755 "${WATCHBELL_TEST_BIN:-target/dist/watchbell}" "$root$target"
strip "$root$target"
[ "$(of ENTRYPOINT) $(of CMD | tail -n 1)" = '["watchbell"] ["serve"]' ] || fail "it starts something else than watchbell serve"
user=$(of USER | cut -d : -f 1)
mapfile -t variables < <(of ENV)
start_in_root "$user" "$(of WORKDIR)" "${variables[@]}" WATCHBELL_NATS__URL=
[ "$(in_root stat -c %u "$(of VOLUME)/watchbell.db")" = "$user" ] || fail "its database is not in its volume"
stop_in_root
echo "the image's last stage: made without an engine, run as $user; an engine, layers and the stage that compiles were not tried" >&2
