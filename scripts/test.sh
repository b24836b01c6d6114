#!/usr/bin/env bash
# Runs the tiers that need no cluster; fails when plan/ and manifests/ fall to 90 % branch coverage or below.
# FOREBAY_TEST_WORKERS=1 runs them one after the other; further arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
export BENTOML_DO_NOT_TRACK=True
tiers=()
for tier in unit component functional contract chart; do
  [ -d "tests/$tier" ] && tiers+=("tests/$tier")
done
# What judges plan/ and manifests/ runs first and alone is traced: tracing takes half as long again.
judged=(tests/unit/plan tests/unit/plan_serving tests/unit/manifests tests/component/reconcile)
tests() { # what a filter of the caller's leaves empty (exit code 5) is no failure
  pytest -n "${FOREBAY_TEST_WORKERS:-auto}" -m "not nightly and not servers" "$@" || [ $? -eq 5 ]
}
of=--include='*/forebay/plan/*,*/forebay/manifests/*'
rm -f .coverage .coverage.*
result=0
tests --cov --cov-report= "${judged[@]}" "$@" || result=1
tests "${tiers[@]}" "${judged[@]/#/--ignore=}" "$@" || result=1
coverage report "$of" --fail-under=90.01 --format=total > /dev/null ||
  { coverage report "$of" --show-missing; result=1; }
echo "branch coverage of plan/ and manifests/: $(coverage report "$of" --format=total) %"
exit $result
