"""Triggers of a pipeline: new data and drift."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.refs import DeploymentRef
from forebay.api.v1alpha1.scalars import Decimal, Duration, ItemName


class NewData(Block):
    """Fires when enough rows came in since the last run."""

    min_records: Annotated[
        int, about("Rows since the last run; a count.", 100000, ge=1, le=1_000_000_000_000)
    ]


class Drift(Block):
    """Fires when the data of a served model moved away from that of its training."""

    deployment_ref: Annotated[DeploymentRef, about("The served model.", {"name": "fraud"})]
    metric: Annotated[
        Literal["psi", "ks", "js"],
        about("Measure: population stability index, Kolmogorov-Smirnov, Jensen-Shannon.", "psi"),
    ] = "psi"
    operator: Annotated[Literal[">", ">="], about("How it is compared with threshold.", ">")] = ">"
    threshold: Annotated[Decimal, about("Limit, in the metric's unit.", "0.2")]


class Trigger(Block):
    """Something that starts a run beside the schedule and a change of the spec."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.newData) != has(self.drift)", "give exactly one of newData, drift"),
    )
    name: Annotated[ItemName, about("Name of the trigger.", "rows")]
    new_data: Annotated[NewData | None, about("Fires on new rows.", {"minRecords": 100000})] = None
    drift: Annotated[
        Drift | None,
        about("Fires on drift.", {"deploymentRef": {"name": "fraud"}, "threshold": "0.2"}),
    ] = None
    cool_down: Annotated[
        Duration, about("Shortest time between two runs of this trigger; a duration.", "1h")
    ] = "1h"
