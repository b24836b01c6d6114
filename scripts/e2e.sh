#!/usr/bin/env bash
# The tests that need a real cluster, on the one of `make cluster` with the images of `make images`.
# Further arguments go to pytest: scripts/e2e.sh -k deletion
set -euo pipefail
cd "$(dirname "$0")/.."
export CLUSTER_DIR="${CLUSTER_DIR:-$PWD/.cluster}"
export KUBECONFIG="${KUBECONFIG:-$CLUSTER_DIR/kubeconfig}"
pytest -m "e2e and not nightly" --durations=15 tests/e2e "$@"
