"""`logs`, `report`, `delete`, `validate`, `version` and `datasets` on a state folder."""

import json
import sys

import pytest

from forebay.cli import datasets, logs
from forebay.kube.port import DATASTORE, PIPELINE
from tests.unit.cli import state as s

DONE = {"phase": "Succeeded"}


def log(folder, pod, text):
    """Writes what a pod printed where the runner of pods leaves it."""
    file = folder / "pods" / pod["metadata"]["uid"] / "log.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def logged(tmp_path):
    """A finished run whose ingest and train left logs."""
    (run,) = s.seed(tmp_path, s.run(status=DONE))
    ingest, train = s.seed(
        tmp_path, s.pod(run, "ingest", "a-ingest"), s.pod(run, "train", "b-train")
    )
    log(tmp_path, ingest, "read 5 rows\n")
    log(tmp_path, train, "epoch 1\nepoch 2\nepoch 3\n")
    return tmp_path


def test_logs_of_all_stages_stand_under_their_names(logged):
    result = s.invoke("logs", "movies-11111111", "--state", logged)
    assert result.stdout == (
        "==> ingest (a-ingest) <==\nread 5 rows\n==> train (b-train) <==\nepoch 1\nepoch 2\nepoch 3\n"
    )


def test_logs_of_one_stage_are_just_its_lines(logged):
    result = s.invoke(
        "logs", "movies-11111111", "--stage", "train", "--tail", "2", "--state", logged
    )
    assert result.stdout == "epoch 2\nepoch 3\n"


def test_a_pipelines_name_means_its_newest_run(logged):
    assert "epoch 1" in s.invoke("logs", "movies", "--state", logged).stdout
    assert s.invoke("logs", "nsr/movies-11111111", "--state", logged).exit_code == 0


def test_following_prints_what_comes_and_ends_with_the_run(logged, monkeypatch):
    (pod,) = [p for p in s.stored(logged, logs.runs.POD) if p["metadata"]["name"] == "b-train"]
    file = logged / "pods" / pod["metadata"]["uid"] / "log.txt"
    (run,) = s.stored(logged, logs.RUN)
    phases = iter(["Running", "Running", "Succeeded"])

    def phase(_run):
        now = next(phases)
        with file.open("a") as out:
            out.write(f"{now}\n")
        return now

    monkeypatch.setattr(logs.runs, "phase", phase)
    monkeypatch.setattr(logs, "POLL", 0.0)
    result = s.invoke("logs", run["metadata"]["name"], "-f", "--stage", "train", "--state", logged)
    assert result.stdout == "epoch 1\nepoch 2\nepoch 3\nRunning\nRunning\nSucceeded\n"


def test_logs_that_are_not_there_are_an_error(logged):
    result = s.invoke("logs", "movies", "--stage", "publish", "--state", logged)
    assert result.exit_code == 1
    assert "there are no logs of stage 'publish' of movies-11111111" in result.stderr


def test_report_prints_where_it_is_or_copies_it(tmp_path):
    (tmp_path / "reports").mkdir()
    file = tmp_path / "reports" / "movies-11111111.html"
    file.write_text("<p>")
    s.seed(tmp_path, s.run(status={**DONE, "report": "reports/movies-11111111.html"}))
    assert s.invoke("report", "movies", "--state", tmp_path).stdout.strip() == str(file)
    copy = tmp_path / "copy.html"
    assert s.invoke("report", "movies", "--to", copy, "--state", tmp_path).stdout.strip() == str(
        copy
    )
    assert copy.read_text() == "<p>"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"phase": "Running"}, "has no report yet: it is not finished"),
        (DONE, "has no report\n`forebay logs movies-11111111 --stage report` says why."),
        ({**DONE, "report": "reports/gone.html"}, "is gone: there is no"),
    ],
)
def test_a_report_that_is_not_there_is_explained(tmp_path, status, said):
    s.seed(tmp_path, s.run(status=status))
    result = s.invoke("report", "movies", "--state", tmp_path)
    assert result.exit_code == 1
    assert said in result.stderr


def test_delete_removes_an_object_by_name(tmp_path):
    s.seed(tmp_path, s.store(), s.store("other"))
    result = s.invoke("delete", "dst", "other", "--state", tmp_path)
    assert result.stdout == 'datastore.forebay.dev "other" deleted\n'
    assert [o["metadata"]["name"] for o in s.stored(tmp_path, DATASTORE)] == ["local"]


def test_delete_removes_the_objects_of_a_file_in_reverse_order(tmp_path):
    s.seed(tmp_path / "state", s.store(), s.pipeline())
    file = tmp_path / "all.json"
    file.write_text(
        json.dumps({"kind": "List", "items": [s.store(), s.pipeline(), s.store("absent")]})
    )
    result = s.invoke("delete", "-f", file, "--state", tmp_path / "state")
    assert result.stdout.splitlines() == [
        'nosqlpipeline.forebay.dev "movies" deleted',
        'datastore.forebay.dev "local" deleted',
    ]
    assert (result.exit_code, result.stderr) == (1, 'Error: datastores "absent" not found\n')
    assert s.stored(tmp_path / "state", PIPELINE) == []
    again = s.invoke("delete", "-f", file, "--ignore-not-found", "--state", tmp_path / "state")
    assert again.exit_code == 0


def test_validate_names_each_good_object_and_makes_no_state(tmp_path):
    file = tmp_path / "store.json"
    file.write_text(json.dumps(s.store()))
    result = s.invoke("validate", "-f", file, "--state", tmp_path / "none")
    assert result.stdout == f"{file}:1 DataStore local: valid\n"
    assert not (tmp_path / "none").exists()


def test_validate_reads_standard_input_and_lists_every_error(tmp_path):
    text = json.dumps({**s.store(), "spec": {"type": "moon", "colour": "red"}})
    result = s.invoke("validate", "-f", "-", "--state", tmp_path, stdin=text)
    assert result.exit_code == 2
    assert "stdin:1 spec.type: " in result.stderr
    assert "stdin:1 spec.colour: " in result.stderr
    assert result.stderr.endswith("problems, nothing was created\n")


def test_version_is_one_json_document():
    found = json.loads(s.invoke("version", "-o", "json").stdout)
    assert found["api"] == "forebay.dev/v1alpha1"
    assert "torch" in found["packages"]
    assert s.invoke("version").stdout.startswith(f"forebay {found['forebay']} ")


PROGRAM = """
import json, sys
if sys.argv[1] == "list":
    print(json.dumps({"name": "tiny", "rows": 1000, "licence": "CC0", "description": "three\\nlines"}))
elif sys.argv[2] == "tiny":
    print("not JSON")
    print(json.dumps({"message": "downloading"}))
    print(json.dumps({"file": "ratings.csv", "rows": 1000}))
else:
    sys.exit("there is no data set " + sys.argv[2])
"""


@pytest.fixture
def program(monkeypatch):
    monkeypatch.setattr(datasets, "PROGRAM", (sys.executable, "-c", PROGRAM))


@pytest.mark.usefixtures("program")
class TestDatasets:
    def test_list_is_a_table_or_json(self):
        rows = s.invoke("datasets", "list").stdout.splitlines()
        assert rows[0].split() == ["NAME", "ROWS", "LICENCE", "DESCRIPTION"]
        assert rows[1].split("   ")[0] == "tiny"
        assert "1,000" in rows[1]
        assert json.loads(s.invoke("datasets", "list", "-o", "json").stdout)[0]["name"] == "tiny"

    def test_fetch_shows_progress_and_where_the_files_are(self, tmp_path):
        result = s.invoke("datasets", "fetch", "tiny", "--to", tmp_path)
        assert result.exit_code == 0, result.output
        assert result.stderr == "downloading\n  ratings.csv  1,000 rows\n"
        assert result.stdout == f"tiny: {tmp_path}\n"

    def test_a_failure_is_one_line(self):
        result = s.invoke("datasets", "fetch", "huge")
        assert (result.exit_code, result.stderr) == (
            1,
            "Error: datasets fetch: there is no data set huge\n",
        )
