#!/usr/bin/env bash
# An environment for each vendor whose client cannot live beside ours: benchmarks/stores/environments.sh [STORE…].
# One that cannot be made is left out, and the table says so. Folder: BENCH_ENVIRONMENTS, else .bench/.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
folder="${BENCH_ENVIRONMENTS:-.bench}"
for list in benchmarks/stores/requirements-*.txt; do
  name="$(basename "$list" .txt)"
  name="${name#requirements-}"
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  [ ! -e "$folder/$name/.ready" ] || continue
  rm -rf "${folder:?}/$name"
  if python -m venv "$folder/$name" && "$folder/$name/bin/python" -m pip install -q -r "$list"; then
    touch "$folder/$name/.ready"
  else
    echo "$name: its vendor's packages are not installed, so their paths are left out" >&2
  fi
done
