"""The probe of a store, when its name is not free: somebody else's object, or a second operator's probe."""

import pytest

from forebay.errors import AlreadyExists, Foreign
from forebay.kube.port import CONFIG_MAP, JOB, Ref
from tests.component.reconcile.cluster import world
from tests.component.reconcile.test_run_failures import condition


class Late:
    """The API with a memory that has not heard of any Job yet, as when another process made it just now."""

    def __init__(self, kube):
        self._kube, self.deaf = kube, True

    def __getattr__(self, name):
        return getattr(self._kube, name)

    async def list(self, kind, *args, **kwargs):
        if kind == JOB and self.deaf:
            return []
        return await self._kube.list(kind, *args, **kwargs)

    async def create(self, obj, **kwargs):
        try:
            return await self._kube.create(obj, **kwargs)
        except AlreadyExists:
            self.deaf = False  # the watch has come in the meantime
            raise


async def probed(cluster):
    """A store whose probe has been made; its Job."""
    store, *_ = [obj for obj in world() if obj["kind"] == "DataStore"]
    await cluster.apply(store)
    await cluster.reconciler().reconcile(Ref.of(store))
    (job,) = await cluster.kube.list(JOB)
    return Ref.of(store), job


async def test_a_probe_that_another_operator_made_with_other_pods_is_taken_as_it_is(cluster):
    ref, job = await probed(cluster)
    await cluster.kube.delete(Ref.of(job))
    job["spec"]["template"]["spec"]["containers"][0]["image"] = "the/other/version"
    for field in ("uid", "resourceVersion"):
        job["metadata"].pop(field)
    other = await cluster.kube.create(job, manager="forebay")
    await cluster.reconciler(Late(cluster.kube)).reconcile(ref)
    assert await cluster.kube.list(JOB) == [other]
    told = condition(await cluster.kube.get(ref), "Stalled")
    assert told.get("status") != "True"


async def test_F27_a_foreign_object_with_the_probes_name_is_left_alone_and_told(cluster):
    ref, job = await probed(cluster)
    await cluster.kube.delete(Ref.of(job))
    theirs = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job["metadata"]["name"], "namespace": "shop", "labels": {"a": "b"}},
        "spec": job["spec"],
    }
    made = await cluster.kube.create(theirs, manager="somebody")
    with pytest.raises(Foreign):
        await cluster.reconciler().reconcile(ref)
    told = condition(await cluster.kube.get(ref), "Ready")
    assert (told["status"], told["reason"]) == ("False", "NameConflict")
    assert await cluster.kube.get(Ref.of(made)) == made


async def test_a_document_that_an_interrupted_pass_left_does_not_stop_the_probe(cluster):
    ref, job = await probed(cluster)
    await cluster.kube.delete(Ref.of(job))
    await cluster.reconciler().reconcile(ref)
    assert [j["metadata"]["name"] for j in await cluster.kube.list(JOB)] == [
        job["metadata"]["name"]
    ]
    assert len(await cluster.kube.list(CONFIG_MAP)) == 1
