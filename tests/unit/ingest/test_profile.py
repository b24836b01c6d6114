"""Profiles are exact where they can be and close where they cannot."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.ingest.pace import Pace
from forebay_workloads.ingest.profile import Distinct, Profile
from tests.contract.rows import ROWS, every_type, tables


@given(batch=tables(), at=st.integers(0, 6))
def test_a_profile_does_not_depend_on_batches_and_is_json(batch, at):
    whole, parts = Profile(batch.schema), Profile(batch.schema)
    whole.update(batch)
    parts.update(batch.slice(0, at))
    parts.update(batch.slice(at))
    assert len(whole.entries()) == batch.num_columns
    for one, other in zip(whole.entries(), parts.entries(), strict=True):
        mean, same = one.pop("mean", None), other.pop("mean", None)
        assert one == other
        assert (mean is None) == (same is None)
        json.dumps(one, allow_nan=False)


def test_every_type_has_a_profile():
    profile = Profile(every_type().schema)
    profile.update(every_type())
    entries = {one["name"]: one for one in profile.entries()}
    assert entries["text"]["maxLength"] == len(ROWS[0]["text"])
    assert entries["price"]["min"] == -12345678.1234
    assert entries["day"]["max"] == "9999-12-31"
    assert entries["tags"] == {"name": "tags", "type": "list<item: string>", "nulls": 1}


def test_nan_is_counted_and_kept_out_of_the_range():
    profile = Profile(pa.schema([("x", pa.float64())]))
    profile.update(pa.record_batch({"x": [1.0, math.nan, 3.0, None, math.inf]}))
    (entry,) = profile.entries()
    assert (entry["nan"], entry["nulls"], entry["min"], entry["max"], entry["mean"]) == (
        1,
        1,
        1.0,
        3.0,
        2.0,
    )


@pytest.mark.parametrize("count", [10, 4000, 50_000, 200_000])
@pytest.mark.parametrize(
    "make", [np.arange, lambda n: np.arange(n) * 0.37, lambda n: np.arange(n).astype(str)]
)
def test_distinct_values_are_counted_within_five_percent(make, count):
    values = pa.array(make(count))
    counter = Distinct()
    for start in range(0, count, 30_000):
        counter.update(values.slice(start, 40_000))
    assert counter.estimate() == pytest.approx(count, rel=0.05 if count > 4096 else 0)


def test_a_pace_is_kept_after_bursts_and_pauses():
    now, slept = [100.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(100.0, lambda: now[0], sleep)
    assert pace.batch_rows(65_536) == 50
    for _ in range(10):
        pace.took(50)
    assert now[0] == pytest.approx(105.0)
    now[0] += 60  # a pause is no credit for a burst later
    pace.took(50)
    pace.took(50)
    assert sum(slept) == pytest.approx(5.5)
