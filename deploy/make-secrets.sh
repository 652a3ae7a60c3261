#!/usr/bin/env bash
# Makes the secrets that compose.yaml mounts, in deploy/secrets; what is there already stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

random_hex() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# Others on this machine are kept out by the folder; inside the containers other users than ours read the files.
mkdir -p -m 700 secrets
[ -s secrets/admin_key ] || random_hex >secrets/admin_key
[ -s secrets/postgres_password ] || random_hex >secrets/postgres_password
# Made from the password, so always anew.
printf 'postgres://watchbell:%s@postgres:5432/watchbell' "$(cat secrets/postgres_password)" >secrets/database_url
chmod 444 secrets/admin_key secrets/postgres_password
chmod 644 secrets/database_url
echo "The admin key is in deploy/secrets/admin_key." >&2
