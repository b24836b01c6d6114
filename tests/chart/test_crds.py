"""The chart's CRDs: the same as crds/, installed and kept by two values."""

from pathlib import Path

import pytest
import yaml

CHART = Path(__file__).parents[2] / "charts" / "forebay"
TEMPLATES = sorted((CHART / "templates" / "crds").glob("*.yaml"))


def load(text):
    """The C loader: these files are large, and the Python one takes seconds for them."""
    return yaml.load(text, yaml.CSafeLoader)


def rendered(text, *, install, keep):
    """What Helm makes of the two conditions that these templates have; no other action is allowed."""
    lines, shown = [], [True]
    for line in text.splitlines():
        action = line.strip()
        if action == "{{- if .Values.crds.install }}":
            shown.append(install)
        elif action == "{{- if .Values.crds.keep }}":
            shown.append(keep)
        elif action == "{{- end }}":
            shown.pop()
        elif all(shown):
            assert "{{" not in line
            lines.append(line)
    assert shown == [True]
    return load("\n".join(lines))


def test_there_is_a_template_for_every_crd():
    crds = sorted(path.name for path in (CHART.parents[1] / "crds").glob("*.yaml"))
    assert [path.name for path in TEMPLATES] == crds
    assert len(crds) == 5


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_is_its_crd_with_the_annotation_that_keeps_it(path):
    wished = load((CHART.parents[1] / "crds" / path.name).read_text())
    text = path.read_text()
    assert rendered(text, install=True, keep=False) == wished
    wished["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    assert rendered(text, install=True, keep=True) == wished
    assert rendered(text, install=False, keep=True) is None


def test_the_chart_says_what_it_is():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["apiVersion"] == "v2"
    assert chart["name"] == "forebay"
    assert chart["version"] == chart["appVersion"] == "0.1.0"
