"""Argo CD's view of our objects: the health script on real statuses, and the configuration that carries it."""

from __future__ import annotations

import copy

import pytest
import yaml

from forebay.api import schema
from forebay.kube.port import OWN_KINDS
from tests.component.gitops import files, kstatus
from tests.component.gitops.lua import SCRIPT, health

KINDS = [kind.kind for kind in OWN_KINDS]
WANTED = {"healthy", "degraded", "suspended", "stale_generation", "no_status", "terminating"}
AGREE = {
    kstatus.CURRENT: {"Healthy", "Suspended"},
    kstatus.IN_PROGRESS: {"Progressing", "Suspended"},
    kstatus.FAILED: {"Degraded", "Suspended"},
}


def cases_of(kind):
    text = (files.TESTED / kind / "health_test.yaml").read_text()
    return yaml.safe_load(text)["tests"]


ALL = [(kind, test["inputPath"]) for kind in KINDS for test in cases_of(kind)]


@pytest.mark.parametrize(("kind", "path"), ALL)
def test_F71_an_object_has_the_health_that_its_test_names(kind, path):
    folder = files.TESTED / kind
    (wanted,) = [t["healthStatus"] for t in cases_of(kind) if t["inputPath"] == path]
    obj = yaml.safe_load((folder / path).read_text())
    assert health(obj, folder / "health.lua") == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_tried_in_all_states(kind):
    cases = {test["inputPath"].removeprefix("testdata/")[:-5] for test in cases_of(kind)}
    assert cases >= WANTED
    assert {f.stem for f in (files.TESTED / kind / "testdata").iterdir()} == cases


def test_the_test_data_is_what_the_plans_write(played):
    texts = files.made(played)
    found = {path: path.read_text() for path in texts}
    assert found == texts, "run python -m tests.component.gitops.files"


@pytest.mark.parametrize(("kind", "path"), ALL)
def test_the_test_data_keeps_the_schema_of_its_crd(kind, path):
    obj = yaml.safe_load((files.TESTED / kind / path).read_text())
    assert schema.validate(obj) == []


def test_argo_cd_and_kstatus_never_say_the_opposite(seen):
    for objects in seen.values():
        for obj in objects:
            assert health(obj)["status"] in AGREE[kstatus.of(obj)], obj["status"]


def test_each_kinds_script_is_the_one_script():
    for kind in KINDS:
        assert (files.TESTED / kind / "health.lua").resolve() == SCRIPT


def test_the_configuration_has_a_script_for_every_kind():
    config = yaml.safe_load((files.FOLDER / "argocd-cm.yaml").read_text())
    for kind in KINDS:
        key = f"resource.customizations.health.forebay.dev_{kind}"
        assert config["data"][key] == SCRIPT.read_text()


def test_a_script_has_nothing_of_the_machine_at_hand(tmp_path):
    script = tmp_path / "curious.lua"
    script.write_text(
        "return {status = tostring(io), message = tostring(os) .. tostring(require) .. tostring(python)}"
    )
    assert health({}, script) == {"status": "nil", "message": "nilnilnil"}


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (None, {"status": "Progressing", "message": ""}),
        (
            {"health": {"status": "Degraded", "message": "x"}},
            {"status": "Degraded", "message": "x"},
        ),
        ({"health": {}}, {"status": "Progressing", "message": ""}),
    ],
)
def test_an_application_inside_another_is_as_healthy_as_it_says(status, wanted):
    obj = {"metadata": {}} if status is None else {"metadata": {}, "status": status}
    assert health(obj, files.APPLICATION) == wanted


def test_a_condition_without_a_message_is_told_by_its_reason():
    (test,) = [t for t in cases_of("ModelVersion") if "healthy" in t["inputPath"]]
    obj = yaml.safe_load((files.TESTED / "ModelVersion" / test["inputPath"]).read_text())
    short = copy.deepcopy(obj)
    for condition in short["status"]["conditions"]:
        condition.pop("message", None)
    assert health(short) == {"status": "Healthy", "message": "Published"}
