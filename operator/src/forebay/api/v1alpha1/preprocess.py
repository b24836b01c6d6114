"""The preprocess stage: SQL or one feature definition, and the split into train, validation and test."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.flow import Sink, Source
from forebay.api.v1alpha1.pods import PodTemplate
from forebay.api.v1alpha1.scalars import Column, Duration, Fraction

Sql = Annotated[str, Field(min_length=1, max_length=32768)]
AGGREGATES = ("count", "sum", "mean", "min", "max", "std", "distinct", "last", "lag")


class Aggregate(Block):
    """One function over one column; exactly one field is set."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{name})' for name in AGGREGATES)}].filter(x, x).size() == 1",
            f"give exactly one of {', '.join(AGGREGATES)}; further ones are further items of the list",
        ),
    )
    count: Annotated[
        Column | None, about("Rows in the window: `*`, or a column whose nulls do not count.", "*")
    ] = None
    sum: Annotated[Column | None, about("Column to add up; its own unit.", "amount")] = None
    mean: Annotated[Column | None, about("Column to average; its own unit.", "amount")] = None
    min: Annotated[Column | None, about("Column whose least value counts.", "amount")] = None
    max: Annotated[Column | None, about("Column whose largest value counts.", "vibration")] = None
    std: Annotated[
        Column | None, about("Column whose sample standard deviation counts.", "amount")
    ] = None
    distinct: Annotated[
        Column | None, about("Column whose different values are counted.", "merchant")
    ] = None
    last: Annotated[
        Column | None, about("Column whose newest value in the window counts.", "country")
    ] = None
    lag: Annotated[
        Column | None, about("Column whose newest value before the window counts.", "temperature")
    ] = None


class Features(Block):
    """Windowed aggregates for each entity, at each event, over earlier events only."""

    entity: Annotated[Column, about("Column that names the entity.", "card_id")]
    timestamp: Annotated[Column, about("Column with the event's time.", "ts")]
    windows: Annotated[
        list[Duration],
        about(
            "Lengths of the windows; durations.", ["1d", "7d", "30d"], min_length=1, max_length=16
        ),
    ]
    aggregates: Annotated[
        list[Aggregate],
        about(
            "What is computed in each window.",
            [{"count": "*"}, {"mean": "amount"}],
            min_length=1,
            max_length=64,
        ),
    ]
    delay: Annotated[
        Duration | None,
        about("How late events become known: younger ones are left out; a duration.", "5m"),
    ] = None


class Split(Block):
    """How rows are parted into train, validation and test."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.by != 'group' || has(self.column)",
            "split by group needs column: the column whose equal values stay together",
            ".column",
        ),
        Rule(
            "double(self.test) + (has(self.validation) ? double(self.validation) : 0.0) < 1.0",
            "test and validation together must leave rows to train on: keep their sum below 1",
            ".test",
        ),
    )
    by: Annotated[
        Literal["time", "random", "group"],
        about("time: the newest rows are tested; group: equal values stay together.", "time"),
    ]
    column: Annotated[
        Column | None,
        about("Time or group column; for time it defaults to features.timestamp.", "ts"),
    ] = None
    test: Annotated[Fraction, about("Share of rows held out for the test.", "0.2")] = "0.2"
    validation: Annotated[
        Fraction | None,
        about("Share of rows for early stopping; left out: the recipe takes its own.", "0.1"),
    ] = None
    seed: Annotated[
        int, about("Seed of random and group splits; a number.", 7, ge=0, le=2_147_483_647)
    ] = 0


class Preprocess(Block):
    """Turns rows into the train, validation and test sets."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("!(has(self.features) && has(self.sql))", "give at most one of features, sql"),
        Rule(
            "has(self.features) || has(self.sql) || has(self.split)",
            "preprocess does nothing: give features, sql or split, or leave preprocess out",
        ),
        Rule(
            "!has(self.split) || self.split.by != 'time' || has(self.split.column) || has(self.features)",
            "split by time needs column: the column with the time",
            ".split",
        ),
    )
    engine: Annotated[Literal["duckdb", "spark"], about("What executes it.", "duckdb")] = "duckdb"
    from_: Annotated[
        Source | None,
        about(
            "Data to read; left out: ingest.to.",
            {"storeRef": {"name": "shop"}, "table": "tx"},
            alias="from",
        ),
    ] = None
    sql: Annotated[
        Sql | None,
        about(
            "One read-only SELECT over the table `input`.", "SELECT * FROM input WHERE amount > 0"
        ),
    ] = None
    features: Annotated[
        Features | None,
        about(
            "The one feature definition: batch, streaming and online.",
            {
                "entity": "card_id",
                "timestamp": "ts",
                "windows": ["1d"],
                "aggregates": [{"count": "*"}],
            },
        ),
    ] = None
    split: Annotated[
        Split | None,
        about("Parts of the data; left out: everything is trained on.", {"by": "random"}),
    ] = None
    to: Annotated[
        Sink | None,
        about(
            "Table that also receives the rows.",
            {"storeRef": {"name": "shop"}, "table": "tx_features"},
        ),
    ] = None
    pod_template: Annotated[
        PodTemplate | None,
        about("Applies to every pod of this stage.", {"nodeSelector": {"disk": "ssd"}}),
    ] = None
