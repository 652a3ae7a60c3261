#!/usr/bin/env bash
# Makes the secrets that compose.yaml mounts, in deploy/secrets; what is there already stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

random_hex() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# Others on this machine are kept out by the folder; inside the containers other users than ours read the files.
mkdir -p -m 700 secrets
for secret in admin_key postgres_password grafana_password nats_watchbell nats_publisher nats_reader; do
  [ -s "secrets/$secret" ] || random_hex >"secrets/$secret"
  chmod 444 "secrets/$secret"
done
# Made from the ones above, so always anew.
printf 'postgres://watchbell:%s@postgres:5432/watchbell' "$(cat secrets/postgres_password)" >secrets/database_url
for user in watchbell publisher reader; do
  printf '%s_PASSWORD: "%s"\n' "${user^^}" "$(cat "secrets/nats_$user")"
done >secrets/nats-passwords.conf
chmod 644 secrets/database_url secrets/nats-passwords.conf
echo "In deploy/secrets: the admin key (admin_key), and the passwords of Grafana's user admin and of NATS' users publisher and reader." >&2
