#!/usr/bin/env bash
# Every static gate, each named as it runs; all run, then the exit code says whether one failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
failed=()
gate() {
  local name="$1"; shift
  if out="$("$@" 2>&1)"; then echo "ok    $name"; else echo "FAIL  $name"; echo "$out" | tail -n 40 | sed 's/^/      /'; failed+=("$name"); fi
}
gate "format"            ruff format --check -q .
gate "lint"              ruff check -q .
gate "types"             mypy
gate "layers"            lint-imports
gate "sizes"             python scripts/sizes.py
gate "generated CRDs"    python -m forebay.api.crdgen --check
gate "generated docs"    python -m forebay.cli.docs --check
gate "chart docs"        python scripts/chart_docs.py --check
gate "table of stores"   python scripts/stores_table.py --check
gate "paths in docs"     python scripts/docpaths.py
gate "reliability"       python scripts/reliability.py
gate "no addresses"      bash -c '! grep -rnE "(index-url|find-links|https?://[a-z.]*(pypi|pythonhosted|mirror|registry))" requirements/'
gate "YAML"              yamllint -s -c .yamllint.yaml examples gitops kind-config.yaml crds charts/forebay/values.yaml charts/forebay/Chart.yaml charts/forebay/ci
gate "spelling"          codespell operator/src workloads/src harness tests docs charts README.md ARCHITECTURE.md CONTRIBUTING.md RELIABILITY.md CHANGELOG.md
gate "shell"             shellcheck scripts/setup.sh scripts/install_torch.sh scripts/lock.sh scripts/test.sh scripts/verify.sh scripts/demo.sh scripts/cluster-demo.sh scripts/to-claim.sh scripts/e2e.sh scripts/conformance.sh .ci/run
gate "dependencies"      bash -c 'cd operator && deptry src && cd ../workloads && deptry src'
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
