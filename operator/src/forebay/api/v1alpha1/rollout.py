"""How a new model version replaces the old one, and how many replicas serve it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.scalars import Decimal, Duration


class Step(Block):
    """A share of the requests for a time."""

    weight: Annotated[
        int,
        about("Share of requests for the new version, per cent; 0 is shadow.", 10, ge=0, le=100),
    ]
    pause: Annotated[Duration, about("How long this share is kept; a duration.", "15m")] = "10m"


class Analysis(Block):
    """Limits that the new version must keep while it is a canary."""

    error_rate: Annotated[Decimal | None, about("Largest share of failed requests.", "0.01")] = None
    p99_ms: Annotated[
        Decimal | None,
        about("Largest 99th percentile of latency, milliseconds.", "50", alias="p99Ms"),
    ] = None
    prediction_psi: Annotated[
        Decimal | None,
        about(
            "Largest population stability index against the old version.",
            "0.2",
            alias="predictionPSI",
        ),
    ] = None


class Rollout(Block):
    """How a new version replaces the old one."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.steps) || self.steps.map(s, s.weight).isSorted()",
            "weights must rise from step to step",
            ".steps",
        ),
        Rule(
            "!has(self.steps) || self.steps.all(s, self.steps.exists_one(t, t.weight == s.weight))",
            "each weight may stand in one step only",
            ".steps",
        ),
        Rule(
            "has(self.steps) == (self.strategy == 'Canary')",
            "steps belong to strategy Canary, which needs them",
            ".steps",
        ),
        Rule(
            "!has(self.analysis) || self.strategy == 'Canary'",
            "analysis belongs to strategy Canary",
            ".analysis",
        ),
    )
    strategy: Annotated[
        Literal["Canary", "Rolling", "Recreate"],
        about("Recreate: the old version goes first, for scarce devices.", "Rolling"),
    ] = "Rolling"
    steps: Annotated[
        list[Step] | None,
        about(
            "Strictly rising shares.",
            [{"weight": 0, "pause": "10m"}, {"weight": 50}],
            min_length=1,
            max_length=10,
        ),
    ] = None
    analysis: Annotated[
        Analysis | None, about("Limits of the canary.", {"errorRate": "0.01", "p99Ms": "50"})
    ] = None
    on_failure: Annotated[
        Literal["Rollback", "Pause"], about("What a broken limit does.", "Rollback")
    ] = "Rollback"
    predictions: Annotated[
        Literal["Keep", "Purge", "Rescore"],
        about("What a rollback does with rows that the bad version wrote.", "Keep"),
    ] = "Keep"


class Replicas(Block):
    """How many pods serve."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("!has(self.max) || self.min <= self.max", "min must not exceed max", ".min"),
    )
    min: Annotated[int, about("Fewest pods; a count.", 2, ge=1, le=1000)] = 1
    max: Annotated[int | None, about("Most pods; left out: min; a count.", 12, ge=1, le=1000)] = (
        None
    )


class Autoscaling(Block):
    """What the number of pods follows."""

    metric: Annotated[Literal["concurrency", "kafkaLag"], about("What is measured.", "concurrency")]
    target: Annotated[Decimal, about("Wished value for one pod: requests or records.", "1000")]
