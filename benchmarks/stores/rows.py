"""The rows of every case, by formula, and their sums: the same in each environment. NumPy only, any version.

Values are whole numbers and eighths, so that sums are exact in any order. Used by run.py and by all peers.
"""

import json
import time

import numpy as np

SHAPES = (4, 32)
INTS = 11  # of the wide shape, beside its id; the rest but one are floats
NAMES = {
    4: ["id", "user", "item", "rating"],
    32: ["id", *(f"i{n:02}" for n in range(INTS)), *(f"f{n:02}" for n in range(19)), "name"],
}
CITIES = ["Ulm", "Turku", "Coimbra", "Szeged", "Ljubljana", "San Marino"]


def kinds(shape):
    """Column → int64, int32, float64 or text."""
    if shape == 4:
        return {"id": "int64", "user": "int64", "item": "int32", "rating": "float64"}
    of = {"i": "int32", "f": "float64"}
    kinds = {name: of.get(name[0], "text") for name in NAMES[shape]}
    return kinds | {"id": "int64", "name": "text"}


def columns(shape, count, start=0):
    """Column → an array, or a list of texts."""
    ids = np.arange(start, start + count, dtype=np.int64)
    made = {}
    for number, (name, kind) in enumerate(kinds(shape).items()):
        mixed = (ids * (2654435761 + 2 * number) >> 7) % 100_003
        if name == "id":
            made[name] = ids
        elif kind == "text":
            made[name] = [CITIES[one % len(CITIES)] + str(one % 97) for one in mixed.tolist()]
        elif kind == "float64":
            made[name] = mixed / 8 - 5000
        else:
            made[name] = mixed.astype(kind)
    return made


def tuples(shape, count, start=0):
    """The rows as Python's values."""
    found = columns(shape, count, start).values()
    return list(
        zip(*(one if isinstance(one, list) else one.tolist() for one in found), strict=True)
    )


def total(values):
    """Of one column: numbers are added, of texts their lengths."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return float(values.sum())
    return float(
        sum(map(len, values)) if len(values) and isinstance(values[0], str) else sum(values)
    )


def totals(chunks):
    """Rows and sums of chunks that are columns by name."""
    rows, sums = 0, {}
    for chunk in chunks:
        for name, values in chunk.items():
            sums[name] = sums.get(name, 0.0) + total(values)
        rows += len(chunk["id"])
    return {"rows": rows, "sums": sums}


def payments(count):
    """Values of about 200 bytes and keys, as Kafka takes them."""
    values = [
        json.dumps({"id": n, "card": f"card-{n % 9973}", "amount": n % 1000 / 4, "note": "x" * 140})
        for n in range(count)
    ]
    return [one.encode() for one in values], [b"%d" % n for n in range(count)]


def of_records(keys, values):
    """Records as columns."""
    return {"id": np.array(list(map(int, keys))), "bytes": np.array(list(map(len, values)))}


def group(topic):
    """One that has read nothing yet."""
    return f"{topic}-{time.time_ns()}"


def expected(shape, count):
    """What every reader has to find."""
    return totals([columns(shape, count)])
