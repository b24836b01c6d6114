"""Each CEL rule of the CRDs on objects that keep it and objects that break it."""

import pytest

from forebay.api import cel
from forebay.api.kinds import KINDS
from forebay.api.schema import validate, with_defaults
from forebay.api.structural import RULES, schema_of
from tests.unit.api import accelerators, schedules
from tests.unit.api.good import GONE, deployment, good, pipeline, store

TX = {"storeRef": {"name": "kafka"}, "topic": "tx"}
BINARY = TX | {"format": "binary"}
TABLE = {"storeRef": {"name": "shop"}, "table": "tx"}
STREAM = {"from": TX, "to": {"topic": "tx.scored"}}
ONCE = {"guarantee": "EffectivelyOnce"}
FEATURES = {"entity": "card", "timestamp": "ts", "windows": ["1d"], "aggregates": [{"count": "*"}]}
ROLLOUT = {"strategy": "Canary", "steps": [{"weight": 0}, {"weight": 10}, {"weight": 100}]}
GATE = {"metric": "rmse"}
TRIGGER = {"name": "a", "newData": {"minRecords": 5}}
DRIFT = {"deploymentRef": {"name": "x"}, "threshold": "0.2"}

KEPT = {
    "every kind": [good(kind) for kind in KINDS],
    "cassandra": [
        store("cassandra", contactPoints=["c:9042"], keyspace="shop"),
        store("cassandra", serviceBindingRef={"name": "b"}, keyspace="shop"),
        store("cassandra", k8ssandraRef={"name": "b"}, keyspace="shop"),
    ],
    "other stores": [
        store("mongodb", hosts=["m:27017"], database="shop"),
        store("couchbase", hosts=["c"], bucket="b"),
        store("dynamodb", region="eu-central-1"),
        store("hbase", thriftServers=["h:9090"]),
        store("kafka", bootstrapServers=["k:9092"]),
        store("kafka", serviceBindingRef={"name": "b"}),
        store("files", url="data/"),
        store("files", url="data/", claim={"name": "shop-data", "size": "10Gi"}),
        good("DataStore", embedded={"claim": {}}),
    ],
    "pipelines": [
        pipeline(ingest__mode="stream", ingest__from=TX),
        pipeline(ingest__delivery=ONCE),
        pipeline(preprocess={"features": FEATURES, "split": {"by": "time"}}),
        pipeline(preprocess={"sql": "SELECT 1", "split": {"by": "group", "column": "user"}}),
        pipeline(preprocess__split={"by": "random", "test": "0.2", "validation": "0.1"}),
        pipeline(ingest=GONE, preprocess__from=TABLE),
        pipeline(ingest__from=TABLE | {"snapshot": {"mode": "Pinned"}}),
        pipeline(ingest=GONE, preprocess=GONE, evaluate=GONE, train__from=TABLE),
        pipeline(preprocess=GONE, evaluate=GONE),
        pipeline(train={"entrypoint": "pkg.train:main", "runtime": "sklearn"}),
        *accelerators.KEPT,
        *schedules.KEPT,
        pipeline(evaluate={"gates": [{**GATE, "compareTo": "Production", "maxDrop": "0.01"}]}),
        pipeline(evaluate={}),
        pipeline(triggers=[TRIGGER, {"name": "b", "drift": DRIFT}]),
        pipeline(
            train__podTemplate={"labels": {"team": "x"}, "env": [{"name": "A", "value": "b"}]}
        ),
    ],
    "deployments": [
        deployment(model={"name": "m", "version": "v3"}),
        deployment(rollout=ROLLOUT | {"analysis": {"errorRate": "0.01", "predictionPSI": "0.2"}}),
        deployment(stream=STREAM | {"delivery": ONCE}),
        deployment(stream={"from": TX, "delivery": ONCE}, sink=TABLE | {"key": ["id"]}),
        deployment(rest={"enabled": False}, stream=STREAM),
        deployment(
            stream=STREAM,
            replicas={"min": 2, "max": 12},
            autoscaling={"metric": "kafkaLag", "target": "1000"},
        ),
        deployment(replicas={"min": 2, "max": 2}),
        deployment(rest={"gateway": {"name": "public"}}),
        deployment(
            rest={
                "gateway": {
                    "name": "public",
                    "listener": "https",
                    "hostname": "*.example.com",
                    "path": "/fraud/v1.2",
                }
            }
        ),
        deployment(profile="Edge", edge={"forwardTo": TABLE}),
    ],
    "names": [good("PipelineRun", name="a" * 63), good("NoSQLPipeline", name="9" * 52)],
}

# what is broken → (object, field, piece of the message)
BROKEN = {
    "block of another type": (
        good("DataStore", files={"url": "data/"}),
        "spec.files",
        "set files when type is files",
    ),
    **{
        f"no block of type {kind}": (
            good("DataStore", type=kind, embedded=GONE),
            f"spec.{kind}",
            f"set {kind}",
        )
        for kind in ("cassandra", "mongodb", "couchbase", "dynamodb", "hbase", "kafka", "files")
    },
    "no embedded block": (
        good("DataStore", type="embedded", embedded=GONE),
        "spec.embedded",
        "set embedded",
    ),
    "claim for an address of its own": (
        store("files", url="s3://bucket/x", claim={"name": "shop-data"}),
        "spec.files.claim",
        "relative url only",
    ),
    "two addresses": (
        store("cassandra", contactPoints=["c"], k8ssandraRef={"name": "b"}, keyspace="k"),
        "spec.cassandra",
        "exactly one of contactPoints",
    ),
    "no broker": (store("kafka"), "spec.kafka", "give bootstrapServers or"),
    "no address": (store("mongodb", database="d"), "spec.mongodb", "exactly one of hosts"),
    "table and topic": (
        pipeline(ingest__from=TX | {"table": "tx"}),
        "spec.ingest.from",
        "exactly one of table, topic",
    ),
    "dead letters nowhere": (
        pipeline(ingest__delivery={"deadLetter": {}}),
        "spec.ingest.delivery.deadLetter",
        "exactly one of table, topic",
    ),
    "stream of a table": (pipeline(ingest__mode="stream"), "spec.ingest.from", "give from.topic"),
    "once without key": (
        pipeline(ingest__delivery=ONCE, ingest__to__key=GONE),
        "spec.ingest.to",
        "needs to.key",
    ),
    "features and sql": (
        pipeline(preprocess={"features": FEATURES, "sql": "SELECT 1", "split": {"by": "random"}}),
        "spec.preprocess",
        "at most one of features, sql",
    ),
    "empty preprocess": (
        pipeline(preprocess={}, evaluate=GONE),
        "spec.preprocess",
        "does nothing",
    ),
    "time without column": (
        pipeline(preprocess__split={"by": "time"}),
        "spec.preprocess.split",
        "needs column",
    ),
    "group without column": (
        pipeline(preprocess__split={"by": "group"}),
        "spec.preprocess.split.column",
        "needs column",
    ),
    "nothing to train on": (
        pipeline(preprocess__split={"by": "random", "test": "0.5", "validation": "0.5"}),
        "spec.preprocess.split.test",
        "below 1",
    ),
    "two aggregates in one": (
        pipeline(
            preprocess={
                "features": FEATURES | {"aggregates": [{"count": "*", "mean": "x"}]},
                "split": {"by": "time"},
            }
        ),
        "spec.preprocess.features.aggregates[0]",
        "exactly one of count",
    ),
    "algorithm and entrypoint": (
        pipeline(train__entrypoint="a:b", train__runtime="pytorch"),
        "spec.train",
        "exactly one of algorithm",
    ),
    "entrypoint without runtime": (
        pipeline(train={"entrypoint": "a:b"}),
        "spec.train.runtime",
        "needs runtime",
    ),
    **accelerators.BROKEN,
    **schedules.BROKEN,
    "no stage": (
        good("NoSQLPipeline") | {"spec": {}},
        "spec",
        "has no stage",
    ),
    "a pin of a topic": (
        pipeline(ingest__from=TX | {"snapshot": {"mode": "Pinned"}}),
        "spec.ingest.from.snapshot",
        "a topic is pinned by its offsets",
    ),
    "no layout": (pipeline(ingest__from=BINARY), "spec.ingest.from.layout", "needs a layout"),
    "a layout of JSON": (
        pipeline(ingest__from=TX | {"layout": {"fields": [{"name": "id", "type": "int64"}]}}),
        "spec.ingest.from.layout",
        "no other format has one",
    ),
    "preprocess reads nothing": (pipeline(ingest=GONE), "spec.preprocess", "nothing to read"),
    "train reads nothing": (
        pipeline(ingest=GONE, preprocess=GONE, evaluate=GONE),
        "spec.train",
        "nothing to read",
    ),
    "evaluate without split": (
        pipeline(preprocess={"sql": "SELECT 1"}),
        "spec.evaluate",
        "preprocess.split",
    ),
    "evaluate without preprocess": (pipeline(preprocess=GONE), "spec.evaluate", "preprocess.split"),
    "evaluate without train": (pipeline(train=GONE), "spec.evaluate", "give train"),
    "publish without train": (pipeline(train=GONE), "spec.publish", "give train"),
    "predict without publish": (pipeline(publish=GONE), "spec.predict", "give publish"),
    "deploy without publish": (pipeline(publish=GONE), "spec.deploy", "give publish"),
    "gate without limit": (
        pipeline(evaluate={"gates": [GATE]}),
        "spec.evaluate.gates[0]",
        "either operator and value",
    ),
    "gate without operator": (
        pipeline(evaluate={"gates": [GATE | {"value": "1"}]}),
        "spec.evaluate.gates[0].operator",
        "belong together",
    ),
    "gate without drop": (
        pipeline(evaluate={"gates": [GATE | {"compareTo": "Production"}]}),
        "spec.evaluate.gates[0].maxDrop",
        "belong together",
    ),
    "trigger of two kinds": (
        pipeline(triggers=[TRIGGER | {"drift": DRIFT}]),
        "spec.triggers[0]",
        "exactly one of newData, drift",
    ),
    "our label": (
        pipeline(train__podTemplate={"labels": {"forebay.dev/owner-uid": "x"}}),
        "spec.train.podTemplate.labels",
        "the operator's",
    ),
    "our annotation": (
        pipeline(train__podTemplate={"annotations": {"forebay.dev/run": "x"}}),
        "spec.train.podTemplate.annotations",
        "the operator's",
    ),
    "our variable": (
        pipeline(train__podTemplate={"env": [{"name": "FOREBAY_ROOT", "value": "/"}]}),
        "spec.train.podTemplate.env[0].name",
        "the operator's",
    ),
    "version and stage": (
        deployment(model__version="v1"),
        "spec.model",
        "exactly one of version, stage",
    ),
    "neither version nor stage": (
        deployment(model={"name": "m"}),
        "spec.model",
        "exactly one of version, stage",
    ),
    "min above max": (deployment(replicas={"min": 3, "max": 2}), "spec.replicas.min", "exceed"),
    "default min above max is checked too": (
        deployment(replicas={"max": 0}),
        "spec.replicas.max",
        "at least 1",
    ),
    "weights fall": (
        deployment(rollout=ROLLOUT | {"steps": [{"weight": 50}, {"weight": 10}]}),
        "spec.rollout.steps",
        "must rise",
    ),
    "weights repeat": (
        deployment(rollout=ROLLOUT | {"steps": [{"weight": 10}, {"weight": 10}]}),
        "spec.rollout.steps",
        "in one step only",
    ),
    "canary without steps": (
        deployment(rollout={"strategy": "Canary"}),
        "spec.rollout.steps",
        "needs them",
    ),
    "steps without canary": (
        deployment(rollout={"steps": [{"weight": 1}]}),
        "spec.rollout.steps",
        "Canary",
    ),
    "analysis without canary": (
        deployment(rollout={"analysis": {"p99Ms": "50"}}),
        "spec.rollout.analysis",
        "Canary",
    ),
    "nothing served": (deployment(rest={"enabled": False}), "spec.rest", "give stream"),
    "lag without stream": (
        deployment(replicas={"max": 2}, autoscaling={"metric": "kafkaLag", "target": "10"}),
        "spec.autoscaling",
        "needs stream",
    ),
    "autoscaling without max": (
        deployment(autoscaling={"metric": "concurrency", "target": "10"}),
        "spec.replicas",
        "replicas.max",
    ),
    "once without target": (
        deployment(stream={"from": TX, "delivery": ONCE}, sink=TABLE),
        "spec.stream",
        "sink.key or stream.to",
    ),
    "scores go nowhere": (deployment(stream={"from": TX}), "spec.stream", "go nowhere"),
    "stream of a table is no stream": (
        deployment(stream=STREAM | {"from": TABLE}),
        "spec.stream.from",
        "give from.topic",
    ),
    "edge without profile": (deployment(edge={"forwardTo": TABLE}), "spec.edge", "profile Edge"),
    "profile without edge": (deployment(profile="Edge"), "spec.edge", "profile Edge"),
    **{
        f"long name of {kind}": (
            good(kind, name="a" * (most + 1)),
            "metadata.name",
            f"at most {most}",
        )
        for kind, most in {
            "DataStore": 52,
            "NoSQLPipeline": 52,
            "PipelineRun": 63,
            "ModelVersion": 63,
            "ModelDeployment": 52,
        }.items()
    },
    "dot in a name": (good("DataStore", name="a.b"), "metadata.name", "no dots"),
    "digit first": (good("ModelDeployment", name="9a"), "metadata.name", "begin with a letter"),
}

# what changes → (old, new, field); the objects are valid by themselves
CHANGED = {
    "a run": (good("PipelineRun"), good("PipelineRun", trigger__key="2"), "spec"),
    "a run's template": (good("PipelineRun"), good("PipelineRun", template__suspend=True), "spec"),
    "a model version": (good("ModelVersion"), good("ModelVersion", params={"a": "1"}), "spec"),
    "a store's type": (good("DataStore"), store("files", url="data/"), "spec.type"),
}


@pytest.mark.parametrize("group", KEPT)
def test_objects_that_keep_all_rules_are_valid(group):
    assert [validate(obj) for obj in KEPT[group]] == [[]] * len(KEPT[group])


@pytest.mark.parametrize("case", BROKEN)
def test_F67_S06_a_broken_rule_is_named_with_field_and_cure(case):
    obj, field, piece = BROKEN[case]
    found = [cause for cause in validate(obj) if cause.field == field]
    assert any(piece in cause.message for cause in found), validate(obj)


@pytest.mark.parametrize("case", CHANGED)
def test_S06_what_is_immutable_cannot_change(case):
    old, new, field = CHANGED[case]
    assert validate(new) == []
    assert validate(new, old=new) == []
    causes = validate(new, old=old)
    assert [cause.field for cause in causes] == [field]
    assert "immutable" in causes[0].message


def test_a_field_left_out_equals_its_default_when_an_update_is_judged():
    assert validate(good("PipelineRun"), old=with_defaults(good("PipelineRun"))) == []


def rules_of(schema):
    yield from (rule["rule"] for rule in schema.get(RULES, ()))
    for child in schema.get("properties", {}).values():
        yield from rules_of(child)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from rules_of(schema[key])


ALL_RULES = sorted({rule for kind in KINDS for rule in rules_of(schema_of(kind))})


def test_S06_every_rule_is_broken_by_an_object_of_this_table(monkeypatch):
    broken, real = set(), cel.holds

    def spy(rule, value, old=None):
        ok = real(rule, value, old)
        if not ok:
            broken.add(rule)
        return ok

    monkeypatch.setattr(cel, "holds", spy)
    for obj, *_ in BROKEN.values():
        validate(obj)
    for old, new, _ in CHANGED.values():
        validate(new, old=old)
    assert set(ALL_RULES) - broken == set()


@pytest.mark.parametrize("rule", ALL_RULES)
def test_every_rule_compiles(rule):
    cel.compiled(rule)
