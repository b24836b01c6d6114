"""Programs that are started beside the cluster on demand."""

import re

import pytest
from harness import keda, metrics_server
from harness.cluster import pki
from harness.cluster.layout import PORTS, Layout


def ports(arguments: list[str]) -> set[int]:
    return {
        int(found[1])
        for each in arguments
        if "kubeconfig" not in each and (found := re.search(r"(?:=|:)(\d{4,5})$", each))
    }


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def test_nothing_beside_the_cluster_takes_a_port_of_it_or_of_an_operator(layout):
    used = {port for each in PORTS.values() for port in each} | {8080, 8081, 8443}
    for arguments in (
        metrics_server.arguments(layout),
        keda.operator(layout),
        keda.adapter(layout),
    ):
        assert ports(arguments)
        assert not ports(arguments) & used


def test_keda_s_adapter_asks_the_port_on_which_its_operator_answers(layout):
    assert ports(keda.operator(layout)) & ports(keda.adapter(layout))


def test_each_api_s_certificate_names_its_service(layout):
    for module, name in ((metrics_server, "metrics-server"), (keda, "keda")):
        namespace, _, service = module._SERVICE.partition("/")
        assert f"DNS:{service}.{namespace}.svc" in pki.IDENTITIES[name].names


def test_metrics_are_not_asked_of_nodes_that_do_not_exist(layout):
    assert "--node-selector=!forebay.dev/fake-node" in metrics_server.arguments(layout)
