import asyncio

from forebay.kube.port import DATASTORE, MODEL_VERSION, PIPELINE, RUN, Ref
from forebay.reconcile.lookouts import Lookouts
from forebay.reconcile.related import Select
from forebay.reconcile.wakeset import WakeSet


def ref(name, kind=RUN):
    return Ref(kind, "shop", name)


def version(model, name="v1"):
    meta = {"name": name, "namespace": "shop", "labels": {"forebay.dev/model": model}}
    return {
        "apiVersion": MODEL_VERSION.api_version,
        "kind": "ModelVersion",
        "metadata": meta,
    }


async def test_what_comes_first_is_taken_before_what_was_there_already():
    wakes = WakeSet()
    for name in ("a", "b", "c"):
        wakes.add(ref(name))
    wakes.add(ref("p", PIPELINE), first=True)
    wakes.add(ref("c"), first=True)
    wakes.add(ref("c"))
    taken = [(await wakes.take()).name for _ in range(len(wakes))]
    assert taken == ["p", "c", "a", "b"]


async def test_a_key_in_work_is_not_taken_again_before_it_is_done():
    wakes = WakeSet()
    wakes.add(ref("a"), first=True)
    assert await wakes.take() == ref("a")
    wakes.add(ref("a"), first=True)
    waiting = asyncio.create_task(wakes.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    wakes.done(ref("a"))
    assert await asyncio.wait_for(waiting, 1) == ref("a")


def test_an_object_is_found_by_the_name_it_looked_at():
    lookouts = Lookouts()
    lookouts.note(ref("run"), frozenset({ref("local", DATASTORE)}))
    store = {
        "apiVersion": DATASTORE.api_version,
        "kind": "DataStore",
        "metadata": {"name": "local", "namespace": "shop"},
    }
    assert list(lookouts.looking_at(store)) == [ref("run")]
    elsewhere = {**store, "metadata": {"name": "local", "namespace": "other"}}
    assert list(lookouts.looking_at(elsewhere)) == []


def test_an_object_is_found_by_the_labels_it_looked_for():
    lookouts = Lookouts()
    select = Select(MODEL_VERSION, "shop", (("forebay.dev/model", "movies"),))
    lookouts.note(ref("run"), frozenset({select}))
    lookouts.note(ref("other"), frozenset({select}))
    assert set(lookouts.looking_at(version("movies"))) == {ref("run"), ref("other")}
    assert list(lookouts.looking_at(version("books"))) == []


def test_only_the_last_decision_counts_and_nothing_is_left_of_what_is_gone():
    lookouts = Lookouts()
    select = Select(MODEL_VERSION, "shop")
    lookouts.note(ref("run"), frozenset({select, ref("old", DATASTORE)}))
    lookouts.note(ref("run"), frozenset({ref("new", DATASTORE)}))
    assert list(lookouts.looking_at(version("movies"))) == []
    assert ref("run") in lookouts
    lookouts.forget(ref("run"))
    lookouts.forget(ref("run"))
    assert ref("run") not in lookouts
    assert not lookouts._by_name
    assert not lookouts._by_kind
