#!/usr/bin/env bash
# Makes what a release hands out, in target/release-VERSION: for x86-64 and arm64 the stripped program with its debug information beside it, the
# Debian package, and what all of it is built from (CycloneDX); the Helm chart; the image, where there is an engine; checksums.
#
# What this machine cannot make is left out and named at the end; then the exit code is 3, as not everything is there.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=../scripts/setup.sh
. scripts/setup.sh

find_cargo
check_rust
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
out=target/release-$version
rm -rf "$out"
mkdir -p "$out"
missing=()
own=$(rustc -vV | sed -n 's/^host: //p')

# The same sources make the same bytes: no paths of this machine in them.
export RUSTFLAGS="--remap-path-prefix=$PWD=/watchbell --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# Why TARGET cannot be built here; nothing where it can.
hindrance() { # TARGET
  local compiler=${1%%-*}-linux-gnu-gcc
  [ "$1" != "$own" ] || return 0
  [ -d "$(rustc --print sysroot)/lib/rustlib/$1" ] || { echo "Rust's library for it is not here: rustup target add $1" && return; }
  command -v "$compiler" >/dev/null || echo "there is no $compiler: apt-get install gcc-${1%%-*}-linux-gnu"
}

for target in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu; do
  name=watchbell-$version-${target%%-*}-linux
  python3 scripts/deploy/sbom.py "$target" >"$out/$name.cdx.json"
  why=$(hindrance "$target")
  if [ -n "$why" ]; then
    missing+=("the program for $target: $why")
    continue
  fi
  tools=
  if [ "$target" != "$own" ]; then
    tools=${target%%-*}-linux-gnu-
    variable=${target//-/_}
    export "CARGO_TARGET_${variable^^}_LINKER=${tools}gcc" "CC_$variable=${tools}gcc"
  fi
  cargo build --locked --release --target "$target" -p watchbell --bins
  built=${CARGO_TARGET_DIR:-target}/$target/release/watchbell
  "${tools}objcopy" --only-keep-debug --compress-debug-sections=zlib "$built" "$out/$name.debug"
  "${tools}objcopy" --strip-all --add-gnu-debuglink="$out/$name.debug" "$built" "$out/$name"
  if [ "$target" = "$own" ] && command -v dpkg-deb >/dev/null; then
    cp "$(scripts/deb.sh "$out/$name")" "$out/"
  else
    missing+=("the Debian package for $target: it is made where that program runs")
  fi
done

if command -v helm >/dev/null; then
  helm package deploy/helm/watchbell --destination "$out" >&2
else
  # What helm package does, but for the links, which it would follow as well.
  tar --create --gzip --dereference --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --directory deploy/helm --file "$out/watchbell-chart-$version.tgz" watchbell
fi

# With an engine behind it, and what builds for both: a client alone builds nothing.
if docker buildx inspect >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
  docker buildx build --platform linux/amd64,linux/arm64 --file deploy/Dockerfile --sbom=true --provenance=true \
    --output "type=oci,dest=$out/watchbell-$version.oci.tar" .
else
  missing+=("the image: there is no engine here (docker buildx)")
fi

(cd "$out" && sha256sum -- * >SHA256SUMS)
ls -lh "$out" >&2
for what in "${missing[@]}"; do echo "NOT MADE: $what" >&2; done
[ "${#missing[@]}" = 0 ] || exit 3
