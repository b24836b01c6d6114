"""The JSONPath of print columns."""

import pytest

from forebay.cli import jsonpath

RUN = {
    "metadata": {"name": "a", "labels": {"forebay.dev/model": "movies"}},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}],
        "stages": [{"name": "ingest"}],
        "n": 0,
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".metadata.name", "a"),
        (".metadata.labels['forebay.dev/model']", "movies"),
        (r".metadata.labels.forebay\.dev/model", "movies"),
        ('.status.conditions[?(@.type=="Ready")].status', "True"),
        (".status.conditions[?(@.type == 'Other')].status", None),
        (".status.stages[0].name", "ingest"),
        (".status.stages[7].name", None),
        (".status.n", 0),
        (".spec.nothing.below", None),
        (".metadata.name.deeper", None),
        (".metadata[0]", None),
    ],
)
def test_a_path_leads_to_its_value_or_to_none(path, value):
    assert jsonpath.find(path, RUN) == value


@pytest.mark.parametrize("path", ["..name", ".a[*]", ".a[?(@.b>1)]", "name"])
def test_a_path_that_is_not_understood_is_an_error(path):
    with pytest.raises(ValueError, match="JSONPath"):
        jsonpath.find(path, {"a": [1]})
