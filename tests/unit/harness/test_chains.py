"""What is taken out of iptables when the cluster ends, and what stays."""

import pytest
from harness.cluster.chains import removals

OURS = r'-m comment --comment "name: \"forebay\" id: \"1115e8\""'
THEIRS = r'-m comment --comment "name: \"podman\" id: \"77aa\""'
KUBE = """*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SEP-A - [0:0]
:MINE - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -j MINE
-A KUBE-SERVICES -j KUBE-SEP-A
-A MINE -p tcp -j ACCEPT
COMMIT""".splitlines()
PODS = f"""*nat
:POSTROUTING ACCEPT [0:0]
:CNI-44db - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
-A POSTROUTING -s 10.244.0.66/32 {OURS} -j CNI-44db
-A CNI-44db ! -d 224.0.0.0/4 {OURS} -j MASQUERADE
COMMIT""".splitlines()
OTHERS = f"""
:CNI-77aa - [0:0]
-A POSTROUTING -s 10.88.0.2/32 {THEIRS} -j CNI-77aa
-A CNI-77aa ! -d 224.0.0.0/4 {THEIRS} -j MASQUERADE""".strip().splitlines()


def touched(lines: list[str]) -> set[str]:
    return {arguments[1] for arguments in removals(lines) if arguments[0] in ("-F", "-X")}


def test_a_chain_is_emptied_before_it_is_deleted_and_no_rule_leads_there_then():
    kinds = [arguments[0] for arguments in removals(KUBE)]
    assert kinds == ["-D", "-F", "-F", "-X", "-X"]


def test_a_rule_is_removed_as_it_was_made_with_its_quoted_comment():
    comment = "kubernetes service portals"
    assert removals(KUBE)[0] == [
        *("-D", "PREROUTING", "-m", "comment", "--comment", comment),
        *("-j", "KUBE-SERVICES"),
    ]


def test_chains_and_rules_of_the_machine_s_owner_stay():
    assert touched(KUBE) == {"KUBE-SERVICES", "KUBE-SEP-A"}
    assert not any("MINE" in arguments for arguments in removals(KUBE))


def test_the_pods_chains_go_and_with_them_what_cni_shares_when_nobody_else_uses_it():
    assert touched(PODS) == {"CNI-44db", "CNI-HOSTPORT-DNAT"}


def test_another_cni_network_keeps_its_chains_and_the_shared_ones():
    assert touched([*PODS, *OTHERS]) == {"CNI-44db"}
    assert not any("77aa" in " ".join(arguments) for arguments in removals([*PODS, *OTHERS]))


@pytest.mark.parametrize("lines", [[], [":INPUT ACCEPT [1:60]", "-A INPUT -j ACCEPT", "COMMIT"]])
def test_a_machine_without_a_cluster_is_not_touched(lines):
    assert removals(lines) == []
