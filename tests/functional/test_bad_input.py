"""Bad input: a clear message that names what is wrong, nothing created or half-written."""

import contextlib
import sqlite3

import pytest

from tests.functional.project import YAML, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def failed(project, reason: str, *words: str) -> None:
    """The run fails with the reason, says the words, publishes nothing, and a corrected one succeeds."""
    done = project.run()
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    for word in (reason, *words):
        assert word in said, said
    (run,) = project.objects("pipelineruns")
    assert run["status"]["phase"] == "Failed"
    assert project.objects("modelversions") == []


def test_a_missing_file_is_named(project):
    project.write()
    (project.folder / "tastings.csv").unlink()
    failed(project, "ReferenceMissing", "tastings.csv")


def test_a_missing_column_is_named_with_those_that_are_there(project):
    project.write(yaml=YAML.replace("rating: points", "rating: stars"))
    failed(project, "SchemaMismatch", "stars", "points")


def test_F36_a_wrong_type_in_row_1000_is_named_with_its_row(project):
    data = rows()
    data[999] = ("taster-3", "bottle é3", "excellent")
    project.write(data)
    failed(project, "SchemaMismatch", "points", "excellent", "1000")


def test_F50_empty_data_is_refused(project):
    project.write([])
    failed(project, "EmptyDataset", "tastings.csv")


def test_F50_one_user_only_is_refused(project):
    project.write([("ann", f"bottle {i}", 80 + i % 7) for i in range(200)])
    failed(project, "EmptyDataset", "one")


def test_F50_nan_ratings_are_refused_and_counted(project):
    data = rows()
    for row in (10, 20, 30):
        data[row] = (*data[row][:2], "nan")
    project.write(data)
    failed(project, "SchemaMismatch", "points", "3")


def test_a_gate_that_is_not_met_fails_the_run_and_publishes_nothing(project):
    project.write(gate="0.001", epochs="2")
    failed(project, "GateFailed", "rmse")


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        (YAML.replace("preprocess:", "preproces:"), ["spec.preproces", "preprocess"]),
        (YAML.replace("by: random", "by: moon"), ["spec.preprocess.split.by", "moon"]),
        (YAML.replace("name: local}\nspec", "name: files}\nspec"), ["files", "DataStore"]),
        (YAML.replace("storeRef: {name: files}", "storeRef: {name: nowhere}"), ["nowhere", "storeRef"]),
        (YAML.replace("runtime: pytorch", "runtime: pytorch\n    nodes: many"), ["spec.train.nodes"]),
    ],
    ids=["unknown field", "bad enum", "two of one name", "dangling reference", "wrong type"],
)  # fmt: skip
def test_an_invalid_spec_exits_2_with_its_field_path_and_creates_nothing(project, yaml, words):
    project.write(yaml=yaml)
    done = project.run()
    assert done.returncode == 2, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert project.forebay("get", "forebay", "-o", "json").stdout.count('"kind": "DataStore"') == 0


def test_every_error_of_a_file_is_listed_at_once(project):
    bad = YAML.replace("by: random", "by: moon").replace("runtime: pytorch", "runtime: abacus")
    project.write(yaml=bad)
    done = project.forebay("validate", "-f", str(project.yaml))
    assert done.returncode == 2
    assert "spec.preprocess.split.by" in done.stderr
    assert "spec.train.runtime" in done.stderr


def test_F52_a_published_model_whose_bytes_changed_is_not_served_and_the_run_says_so(project):
    project.write(epochs="2", deploy=True)
    assert project.run().returncode == 0
    project.down()
    with contextlib.closing(sqlite3.connect(project.state / "stores" / "local.db")) as store:
        chunk = max((row[0] for row in store.execute("SELECT data FROM _forebay_chunks")), key=len)
        flipped = chunk[:100] + bytes([chunk[100] ^ 1]) + chunk[101:]
        store.execute("UPDATE _forebay_chunks SET data = ? WHERE data = ?", (flipped, chunk))
        store.commit()
    again = project.run()
    assert again.returncode == 1
    assert "DigestMismatch" in again.stdout + again.stderr
    (deployment,) = project.objects("modeldeployments")
    ready = next(c for c in deployment["status"]["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "DigestMismatch")
