"""The sections of a report as plain values: what each says, before any markup.

Used by `html` and `card`. Every function takes the facts and tolerates that any of them is missing. Pure.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forebay_workloads.report.chart import Chart, chart
from forebay_workloads.report.facts import (
    Facts,
    Json,
    block,
    code_versions,
    rows_of,
    seconds_between,
)
from forebay_workloads.report.text import flat, number, plain, span

COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
PASSED, MISSED, UNKNOWN = "passed", "missed", "not decided"
MOST_FACTS = 60  # lines of a table of details
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Outcome:
    """How the run ended, and what to look at when it failed."""

    phase: str
    stage: str
    reason: str
    message: str
    took: str
    started: str


@dataclass(frozen=True)
class Metric:
    """A metric on the test set, beside the Production version's."""

    name: str
    value: str
    production: str


@dataclass(frozen=True)
class Gate:
    """A condition for publishing, and whether it held."""

    condition: str
    value: str
    verdict: str


@dataclass(frozen=True)
class Amount:
    """Rows somewhere between source and model."""

    where: str
    rows: str
    digest: str


@dataclass(frozen=True)
class Timing:
    """A stage on the time line: `left` and `width` in per mille of the run."""

    stage: str
    state: str
    took: str
    left: float
    width: float
    message: str


def outcome(facts: Facts) -> Outcome:
    """Phase, and of the failed stage reason and message."""
    failed = facts.failed or {}
    ends = [str(one["completionTime"]) for one in facts.stages if one.get("completionTime")]
    started = facts.status.get("startTime")
    return Outcome(
        phase=str(facts.status.get("phase") or ("Failed" if failed else "Unknown")),
        stage=str(failed.get("name") or ""),
        reason=str(failed.get("reason") or ""),
        message=str(failed.get("message") or ""),
        took=span(seconds_between(started, max(ends)) if ends else None),
        started=str(started or ""),
    )


def _values(facts: Facts) -> dict[str, Any]:
    found = dict(block(facts.result("evaluate").get("metrics")))
    return found or dict(block(facts.status.get("metrics")))


def metrics(facts: Facts) -> list[Metric]:
    """Every metric that evaluate measured, else those of the status."""
    baseline = block(block(facts.result("evaluate").get("baseline")).get("metrics"))
    return [
        Metric(name, number(_number(value)), number(_number(baseline.get(name))))
        for name, value in sorted(_values(facts).items())
    ]


def gates(facts: Facts) -> list[Gate]:
    """Every gate of the spec. A comparison with Production is the control plane's decision."""
    values = _values(facts)
    judged = next((one.get("state") for one in facts.stages if one.get("name") == "evaluate"), None)
    found = []
    for gate in rows_of(block(facts.spec.get("evaluate")).get("gates")):
        name, value = str(gate.get("metric")), _number(values.get(str(gate.get("metric"))))
        if gate.get("compareTo"):
            condition = f"{name} at most {gate.get('maxDrop', '0')} worse than {gate['compareTo']}"
            verdict = PASSED if judged == "Succeeded" else UNKNOWN
        else:
            condition = f"{name} {gate.get('operator')} {gate.get('value')}"
            verdict = _verdict(value, str(gate.get("operator")), _number(gate.get("value")))
        found.append(Gate(condition, number(value), verdict))
    return found


def _verdict(value: float | None, sign: str, limit: float | None) -> str:
    if value is None or limit is None or sign not in COMPARE:
        return UNKNOWN
    return PASSED if COMPARE[sign](value, limit) else MISSED


def _number(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def curves(facts: Facts) -> list[Chart]:
    """One chart for each metric that training reported."""
    train = facts.result("train")
    points = rows_of(train.get("curve"))
    best = _number(train.get("best_epoch", train.get("bestEpoch")))
    names = dict.fromkeys(name for point in points for name in block(point.get("metrics")))
    found = []
    for name in names:
        line = [
            (
                int(_number(point.get("epoch")) or index),
                _number(block(point.get("metrics")).get(name)),
            )
            for index, point in enumerate(points, start=1)
        ]
        found.append(chart(str(name), line, int(best) if best is not None else None))
    return [one for one in found if one]


def amounts(facts: Facts) -> list[Amount]:
    """Rows and digests from the sources to the predictions."""
    return list(_amounts(facts))


def _amounts(facts: Facts) -> Iterator[Amount]:
    ingest = facts.result("ingest")
    sources = rows_of(ingest.get("sources")) or ([ingest] if "rows" in ingest else [])
    for source in sources:
        name = source.get("name") or source.get("table") or source.get("source") or "source"
        yield Amount(
            f"ingested: {plain(name)}", _count(source.get("rows")), _text(source.get("digest"))
        )
    prepared = facts.result("preprocess")
    datasets = block(prepared.get("datasets"))
    counts = block(prepared.get("rows"))
    for label, key in (("read by preprocess", "read"), ("prepared", "result")):
        if key in counts:
            yield Amount(label, number(counts[key]), "")
    for name in SPLITS:
        one = block(datasets.get(name))
        if one:
            yield Amount(name, number(one.get("rows")), _text(one.get("digest")))
    predicted = facts.result("predict")
    if predicted:
        yield Amount(
            "predictions written", _count(predicted.get("rows")), _text(predicted.get("digest"))
        )


def _count(value: Any) -> str:
    """A number of rows; of an object the number that was read or written."""
    if isinstance(value, Mapping):
        value = value.get("written", value.get("read", next(iter(value.values()), None)))
    return number(value)


def _text(value: Any) -> str:
    return "" if value is None else plain(value)


def profile(facts: Facts) -> list[dict[str, str]]:
    """One line per column of the prepared data; a value that a type does not have is a dash."""
    labels = ("nulls", "nan", "distinct", "min", "max", "mean", "minLength", "maxLength")
    return [
        {"name": plain(one.get("name")), "type": plain(one.get("type"))}
        | {label: number(one.get(label)) for label in labels}
        for one in rows_of(facts.result("preprocess").get("columns"))
    ]


def lineage(facts: Facts) -> list[tuple[str, str]]:
    """Where the model comes from: run, data, code, digest."""
    run, publish = facts.doc.run, facts.result("publish")
    snapshots = [facts.result("ingest").get("snapshot"), facts.result("preprocess").get("source")]
    found: list[tuple[str, Any]] = [
        ("pipeline", f"{run.namespace}/{run.pipeline}"),
        ("run", run.name),
        ("run uid", run.uid),
        ("trigger", run.trigger),
        ("model version", facts.status.get("modelVersion")),
        ("model digest", publish.get("digest")),
        ("artefact", publish.get("key")),
        ("compared with", block(facts.result("evaluate").get("baseline")).get("version")),
        *(("data " + name, value) for one in snapshots for name, value in flat(dict(block(one)))),
        *((f"code {name}", value) for name, value in code_versions().items()),
    ]
    return [(name, plain(value)) for name, value in found if value is not None][:MOST_FACTS]


def training(facts: Facts) -> list[tuple[str, str]]:
    """Algorithm and parameters, and what training said of itself beside the curve."""
    block_ = block(facts.spec.get("train"))
    train = facts.result("train")
    params = {**block(block_.get("params")), **block(train.get("params"))}
    said = {key: value for key, value in train.items() if key not in ("curve", "params", "metrics")}
    found: list[tuple[str, Any]] = [
        (key, block_[key]) for key in ("algorithm", "entrypoint", "runtime") if block_.get(key)
    ]
    found += [(f"params.{key}", value) for key, value in flat(params)] if params else []
    found += flat(said) if said else []
    return [(name, number(value)) for name, value in found][:MOST_FACTS]


def timings(facts: Facts) -> list[Timing]:
    """Each stage's place on the run's time line."""
    starts = [str(one["startTime"]) for one in facts.stages if one.get("startTime")]
    ends = [str(one["completionTime"]) for one in facts.stages if one.get("completionTime")]
    zero = min(starts, default="")
    whole = (seconds_between(zero, max(ends)) if starts and ends else None) or 0.0
    return [_timing(one, zero, whole, facts.result(str(one.get("name")))) for one in facts.stages]


def _timing(stage: Json, zero: str, whole: float, result: Json) -> Timing:
    took = seconds_between(stage.get("startTime"), stage.get("completionTime"))
    before = seconds_between(zero, stage.get("startTime"))
    drawn = took is not None and before is not None and whole > 0
    own = _own_seconds(result)
    text = span(took) + (f" (work {span(own)})" if own is not None and took is not None else "")
    return Timing(
        stage=str(stage.get("name", "")),
        state=str(stage.get("state", "")),
        took=text,
        left=round(1000 * (before or 0) / whole, 1) if drawn else 0,
        width=max(4.0, round(1000 * (took or 0) / whole, 1)) if drawn else 0,
        message=plain(stage.get("message") or stage.get("reason") or ""),
    )


def _own_seconds(result: Json) -> float | None:
    """What the stage itself measured: a number, or the sum of its steps."""
    seconds = result.get("seconds", result.get("duration"))
    if isinstance(seconds, Mapping):
        return sum(_number(one) or 0.0 for one in seconds.values())
    return _number(seconds)


def model(facts: Facts) -> tuple[str, str, str]:
    """(model version, model, digest), each empty when it is not known."""
    name = block(facts.spec.get("publish")).get("model")
    digest = facts.result("publish").get("digest")
    return _text(facts.status.get("modelVersion")), _text(name), _text(digest)


def split(facts: Facts) -> str:
    """How the rows were parted, as a sentence; empty when they were not."""
    found = block(facts.result("preprocess").get("split"))
    if not found.get("by"):
        return ""
    column = f" ({plain(found['column'])})" if found.get("column") else ""
    shares = (
        f"{plain(found.get('test'))} for the test, {plain(found.get('validation'))} for validation"
    )
    return f"The rows were split by {plain(found['by'])}{column}: {shares}, seed {plain(found.get('seed'))}."


def signature(facts: Facts) -> list[tuple[str, str, str, str]]:
    """(input or output, name, type, shape) of the published model."""
    found = block(facts.result("publish").get("signature"))
    return [
        (kind, plain(one.get("name")), plain(one.get("dtype")), plain(one.get("shape")))
        for kind, key in (("input", "inputs"), ("output", "outputs"))
        for one in rows_of(found.get(key))
    ]
