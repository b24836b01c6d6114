from pathlib import Path

from forebay.api.reasons import Reason

ROOT = Path(__file__).parents[3]
NOTHING_TO_DO = {
    "Pending", "Progressing", "Running", "Succeeded", "Skipped", "Ready", "Reachable", "Authenticated", "Published",
    "Serving", "RolloutComplete", "AnalysisRunning", "Triggered", "CoolingDown", "NoRunYet", "Failed",
}  # fmt: skip


def test_every_reason_that_needs_a_person_has_a_runbook():
    page = (ROOT / "docs" / "runbooks.md").read_text()
    missing = {r.value for r in Reason if f"`{r.value}`" not in page} - NOTHING_TO_DO
    assert not missing


def test_operator_folder_is_no_package_that_shadows_the_standard_library():
    import operator

    assert not (ROOT / "operator" / "__init__.py").exists()
    assert operator.add(1, 2) == 3
