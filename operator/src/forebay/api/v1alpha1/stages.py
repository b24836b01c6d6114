"""The stages around training: ingest, evaluate, decide, publish, predict, deploy."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.flow import Delivery, SchemaPolicy, Sink, Source
from forebay.api.v1alpha1.pods import PodTemplate
from forebay.api.v1alpha1.refs import DeploymentRef, StoreRef
from forebay.api.v1alpha1.scalars import Decimal, ItemName, MetricName, Operator, OwnName

Cost = Annotated[str, Field(min_length=1, max_length=256)]
Rate = Annotated[str, Field(min_length=3, max_length=32, pattern=r"^[0-9]+/[0-9]*(s|m|h|d)$")]
StagePods = Annotated[
    PodTemplate | None,
    about("Applies to every pod of this stage.", {"nodeSelector": {"disk": "ssd"}}),
]


class Ingest(Block):
    """Copies rows or records into a table."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.mode != 'stream' || has(self.from.topic)",
            "mode stream reads a topic: give from.topic",
            ".from",
        ),
        Rule(
            "!has(self.delivery) || self.delivery.guarantee != 'EffectivelyOnce' || has(self.to.key)",
            "EffectivelyOnce needs to.key: without a key a repeated row is a second row",
            ".to",
        ),
    )
    mode: Annotated[
        Literal["batch", "stream"], about("batch: once per run; stream: all the time.", "batch")
    ] = "batch"
    from_: Annotated[
        Source,
        about(
            "What is read.",
            {"storeRef": {"name": "downloads"}, "table": "ratings.csv"},
            alias="from",
        ),
    ]
    to: Annotated[
        Sink,
        about(
            "What is written.",
            {"storeRef": {"name": "local"}, "table": "ratings", "key": ["user_id", "movie_id"]},
        ),
    ]
    schema_policy: Annotated[
        SchemaPolicy | None,
        about("Records of a topic whose fields are not the table's.", {"newField": "Evolve"}),
    ] = None
    delivery: Annotated[
        Delivery | None, about("Guarantee and poison records.", {"guarantee": "EffectivelyOnce"})
    ] = None
    pod_template: StagePods = None


class Gate(Block):
    """A condition that the model must meet to be published."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.value) != has(self.compareTo)",
            "give either operator and value, or compareTo and maxDrop",
        ),
        Rule(
            "has(self.value) == has(self.operator)",
            "operator and value belong together",
            ".operator",
        ),
        Rule(
            "has(self.compareTo) == has(self.maxDrop)",
            "compareTo and maxDrop belong together",
            ".maxDrop",
        ),
    )
    metric: Annotated[MetricName, about("Metric of the evaluate stage.", "rmse")]
    operator: Annotated[Operator | None, about("How the metric is compared with value.", "<=")] = (
        None
    )
    value: Annotated[Decimal | None, about("Limit in the metric's unit, as a string.", "0.92")] = (
        None
    )
    compare_to: Annotated[
        Literal["Production"] | None,
        about("The model to compare with, measured on the same test set.", "Production"),
    ] = None
    max_drop: Annotated[
        Decimal | None,
        about("How much worse than that model is allowed, in the metric's unit.", "0.01"),
    ] = None


class Evaluate(Block):
    """Measures the model on the test set."""

    gates: Annotated[
        list[Gate],
        about(
            "All must be met.",
            [{"metric": "rmse", "operator": "<=", "value": "0.92"}],
            max_length=32,
        ),
    ] = Field(default_factory=list)
    pod_template: StagePods = None


class ActionCost(Block):
    """What an action costs when it turns out to be wrong: a number, or CEL over the row."""

    false_positive: Annotated[
        Cost | None, about("Cost of acting without need; money or CEL over the row.", "5")
    ] = None
    false_negative: Annotated[
        Cost | None, about("Cost of not acting in need; money or CEL over the row.", "amount")
    ] = None


class Action(Block):
    """Something that may be done about a prediction."""

    name: Annotated[ItemName, about("Name of the action.", "block")]
    cost: Annotated[ActionCost, about("What it costs to be wrong.", {"falsePositive": "5"})]


class Decide(Block):
    """Writes the action of least expected cost beside the prediction."""

    actions: Annotated[
        list[Action],
        about(
            "Actions to choose from.",
            [{"name": "block", "cost": {"falsePositive": "5"}}],
            list_keys=("name",),
            min_length=1,
            max_length=16,
        ),
    ]
    limits: Annotated[
        dict[str, Rate],
        about(
            "How often an action may be chosen; times per duration.",
            {"block": "200/1h"},
            max_length=16,
        ),
    ] = Field(default_factory=dict)


class Publish(Block):
    """Makes a ModelVersion of the model; its artefact goes into a store."""

    model: Annotated[OwnName, about("Model whose next version this is.", "fraud")]
    store_ref: Annotated[StoreRef, about("Store of the artefact.", {"name": "shop"})]
    keep: Annotated[
        int,
        about("Versions kept; older ones that are not Production go; a count.", 10, ge=1, le=1000),
    ] = 10
    pod_template: StagePods = None


class Predict(Block):
    """Batch predictions of the published model over the data, written back to a store."""

    to: Annotated[
        Sink,
        about(
            "Table of the predictions.", {"storeRef": {"name": "local"}, "table": "recommendations"}
        ),
    ]
    top: Annotated[
        int,
        about("Entries for each user, where the model makes lists; a count.", 10, ge=1, le=1000),
    ] = 10
    pod_template: StagePods = None


class Deploy(Block):
    """Hands the published version to a ModelDeployment."""

    deployment_ref: Annotated[DeploymentRef, about("The served model.", {"name": "fraud"})]
    policy: Annotated[
        Literal["Manual", "Canary", "Immediate"],
        about("Manual: the version is only marked Staging.", "Immediate"),
    ] = "Immediate"
