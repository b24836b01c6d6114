"""ModelDeployment: a served model over REST and streams, with sink, rollout and scaling."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.conditions import Status
from forebay.api.v1alpha1.flow import Delivery, PredictionSink, Sink, Source, TopicSink
from forebay.api.v1alpha1.gateway import GatewayRef
from forebay.api.v1alpha1.modelversion import ModelStage
from forebay.api.v1alpha1.pods import ServingPodTemplate
from forebay.api.v1alpha1.refs import SecretRef, StoreRef
from forebay.api.v1alpha1.resource import Metadata, Resource
from forebay.api.v1alpha1.rollout import Autoscaling, Replicas, Rollout
from forebay.api.v1alpha1.scalars import (
    Column,
    Duration,
    OwnName,
    Quantity,
    Table,
    Text,
    Url,
    Version,
)


class ModelChoice(Block):
    """Which model version is served."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.version) != has(self.stage)", "give exactly one of version, stage"),
    )
    name: Annotated[OwnName, about("The model.", "fraud")]
    version: Annotated[Version | None, about("A fixed version.", "v17")] = None
    stage: Annotated[ModelStage | None, about("The version that has this stage.", "Production")] = (
        None
    )


class Batching(Block):
    """Requests that come close together are computed together."""

    max_size: Annotated[int, about("Most rows of a batch; a count.", 64, ge=1, le=4096)] = 64
    max_latency_ms: Annotated[
        int, about("Longest wait for more rows, milliseconds.", 10, ge=0, le=10000)
    ] = 10


class RestAuth(Block):
    """Who may ask."""

    secret_ref: Annotated[
        SecretRef, about("Secret whose values are the accepted API keys.", {"name": "fraud-keys"})
    ]


class Rest(Block):
    """The REST service."""

    enabled: Annotated[bool, about("False: no REST service.", True)] = True
    port: Annotated[
        int,
        about(
            "Where the model answers on a machine without a cluster; a TCP port. In a cluster its Service has port 80.",
            3000,
            ge=1024,
            le=65535,
        ),
    ] = 3000
    batching: Annotated[
        Batching, about("Computing requests together.", {"maxSize": 64, "maxLatencyMs": 10})
    ] = Batching()
    auth: Annotated[
        RestAuth | None, about("Who may ask.", {"secretRef": {"name": "fraud-keys"}})
    ] = None
    gateway: Annotated[
        GatewayRef | None,
        about(
            "Gateway (Gateway API) through which callers from outside come.",
            {"name": "public", "hostname": "fraud.example.com"},
        ),
    ] = None


class MicroBatch(Block):
    """Records that are scored together."""

    max_records: Annotated[
        int, about("Most records of a batch; a count.", 500, ge=1, le=100_000)
    ] = 500
    max_wait_ms: Annotated[
        int, about("Longest wait for more records, milliseconds.", 20, ge=0, le=60000)
    ] = 20


class Stream(Block):
    """Scoring of records."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.from.topic)", "a stream reads a topic: give from.topic", ".from"),
    )
    from_: Annotated[
        Source,
        about(
            "Records to score.",
            {"storeRef": {"name": "kafka"}, "topic": "tx", "group": "fraud"},
            alias="from",
        ),
    ]
    to: Annotated[TopicSink | None, about("Topic of the scores.", {"topic": "tx.scored"})] = None
    micro_batch: Annotated[MicroBatch, about("Records scored together.", {"maxRecords": 500})] = (
        MicroBatch()
    )
    delivery: Annotated[
        Delivery | None, about("Guarantee and poison records.", {"guarantee": "EffectivelyOnce"})
    ] = None


class OnlineFeatures(Block):
    """Features read from a store for each request."""

    store_ref: Annotated[StoreRef, about("Store of the features.", {"name": "shop"})]
    table: Annotated[Table, about("Table of the features.", "tx_features")]
    key_from: Annotated[Column, about("Field of the request that is the key.", "card_id")]
    timeout_ms: Annotated[
        int, about("Longest wait for the store, milliseconds.", 20, ge=1, le=60000)
    ] = 20
    on_miss: Annotated[Literal["Default", "Fail"], about("What a missing row does.", "Default")] = (
        "Default"
    )


class DriftMonitoring(Block):
    """Comparison of live data with that of training."""

    window: Annotated[
        Duration, about("Time over which live data is collected; a duration.", "1h")
    ] = "1h"


class Monitoring(Block):
    """What is kept of the requests."""

    log_percent: Annotated[
        int, about("Share of requests that is kept, per cent.", 10, ge=0, le=100)
    ] = 0
    drift: Annotated[DriftMonitoring | None, about("Watch for drift.", {"window": "1h"})] = None


class Edge(Block):
    """Store and forward where the network is not always there."""

    buffer: Annotated[Quantity, about("Most room for results that wait, bytes.", "1Gi")] = "1Gi"
    forward_to: Annotated[
        Sink,
        about(
            "Where results go when the network is back.",
            {"storeRef": {"name": "hq"}, "table": "scores"},
        ),
    ]


class ModelDeploymentSpec(Block):
    """Which model is served, how, where its predictions go."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.rest.enabled || has(self.stream)",
            "nothing would be served: set rest.enabled, or give stream",
            ".rest",
        ),
        Rule(
            "!has(self.autoscaling) || self.autoscaling.metric != 'kafkaLag' || has(self.stream)",
            "autoscaling by kafkaLag needs stream",
            ".autoscaling",
        ),
        Rule(
            "!has(self.autoscaling) || has(self.replicas.max)",
            "autoscaling needs replicas.max",
            ".replicas",
        ),
        Rule(
            "!has(self.stream) || !has(self.stream.delivery)"
            " || self.stream.delivery.guarantee != 'EffectivelyOnce'"
            " || has(self.stream.to) || (has(self.sink) && has(self.sink.key))",
            "EffectivelyOnce needs sink.key or stream.to",
            ".stream",
        ),
        Rule(
            "!has(self.stream) || has(self.stream.to) || has(self.sink)",
            "the scores of stream go nowhere: give stream.to or sink",
            ".stream",
        ),
        Rule(
            "has(self.edge) == (self.profile == 'Edge')",
            "edge belongs to profile Edge, which needs it",
            ".edge",
        ),
    )
    model: Annotated[
        ModelChoice, about("Which version is served.", {"name": "fraud", "stage": "Production"})
    ]
    rest: Annotated[Rest, about("The REST service.", {"enabled": True, "port": 3000})] = Rest()
    stream: Annotated[
        Stream | None,
        about(
            "Scoring of records.",
            {"from": {"storeRef": {"name": "kafka"}, "topic": "tx"}, "to": {"topic": "tx.scored"}},
        ),
    ] = None
    features: Annotated[
        OnlineFeatures | None,
        about(
            "Features read for each request.",
            {"storeRef": {"name": "shop"}, "table": "tx_features", "keyFrom": "card_id"},
        ),
    ] = None
    sink: Annotated[
        PredictionSink | None,
        about(
            "Table of the predictions.",
            {"storeRef": {"name": "shop"}, "table": "fraud_scores", "key": ["card_id"]},
        ),
    ] = None
    replicas: Annotated[Replicas, about("How many pods serve.", {"min": 2, "max": 12})] = Replicas()
    autoscaling: Annotated[
        Autoscaling | None,
        about("What the number of pods follows.", {"metric": "kafkaLag", "target": "1000"}),
    ] = None
    rollout: Annotated[
        Rollout, about("How a new version replaces the old one.", {"strategy": "Rolling"})
    ] = Rollout()
    monitoring: Annotated[
        Monitoring | None, about("What is kept of the requests.", {"logPercent": 10})
    ] = None
    profile: Annotated[Literal["Cluster", "Edge"], about("Where it runs.", "Cluster")] = "Cluster"
    edge: Annotated[
        Edge | None,
        about(
            "Store and forward, for profile Edge.",
            {"buffer": "1Gi", "forwardTo": {"storeRef": {"name": "hq"}, "table": "scores"}},
        ),
    ] = None
    pod_template: Annotated[
        ServingPodTemplate | None,
        about("Applies to every pod of this model.", {"nodeSelector": {"disk": "ssd"}}),
    ] = None


class StableStatus(Block):
    """The version that serves."""

    version: Annotated[Text, about("ModelVersion.", "fraud-v16")]
    weight: Annotated[int | None, about("Share of requests, per cent.", 90, ge=0, le=100)] = None
    ready: Annotated[int | None, about("Pods that answered their probe; a count.", 4, ge=0)] = None
    digest: Annotated[Text | None, about("Digest that was resolved and loaded.", "sha256:8c1f")] = (
        None
    )


class CanaryStatus(Block):
    """The version that is being rolled out."""

    version: Annotated[Text, about("ModelVersion.", "fraud-v17")]
    weight: Annotated[int | None, about("Share of requests, per cent.", 10, ge=0, le=100)] = None
    ready: Annotated[int | None, about("Pods that answered their probe; a count.", 1, ge=0)] = None
    step: Annotated[Text | None, about("Step of the rollout, of how many.", "2/3")] = None
    reason: Annotated[Text | None, about("What it waits for.", "AnalysisRunning")] = None
    digest: Annotated[Text | None, about("Digest that was resolved.", "sha256:8c1f")] = None


class StreamStatus(Block):
    """How the stream goes."""

    lag: Annotated[int | None, about("Records that wait; a count.", 812, ge=0)] = None
    scored: Annotated[
        int | None, about("Records scored since the beginning; a count.", 91233412, ge=0)
    ] = None
    dead_lettered: Annotated[int | None, about("Records refused; a count.", 3, ge=0)] = None


class ModelDeploymentStatus(Status):
    """Conditions: Ready, RolloutComplete, StreamHealthy, SinkHealthy, DriftDetected, Warning."""

    phase: Annotated[Text | None, about("Computed from the conditions.", "Ready")] = None
    stable: Annotated[
        StableStatus | None, about("The version that serves.", {"version": "fraud-v16"})
    ] = None
    canary: Annotated[
        CanaryStatus | None, about("The version on its way.", {"version": "fraud-v17"})
    ] = None
    url: Annotated[Url | None, about("Where the model answers.", "http://fraud.ns.svc")] = None
    replicas: Annotated[int | None, about("Pods of all versions; a count.", 4, ge=0)] = None
    replica_cap: Annotated[
        int | None, about("Most useful pods: partitions of the topic; a count.", 12, ge=0)
    ] = None
    stream: Annotated[StreamStatus | None, about("How the stream goes.", {"lag": 812})] = None


class ModelDeployment(Resource):
    """A served model: REST, streaming, sink, canary, autoscaling, edge profile."""

    kind: Literal["ModelDeployment"] = "ModelDeployment"
    metadata: Metadata
    spec: Annotated[
        ModelDeploymentSpec,
        about(
            "Which model is served, and how.", {"model": {"name": "fraud", "stage": "Production"}}
        ),
    ]
    status: Annotated[
        ModelDeploymentStatus | None, about("What serves.", {"url": "http://fraud.ns.svc"})
    ] = None
