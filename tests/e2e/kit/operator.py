"""The operator that runs in the cluster, installed by its Helm chart, and what can be done to it."""

import os
import signal
import subprocess
from pathlib import Path

from tests.e2e.kit.api import Api, Obj
from tests.e2e.kit.kubectl import Kubectl
from tests.e2e.kit.waiting import until

NAMESPACE = RELEASE = DEPLOYMENT = "forebay"
_PODS = "app.kubernetes.io/name=forebay,app.kubernetes.io/component=operator"


class Operator:
    """One release, cluster-wide. Its images are those of `make images`."""

    def __init__(self, kubectl: Kubectl, api: Api, helm: Path, chart: Path, tag: str) -> None:
        self._kubectl, self._api = kubectl, api
        self._helm, self._chart, self.tag = helm, chart, tag

    @property
    def train_image(self) -> str:
        """The image of the stages."""
        return f"localhost/forebay/train:{self.tag}"

    def install(self, *values: str) -> None:
        """`helm upgrade --install --wait`; `values` are `name=value`."""
        images = {
            "image": "localhost/forebay/operator",
            "pods.trainImage": "localhost/forebay/train",
            "pods.serveImage": "localhost/forebay/serve",
        }
        own = [
            f"{k}.{f}={v}"
            for k, r in images.items()
            for f, v in (("repository", r), ("tag", self.tag))
        ]
        sets = [part for value in (*own, *values) for part in ("--set", value)]
        own = ("--create-namespace", "--take-ownership", "--force-conflicts")
        self._run("upgrade", "--install", RELEASE, str(self._chart), *own, *sets)

    def _run(self, *args: str) -> None:
        kubeconfig = f"--kubeconfig={self._kubectl.kubeconfig}"
        command = [str(self._helm), *args, "-n", NAMESPACE, kubeconfig, "--wait", "--timeout=180s"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr

    def pods(self) -> list[Obj]:
        """Its pods that are not on their way out."""
        found = self._api.list("pods", NAMESPACE, _PODS)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def kill(self) -> None:
        """SIGKILL to its process, as the kernel would; a new pod follows without the kubelet's back-off."""
        for pod in self.pods():
            for entry in pod["status"].get("containerStatuses") or []:
                _kill(str(entry.get("containerID", "")).rpartition("/")[2])
            name = pod["metadata"]["name"]
            self._api.delete("pods", name, NAMESPACE, gracePeriodSeconds=0)

    def scale(self, replicas: int) -> None:
        """To 0 and back; returns when it is so."""
        self._kubectl(
            "scale", f"deployment/{DEPLOYMENT}", "-n", NAMESPACE, f"--replicas={replicas}"
        )
        if replicas:
            self.ready()
        else:
            until(lambda: not self._api.list("pods", NAMESPACE, _PODS), 60, "no operator is left")

    def ready(self) -> None:
        """Waits until it says so itself."""
        self._kubectl(
            "rollout", "status", f"deployment/{DEPLOYMENT}", "-n", NAMESPACE, "--timeout=120s"
        )

    def logs(self) -> str:
        """What all its pods said."""
        return self._kubectl("logs", "-n", NAMESPACE, "-l", _PODS, "--tail=-1")


def _kill(container: str) -> None:
    """Every process of a container of this machine's kernel."""
    if not container:
        return
    for group in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            inside = container in group.read_text()
        except OSError:  # it has ended meanwhile
            continue
        if inside:
            os.kill(int(group.parent.name), signal.SIGKILL)
