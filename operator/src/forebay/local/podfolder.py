"""A pod's folder on disk: its volumes as files, its environment and its command. Used by worker.py.

Every path that a pod template mounts lies below `rootfs`, which the data plane knows as FOREBAY_ROOT.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError
from forebay.kube.port import CONFIG_MAP, SECRET, Kube, Obj, Ref
from forebay_workloads.contract import PROGRESS_ENV, RESULT_FILE, ROOT_ENV

ROOTFS = "rootfs"
PROGRESS = "progress.jsonl"
HOST = "127.0.0.1"
_LOG_END = 2048  # bytes of the log that stand in for a termination message
_TMP = "/tmp"  # noqa: S108 - of the container
_ANNOTATION = re.compile(r"metadata\.annotations\['([^']+)'\]")
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "TZ", "XDG_CACHE_HOME")


class VolumeError(ForebayError):
    """A pod asks for what is not there, or for what no process on this machine can have."""


async def prepare(kube: Kube, pod: Obj, folder: Path, volumes: Path) -> None:
    """Makes the folder and all mounts. VolumeError names a ConfigMap, Secret or key that is missing."""
    _refuse_unsupported(pod)
    folder.mkdir(mode=0o700, exist_ok=True)
    rootfs = folder / ROOTFS
    _inside(rootfs, RESULT_FILE).parent.mkdir(parents=True, exist_ok=True)
    by_name = {volume["name"]: volume for volume in pod["spec"].get("volumes") or []}
    for mount in pod["spec"]["containers"][0].get("volumeMounts") or []:
        volume = by_name.get(mount["name"])
        if volume is None:
            raise VolumeError(f"the pod has no volume {mount['name']!r}")
        target = _inside(rootfs, mount["mountPath"])
        await _fill(kube, pod["metadata"].get("namespace", "default"), volume, target, volumes)
    _inside(rootfs, RESULT_FILE).unlink(missing_ok=True)  # of an earlier start


def _refuse_unsupported(pod: Obj) -> None:
    """Nothing is ignored: a pod that asks for more than a process can be says so in its status."""
    containers = pod["spec"]["containers"]
    if len(containers) != 1 or pod["spec"].get("initContainers"):
        raise VolumeError("the embedded plane runs pods of exactly one container")
    given = containers[0].get("env") or []
    named = [item["name"] for item in given if "valueFrom" in item and _field(pod, item) is None]
    if named or containers[0].get("envFrom"):
        said = ", ".join(named) or "envFrom"
        raise VolumeError(
            f"the embedded plane takes environment values as text or from annotations only: {said}"
        )
    kinds = ("startupProbe", "readinessProbe", "livenessProbe")
    for kind in kinds:
        probe = containers[0].get(kind)
        if probe and not {"httpGet", "tcpSocket"} & probe.keys():
            raise VolumeError(f"the embedded plane probes by httpGet and tcpSocket only: {kind}")


def _inside(rootfs: Path, path: str) -> Path:
    return rootfs / path.lstrip("/")


async def _fill(kube: Kube, namespace: str, volume: Obj, target: Path, volumes: Path) -> None:
    if "persistentVolumeClaim" in volume:
        claim = volumes / namespace / volume["persistentVolumeClaim"]["claimName"]
        claim.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink():
            target.symlink_to(claim, target_is_directory=True)
        return
    target.mkdir(parents=True, exist_ok=True)
    for source in (volume.get("projected") or {}).get("sources", [volume]):
        if not {"configMap", "secret", "emptyDir"} & source.keys():
            raise VolumeError(f"volume {volume['name']!r} is of a kind that a process cannot mount")
        await _fill_files(kube, namespace, source, target)


async def _fill_files(kube: Kube, namespace: str, source: Obj, target: Path) -> None:
    if "configMap" in source:
        block = source["configMap"]
        found = await _need(kube, Ref(CONFIG_MAP, namespace, block["name"]))
        content = {key: text.encode() for key, text in found.get("data", {}).items()}
        _write(content, block, target, 0o644)
    elif "secret" in source:
        block = source["secret"]
        name = block.get("secretName") or block["name"]
        found = await _need(kube, Ref(SECRET, namespace, name))
        content = {key: base64.b64decode(text) for key, text in found.get("data", {}).items()}
        content |= {key: text.encode() for key, text in found.get("stringData", {}).items()}
        _write(content, {**block, "name": name}, target, 0o600)


async def _need(kube: Kube, ref: Ref) -> Obj:
    found = await kube.get(ref)
    if found is None:
        raise VolumeError(f'{ref.kind.kind.lower()} "{ref.name}" not found')
    return found


def _write(content: Mapping[str, bytes], block: Obj, target: Path, mode: int) -> None:
    items = block.get("items") or [{"key": key, "path": key} for key in content]
    for item in items:
        if item["key"] not in content:
            raise VolumeError(f"{block['name']!r} has no key {item['key']!r}")
        path = target / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content[item["key"]])


def command(pod: Obj) -> list[str]:
    """The container's argv, its program looked up beside this Python: an image's path, on this machine."""
    main = pod["spec"]["containers"][0]
    argv = [*main.get("command", []), *main.get("args", [])]
    if "/" not in argv[0]:
        beside = Path(sys.executable).with_name(argv[0])
        argv[0] = str(beside) if beside.exists() else argv[0]
    return argv


def environment(pod: Obj, folder: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """A clean environment: nothing of ours leaks into a pod, above all no credentials."""
    beside = str(Path(sys.executable).parent)
    rootfs = folder / ROOTFS
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    env["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", os.defpath)])
    env["PYTHONUNBUFFERED"] = "1"
    env["FOREBAY_HOST"] = "127.0.0.1"
    if _inside(rootfs, _TMP).is_dir():
        env["TMPDIR"] = str(_inside(rootfs, _TMP))
    for item in pod["spec"]["containers"][0].get("env") or []:
        taken = _field(pod, item) if "valueFrom" in item else item.get("value")
        env[item["name"]] = taken or ""
    env[ROOT_ENV] = str(rootfs)
    env[PROGRESS_ENV] = str(folder / PROGRESS)
    return env | {f"FOREBAY_PORT_{name.upper()}": str(port) for name, port in ports.items()}


def _field(pod: Obj, item: Mapping[str, Any]) -> str | None:
    """The pod's annotation that an environment variable is taken from; None for what is none."""
    path = (item["valueFrom"].get("fieldRef") or {}).get("fieldPath", "")
    found = _ANNOTATION.fullmatch(path)
    notes: Mapping[str, str] = pod["metadata"].get("annotations") or {}
    return notes.get(found[1]) if found else None


def working_folder(pod: Obj, folder: Path) -> Path:
    """Where the container starts: the folder it names, below its own root."""
    path = _inside(folder / ROOTFS, pod["spec"]["containers"][0].get("workingDir") or "/")
    path.mkdir(parents=True, exist_ok=True)
    return path


def free_ports(pod: Obj, before: Mapping[str, int]) -> dict[str, int]:
    """A local port for each named container port: the one it had before where that is free."""
    named = [p["name"] for p in pod["spec"]["containers"][0].get("ports") or [] if "name" in p]
    return {name: _free_port(before.get(name, 0)) for name in named}


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def termination_message(folder: Path, main: Mapping[str, Any], *, failed: bool) -> str:
    """What the container left; with FallbackToLogsOnError the end of its log when it failed without a word."""
    path = _inside(folder / ROOTFS, RESULT_FILE)
    text = path.read_text(errors="replace") if path.is_file() else ""
    if not text and failed and main.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        text = _end_of(folder / "log.txt", _LOG_END)
    return text


def _end_of(path: Path, size: int) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode(errors="replace")


def remove(folder: Path) -> None:
    """Deletes a pod's folder; claims are linked into it and stay."""
    shutil.rmtree(folder, ignore_errors=True)
