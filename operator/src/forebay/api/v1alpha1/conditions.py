"""What every status has: conditions by Kubernetes convention, and the progress of running work."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from forebay.api.v1alpha1.base import Block, about
from forebay.api.v1alpha1.scalars import Message, MetricName, MetricValue, Text, Timestamp

ConditionType = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z]+$")]
ReasonWord = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z][A-Za-z0-9]*$")]


class Condition(Block):
    """One aspect of the object's state, as in metav1.Condition."""

    type: Annotated[ConditionType, about("The aspect; `Ready` is the summary.", "Ready")]
    status: Annotated[
        Literal["True", "False", "Unknown"], about("Whether it holds, as a string.", "False")
    ]
    reason: Annotated[
        ReasonWord, about("One word of the list of reasons: why it has this status.", "GateFailed")
    ]
    message: Annotated[
        Message, about("For people: what happened and what to do.", "rmse 0.95 misses <= 0.92")
    ] = ""
    observed_generation: Annotated[
        int | None, about("metadata.generation that was looked at; a count.", 4, ge=0)
    ] = None
    last_transition_time: Annotated[
        Timestamp, about("When `status` changed last; UTC, RFC 3339.", "2026-01-31T12:00:00Z")
    ]


class MetricSample(Block):
    """One metric and its newest value."""

    name: Annotated[MetricName, about("The metric.", "loss")]
    value: Annotated[MetricValue, about("Its value as text; unit of the metric.", "0.041")]


class ProgressStatus(Block):
    """How far running work is."""

    text: Annotated[
        Text | None, about("All of it in a few words, for the print column.", "62% train 3m")
    ] = None
    percent: Annotated[int | None, about("Work done, in per cent.", 62, ge=0, le=100)] = None
    eta_seconds: Annotated[int | None, about("Estimated time left, seconds.", 180, ge=0)] = None
    step: Annotated[Text | None, about("What is being done now.", "train")] = None
    epoch: Annotated[int | None, about("Epochs finished; a count.", 3, ge=0)] = None
    epochs: Annotated[int | None, about("Epochs planned; a count.", 20, ge=0)] = None
    rows: Annotated[int | None, about("Rows done in this step; a count.", 80000, ge=0)] = None
    total_rows: Annotated[int | None, about("Rows of this step; a count.", 100000, ge=0)] = None
    rows_per_second: Annotated[int | None, about("Rate now, rows per second.", 52000, ge=0)] = None
    metrics: Annotated[
        list[MetricSample],
        about(
            "Newest metrics.",
            [{"name": "loss", "value": "0.041"}],
            list_keys=("name",),
            max_length=32,
        ),
    ] = Field(default_factory=list)
    last_update: Annotated[
        Timestamp | None, about("When this was reported; UTC, RFC 3339.", "2026-01-31T12:00:00Z")
    ] = None


class Status(Block):
    """The beginning of every status."""

    observed_generation: Annotated[
        int | None, about("metadata.generation that this status belongs to; a count.", 4, ge=0)
    ] = None
    conditions: Annotated[
        list[Condition],
        about(
            "Aspects of the state; `Ready` first.",
            [{"type": "Ready", "status": "True", "reason": "Ready"}],
            list_keys=("type",),
            max_length=32,
        ),
    ] = Field(default_factory=list)
