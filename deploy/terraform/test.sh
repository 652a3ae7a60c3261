#!/bin/sh
# Applies both examples to a Watchbell of its own, looks that a second plan finds nothing to change, and takes them away again.
# It needs terraform (or tofu, by TERRAFORM=tofu), which loads the providers from their registry: CI does not run it.
set -eu
cd "$(dirname "$0")/../.."
terraform=${TERRAFORM:-terraform}
watchbell=${WATCHBELL_BIN:-target/debug/watchbell}
for program in "$terraform" "$watchbell" curl; do
	command -v "$program" >/dev/null || { echo "$0: $program is needed; nothing was tried" >&2; exit 2; }
done
folder=$(mktemp -d)
export WATCHBELL_ADMIN_KEY="terraform-test-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
export WATCHBELL_DATABASE__URL="sqlite://$folder/watchbell.db" WATCHBELL_NATS__URL= WATCHBELL_HTTP__LISTEN=127.0.0.1:18080
export TF_VAR_watchbell_url=http://127.0.0.1:18080 TF_VAR_watchbell_key=$WATCHBELL_ADMIN_KEY
"$watchbell" serve >"$folder/log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$folder"' EXIT
tries=0
until curl -sf "$TF_VAR_watchbell_url/-/ready" >/dev/null; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { cat "$folder/log" >&2; exit 1; }
	sleep 0.1
done
curl -sf "$TF_VAR_watchbell_url/api/users" -H "Authorization: Bearer $WATCHBELL_ADMIN_KEY" -H 'Content-Type: application/json' \
	-d '{"username":"anna","email":"anna@example.org"}' >/dev/null
for example in oncall ilert; do
	cp "deploy/terraform/$example/main.tf" "$folder/main.tf"
	(
		cd "$folder"
		rm -rf .terraform .terraform.lock.hcl terraform.tfstate*
		"$terraform" init -input=false -no-color >/dev/null
		"$terraform" apply -input=false -auto-approve -no-color
		"$terraform" plan -input=false -detailed-exitcode -no-color
		"$terraform" destroy -input=false -auto-approve -no-color
	)
	echo "$example: applied, without a difference, and taken away"
done
