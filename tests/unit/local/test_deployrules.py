"""A rollout as a simulation: whatever happens in between, enough pods answer and the new ones win."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.local.children import TEMPLATE_HASH, template_hash
from forebay.local.deployrules import missing, replicas, surplus


def deployment(wanted, image="new", strategy="RollingUpdate"):
    return {
        "spec": {
            "replicas": wanted,
            "strategy": {"type": strategy},
            "template": {"spec": {"containers": [{"image": image}]}},
        }
    }


class Fleet:
    """Pods by number; each step the controller acts once and one pod moves on."""

    def __init__(self, old, strategy, wanted):
        self.strategy, self.wanted = strategy, wanted
        self.pods = []
        for _ in range(old):
            self.start("old", ready=True)

    def start(self, image, *, ready=False):
        digest = template_hash(deployment(self.wanted, image, self.strategy))
        condition = {"type": "Ready", "status": str(ready)}
        self.pods.append(
            {
                "metadata": {"name": str(len(self.pods)), "labels": {TEMPLATE_HASH: digest}},
                "status": {"phase": "Running", "conditions": [condition]},
                "image": image,
            }
        )

    def act(self):
        target = deployment(self.wanted, "new", self.strategy)
        found = replicas(target, self.pods)
        for pod in surplus(found):
            pod["metadata"]["deletionTimestamp"] = "now"
        for _ in range(missing(found)):
            self.start("new")

    def move(self, choice):
        """One pod gets ready, or a deleted one goes."""
        movable = [p for p in self.pods if p["metadata"].get("deletionTimestamp") or not ready(p)]
        if movable:
            pod = movable[choice % len(movable)]
            if pod["metadata"].get("deletionTimestamp"):
                self.pods.remove(pod)
            else:
                pod["status"]["conditions"][0]["status"] = "True"

    @property
    def answering(self):
        return [p for p in self.pods if ready(p) and not p["metadata"].get("deletionTimestamp")]


def ready(pod):
    return pod["status"]["conditions"][0]["status"] == "True"


@given(st.integers(1, 4), st.lists(st.integers(0, 9), max_size=30))
def test_a_rolling_update_never_has_fewer_answering_pods_than_wished(wanted, choices):
    fleet = Fleet(wanted, "RollingUpdate", wanted)
    for choice in choices:
        fleet.act()
        assert len(fleet.answering) >= wanted
        alive = [p for p in fleet.pods if not p["metadata"].get("deletionTimestamp")]
        assert len(alive) <= wanted + 1
        fleet.move(choice)


@given(st.integers(0, 4), st.integers(0, 4), st.sampled_from(["RollingUpdate", "Recreate"]))
def test_every_update_ends_with_the_wished_number_of_new_pods(old, wanted, strategy):
    fleet = Fleet(old, strategy, wanted)
    for _ in range(60):
        fleet.act()
        fleet.move(0)
    assert [p["image"] for p in fleet.pods] == ["new"] * wanted


@given(st.integers(1, 3), st.lists(st.integers(0, 9), max_size=20))
def test_with_recreate_old_and_new_are_never_there_together(wanted, choices):
    fleet = Fleet(wanted, "Recreate", wanted)
    for choice in choices:
        fleet.act()
        assert len({p["image"] for p in fleet.pods}) == 1
        fleet.move(choice)


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_ended_for_good_is_replaced(phase):
    fleet = Fleet(0, "RollingUpdate", 1)
    fleet.start("new")
    fleet.pods[0]["status"]["phase"] = phase
    fleet.act()
    assert len([p for p in fleet.pods if not p["metadata"].get("deletionTimestamp")]) == 1
    assert fleet.pods[0]["metadata"]["deletionTimestamp"]
