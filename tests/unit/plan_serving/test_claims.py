"""A DataStore that is a file: its claim is made when missing, used as it is, explained when it has no volume."""

from __future__ import annotations

from forebay.kube.port import PVC, Ref
from forebay.plan.datastore import plan
from forebay.plan.types import Plan
from forebay.settings import Settings
from tests.unit.plan_serving.world import World, cassandra, condition, datastore, secret

CLAIM = Ref(PVC, "shop", "forebay-data")


def a_world(store=None, *related, settings=None) -> World:
    return World(store or datastore(), list(related), plan, settings or Settings())


def a_claim(**spec):
    meta = {"name": CLAIM.name, "namespace": CLAIM.namespace}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}


def claims(plan: Plan) -> list[Ref]:
    """The claims that a pass makes."""
    return [Ref.of(made) for made in plan.create if Ref.of(made).kind == CLAIM.kind]


def waiting(world: World, sentence: str) -> None:
    """The scheduler finds no node for the probe's pod."""
    held = {"type": "PodScheduled", "status": "False", "message": sentence}
    world.pod(world.names("Job")[0], kind="Job", phase="Pending", conditions=[held])
    world.step()


def test_a_missing_claim_is_made_with_the_first_probe_and_only_once():
    world = a_world()
    first = world.step()
    assert claims(first) == [CLAIM]
    assert len(world.names("Job")) == 1
    assert claims(world.step()) == []


def test_a_claim_that_is_there_is_used_as_it_is_whoever_made_it():
    theirs = a_claim(accessModes=["ReadWriteMany"], storageClassName="theirs")
    world = a_world(None, theirs)
    assert claims(world.step()) == []
    assert world.related[CLAIM] == theirs


def test_a_claim_that_vanished_while_the_probe_waits_is_made_again():
    world = a_world()
    world.step()
    del world.related[CLAIM]
    assert claims(world.step()) == [CLAIM]


def test_servers_and_processes_of_this_machine_get_no_claim():
    assert claims(a_world(cassandra(), secret("shop-user")).step()) == []
    assert claims(a_world(settings=Settings(plane="embedded")).step()) == []


def test_a_claim_without_a_volume_is_the_schedulers_sentence_and_a_word_of_what_to_look_at():
    world = a_world()
    world.step()
    sentence = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    waiting(world, sentence)
    ready = condition(world.status, "Ready")
    assert (ready["status"], ready["reason"]) == ("Unknown", "Unschedulable")
    assert ready["message"].startswith(sentence)
    assert "claim forebay-data has no volume" in ready["message"]
    assert "a default StorageClass" in ready["message"]


def test_the_class_that_a_waiting_claim_asks_for_is_named():
    world = a_world(None, a_claim(storageClassName="fast"))
    world.step()
    waiting(world, "pod has unbound immediate PersistentVolumeClaims")
    assert "StorageClass fast?" in condition(world.status, "Ready")["message"]


def test_a_pod_that_waits_for_something_else_says_nothing_of_claims():
    world = a_world()
    world.step()
    waiting(world, "0/1 nodes are available: 1 Insufficient memory")
    assert "claim" not in condition(world.status, "Ready")["message"]


def test_a_claim_on_a_machine_without_claims_is_a_warning():
    store = datastore("local", type="embedded", embedded={"claim": {"name": "x"}})
    world = a_world(store, settings=Settings(plane="embedded"))
    world.step()
    warning = condition(world.status, "Warning")
    assert (warning["status"], warning["reason"]) == ("True", "FieldNotSupportedInMode")
    assert "spec.embedded.claim is not supported here" in warning["message"]
    quiet = a_world(store)
    quiet.step()
    assert condition(quiet.status, "Warning")["status"] == "False"
