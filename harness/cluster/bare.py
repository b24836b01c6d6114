"""Starts and ends the cluster on a bare machine: every program in the order in which they need each other.

Called by __main__. Starting again what runs is nothing; what died is started again on the same state.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from harness import tools
from harness.cluster import (
    answers,
    control,
    machine,
    network,
    node,
    packages,
    pause,
    pki,
    remains,
    storage,
)
from harness.cluster.layout import NODE, PORTS, Layout
from harness.processes import Processes
from harness.shell import attempt, run

PROGRAMS = (*PORTS, "containerd", "coredns")
"""Those without which it is no cluster; others may be started beside them."""
_GRACE = 30  # seconds for pods to go before their processes are ended


class Bare:
    """The cluster of one state folder."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.processes = Processes(self.layout)

    @property
    def kubectl(self) -> list[str]:
        """How to call kubectl as the administrator."""
        return control.kubectl(self.layout)

    def up(self) -> None:
        """Brings it to a Ready node with volumes. Raises RuntimeError with what to do."""
        machine.check(self.layout)
        packages.ensure()
        programs = {name: tools.ensure(name) for name in ("kubed", "pause", "coredns")}
        with machine.owned(self.layout) as owner:
            machine.check_ports(self.processes.pid)
            self._claim()
            machine.take(owner, self.layout)
            machine.remember(self.layout)
            pki.make(self.layout)
            control.write(self.layout)
            node.write(self.layout)
            network.up()
            self._start_all(programs["pause"])

    def _claim(self) -> None:
        """The state folder is new, empty or ours: `wipe` will remove it with all that is in it."""
        root = self.layout.root
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()) and not self.layout.mark.exists():
            raise RuntimeError(
                f"{root} is no cluster's folder and not empty: set CLUSTER_DIR to a new one"
            )
        self.layout.mark.touch()

    def _is_there(self) -> bool:
        """Whether there is a state folder. RuntimeError if it is something else's."""
        root = self.layout.root
        if root.exists() and not self.layout.mark.exists():
            raise RuntimeError(f"{root} is no cluster's folder: nothing was ended or removed")
        return root.exists()

    def _start_all(self, pause_program: Path) -> None:
        """In the order in which they need each other; what takes long is begun before what it does not need."""
        layout = self.layout
        self._start("etcd", control.etcd(layout))
        self._start("kube-apiserver", control.api_server(layout))
        self._start("containerd", node.containerd(layout))
        self.processes.wait("containerd", self._runtime_answers)
        self.load(pause.archive(pause_program, layout.root / "pause.tar"))
        self.processes.wait("kube-apiserver", self._answers)
        self._start("kube-controller-manager", control.controllers(layout))
        self._start("kube-scheduler", control.scheduler(layout))
        self._start("coredns", node.dns(layout))
        self._start("kube-proxy", node.proxy(layout))
        self._start("kubelet", node.kubelet(layout))
        storage.make(layout, self.kubectl)
        self.processes.wait("kubelet", self.ready)

    def _start(self, name: str, arguments: Sequence[str]) -> None:
        if self.processes.pid(name) is None:
            program = tools.ensure(name) if name in tools.TOOLS else name
            self.processes.start(name, [program, *arguments])

    def _answers(self) -> bool:
        return answers.api_server(self.layout)

    def _runtime_answers(self) -> bool:
        return attempt("ctr", "-a", str(self.layout.socket), "version").returncode == 0

    def ready(self) -> bool:
        """Whether the node is."""
        return answers.node(self.layout)

    def running(self) -> bool:
        """Whether every program runs and the node is ready."""
        return all(self.processes.pid(name) for name in PROGRAMS) and self.ready()

    def load(self, image: Path) -> None:
        """Imports a docker-archive into the node."""
        self._ctr("images", "import", str(image))

    def image(self, name: str) -> str:
        """The digest of the configuration of the node's image of that name; "" when it has none."""
        for line in self._ctr("images", "ls", f"name=={name}").splitlines()[1:]:
            manifest = json.loads(self._ctr("content", "get", line.split()[2]))
            return str(manifest["config"]["digest"])
        return ""

    def _ctr(self, *args: str) -> str:
        return run("ctr", "-a", str(self.layout.socket), "-n", "k8s.io", *args)

    def down(self) -> None:
        """Ends everything that `up` and the cluster began; the state folder stays, without mounts."""
        self._adopt()
        if not self._is_there():
            return
        machine.check(self.layout)
        with machine.owned(self.layout):
            if self.processes.pid("kube-apiserver") and self._answers():
                self._delete_pods()
            self._stop("kubelet", "kube-proxy", "coredns")
            remains.end_containers(self.layout)
            last = ("kube-apiserver", "etcd")
            self._stop(*sorted({*self.processes.names()} - {*last}), *last)
            remains.unmount(self.layout)
            remains.remove(self.layout)
            network.down()
            machine.restore(self.layout)
            self.layout.socket.unlink(missing_ok=True)
            machine.release()

    def _adopt(self) -> None:
        """Somebody has deleted the folder (a checkout, say) of a cluster that runs: it is known by its programs."""
        root = self.layout.root
        if machine.owner() == str(root) and not self.layout.mark.exists():
            root.mkdir(parents=True, exist_ok=True)
            self.layout.mark.touch()
            self.processes.adopt(PROGRAMS)

    def _stop(self, *names: str) -> None:
        for name in names:
            self.processes.stop(name)

    def _delete_pods(self) -> None:
        """Without controllers, which would make them anew; what is left after the grace is killed."""
        self.processes.stop("kube-controller-manager")
        attempt(
            *self.kubectl, "delete", "pods", "--all-namespaces", f"--field-selector=spec.nodeName={NODE}",
            "--grace-period=1", f"--timeout={_GRACE}s", timeout=_GRACE + 10,
        )  # fmt: skip

    def wipe(self) -> None:
        """Removes the state folder of a cluster that is down. RuntimeError if it is none, or still mounted."""
        if not self._is_there():
            return
        left = remains.mounts(Path("/proc/mounts").read_text(), self.layout.root)
        if left:
            raise RuntimeError(f"{left[0]} is still mounted; unmount it, then remove the folder")
        shutil.rmtree(self.layout.root, ignore_errors=True)
