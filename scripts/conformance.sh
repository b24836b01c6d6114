#!/usr/bin/env bash
# What every store or stream adapter must do, tried on the real server of one of them, which is started when it does
# not run. scripts/conformance.sh STORE; FOREBAY_TEST_<STORE> names another server. Further arguments go to pytest;
# without them what the run showed goes into the table of docs/stores.md.
set -euo pipefail
cd "$(dirname "$0")/.."
store="${1:-}"
[ -n "$store" ] || { echo "which one? make conformance STORE=kafka (or cassandra, mongodb, embedded, files)" >&2; exit 2; }
shift
shopt -s nullglob
tests=("tests/servers/test_$store"*.py "tests/contract/test_$store"*.py)
[ ${#tests[@]} -gt 0 ] || { echo "no adapter $store: there is no tests/servers/test_$store*.py" >&2; exit 2; }
variable="FOREBAY_TEST_${store^^}"
case "$store" in
  embedded | files) ;; # they need no server
  *) [ -n "${!variable:-}" ] || FOREBAY_CONFORMANCE_ON="$(python -m harness.servers product "$store")"
     [ -n "${!variable:-}" ] || python -m harness.servers up "$store" > /dev/null ;; # its lines hold a password
esac
if [ $# -eq 0 ]; then
  export FOREBAY_CONFORMANCE="$store" FOREBAY_CONFORMANCE_ON
fi
result=0
python -m pytest -q --durations=5 -p tests.contract.record "${tests[@]}" "$@" || result=$?
faults=0
case "$store" in
  embedded | files) ;;
  *) python -m pytest -q tests/servers/test_faults.py tests/servers/test_faults_run.py -k "[$store" || faults=$? ;;
esac
[ "$faults" -eq 0 ] || [ "$faults" -eq 5 ] || result=$faults # 5: no test is of this store
python scripts/stores_table.py
exit $result
