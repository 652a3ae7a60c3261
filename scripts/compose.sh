#!/usr/bin/env bash
# Checks deploy/compose.yaml and what it mounts, as far as that goes without containers: scripts/deploy/compose.py says what.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup.sh
. scripts/setup.sh
# shellcheck source=venv.sh
. scripts/venv.sh

install_missing python nats-server prometheus
make_venv deploy scripts/deploy/requirements.txt
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# The secrets are made in a copy: those of an installation here stay as they are.
cp -rL deploy "$folder/deploy"
rm -rf "$folder/deploy/secrets"
"$folder/deploy/make-secrets.sh" 2>/dev/null
export WATCHBELL_TEST_NATS_SERVER=$nats_server WATCHBELL_TEST_PROMTOOL=$promtool PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" scripts/deploy/compose.py "$folder/deploy"
