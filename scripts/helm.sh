#!/usr/bin/env bash
# Checks the chart of deploy/helm: scripts/deploy/helm.py says what. Neither helm nor kubeconform has to be installed, nor a cluster be there:
# Helm's own code and Kubernetes' schemas come as Python packages, pinned in scripts/deploy/requirements.txt.
#
#   scripts/helm.sh                          compares with deploy/helm/snapshots
#   UPDATE_SNAPSHOTS=1 scripts/helm.sh       writes them anew
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup.sh
. scripts/setup.sh
# shellcheck source=venv.sh
. scripts/venv.sh

case $(uname -s)-$(uname -m) in
  Linux-x86_64 | Linux-aarch64 | Darwin-arm64) ;;
  *)
    # The package holds Helm as a library, of which these alone are known to be there.
    echo "NOT CHECKED: the chart, as Helm's code is not packaged for $(uname -s) on $(uname -m)" >&2
    exit 0
    ;;
esac
install_missing python
make_venv deploy scripts/deploy/requirements.txt
PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" scripts/deploy/helm.py
