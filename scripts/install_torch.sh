#!/usr/bin/env bash
# Installs torch into the environment given as $1: the CPU build where there is no GPU, the GPU build where there is one.
# Why a step of its own: the default Linux wheel brings 3 GB of GPU libraries, and a lock cannot say "the build that fits this machine".
#   FOREBAY_TORCH=cpu|gpu   overrides the choice            FIND_LINKS=DIR...   folders with wheels, asked before any index
set -euo pipefail
venv="$1"
uv="$venv/bin/uv"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/forebay/wheels"
export UV_PYTHON="$venv/bin/python"

if "$venv/bin/python" -c 'import torch' 2>/dev/null; then exit 0; fi

want="${FOREBAY_TORCH:-}"
[ -n "$want" ] || { command -v nvidia-smi > /dev/null && nvidia-smi -L > /dev/null 2>&1 && want=gpu || want=cpu; }
if [ "$want" = gpu ]; then
  echo "torch: GPU build (FOREBAY_TORCH=cpu chooses the small one)"
  exec "$uv" pip install --quiet --torch-backend=auto 'torch>=2.10'
fi

tag="$("$venv/bin/python" -c 'import sys; print(f"cp{sys.version_info[0]}{sys.version_info[1]}")')"
for folder in "$cache" ${FIND_LINKS:-} ${FOREBAY_WHEELS:-} ../shared/wheels; do
  wheel="$(find "$folder" -maxdepth 1 -name "torch-*+cpu-$tag-$tag-*$(uname -m).whl" 2> /dev/null | sort -V | tail -n 1 || true)"
  [ -n "$wheel" ] || continue
  echo "torch: CPU build from $(basename "$wheel")"
  "$uv" pip install --quiet --compile-bytecode --no-deps "$wheel"
  mkdir -p "$cache" && { [ -e "$cache/$(basename "$wheel")" ] || cp "$wheel" "$cache/" || true; }
  exit 0
done

# uv knows PyTorch's own CPU index; behind a mirror that lacks it, the default wheel works too, it is only big.
if timeout 600 "$uv" pip install --quiet --no-deps --torch-backend=cpu 'torch>=2.10' 2> /dev/null; then
  echo "torch: CPU build from PyTorch's own index"
  exit 0
fi
echo "torch: no CPU build can be reached; installing the default build (about 3 GB). A wheel in FOREBAY_WHEELS=DIR avoids this." >&2
exec "$uv" pip install --quiet 'torch>=2.10'
