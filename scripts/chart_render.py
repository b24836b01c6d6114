"""Writes what Helm makes of the chart for some of its scenarios: `python scripts/chart_render.py [--check]`.

The files below tests/chart/rendered/ are committed: a change of a template or a default shows as a change of
objects, and the tests that need no cluster judge these objects without helm. That they are what Helm makes
is tested in tests/e2e/test_chart_render.py, where helm is there.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "forebay"
RENDERED = ROOT / "tests" / "chart" / "rendered"
SNAPSHOTS = ("00-default", "01-namespaced", "04-everything")
RELEASE = NAMESPACE = "forebay"


def scenarios() -> dict[str, Path]:
    """The files of values below ci/, by their names without `-values.yaml`."""
    return {p.name.removesuffix("-values.yaml"): p for p in sorted((CHART / "ci").glob("*.yaml"))}


def render(helm: Path | str, scenario: str, *more: str) -> str:
    """All objects of a scenario as YAML. The one with everything is for a cluster that knows PodMonitors."""
    values = ["--values", str(scenarios()[scenario])]
    if scenario == "04-everything":
        values += ["--api-versions", "monitoring.coreos.com/v1"]
    command = [str(helm), "template", RELEASE, str(CHART), "--namespace", NAMESPACE]
    done = subprocess.run(
        [*command, *values, *more], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def snapshot(text: str) -> str:
    """The objects without the definitions, which tests/chart/test_crds.py compares with crds/ byte by byte."""
    documents = re.split(r"^---\n", text, flags=re.MULTILINE)
    kept = [d.strip() for d in documents if d.strip() and "templates/crds/" not in d]
    return "".join(f"---\n{document}\n" for document in kept)


def main() -> int:
    """The command: 0, or 1 with `--check` when a file is not what Helm makes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 on a difference")
    parser.add_argument("--helm", help="the program; left out: the harness's own")
    args = parser.parse_args()
    helm = args.helm or _built()
    stale = []
    for name in SNAPSHOTS:
        path, text = RENDERED / f"{name}.yaml", snapshot(render(helm, name))
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
            if not args.check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for path in stale if args.check else ():
        print(f"{path} is not what Helm makes: run make chart")
    return int(args.check and bool(stale))


def _built() -> str:
    from harness import tools  # noqa: PLC0415 - not needed where the program is named

    return str(tools.ensure("helm"))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
