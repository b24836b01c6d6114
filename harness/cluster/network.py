"""The machine's network: the bridge that pods know as their host, and the removal of what pods leave in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.cluster import chains
from harness.cluster.layout import HOST, HOST_DEVICE, POD_DEVICE, POD_NETWORK, SERVICES
from harness.shell import attempt, run

_RESULTS = Path("/var/lib/cni/results")  # a file for each cable of each CNI network of the machine
_NAMESPACES = Path("/run/netns")


def up() -> None:
    """The host's bridge with its address, and forwarding between pods."""
    if attempt("ip", "link", "show", HOST_DEVICE).returncode:
        run("ip", "link", "add", HOST_DEVICE, "type", "bridge")
    run("ip", "address", "replace", f"{HOST}/32", "dev", HOST_DEVICE)
    run("ip", "link", "set", HOST_DEVICE, "up")
    # Without a route, which a machine that is offline has not, the kernel refuses a Service's address at once.
    run("ip", "route", "replace", SERVICES, "dev", HOST_DEVICE)
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    # Not every kernel has the module, or needs it: a Service of the same bridge works without where it is built in.
    attempt("modprobe", "br_netfilter")
    attempt("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1")


def down() -> None:
    """Removes pods' cables, their network namespaces, both bridges, and the chains of kube-proxy and CNI."""
    for device in _devices():
        attempt("ip", "link", "delete", device)
    for path in leftovers(_RESULTS):
        for namespace in sandboxes(json.loads(path.read_text())):
            attempt("ip", "netns", "delete", namespace)
        path.unlink()
    chains.clean()


def _devices() -> Iterator[str]:
    """Both bridges, after the ends of pods' cables that are plugged into the pods' one."""
    said = attempt("ip", "-json", "link", "show", "master", POD_DEVICE)
    yield from (entry["ifname"] for entry in json.loads(said.stdout or "[]"))
    yield from (POD_DEVICE, HOST_DEVICE)


def leftovers(results: Path) -> list[Path]:
    """CNI's notes about pods of our network that nobody took off it; each pod's loopback has one too."""
    ours = [path.name.removeprefix(f"{POD_NETWORK}-") for path in results.glob(f"{POD_NETWORK}-*")]
    pods = {name.rpartition("-")[0] for name in ours}
    return sorted(path for pod in pods for path in results.glob(f"*-{pod}-*"))


def sandboxes(note: dict[str, Any]) -> set[str]:
    """The names of the network namespaces that such a note speaks of. Pure."""
    paths = {interface.get("sandbox", "") for interface in note["result"].get("interfaces", [])}
    return {Path(path).name for path in paths if Path(path).parent.name == _NAMESPACES.name}
