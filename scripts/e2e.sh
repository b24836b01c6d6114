#!/usr/bin/env bash
# The tests that need a real cluster, on the one of `make cluster` with the images of `make images`.
# Further arguments go to pytest: scripts/e2e.sh -k deletion
# FOREBAY_TEST_SERVERS=1 runs the tests that need stores and brokers as well, on servers that they start themselves.
set -euo pipefail
cd "$(dirname "$0")/.."
export CLUSTER_DIR="${CLUSTER_DIR:-$PWD/.cluster}"
export KUBECONFIG="${KUBECONFIG:-$CLUSTER_DIR/kubeconfig}"
tests() { # what a filter of the caller's leaves empty (exit code 5) is no failure
  pytest --durations=10 tests/e2e "$@" || [ $? -eq 5 ]
}
python -m harness.tools kubectl helm kwok > /dev/null # built now, not within a test's time
python -m harness.cluster reset
# What the API server has written down since then counts.
FOREBAY_TEST_SINCE="${FOREBAY_TEST_SINCE:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}"
export FOREBAY_TEST_SINCE
left_out="not nightly"
[ -n "${FOREBAY_TEST_SERVERS:-}" ] || left_out+=" and not servers"
result=0
tests -n "${FOREBAY_TEST_WORKERS:-4}" --dist loadgroup -m "e2e and not alone and $left_out" "$@" || result=1
tests -m "e2e and alone and $left_out" "$@" || result=1
exit $result
