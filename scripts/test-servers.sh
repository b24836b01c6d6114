#!/usr/bin/env bash
# Every test that needs stores and brokers, on servers of its own that end with it; FOREBAY_TEST_<NAME> names one of
# yours instead. Further arguments go to pytest: scripts/test-servers.sh -k movies
set -euo pipefail
cd "$(dirname "$0")/.."
own="$(mktemp -d)"
export SERVERS_DIR="${SERVERS_DIR:-$own/servers}"
trap 'python -m harness.servers down > /dev/null; rm -rf "$own"' EXIT
names=()
for name in $(python -c 'from harness.servers import life; print(*life.RECIPES)'); do
  export "SERVERS_PORT_${name^^}=free" # somebody else may have the usual ones
  yours="FOREBAY_TEST_${name^^}"
  [ -n "${!yours:-}" ] || names+=("$name")
done
[ ${#names[@]} -eq 0 ] || python -m harness.servers up "${names[@]}" > /dev/null # its lines hold passwords
pytest -n "${FOREBAY_TEST_WORKERS:-2}" --dist loadfile --no-loadscope-reorder --durations=10 \
  -m "servers and not nightly" tests/servers tests/contract "$@"
