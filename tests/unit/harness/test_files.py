"""The files and command lines that the cluster's programs are started with."""

import json
import tomllib

import pytest
import yaml
from harness import certificates
from harness.cluster import aggregated, answers, control, node, pki
from harness.cluster.layout import HOST, Layout


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path / 'a "folder"')
    made.root.mkdir()
    return made


def test_containerd_keeps_everything_in_the_state_folder(layout):
    config = tomllib.loads(node.containerd_config(layout))
    paths = [config["root"], config["state"], config["grpc"]["address"]]
    paths.append(config["plugins"]["io.containerd.internal.v1.opt"]["path"])
    assert all(path.startswith(f"{layout.root}/") for path in paths)


def test_pods_get_addresses_that_are_kept_in_the_state_folder(layout):
    network = node.pod_network(layout)
    assert network["plugins"][0]["ipam"]["dataDir"].startswith(f"{layout.root}/")
    assert network["name"] == "forebay"


def test_the_kubelet_writes_logs_and_plugins_below_the_state_folder(layout):
    config = node.kubelet_config(layout)
    assert config["podLogsDir"].startswith(f"{layout.root}/")
    assert config["volumePluginDir"].startswith(f"{layout.root}/")
    assert config["clusterDNS"] == [HOST]


def test_every_request_to_the_api_server_is_written_down_but_for_leases_and_the_proxy(layout):
    control.write(layout)
    policy = json.loads((layout.root / "audit-policy.json").read_text())
    assert [rule["level"] for rule in policy["rules"]] == ["None", "None", "Metadata"]
    assert f"--audit-log-path={layout.root}/log/audit.log" in control.api_server(layout)


def test_the_kubeconfig_is_readable_by_its_owner_only(layout):
    control.write(layout)
    assert layout.kubeconfig.stat().st_mode & 0o077 == 0
    assert yaml.safe_load(layout.kubeconfig.read_text())["current-context"] == "forebay"


def test_controllers_and_scheduler_are_not_held_back_by_the_client_s_usual_limits(layout):
    assert "--kube-api-qps=300" in control.controllers(layout)
    assert "--kube-api-qps=500" in control.scheduler(layout)


def test_the_api_server_s_certificate_holds_for_pods_and_for_the_machine():
    text = certificates.extension_text(pki.IDENTITIES["apiserver"])
    for name in ("DNS:kubernetes.default.svc", "IP:10.96.0.1", f"IP:{HOST}", "IP:127.0.0.1"):
        assert name in text


def test_each_client_of_the_api_server_has_a_certificate():
    assert set(pki.CLIENTS) <= set(pki.IDENTITIES)


@pytest.mark.parametrize(
    ("conditions", "ready"),
    [
        ([], False),
        ([{"type": "Ready", "status": "Unknown"}], False),
        ([{"type": "MemoryPressure", "status": "True"}], False),
        ([{"type": "Ready", "status": "True"}], True),
    ],
)
def test_a_node_is_ready_when_it_says_so(conditions, ready):
    assert answers.is_ready({"status": {"conditions": conditions}}) is ready


def test_a_cluster_that_never_was_does_not_answer(tmp_path):
    assert not answers.api_server(Layout(tmp_path))


def test_an_api_of_the_machine_is_reached_through_a_service_and_trusted_by_its_ca(tmp_path):
    ca = tmp_path / "ca.crt"
    ca.write_text("certificate")
    service, endpoint, api = aggregated.objects("m.k8s.io", "v1", "kube-system/m", 4443, ca)
    assert service["metadata"] == {"namespace": "kube-system", "name": "m"}
    assert endpoint["endpoints"][0]["addresses"] == [HOST]
    assert api["metadata"]["name"] == "v1.m.k8s.io"
    assert api["spec"]["caBundle"] == "Y2VydGlmaWNhdGU="
