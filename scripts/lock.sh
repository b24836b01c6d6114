#!/usr/bin/env bash
# Writes the hashed requirement locks. Called by `make lock`.
# They hold no download addresses, so any mirror serves them, and no torch: which build is right
# depends on the machine (scripts/install_torch.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
uv="${UV:-.venv/bin/uv}"
compile() {
  local out="$1"; shift
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
    --no-emit-index-url --no-emit-find-links --overrides requirements/overrides.in \
    --no-emit-package torch --no-emit-package forebay --no-emit-package forebay-workloads --no-emit-package forebay-workspace \
    "$@" --output-file "requirements/$out" > /dev/null
}
compile operator.txt operator/pyproject.toml
drivers=(--extra cassandra --extra mongodb --extra couchbase --extra dynamodb --extra hbase --extra kafka) # every pod that opens a store may meet any of them
compile serve.txt workloads/pyproject.toml --extra serve "${drivers[@]}"
compile train.txt workloads/pyproject.toml requirements/torch-needs.in --extra train "${drivers[@]}"
compile dev.txt pyproject.toml requirements/torch-needs.in requirements/bootstrap.in --group dev --overrides requirements/overrides-dev.in
compile bootstrap.txt requirements/bootstrap.in
compile build.txt requirements/build.in
