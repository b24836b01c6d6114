"""The files below gitops/argocd that are made from the code: `python -m tests.component.gitops.files` writes them.

Test data in the layout of Argo CD's own repository, and the part of its configuration that holds the scripts.
"""

from __future__ import annotations

import asyncio
import copy
import re
import tempfile
from pathlib import Path

import yaml

from forebay.kube.port import GROUP, OWN_KINDS
from tests.component.gitops import scenes
from tests.component.gitops.lua import ROOT, SCRIPT
from tests.component.gitops.scenes import START

FOLDER = ROOT / "gitops/argocd"
TESTED = FOLDER / "resource_customizations" / GROUP
APPLICATION = FOLDER / "application_health.lua"
CASES = {
    "DataStore": {
        "healthy": scenes.done,
        "progressing": scenes.new,
        "unreachable": scenes.unreachable,
        "degraded": scenes.refused,
        "suspended": scenes.paused,
    },
    "NoSQLPipeline": {
        "healthy": scenes.done,
        "progressing": scenes.working,
        "degraded": scenes.failed,
        "suspended": scenes.suspended,
    },
    "PipelineRun": {
        "healthy": scenes.done,
        "progressing": scenes.working,
        "degraded": scenes.failed,
        "suspended": scenes.held,
    },
    "ModelVersion": {
        "healthy": scenes.done,
        "degraded": scenes.mislabelled,
        "suspended": scenes.paused,
    },
    "ModelDeployment": {
        "healthy": scenes.done,
        "progressing": scenes.replacing,
        "waiting": scenes.working,
        "degraded": scenes.stuck,
        "suspended": scenes.paused,
    },
}
"""Of each kind: what is shown, and the scene whose last object shows it."""

WORDS = {
    "healthy": "Healthy",
    "progressing": "Progressing",
    "waiting": "Progressing",
    "unreachable": "Progressing",
    "degraded": "Degraded",
    "suspended": "Suspended",
    "stale_generation": "Progressing",
    "no_status": "Progressing",
    "terminating": "Progressing",
}
"""The health that each of them must have."""

_HEAD = "# Written by `python -m tests.component.gitops.files` from what the operator's plans do. Not to be edited.\n"
_TIME = re.compile(
    rf"{START:%Y-%m-%d}T[0-9:]+Z"
)  # one for all: how long a pass takes is no matter here
_SAID = {
    "stale_generation": "the operator has not looked at its newest spec yet",
    "no_status": "the operator has not looked at it yet",
    "terminating": "it is being deleted",
}


def derived(healthy):
    """What happens to every object, whatever its kind."""
    stale, new, going = (copy.deepcopy(healthy) for _ in range(3))
    stale["metadata"]["generation"] += 1
    del new["status"]
    going["metadata"]["deletionTimestamp"] = "2026-01-31T12:30:00Z"
    going["metadata"]["finalizers"] = ["foregroundDeletion"]
    return {"stale_generation": stale, "no_status": new, "terminating": going}


def objects(played):
    """By kind and case. `played` holds the last objects of each scene by its name."""
    found = {}
    for kind, cases in CASES.items():
        kept = {case: scenes.kept(played[scene.__name__][kind]) for case, scene in cases.items()}
        found[kind] = kept | derived(kept["healthy"])
    return found


def message(case, obj):
    """What the script must say: reason and message of the condition that decides."""
    if case in _SAID:
        return _SAID[case]
    words = {"degraded": "Stalled", "progressing": "Reconciling"}
    kind = words.get(case, "Reconciling" if WORDS[case] == "Progressing" else "Ready")
    found = next(c for c in obj["status"]["conditions"] if c["type"] == kind)
    return ": ".join(filter(None, (found["reason"], found["message"])))


def made(played):
    """Text by path of all that is written."""
    texts = {FOLDER / "argocd-cm.yaml": _HEAD + _yaml(config())}
    for kind, cases in objects(played).items():
        tests = []
        for case, obj in cases.items():
            said = {"status": WORDS[case], "message": message(case, obj)}
            tests.append({"healthStatus": said, "inputPath": f"testdata/{case}.yaml"})
            texts[TESTED / kind / "testdata" / f"{case}.yaml"] = _HEAD + _yaml(obj)
        texts[TESTED / kind / "health_test.yaml"] = _HEAD + _yaml({"tests": tests})
    return texts


def config():
    """The keys that Argo CD's own ConfigMap needs."""
    scripts = {f"{GROUP}_{kind.kind}": SCRIPT for kind in OWN_KINDS}
    scripts["argoproj.io_Application"] = APPLICATION
    data = {
        f"resource.customizations.health.{of}": text.read_text() for of, text in scripts.items()
    }
    labels = {"app.kubernetes.io/name": "argocd-cm", "app.kubernetes.io/part-of": "argocd"}
    meta = {"name": "argocd-cm", "namespace": "argocd", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; no anchors."""

    def ignore_aliases(self, data):  # noqa: ARG002 - the signature is pyyaml's
        return True


def _text(dumper, value):
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _yaml(value):
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return _TIME.sub(START.strftime("%Y-%m-%dT%H:%M:%SZ"), text)


async def play_all(folder):
    """Every scene: its last objects, and all that was seen on the way."""
    played, seen = {}, {}
    for scene in scenes.SCENES:
        played[scene.__name__], seen[scene.__name__] = await scenes.play(scene, Path(folder))
    return played, seen


def main():
    """Writes them all."""
    with tempfile.TemporaryDirectory() as folder:
        played, _ = asyncio.run(play_all(folder))
    for path, text in made(played).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for kind in OWN_KINDS:
        link = TESTED / kind.kind / "health.lua"
        if not link.is_symlink():
            link.symlink_to("../../../health.lua")


if __name__ == "__main__":
    main()
