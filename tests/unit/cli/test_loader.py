"""Files to checked objects: every error with its file and line, and nothing but valid objects comes out."""

import base64
from pathlib import Path

import pytest

from forebay.cli.failure import InvalidFiles
from forebay.cli.loader import BASE_DIR, load
from forebay.kube.port import MODEL_VERSION, Ref

STORE = """\
apiVersion: forebay.dev/v1alpha1
kind: DataStore
metadata: {name: local}
spec:
  type: embedded
  embedded: {}
"""
PIPELINE = """\
apiVersion: forebay.dev/v1alpha1
kind: NoSQLPipeline
metadata: {name: movies}
spec:
  ingest:
    from: {storeRef: {name: local}, table: raw}
    to: {storeRef: {name: local}, table: ratings, key: [user_id]}
  preprocess:
    split: {by: random, test: "0.2"}
  train:
    runtime: pytorch
    algorithm: matrix-factorization
  publish: {model: movies, storeRef: {name: local}}
  deploy: {deploymentRef: {name: movies}, policy: Immediate}
"""
DEPLOYMENT = """\
apiVersion: forebay.dev/v1alpha1
kind: ModelDeployment
metadata: {name: movies}
spec:
  model: {name: movies, stage: Production}
"""
ALL = f"{PIPELINE}---\n{DEPLOYMENT}---\n{STORE}"


NOWHERE = " in the files or in the state"


@pytest.fixture
def file(tmp_path):
    def write(text, name="a.yaml"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def problems(*paths, existing=None):
    with pytest.raises(InvalidFiles) as error:
        load(paths, existing)
    folder = f"{Path(paths[0]).parent}/"
    return [problem.replace(folder, "") for problem in error.value.problems]


def test_objects_come_out_in_the_order_in_which_they_depend(file):
    loaded = load([file(ALL)])
    assert [item.ref.kind.kind for item in loaded] == [
        "DataStore",
        "ModelDeployment",
        "NoSQLPipeline",
    ]
    assert {item.obj["metadata"]["namespace"] for item in loaded} == {"default"}


def test_a_store_knows_the_folder_of_its_file(file, tmp_path):
    (item,) = load([file(STORE)])
    assert item.obj["metadata"]["annotations"] == {BASE_DIR: str(tmp_path)}


def test_a_base_dir_in_the_file_is_kept(file):
    (item,) = load(
        [
            file(
                STORE.replace(
                    "{name: local}", f"{{name: local, annotations: {{{BASE_DIR}: /data}}}}"
                )
            )
        ]
    )
    assert item.obj["metadata"]["annotations"] == {BASE_DIR: "/data"}


def test_plain_strings_of_a_secret_are_encoded_as_an_api_server_does(file):
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: user}\nstringData: {password: hunter2}\n"
    (item,) = load([file(text)])
    assert item.obj["data"] == {"password": base64.b64encode(b"hunter2").decode()}
    assert "stringData" not in item.obj


def test_every_error_of_every_file_is_listed_with_its_line(file):
    first = file(
        PIPELINE.replace("split: {by: random", "split: {by: moon").replace(
            "runtime: pytorch", "runtime: abacus"
        )
    )
    second = file(STORE.replace("embedded: {}", "embedded: {}\n  colour: red"), "b.yaml")
    third = file(DEPLOYMENT, "c.yaml")
    found = problems(first, second, third)
    assert len(found) == 3
    assert found[0].startswith("a.yaml:9 spec.preprocess.split.by: ")
    assert found[1].startswith("a.yaml:11 spec.train.runtime: ")
    assert found[2].startswith("b.yaml:7 spec.colour: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- 1", "a.yaml:1 not an object but a list"),
        ("kind: DataStore", "a.yaml:1 apiVersion: required, a string such as forebay.dev/v1alpha1"),
        ("apiVersion: forebay.dev/v1alpha1\nkind: 3", "a.yaml:1 kind: required, a string such as NoSQLPipeline"),
        (STORE.replace("{name: local}", "{}"), "a.yaml:3 metadata.name: required, a string such as movies"),
        (STORE.replace("metadata: {name: local}\n", ""), "a.yaml:1 metadata.name: required, a string such as movies"),
        (STORE.replace("{name: local}", "{name: x, namespace: 3}"), "a.yaml:3 metadata.namespace: must be a string"),
        (STORE + "spec: {}\n", "a.yaml:7 key 'spec' is there twice, first on line 4"),
        ("", "a.yaml: no objects in there"),
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused(file, text, expected):
    assert problems(file(text)) == [expected]


def test_a_kind_that_is_not_known_is_refused_with_those_that_are(file):
    (found,) = problems(file("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n"))
    assert found.startswith(
        "a.yaml:2 kind: 'Deployment' of 'apps/v1' is none of Secret (v1), DataStore ("
    )


def test_two_objects_of_one_kind_and_name_are_refused_with_both_places(file):
    (found,) = problems(file(STORE), file("\n" + STORE, "b.yaml"))
    assert found == "b.yaml:4 DataStore 'local' is there twice, first at a.yaml:3"


def test_one_name_for_two_kinds_or_in_two_namespaces_is_fine(file):
    other = STORE.replace("{name: local}", "{name: local, namespace: shop}")
    assert len(load([file(f"{ALL}---\n{other}")])) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ALL.replace("from: {storeRef: {name: local}", "from: {storeRef: {name: gone}"),
            "a.yaml:6 spec.ingest.from.storeRef.name: there is no DataStore 'gone'" + NOWHERE,
        ),
        (
            f"{PIPELINE}---\n{STORE}",
            "a.yaml:14 spec.deploy.deploymentRef.name: there is no ModelDeployment 'movies'"
            + NOWHERE,
        ),
        (
            DEPLOYMENT,
            "a.yaml:5 spec.model.name: there is no pipeline that publishes model 'movies'"
            + NOWHERE,
        ),
    ],
)
def test_a_reference_to_nothing_is_refused(file, text, expected):
    assert problems(file(text)) == [expected]


def test_references_may_point_into_the_state(file):
    version = {
        "kind": "ModelVersion",
        "metadata": {"name": "movies-v1"},
        "spec": {"model": "movies"},
    }
    existing = {Ref(MODEL_VERSION, "default", "movies-v1"): version}
    assert len(load([file(DEPLOYMENT)], existing)) == 1


def test_S04_a_store_in_another_namespace_is_not_the_one_meant(file):
    other = STORE.replace("{name: local}", "{name: local, namespace: shop}")
    assert len(problems(file(f"{PIPELINE}---\n{DEPLOYMENT}---\n{other}"))) == 3


RUN = """\
apiVersion: forebay.dev/v1alpha1
kind: PipelineRun
metadata: {name: movies-1}
spec:
  pipelineRef: {name: movies}
  trigger: {type: manual, key: "1"}
  template:
    train: {runtime: pytorch, algorithm: matrix-factorization, from: {storeRef: {name: local}, table: t}}
"""


def test_an_immutable_spec_is_held_against_the_state(file):
    (*_, item) = load([file(f"{ALL}---\n{RUN}")])
    assert item.ref.name == "movies-1"
    (found,) = problems(
        file("---\n".join([ALL, RUN.replace("manual", "spec")])), existing={item.ref: item.obj}
    )
    assert found.startswith("a.yaml:32 spec: a run is immutable")


@pytest.mark.parametrize(
    ("lines", "field", "said"),
    [
        ('schedule: "99 * * * *"', "spec.schedule", "minute (0-59)"),
        ('schedule: "30-10 * * * *"', "spec.schedule", "Bad minute"),
        ('schedule: "0 3 * * *"\n  timeZone: Mars/X', "spec.timeZone", "no time zone"),
    ],
)
def test_F67_a_schedule_that_nobody_can_follow_is_refused_with_its_line(file, lines, field, said):
    path = file(f"{PIPELINE}  {lines}\n---\n{DEPLOYMENT}---\n{STORE}")
    (problem,) = problems(path)
    line = 15 if field == "spec.schedule" else 16
    assert problem.startswith(f"a.yaml:{line} {field}: ")
    assert said in problem
