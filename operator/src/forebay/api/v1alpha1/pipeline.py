"""NoSQLPipeline: the wished loop from store to store: stages, triggers and history limits."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from forebay.api.v1alpha1 import cron
from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.conditions import ProgressStatus, Status
from forebay.api.v1alpha1.pods import PodTemplate
from forebay.api.v1alpha1.preprocess import Preprocess
from forebay.api.v1alpha1.refs import StoreRef
from forebay.api.v1alpha1.resource import Metadata, Resource
from forebay.api.v1alpha1.scalars import Cron, OwnName, Text, Timestamp, VersionName
from forebay.api.v1alpha1.stages import Decide, Deploy, Evaluate, Ingest, Predict, Publish
from forebay.api.v1alpha1.train import Train
from forebay.api.v1alpha1.triggers import Trigger

RunPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Suspended"]
PREPARED = "has(self.preprocess) && has(self.preprocess.split)"


class RunPolicy(Block):
    """Deadlines, retries and the life of finished runs."""

    active_deadline_seconds: Annotated[
        int, about("Longest time of a run, seconds.", 14400, ge=1, le=31_536_000)
    ] = 86400
    pending_deadline_seconds: Annotated[
        int, about("Longest time until a pod starts, seconds.", 1800, ge=1, le=31_536_000)
    ] = 1800
    backoff_limit: Annotated[int, about("Retries of a stage; a count.", 2, ge=0, le=100)] = 2
    ttl_seconds_after_finished: Annotated[
        int | None,
        about(
            "When a finished run is removed, seconds; left out: by the history limits only.",
            604800,
            ge=0,
            le=31_536_000,
        ),
    ] = None


class Queue(Block):
    """The queue that admits the run's Jobs."""

    name: Annotated[OwnName, about("Name of a Kueue LocalQueue.", "ml")]


class WorkspaceSpec(Block):
    """Where stages hand over data sets, models and checkpoints."""

    store_ref: Annotated[StoreRef, about("Store of the hand-over data.", {"name": "shop"})]


class PipelineSpec(Block):
    """Stages in order; a stage that is left out is skipped and shown as skipped."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.ingest) || has(self.preprocess) || has(self.train)",
            "the pipeline has no stage: give at least one of ingest, preprocess, train",
        ),
        Rule(
            "!has(self.preprocess) || has(self.preprocess.from) || has(self.ingest)",
            "preprocess has nothing to read: give preprocess.from, or ingest",
            ".preprocess",
        ),
        Rule(
            "!has(self.train) || has(self.train.from) || has(self.preprocess) || has(self.ingest)",
            "train has nothing to read: give train.from, preprocess or ingest",
            ".train",
        ),
        Rule(
            f"!has(self.evaluate) || ({PREPARED})",
            "evaluate needs a test set: give preprocess.split",
            ".evaluate",
        ),
        Rule(
            "!has(self.evaluate) || has(self.train)",
            "evaluate needs a model: give train",
            ".evaluate",
        ),
        Rule(
            "!has(self.publish) || has(self.train)", "publish needs a model: give train", ".publish"
        ),
        Rule(
            "!has(self.predict) || has(self.publish)",
            "predict needs a model version: give publish",
            ".predict",
        ),
        Rule(
            "!has(self.deploy) || has(self.publish)",
            "deploy needs a model version: give publish",
            ".deploy",
        ),
        Rule(
            f"!has(self.schedule) || self.schedule.matches('{cron.PATTERN}')",
            cron.SAID,
            ".schedule",
        ),
        Rule(
            "!has(self.timeZone) || has(self.schedule)",
            "timeZone belongs to schedule: give schedule or remove timeZone",
            ".timeZone",
        ),
    )
    suspend: Annotated[bool, about("True: no new run starts.", False)] = False
    schedule: Annotated[
        Cron | None, about("When runs start, in cron format of five fields.", "0 3 * * *")
    ] = None
    time_zone: Annotated[
        Text | None, about("Time zone of schedule; left out: UTC.", "Europe/Berlin")
    ] = None
    concurrency_policy: Annotated[
        Literal["Allow", "Forbid", "Replace"],
        about("What happens while a run is active.", "Forbid"),
    ] = "Forbid"
    starting_deadline_seconds: Annotated[
        int | None, about("How late a scheduled run may start, seconds.", 600, ge=10, le=31_536_000)
    ] = None
    successful_runs_history_limit: Annotated[
        int, about("Succeeded runs kept; a count.", 3, ge=0, le=1000)
    ] = 3
    failed_runs_history_limit: Annotated[
        int, about("Failed runs kept; a count.", 1, ge=0, le=1000)
    ] = 1
    triggers: Annotated[
        list[Trigger],
        about(
            "What else starts a run.",
            [{"name": "rows", "newData": {"minRecords": 100000}, "coolDown": "1h"}],
            list_keys=("name",),
            max_length=16,
        ),
    ] = Field(default_factory=list)
    run_policy: Annotated[
        RunPolicy, about("Deadlines, retries and the life of runs.", {"backoffLimit": 2})
    ] = RunPolicy()
    pod_template: Annotated[
        PodTemplate | None,
        about(
            "Applies to every pod of the pipeline's runs, also to the report's; a field that a stage's own "
            "podTemplate sets replaces the one here.",
            {"tolerations": [{"key": "ml", "operator": "Exists"}]},
        ),
    ] = None
    queue: Annotated[Queue | None, about("Queue that admits the Jobs.", {"name": "ml"})] = None
    workspace: Annotated[
        WorkspaceSpec | None,
        about(
            "Store for what stages hand over; left out: publish.storeRef.",
            {"storeRef": {"name": "shop"}},
        ),
    ] = None
    ingest: Annotated[
        Ingest | None,
        about(
            "Rows or records into a table.",
            {
                "from": {"storeRef": {"name": "downloads"}, "table": "ratings.csv"},
                "to": {"storeRef": {"name": "local"}, "table": "ratings"},
            },
        ),
    ] = None
    preprocess: Annotated[
        Preprocess | None,
        about("Rows into train, validation and test sets.", {"split": {"by": "random"}}),
    ] = None
    train: Annotated[
        Train | None,
        about("Fits a model.", {"algorithm": "matrix-factorization", "params": {"epochs": "5"}}),
    ] = None
    evaluate: Annotated[
        Evaluate | None,
        about(
            "Measures the model.",
            {"gates": [{"metric": "rmse", "operator": "<=", "value": "0.92"}]},
        ),
    ] = None
    decide: Annotated[
        Decide | None,
        about(
            "Chooses an action for each prediction.",
            {"actions": [{"name": "block", "cost": {"falsePositive": "5"}}]},
        ),
    ] = None
    publish: Annotated[
        Publish | None,
        about("Makes a model version.", {"model": "fraud", "storeRef": {"name": "shop"}}),
    ] = None
    predict: Annotated[
        Predict | None,
        about(
            "Writes batch predictions.",
            {"to": {"storeRef": {"name": "local"}, "table": "recommendations"}},
        ),
    ] = None
    deploy: Annotated[
        Deploy | None, about("Serves the version.", {"deploymentRef": {"name": "fraud"}})
    ] = None


class LastRun(Block):
    """The newest run; kept when the run itself is gone, so that it is never made twice."""

    name: Annotated[Text, about("Name of the PipelineRun.", "fraud-28c1a90f")]
    uid: Annotated[Text | None, about("Its uid.", "6f2c1f0e-0000-4000-8000-000000000000")] = None
    key: Annotated[Text | None, about("Key of the trigger that made it.", "4")] = None
    trigger: Annotated[Text | None, about("What made it.", "spec")] = None
    phase: Annotated[RunPhase | None, about("How far it came.", "Succeeded")] = None
    reason: Annotated[Text | None, about("Why it has this phase.", "GateFailed")] = None
    model_version: Annotated[
        VersionName | None, about("ModelVersion it published.", "fraud-v17")
    ] = None
    start_time: Annotated[
        Timestamp | None, about("When it began; UTC.", "2026-01-31T12:00:00Z")
    ] = None
    completion_time: Annotated[
        Timestamp | None, about("When it ended; UTC.", "2026-01-31T12:03:00Z")
    ] = None


class TriggerStatus(Block):
    """When a trigger did something last, for its coolDown."""

    name: Annotated[Text, about("Name of the trigger.", "drift")]
    last_fired: Annotated[
        Timestamp | None, about("When it fired; UTC.", "2026-01-31T12:00:00Z")
    ] = None
    key: Annotated[Text | None, about("Key of the run that it made.", "2026-01-31T12:00:00Z")] = (
        None
    )


class IngestStatus(Block):
    """How the ingest of a stream stands; counts begin with its process."""

    rows: Annotated[int | None, about("Rows written; a count.", 80000, ge=0)] = None
    rows_per_second: Annotated[int | None, about("Records per second of late.", 5200, ge=0)] = None
    lag: Annotated[int | None, about("Records that are not committed yet; a count.", 812, ge=0)] = (
        None
    )
    dead_lettered: Annotated[
        int | None, about("Records that became dead letters; a count.", 3, ge=0)
    ] = None
    held_partitions: Annotated[
        int | None,
        about("Partitions that stand, as a record of theirs can be put nowhere; a count.", 0, ge=0),
    ] = None
    last_commit_time: Annotated[
        Timestamp | None, about("When positions were committed; UTC.", "2026-01-31T12:00:00Z")
    ] = None
    last_dead_letter_time: Annotated[
        Timestamp | None,
        about("When a dead letter was heard of last; UTC.", "2026-01-31T12:00:00Z"),
    ] = None
    last_update: Annotated[
        Timestamp | None, about("When this was reported; UTC.", "2026-01-31T12:00:00Z")
    ] = None


class PipelineStatus(Status):
    """Conditions: Ready, StoresReachable, SchemaCompatible, Ingesting, Warning."""

    phase: Annotated[
        Text | None, about("Computed from the conditions, for the print column only.", "Ready")
    ] = None
    last_run: Annotated[LastRun | None, about("The newest run.", {"name": "fraud-28c1a90f"})] = None
    model_version: Annotated[
        VersionName | None, about("The newest version that a run published.", "fraud-v7")
    ] = None
    active: Annotated[
        list[Text], about("Names of runs that are not finished.", ["fraud-28c1a90f"], max_length=64)
    ] = Field(default_factory=list)
    progress: Annotated[
        ProgressStatus | None, about("How far the active run is.", {"percent": 62})
    ] = None
    ingest: Annotated[
        IngestStatus | None, about("The ingest of a stream.", {"rows": 80000, "lag": 812})
    ] = None
    last_schedule_time: Annotated[
        Timestamp | None,
        about("Schedule time of the newest scheduled run; UTC.", "2026-01-31T03:00:00Z"),
    ] = None
    next_schedule_time: Annotated[
        Timestamp | None,
        about("When the schedule starts the next run; UTC.", "2026-02-01T03:00:00Z"),
    ] = None
    triggers: Annotated[
        list[TriggerStatus],
        about("When triggers fired last.", [{"name": "drift"}], list_keys=("name",), max_length=16),
    ] = Field(default_factory=list)


class NoSQLPipeline(Resource):
    """The wished loop from store to store: stages, triggers and history limits."""

    kind: Literal["NoSQLPipeline"] = "NoSQLPipeline"
    metadata: Metadata
    spec: Annotated[
        PipelineSpec, about("Stages, triggers and limits.", {"train": {"algorithm": "vader"}})
    ]
    status: Annotated[PipelineStatus | None, about("What is going on.", {"phase": "Ready"})] = None
