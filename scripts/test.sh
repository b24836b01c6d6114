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
rm -f .coverage .coverage.*
pytest -n "${FOREBAY_TEST_WORKERS:-auto}" -m "not nightly and not servers" --cov --cov-report= "${tiers[@]}" "$@"
coverage report --include='*/forebay/plan/*,*/forebay/manifests/*' --fail-under=90.01 --format=total > /dev/null ||
  { coverage report --include='*/forebay/plan/*,*/forebay/manifests/*' --show-missing; exit 1; }
echo "branch coverage of plan/ and manifests/: $(coverage report --include='*/forebay/plan/*,*/forebay/manifests/*' --format=total) %"
