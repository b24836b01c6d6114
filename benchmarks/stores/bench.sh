#!/usr/bin/env bash
# `make bench-stores STORE=x ROUNDS=n`: starts the server when it does not run, and leaves it running.
set -euo pipefail
cd "$(dirname "$0")/../.."
store="${1:-}" rounds="${2:-5}"
case "$store" in
  cassandra | mongodb | dynamodb | hbase | kafka) ;;
  *) echo "which one? make bench-stores STORE=cassandra (or mongodb, dynamodb, hbase, kafka)" >&2; exit 2 ;;
esac
bash benchmarks/stores/environments.sh "$store"
variable="FOREBAY_TEST_${store^^}"
[ -n "${!variable:-}" ] || python -m harness.servers up "$store" > /dev/null # its lines hold a password
exec python benchmarks/stores/run.py "$store" "$rounds"
