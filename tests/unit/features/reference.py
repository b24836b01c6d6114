"""The meaning of a feature block in plain Python: slow, obvious, and written without the SQL in mind."""

import math
import statistics


def finite(value):
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def visible(rows, row, features, low, high):
    """Values' rows of the entity at times in [low, high), oldest first, equal times in input order."""
    found = [
        other
        for other in rows
        if other[features.entity] == row[features.entity]
        and low <= other[features.timestamp] < high
    ]
    return sorted(found, key=lambda other: other[features.timestamp])


def aggregate(kind, values, count):
    if kind == "count":
        return count if values is None else len(values)
    if kind == "distinct":
        return len(set(values))
    if kind == "sum":
        return math.fsum(values)
    if kind == "stddev":
        return statistics.stdev(values) if len(values) > 1 else None
    if not values:
        return None
    return {"mean": statistics.fmean, "min": min, "max": max, "last": lambda v: v[-1]}[kind](values)


def compute(rows, features):
    """One list of feature values per row, in the order of `features.names`. Times are microseconds."""
    answer = []
    for row in rows:
        end = row[features.timestamp] - features.delay
        values = []
        for one in features.aggregates:
            for window in features.windows:
                if one.kind == "lag":
                    seen = visible(rows, row, features, -math.inf, end - window.micros + 1)
                    known = [r[one.column] for r in seen if finite(r[one.column])]
                    values.append(known[-1] if known else None)
                    continue
                seen = visible(rows, row, features, end - window.micros, end)
                if one.column == "*":
                    values.append(aggregate("count", None, len(seen)))
                else:
                    known = [r[one.column] for r in seen if finite(r[one.column])]
                    values.append(aggregate(one.kind, known, len(seen)))
        answer.append(values)
    return answer
