"""The addresses and files of the bare cluster: the one place that says where what is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.folders import StateFolder

NODE = "node1"
DOMAIN = "cluster.local"
HOST = "10.250.0.1"  # the machine as pods see it; a bridge of ours has it
HOST_DEVICE, POD_DEVICE = "forebay-host", "forebay-pods"
POD_NETWORK = "forebay"
PODS, SERVICES = "10.244.0.0/24", "10.96.0.0/16"
API_SERVICE = "10.96.0.1"  # the first address of SERVICES: the Service `kubernetes`
API_PORT, ETCD_PORT, ETCD_PEER_PORT = 6443, 2379, 2380
PORTS = {  # that must be free for each program; some listen on their usual ones
    "etcd": (ETCD_PORT, ETCD_PEER_PORT),
    "kube-apiserver": (API_PORT,),
    "kube-controller-manager": (10257,),
    "kube-scheduler": (10259,),
    "kube-proxy": (10249, 10256),
    "kubelet": (10248, 10250),
}
KUBELET_HEALTH = "http://127.0.0.1:10248/healthz"
PAUSE_IMAGE = "localhost/pause:1"
VOLUMES = 200  # PersistentVolumes that are made in advance
VOLUME_SIZE = "20Gi"


@dataclass(frozen=True)
class Layout(StateFolder):
    """The state folder of one cluster."""

    @property
    def mark(self) -> Path:
        """An empty file: the folder is a cluster's, and may be removed with it."""
        return self.root / "forebay-cluster"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.root / "kubeconfig"

    @property
    def socket(self) -> Path:
        """containerd's; Unix allows 107 characters."""
        return self.root / "containerd.sock"

    @property
    def audit(self) -> Path:
        """One JSON object for each request to the API server."""
        return self.log("audit")
