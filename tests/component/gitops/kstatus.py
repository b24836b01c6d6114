"""What Flux, `helm --wait` and `kubectl apply --wait` read out of an object: kstatus, written down from its README.

Only what concerns custom resources.
"""

from __future__ import annotations

CURRENT, IN_PROGRESS, FAILED, TERMINATING = "Current", "InProgress", "Failed", "Terminating"


def of(obj):
    """One word for the state of an object."""
    status = obj.get("status") or {}
    if obj["metadata"].get("deletionTimestamp"):
        return TERMINATING
    observed = status.get("observedGeneration")
    if observed is not None and observed != obj["metadata"].get("generation"):
        return IN_PROGRESS
    word = {c["type"]: c["status"] for c in status.get("conditions") or []}
    if word.get("Reconciling") == "True":
        return IN_PROGRESS
    if word.get("Stalled") == "True":
        return FAILED
    if word.get("Ready", "True") != "True":
        return IN_PROGRESS
    return CURRENT  # also an object without any condition: nobody is expected to write one
