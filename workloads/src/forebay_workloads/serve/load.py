"""How many requests are being answered now: what autoscalers follow. Counted by guard.py.

Imported after PROMETHEUS_MULTIPROC_DIR is set, because prometheus_client looks at it on import. It has no
labels, so that a reader finds one number for the pod.
"""

from __future__ import annotations

from prometheus_client import Gauge

from forebay_workloads.contract import REQUESTS_IN_PROGRESS

IN_PROGRESS = Gauge(
    REQUESTS_IN_PROGRESS,
    "Requests to the model that are being answered",
    multiprocess_mode="livesum",
)
