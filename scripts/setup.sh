#!/usr/bin/env bash
# Builds .venv with everything a developer needs and puts `forebay` on its path. Called by `make setup`.
# Needs Python >= 3.11 and a package index that pip can reach; takes mirror and wheel folders from pip's own configuration.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
venv="${VENV:-.venv}"

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Forebay needs Python 3.11 or newer; '$python' is $("$python" --version 2>&1). Set PYTHON=/path/to/python3.11." >&2
  exit 1
}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
[ -x "$venv/bin/uv" ] || "$venv/bin/pip" install --quiet --require-hashes -r requirements/bootstrap.txt

# uv does not read pip's configuration: hand over what the machine's owner set there.
pip_setting() { "$venv/bin/pip" config get "$1" 2>/dev/null || "$venv/bin/pip" config get "${1/global/:env:}" 2>/dev/null || true; }
index="$(pip_setting global.index-url)"
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
export UV_PYTHON="$venv/bin/python" UV_LINK_MODE="${UV_LINK_MODE:-hardlink}" VIRTUAL_ENV="$venv"

"$venv/bin/uv" pip install --quiet --compile-bytecode --no-deps --require-hashes -r requirements/dev.txt
FIND_LINKS="$(pip_setting global.find-links)" bash scripts/install_torch.sh "$venv"
"$venv/bin/uv" pip install --quiet --no-deps --no-build-isolation -e operator -e workloads 2>/dev/null ||
  "$venv/bin/uv" pip install --quiet --no-deps -e operator -e workloads
"$venv/bin/python" -c "import forebay"
