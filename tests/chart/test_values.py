"""The chart's values: each explained, each in the schema, nothing else accepted. Needs no helm."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from scripts import chart_docs

CHART = Path(__file__).parents[2] / "charts" / "forebay"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
SCENARIOS = sorted((CHART / "ci").glob("*.yaml"))


def merged(base, over):
    """Values as Helm lays them over the defaults."""
    out = copy.deepcopy(base)
    for key, value in over.items():
        both = isinstance(out.get(key), dict) and isinstance(value, dict)
        out[key] = merged(out[key], value) if both else value
    return out


def refusal(values):
    """Where the schema refuses values, as a path; fails when it does not."""
    errors = list(jsonschema.Draft7Validator(SCHEMA).iter_errors(merged(DEFAULTS, values)))
    assert errors, f"{values} was accepted"
    return ".".join(str(part) for part in errors[0].absolute_path), errors[0].message


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_the_default_values_fit_their_schema():
    jsonschema.validate(DEFAULTS, SCHEMA)


def test_there_are_values_for_every_way_to_install_numbered_from_0():
    assert [path.name[:2] for path in SCENARIOS] == [f"{n:02}" for n in range(len(SCENARIOS))]
    assert len(SCENARIOS) >= 6


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_values_of_a_scenario_fit_and_say_what_they_are_for(path):
    text = path.read_text()
    jsonschema.validate(merged(DEFAULTS, yaml.safe_load(text)), SCHEMA)
    assert text.startswith("# ")


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"crd": {}}, ""),
        ({"crds": {"instal": True}}, "crds"),
        ({"crds": {"keep": "yes"}}, "crds.keep"),
        ({"watchNamespaces": "team-a"}, "watchNamespaces"),
        ({"watchNamespaces": ["Team A"]}, "watchNamespaces.0"),
        ({"watchNamespaces": ["a", "a"]}, "watchNamespaces"),
        ({"image": {"digest": "sha256:12"}}, "image.digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "image.pullPolicy"),
        ({"pods": {"trainImage": {"repository": ""}}}, "pods.trainImage.repository"),
        ({"pods": {"pullSecrets": [{"name": "registry"}]}}, "pods.pullSecrets.0"),
        ({"storage": {"size": "ten"}}, "storage.size"),
        ({"reconcile": {"workers": 0}}, "reconcile.workers"),
        ({"log": {"level": "chatty"}}, "log.level"),
        ({"progress": {"enabled": "yes"}}, "progress.enabled"),
        ({"networkPolicy": {"apiServer": {"ports": []}}}, "networkPolicy.apiServer.ports"),
        (
            {"networkPolicy": {"apiServer": {"cidrs": ["10.0.0.1"]}}},
            "networkPolicy.apiServer.cidrs.0",
        ),
        ({"admissionPolicy": {"maxAccelerators": -1}}, "admissionPolicy.maxAccelerators"),
        ({"admissionPolicy": {"imagePrefixes": ["a' + 'b"]}}, "admissionPolicy.imagePrefixes.0"),
        ({"resources": {"requests": {"memory": "much"}}}, "resources.requests.memory"),
        ({"podLabels": {"tier": 1}}, "podLabels.tier"),
        ({"fullnameOverride": "With Blank"}, "fullnameOverride"),
    ],
    ids=str,
)
def test_a_value_that_makes_no_sense_is_refused_with_its_path(values, where):
    assert refusal(values)[0] == where


def properties(node, path=()):
    """Every path that the schema names."""
    for key, below in (node.get("properties") or {}).items():
        yield (*path, key)
        yield from properties(below, (*path, key))


def test_the_schema_describes_each_value_and_no_other():
    explained = {value.path for value in chart_docs.read((CHART / "values.yaml").read_text())}
    inside = {("resources", "requests"), ("resources", "limits"), ("global",)}
    assert set(properties(SCHEMA)) - inside == explained


def test_readme_and_schema_are_what_the_comments_make_of_them():
    for path, text in chart_docs.wished(CHART).items():
        assert path.read_text() == text, f"{path.name}: run python scripts/chart_docs.py"


def test_a_value_without_a_comment_is_refused():
    with pytest.raises(ValueError, match=r"image\.tag has no comment"):
        chart_docs.read("# The image.\nimage:\n  # Where.\n  repository: x\n\n  tag: ''\n")


def test_a_mapping_that_is_one_value_is_one_row():
    values = chart_docs.read("# What it gets.\nresources:\n  requests: {cpu: 1}\n")
    assert chart_docs.table(values).splitlines()[2:] == [
        '| `resources` | `{"requests": {"cpu": 1}}` | What it gets. |'
    ]
