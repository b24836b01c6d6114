"""PipelineRun: one immutable execution of a pipeline; owns the stages' Jobs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.conditions import ProgressStatus, Status
from forebay.api.v1alpha1.pipeline import PipelineSpec, RunPhase
from forebay.api.v1alpha1.refs import PipelineRef
from forebay.api.v1alpha1.resource import Metadata, Resource
from forebay.api.v1alpha1.scalars import Message, MetricValue, Text, Timestamp, Url, VersionName

StageName = Literal[
    "ingest", "preprocess", "train", "evaluate", "publish", "predict", "deploy", "report"
]
TriggerKey = Annotated[str, Field(min_length=1, max_length=256)]


class RunTrigger(Block):
    """Why this run exists."""

    type: Annotated[
        Literal["spec", "annotation", "schedule", "newData", "drift", "manual"],
        about("What made it.", "spec"),
    ]
    key: Annotated[
        TriggerKey,
        about("Generation, annotation value or schedule time: one run for each key.", "4"),
    ]


class RunSpec(Block):
    """A frozen copy of what was wished."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("self == oldSelf", "a run is immutable: change its pipeline, which makes a new run"),
    )
    pipeline_ref: Annotated[PipelineRef, about("The pipeline it belongs to.", {"name": "fraud"})]
    trigger: Annotated[RunTrigger, about("Why it exists.", {"type": "spec", "key": "4"})]
    template: Annotated[
        PipelineSpec,
        about(
            "Copy of the pipeline's spec; schedule, triggers and history limits in it are a record only.",
            {"train": {"algorithm": "vader"}},
        ),
    ]


class StageStatus(Block):
    """How one stage went."""

    name: Annotated[StageName, about("The stage.", "train")]
    state: Annotated[
        Literal["Pending", "Running", "Retrying", "Succeeded", "Failed", "Skipped"],
        about("How far it is.", "Running"),
    ]
    reason: Annotated[Text | None, about("Why it has this state.", "OOMKilled")] = None
    message: Annotated[Message | None, about("For people.", "epoch 3/20 loss 0.81")] = None
    start_time: Annotated[
        Timestamp | None, about("When it began; UTC.", "2026-01-31T12:00:00Z")
    ] = None
    completion_time: Annotated[
        Timestamp | None, about("When it ended; UTC.", "2026-01-31T12:03:00Z")
    ] = None
    rows: Annotated[int | None, about("Rows that it produced; a count.", 80000, ge=0)] = None
    counts: Annotated[
        dict[str, int],
        about("Rows by kind; counts.", {"read": 100000, "written": 100000}, max_length=32),
    ] = Field(default_factory=dict)
    attempts: Annotated[int | None, about("Pods that were started; a count.", 1, ge=0)] = None


class RunStatus(Status):
    """Conditions: Ready, Succeeded, Warning."""

    phase: Annotated[RunPhase | None, about("How far the run is.", "Running")] = None
    start_time: Annotated[
        Timestamp | None, about("When it began; UTC.", "2026-01-31T12:00:00Z")
    ] = None
    completion_time: Annotated[
        Timestamp | None, about("When it ended; UTC.", "2026-01-31T12:03:00Z")
    ] = None
    stages: Annotated[
        list[StageStatus],
        about(
            "Its stages in order.",
            [{"name": "train", "state": "Running"}],
            list_keys=("name",),
            max_length=16,
        ),
    ] = Field(default_factory=list)
    metrics: Annotated[
        dict[str, MetricValue],
        about("Metrics on the test set; each in its unit.", {"rmse": "0.912"}, max_length=64),
    ] = Field(default_factory=dict)
    model_version: Annotated[
        VersionName | None, about("ModelVersion it published.", "fraud-v17")
    ] = None
    report: Annotated[
        Url | None, about("Where the report lies: path, key or URL.", "reports/fraud-28c1a90f.html")
    ] = None
    progress: Annotated[
        ProgressStatus | None, about("How far the running stage is.", {"percent": 62})
    ] = None


class PipelineRun(Resource):
    """One immutable execution of a pipeline; owns the stages' Jobs."""

    kind: Literal["PipelineRun"] = "PipelineRun"
    metadata: Metadata
    spec: Annotated[
        RunSpec, about("A frozen copy of what was wished.", {"pipelineRef": {"name": "fraud"}})
    ]
    status: Annotated[RunStatus | None, about("How it goes.", {"phase": "Running"})] = None
