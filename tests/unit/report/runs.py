"""Facts of runs as the other stages would leave them."""

from forebay_workloads.contract import RunRef, StageDocument, StoreRef
from forebay_workloads.report.facts import Facts

SPEC = {
    "ingest": {"to": {"storeRef": {"name": "local"}, "table": "ratings"}},
    "preprocess": {"split": {"by": "random", "test": "0.2", "seed": 7}},
    "train": {"runtime": "pytorch", "algorithm": "matrix-factorization", "params": {"user": "u"}},
    "evaluate": {
        "gates": [
            {"metric": "rmse", "operator": "<=", "value": "0.92"},
            {"metric": "mae", "operator": "<", "value": "0.5"},
            {"metric": "rmse", "compareTo": "Production", "maxDrop": "0.01"},
        ]
    },
    "publish": {"model": "movies", "storeRef": {"name": "local"}},
}
DIGEST = "sha256:" + "ab12" * 16
STAGES = [
    {"name": name, "state": "Succeeded", "startTime": f"2026-01-31T12:00:{start:02}Z",
     "completionTime": f"2026-01-31T12:00:{end:02}Z", "message": "done"}
    for name, start, end in [("ingest", 0, 2), ("preprocess", 2, 3), ("train", 3, 41), ("evaluate", 41, 43),
                             ("publish", 43, 44)]
] + [{"name": "predict", "state": "Skipped"}]  # fmt: skip
STATUS = {
    "phase": "Succeeded",
    "startTime": "2026-01-31T12:00:00Z",
    "modelVersion": "movies-v3",
    "metrics": {"rmse": "0.9134"},
    "stages": STAGES,
}
RESULTS = {
    "ingest": {"sources": [{"name": "ratings.csv", "rows": 100000, "digest": DIGEST}], "seconds": 1.2},
    "preprocess": {
        "source": {"store": "local", "table": "ratings", "snapshot": {"strength": "Pinned", "rows": 100000}},
        "rows": {"read": 100000, "result": 100000, "train": 80000, "test": 20000},
        "datasets": {"train": {"rows": 80000, "digest": DIGEST}, "test": {"rows": 20000, "digest": DIGEST}},
        "split": {"by": "random", "test": "0.2", "validation": "0.0", "seed": 7, "column": None},
        "columns": [
            {"name": "user_id", "type": "BIGINT", "nulls": 0, "min": 1.0, "max": 943.0, "mean": 462.48,
             "distinct": 943},
            {"name": "rating", "type": "DOUBLE", "nulls": 0, "nan": 3, "min": 1.0, "max": 5.0, "mean": 3.5298,
             "distinct": 5},
            {"name": "title", "type": "VARCHAR", "nulls": 12, "minLength": 1, "maxLength": 81, "distinct": 1664},
        ],
        "seconds": {"read": 0.3, "write": 0.2},
    },
    "train": {
        "params": {"factors": 64, "lr": 0.005, "seed": 7},
        "curve": [
            {"epoch": n, "metrics": {"loss": 1.4 / n**0.3, "rmse": 0.91 + 0.2 / n + 0.002 * max(0, n - 14)}}
            for n in range(1, 21)
        ],
        "best_epoch": 14,
        "seconds": 37.1,
    },
    "evaluate": {
        "metrics": {"rmse": 0.9134, "mae": 0.7211, "ndcg_at_10": 0.1182, "recall_at_10": 0.0911},
        "baseline": {"version": "movies-v2", "metrics": {"rmse": 0.9201, "mae": 0.73}},
    },
    "publish": {
        "digest": DIGEST, "key": "models/movies/ab12ab12ab12ab12",
        "signature": {
            "inputs": [{"name": "user", "dtype": "BYTES", "shape": [-1]}],
            "outputs": [{"name": "rating", "dtype": "FP32", "shape": [-1]}],
        },
    },
}  # fmt: skip


def document(status=STATUS, spec=SPEC, refs=None) -> StageDocument:
    run = RunRef("movies-1f2e3d4c", "0f6c-uid", "default", "movies")
    stores = refs or {"work": StoreRef("work", "files", {"url": "."})}
    return StageDocument("report", run, spec, stores, "work", status=status)


def facts(results=RESULTS, status=STATUS, spec=SPEC, notes=()) -> Facts:
    return Facts(document(status, spec), results, notes)


FAILED = {
    **STATUS,
    "phase": "Failed",
    "modelVersion": None,
    "metrics": {},
    "stages": [
        *STAGES[:2],
        {
            "name": "train",
            "state": "Failed",
            "reason": "NonFiniteLoss",
            "message": "the loss is NaN in epoch 3; try a smaller params.lr",
            "startTime": "2026-01-31T12:00:03Z",
            "completionTime": "2026-01-31T12:00:09Z",
        },
    ],
}
