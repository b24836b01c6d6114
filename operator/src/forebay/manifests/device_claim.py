"""The ResourceClaimTemplate of a stage whose accelerator names a `deviceClass` (dynamic resource allocation).

Called by the start of a stage, before its Job: each pod gets a claim of its own. The selectors are the user's
CEL; the API server compiles them. Memory is looked for under the driver's own name, as device drivers publish it.
"""

from __future__ import annotations

from typing import Any

from forebay.kube.port import RESOURCE_CLAIM_TEMPLATE, Obj
from forebay.manifests.accelerator import Accelerator, wanted
from forebay.manifests.labels import STAGE_NAME, child_meta
from forebay.settings import Settings

CLAIM = "accelerator"  # name of the claim in the pod and of its one request
_MEMORY = (
    "'memory' in device.capacity[device.driver] && "
    "device.capacity[device.driver].memory.compareTo(quantity('{least}')) >= 0"
)


def is_claimed(accelerator: Accelerator | None, settings: Settings) -> bool:
    """Whether the devices are claimed rather than asked for as an extended resource."""
    block = wanted(accelerator, settings)
    return bool(block and block.get("deviceClass"))


def claim_template(
    run: Obj, name: str, stage: str, accelerator: Accelerator, settings: Settings
) -> Obj:
    """The template `name`, which the pods of the stage's Job refer to."""
    meta = child_meta(run, name, settings, labels={STAGE_NAME: stage})
    exactly: dict[str, Any] = {
        "deviceClassName": accelerator["deviceClass"],
        "allocationMode": "ExactCount",
        "count": int(accelerator.get("count") or 1),
    }
    rules = [*(accelerator.get("selectors") or [])]
    if least := accelerator.get("minMemory"):
        rules.append(_MEMORY.format(least=least))
    if rules:
        exactly["selectors"] = [{"cel": {"expression": rule}} for rule in rules]
    return {
        "apiVersion": RESOURCE_CLAIM_TEMPLATE.api_version,
        "kind": RESOURCE_CLAIM_TEMPLATE.kind,
        "metadata": meta,
        "spec": {
            "metadata": {"labels": dict(meta["labels"])},
            "spec": {"devices": {"requests": [{"name": CLAIM, "exactly": exactly}]}},
        },
    }


def use_claim(pod: Obj, name: str) -> None:
    """Lets the pod's container have a claim made from the template `name`."""
    pod["spec"]["resourceClaims"] = [{"name": CLAIM, "resourceClaimTemplateName": name}]
    pod["spec"]["containers"][0]["resources"]["claims"] = [{"name": CLAIM}]
