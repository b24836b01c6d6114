#!/usr/bin/env bash
# What every store or stream adapter must do, tried on the real server of one of them, which is started when it does
# not run. scripts/conformance.sh STORE; further arguments go to pytest. FOREBAY_TEST_<STORE> names another server.
set -euo pipefail
cd "$(dirname "$0")/.."
store="${1:-}"
[ -n "$store" ] || { echo "which one? make conformance STORE=kafka (or cassandra, mongodb, embedded, files)" >&2; exit 2; }
shift
variable="FOREBAY_TEST_${store^^}"
case "$store" in
  embedded | files) ;; # they need no server
  *) [ -n "${!variable:-}" ] || python -m harness.servers up "$store" > /dev/null ;; # its lines hold a password
esac
pytest -q --durations=5 tests/servers tests/contract -k "$store" "$@"
