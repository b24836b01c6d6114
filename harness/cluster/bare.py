"""Starts and ends the cluster on a bare machine: every program in the order in which they need each other.

Called by __main__. Starting again what runs is nothing; what died is started again on the same state.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness import tools
from harness.cluster import control, network, node, packages, pause, pki, storage
from harness.cluster.layout import API_PORT, NODE, Layout
from harness.cluster.processes import Processes
from harness.cluster.shell import attempt, run

_ONLY_ONE = Path("/run/forebay-cluster")  # names the state folder of this machine's bare cluster
_GRACE = 30  # seconds for pods to go before their processes are ended


class Bare:
    """The cluster of one state folder."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.processes = Processes(self.layout)

    @property
    def kubectl(self) -> list[str]:
        """How to call kubectl as the administrator."""
        return [str(tools.ensure("kubectl")), f"--kubeconfig={self.layout.kubeconfig}"]

    def up(self) -> None:
        """Brings it to a Ready node with volumes. Raises RuntimeError with what to do."""
        _check_machine(self.layout)
        packages.ensure()
        programs = {name: tools.ensure(name) for name in ("kubed", "pause", "coredns", "kubectl")}
        self.layout.root.mkdir(parents=True, exist_ok=True)
        with _alone(self.layout.root):
            _ONLY_ONE.write_text(str(self.layout.root))
            pki.make(self.layout)
            control.write(self.layout)
            node.write(self.layout)
            network.up()
            self._control_plane()
            self._node(programs["pause"])
            storage.make(self.layout, self.kubectl)

    def _control_plane(self) -> None:
        self._start("etcd", tools.ensure("etcd"), control.etcd(self.layout))
        api = tools.ensure("kube-apiserver")
        self._start("kube-apiserver", api, control.api_server(self.layout), self._answers)
        for name, arguments in (
            ("kube-controller-manager", control.controllers(self.layout)),
            ("kube-scheduler", control.scheduler(self.layout)),
        ):
            self._start(name, tools.ensure(name), arguments)

    def _node(self, pause_program: Path) -> None:
        self._start("containerd", "containerd", node.containerd(self.layout), self._runtime_answers)
        image = pause.archive(pause_program, self.layout.root / "pause.tar")
        self.load(image)
        self._start("coredns", tools.ensure("coredns"), node.dns(self.layout))
        self._start("kube-proxy", tools.ensure("kube-proxy"), node.proxy(self.layout))
        kubelet = tools.ensure("kubelet")
        self._start("kubelet", kubelet, node.kubelet(self.layout), self.ready)

    def _start(
        self,
        name: str,
        program: Path | str,
        arguments: Sequence[str],
        ready: Callable[[], bool] | None = None,
    ) -> None:
        if self.processes.pid(name) is None:
            self.processes.start(name, [program, *arguments])
        if ready is not None:
            self.processes.wait(name, ready)

    def _answers(self) -> bool:
        return attempt(*self.kubectl, "get", "--raw", "/readyz").returncode == 0

    def _runtime_answers(self) -> bool:
        return attempt("ctr", "-a", str(self.layout.socket), "version").returncode == 0

    def ready(self) -> bool:
        """Whether the node says that it is."""
        path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
        return attempt(*self.kubectl, "get", "node", NODE, "-o", path).stdout == "True"

    def running(self) -> bool:
        """Whether every program runs and the node is ready."""
        names = self.processes.names()
        alive = all(self.processes.pid(name) is not None for name in names)
        return "kubelet" in names and alive and self.ready()

    def load(self, image: Path) -> None:
        """Imports a docker-archive into the node."""
        run("ctr", "-a", str(self.layout.socket), "-n", "k8s.io", "images", "import", str(image))

    def down(self) -> None:
        """Ends everything that `up` and the cluster began; the state folder stays, without mounts."""
        if not self.layout.root.exists():
            return
        with _alone(self.layout.root):
            if self.processes.pid("kube-apiserver") and self._answers():
                self._delete_pods()
            for name in ("kubelet", "kube-proxy", "coredns"):
                self.processes.stop(name)
            _end_shims(self.layout.socket)
            self.processes.stop("containerd")
            last = ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")
            for name in [*sorted(set(self.processes.names()) - set(last)), *last]:
                self.processes.stop(name)
            _unmount(self.layout.root)
            network.down()
            self.layout.socket.unlink(missing_ok=True)
            _ONLY_ONE.unlink(missing_ok=True)

    def _delete_pods(self) -> None:
        """Without controllers, which would make them anew; what is left after the grace is killed with its shim."""
        self.processes.stop("kube-controller-manager")
        attempt(
            *self.kubectl, "delete", "pods", "--all", "--all-namespaces",
            "--grace-period=1", f"--timeout={_GRACE}s", timeout=_GRACE + 10,
        )  # fmt: skip

    def wipe(self) -> None:
        """Removes the state folder of a cluster that is down."""
        shutil.rmtree(self.layout.root, ignore_errors=True)


def _check_machine(layout: Layout) -> None:
    if platform.system() != "Linux":
        raise RuntimeError("a bare cluster needs Linux; elsewhere start Docker and kind is used")
    if os.geteuid() != 0:
        raise RuntimeError(
            "a bare cluster needs root (network, mounts); or start Docker and kind is used"
        )
    other = _ONLY_ONE.read_text() if _ONLY_ONE.exists() else ""
    if other and other != str(layout.root) and Bare(Path(other)).processes.pid("kube-apiserver"):
        raise RuntimeError(
            f"this machine runs the cluster of {other}: end it with CLUSTER_DIR={other} make cluster-down"
        )
    if not _is_free(API_PORT) and Processes(layout).pid("kube-apiserver") is None:
        raise RuntimeError(f"port {API_PORT} is taken by another program: end it first")


def _is_free(port: int) -> bool:
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    return not any(
        fields[1].endswith(f":{port:04X}") and fields[3] == "0A"
        for fields in (line.split() for line in listening.splitlines()[1:])
        if len(fields) > 3  # noqa: PLR2004 - the state's column
    )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One `up` or `down` at a time in a state folder."""
    with (root / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another command on {root}", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _end_shims(socket: Path) -> None:
    """The containers' keepers of OUR containerd; each takes its container with it."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
        if b"containerd-shim" in words[0] and str(socket).encode() in words:
            _kill_tree(int(path.parent.name))


def _kill_tree(pid: int) -> None:
    """A process and its children, the children first: a shim's are its containers."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        below = [int(child) for child in children.read_text().split()]
    except OSError:
        below = []
    for child in below:
        _kill_tree(child)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _unmount(root: Path) -> None:
    """Everything that is mounted below the state folder, the innermost first."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{root}/")), reverse=True):
        attempt("umount", "--lazy", mount)
