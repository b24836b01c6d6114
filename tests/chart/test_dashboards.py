"""The dashboard asks only for figures that the operator has."""

import json
import re
from pathlib import Path

from forebay.metrics import ReconcileMetrics

FOLDER = Path(__file__).parents[2] / "charts" / "forebay" / "files" / "dashboards"
DASHBOARD = json.loads((FOLDER / "operator.json").read_text())


def exposed():
    """Every name of a series that the operator shows."""
    for family in ReconcileMetrics().registry.collect():
        yield family.name
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        for suffix in suffixes.get(family.type, ()):
            yield family.name + suffix


def asked():
    """Every expression of every panel, and those of the variables."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


def test_each_panel_asks_for_figures_that_there_are():
    names = {name for text in asked() for name in re.findall(r"\bforebay_\w+", text)}
    assert names
    assert names - set(exposed()) == set()


def test_each_panel_says_what_it_shows_and_has_a_place_of_its_own():
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in DASHBOARD["panels"]]
    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    assert all(panel["title"] and panel["description"] for panel in DASHBOARD["panels"])
