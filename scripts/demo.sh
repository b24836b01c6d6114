#!/usr/bin/env bash
# MovieLens-100k from a file to a served model, then one real request. Called by `make demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
state="${1:-.forebay}"
forebay datasets fetch movielens-100k --to examples/movies/data
forebay run -f examples/movies --state "$state"
python examples/movies/ask.py 42 --state "$state"
echo
echo "The model is served until 'forebay down --state $state'. Look around: forebay get forebay; forebay describe run; forebay report RUN --open"
