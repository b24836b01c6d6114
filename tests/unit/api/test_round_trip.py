"""Laws: what is built from the types is valid, and reading it back gives the same object."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay.api.schema import validate, with_defaults
from forebay.api.v1alpha1 import (
    DataStore,
    ModelDeployment,
    ModelVersion,
    NoSQLPipeline,
    PipelineRun,
    Resource,
)
from tests.unit.api.good import DIGEST

LETTERS = "abcdefghijklmnopqrstuvwxyz"
name = st.text(LETTERS, min_size=1, max_size=40)
meta = st.fixed_dictionaries({"name": name})
column = st.text(min_size=1, max_size=20)
ref = st.fixed_dictionaries({"name": name})
table = st.fixed_dictionaries({"storeRef": ref, "table": column})
topic = st.fixed_dictionaries({"storeRef": ref, "topic": name})
share = st.integers(1, 49).map(lambda n: f"0.{n:02d}")
params = st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=5)
shape = st.lists(st.integers(-1, 9), max_size=3)
tensor = st.fixed_dictionaries({"name": name, "dtype": column, "shape": shape})

stores = st.one_of(
    st.just({"type": "embedded", "embedded": {}}),
    st.builds(lambda url: {"type": "files", "files": {"url": url}}, column),
    st.builds(
        lambda hosts, key: {
            "type": "cassandra",
            "cassandra": {"contactPoints": hosts, "keyspace": key},
        },
        st.lists(name, min_size=1, max_size=3),
        column,
    ),
)
split = st.fixed_dictionaries(
    {"by": st.just("random"), "test": share},
    optional={"validation": share, "seed": st.integers(0, 99)},
)
pipelines = st.fixed_dictionaries(
    {
        "ingest": st.fixed_dictionaries({"from": table | topic, "to": table}),
        "preprocess": st.fixed_dictionaries({"split": split}),
        "train": st.fixed_dictionaries(
            {"algorithm": st.just("vader")}, optional={"params": params}
        ),
    },
    optional={
        "evaluate": st.just({}),
        "publish": st.fixed_dictionaries({"model": name, "storeRef": ref}),
        "suspend": st.booleans(),
        "runPolicy": st.fixed_dictionaries({"backoffLimit": st.integers(0, 9)}),
    },
)
runs = st.fixed_dictionaries(
    {"pipelineRef": ref, "trigger": st.just({"type": "spec", "key": "1"}), "template": pipelines}
)
versions = st.fixed_dictionaries(
    {
        "model": name,
        "version": st.integers(1, 10**8).map(lambda n: f"v{n}"),
        "digest": st.just(DIGEST),
        "artifact": st.fixed_dictionaries({"storeRef": ref, "key": column}),
    },
    optional={
        "signature": st.fixed_dictionaries({"inputs": st.lists(tensor, max_size=3)}),
        "params": params,
    },
)
deployments = st.fixed_dictionaries(
    {"model": st.fixed_dictionaries({"name": name, "stage": st.just("Production")})},
    optional={
        "rest": st.fixed_dictionaries({"port": st.integers(1024, 65535)}),
        "replicas": st.builds(
            lambda a, b: {"min": a, "max": a + b}, st.integers(1, 5), st.integers(0, 5)
        ),
        "rollout": st.lists(st.integers(0, 100), min_size=1, max_size=10, unique=True).map(
            lambda w: {"strategy": "Canary", "steps": [{"weight": x} for x in sorted(w)]}
        ),
        "stream": st.builds(lambda a: {"from": a, "to": {"topic": "t"}}, topic),
    },
)
KINDS = (
    (DataStore, stores),
    (NoSQLPipeline, pipelines),
    (PipelineRun, runs),
    (ModelVersion, versions),
    (ModelDeployment, deployments),
)
objects = st.one_of(st.tuples(st.just(kind), meta, specs) for kind, specs in KINDS)
slow = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(objects)
def test_what_is_built_from_the_types_is_valid_and_reads_back_the_same(drawn):
    kind, metadata, spec = drawn
    built: Resource = kind(metadata=metadata, spec=spec)
    obj = built.to_object()
    assert validate(obj) == []
    assert kind.parse(obj) == built


@slow
@given(objects)
def test_the_types_and_the_schema_agree_about_defaults(drawn):
    kind, metadata, spec = drawn
    obj = {
        "apiVersion": "forebay.dev/v1alpha1",
        "kind": kind.__name__,
        "metadata": metadata,
        "spec": spec,
    }
    assert kind.parse(with_defaults(obj)) == kind.parse(obj)
    assert validate(with_defaults(obj)) == validate(obj) == []
