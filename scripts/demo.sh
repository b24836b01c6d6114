#!/usr/bin/env bash
# MovieLens-100k from a file to a served model, then one real request. Called by `make demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
state="${1:-.forebay}"
forebay datasets fetch movielens-100k --to examples/recommendation/data
forebay run -f examples/recommendation --state "$state"
python examples/recommendation/ask.py 42 --state "$state"
echo
run="$(forebay get runs -o json --state "$state" | python -c 'import json, sys; print(json.load(sys.stdin)["items"][-1]["metadata"]["name"])')"
echo "The model is served until: forebay down --state $state"
echo "Look around (source .venv/bin/activate puts forebay on your path): forebay get forebay; forebay describe run $run; forebay report $run --open"
