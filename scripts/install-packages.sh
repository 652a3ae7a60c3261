#!/usr/bin/env bash
# As root: apt-get installs PACKAGE… without leaving any server of theirs running, now or after the next boot.
#
# Debian's packages start what they install and PostgreSQL's makes a cluster on port 5432. For the time of the installation
# a policy forbids starting services and a setting forbids the cluster; both are taken back at the end, however it ends,
# and whatever stood in their place is put back.
set -euo pipefail

policy=/usr/sbin/policy-rc.d
policy_before=$policy.before-watchbell
cluster_setting=/etc/postgresql-common/createcluster.d/watchbell-no-cluster.conf
made_dirs=()

take_back() {
  local rc=$? i
  trap '' INT TERM HUP
  rm -f "$policy" "$cluster_setting"
  if [ -e "$policy_before" ] || [ -L "$policy_before" ]; then mv "$policy_before" "$policy"; fi
  # Only empty folders go: what the packages have put there stays.
  for ((i = ${#made_dirs[@]} - 1; i >= 0; i--)); do rmdir "${made_dirs[$i]}" 2>/dev/null || true; done
  exit "$rc"
}
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
trap take_back EXIT

# If a former run was killed half-way, its leftover counts as the machine's own policy.
if [ ! -e "$policy_before" ] && { [ -e "$policy" ] || [ -L "$policy" ]; }; then mv "$policy" "$policy_before"; fi
printf '#!/bin/sh\n# Set by an installation that runs just now, removed when it ends.\nexit 101\n' >"$policy"
chmod 755 "$policy"

case " $* " in
  *" postgresql "*)
    for dir in /etc/postgresql-common "${cluster_setting%/*}"; do
      if [ ! -d "$dir" ]; then
        mkdir "$dir"
        made_dirs+=("$dir")
      fi
    done
    echo 'create_main_cluster = false' >"$cluster_setting"
    ;;
esac

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
apt=(apt-get -qq -y -o DPkg::Lock::Timeout=120)
# Stale lists are the usual state of a fresh machine; one broken foreign source is no reason to stop.
"${apt[@]}" update </dev/null || echo "apt-get update failed; going on with the package lists that are here" >&2
"${apt[@]}" -o Dpkg::Options::=--force-confold install --no-install-recommends "$@" </dev/null

# These packages enable their services for the next boot, on ports 4222 and 9090. Nobody asked for that.
for service in nats-server prometheus; do
  case " $* " in
    *" $service "*)
      if command -v systemctl >/dev/null && ! systemctl --quiet disable "$service.service"; then
        echo "the service $service could not be disabled; it may start with the next boot" >&2
      fi
      ;;
  esac
done
