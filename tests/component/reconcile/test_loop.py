import asyncio

import pytest

from forebay.errors import Conflict, Forbidden, Unavailable
from forebay.kube.port import CONFIG_MAP, DATASTORE, EVENT, PIPELINE, RUN, SECRET, Ref
from forebay.plan.types import Event, Plan
from forebay.reconcile import loop, triggers
from forebay.reconcile.loop import Reconciler
from forebay.reconcile.progress import ProgressBoard
from forebay.settings import Settings
from forebay_workloads.contract import Progress
from tests.component.reconcile.cluster import own, pipeline, world
from tests.component.reconcile.test_run_failures import condition, until

REF = Ref(PIPELINE, "shop", "movies")
FAST = Settings(retry_base=0.01, retry_cap=0.02, status_interval=0.05, workers=4)


class Denies:
    """The API, whose answers to a `get` of a kind are a refusal."""

    def __init__(self, kube, kind):
        self._kube, self._kind = kube, kind

    def __getattr__(self, name):
        return getattr(self._kube, name)

    async def get(self, ref):
        if ref.kind == self._kind:
            raise Forbidden(403, "Forbidden", f"may not get {ref.kind.plural} in {ref.namespace}")
        return await self._kube.get(ref)


class Fails:
    """The API, whose status writes fail as often as it is told."""

    def __init__(self, kube, *errors):
        self._kube, self.errors = kube, list(errors)

    def __getattr__(self, name):
        return getattr(self._kube, name)

    async def apply(self, obj, **kwargs):
        if kwargs.get("subresource") == "status" and self.errors:
            raise self.errors.pop(0)
        return await self._kube.apply(obj, **kwargs)


async def settled(reconciler):
    await asyncio.sleep(0.1)
    await asyncio.wait_for(reconciler.idle(), 2)


@pytest.fixture
def plans(monkeypatch):
    """Replaces the pipeline's plan: a list of what it is to do, and of what it saw."""
    seen, todo = [], []

    def plan(observed, _settings):
        seen.append(observed)
        return todo.pop(0) if todo else Plan()

    monkeypatch.setitem(loop.KINDS, PIPELINE, plan)
    return seen, todo


@pytest.fixture
async def running(cluster):
    """Starts a reconciler; it is stopped at the end of the test."""
    tasks = []

    def start(kube=None, settings=FAST, **more):
        reconciler = Reconciler(kube or cluster.kube, settings, clock=lambda: cluster.now, **more)
        tasks.append(asyncio.create_task(reconciler.run()))
        return reconciler

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_burst_of_wakes_makes_few_passes(cluster, running, plans):
    await cluster.apply(pipeline())
    reconciler = running()
    for _ in range(100):
        reconciler.wake(REF)
    await settled(reconciler)
    assert len(plans[0]) == 1


async def test_a_key_that_is_woken_in_its_pass_has_another_one_after_it(
    cluster, running, plans, monkeypatch
):
    await cluster.apply(pipeline())
    at_once = {"now": 0, "most": 0, "passes": 0}

    async def slow(*_args):
        at_once["now"] += 1
        at_once["passes"] += 1
        at_once["most"] = max(at_once["most"], at_once["now"])
        await asyncio.sleep(0.02)
        at_once["now"] -= 1

    monkeypatch.setattr(loop, "execute", slow)
    reconciler = running()
    reconciler.wake(REF)
    await asyncio.sleep(0.01)
    reconciler.wake(REF)
    await settled(reconciler)
    assert at_once == {"now": 0, "most": 1, "passes": 2}


async def test_the_plan_says_when_to_come_back(cluster, running, plans):
    seen, todo = plans
    todo.append(Plan(requeue_after=0.02))
    await cluster.apply(pipeline())
    reconciler = running()
    reconciler.wake(REF)
    await settled(reconciler)
    assert len(seen) == 2


async def test_an_error_is_tried_again_later_and_later(cluster, running, plans):
    _seen, todo = plans
    todo += [Plan(status={"phase": "Ready"})] * 4
    await cluster.apply(pipeline())
    outcomes = []
    kube = Fails(cluster.kube, *[Unavailable(503, "Down", "no answer")] * 3)
    reconciler = running(
        kube, watcher=lambda kind, outcome, _seconds: outcomes.append((kind, outcome))
    )
    reconciler.wake(REF)
    await settled(reconciler)
    assert outcomes[:4] == [("NoSQLPipeline", "error")] * 3 + [("NoSQLPipeline", "ok")]
    assert (await cluster.one(PIPELINE))["status"] == {"phase": "Ready"}


class Hangs(Denies):
    """The API, whose answer to a `get` of a kind never comes."""

    async def get(self, ref):
        if ref.kind == self._kind:
            await asyncio.Event().wait()
        return await self._kube.get(ref)


async def test_F15_a_pass_that_never_ends_holds_up_no_other_object(cluster, running):
    downloads, _, movies, _ = world()
    await cluster.apply(downloads, movies)
    reconciler = running(Hangs(cluster.kube, PIPELINE))
    for ref in (REF, Ref(DATASTORE, "shop", "downloads")):
        reconciler.wake(ref)
    await asyncio.sleep(0.1)
    assert (await cluster.one(DATASTORE))["status"]["conditions"]
    assert "status" not in await cluster.one(PIPELINE)


async def test_a_bug_in_one_plan_does_not_stop_the_others(cluster, running, monkeypatch):
    def broken(_observed, _settings):
        raise ZeroDivisionError

    monkeypatch.setitem(loop.KINDS, PIPELINE, broken)
    downloads, _, movies, _ = world()
    await cluster.apply(downloads, movies)
    reconciler = running()
    reconciler.wake(REF)
    reconciler.wake(Ref(DATASTORE, "shop", "downloads"))
    await asyncio.sleep(0.1)
    assert (await cluster.one(DATASTORE))["status"]["conditions"]


async def test_a_stale_object_is_read_again_at_once(cluster, plans):
    _seen, todo = plans
    todo += [Plan(status={"phase": "Ready"})] * 2
    await cluster.apply(pipeline())
    reconciler = Reconciler(Fails(cluster.kube, Conflict(409, "Conflict", "stale")), FAST)
    await reconciler.reconcile(REF)
    assert (await cluster.one(PIPELINE))["status"] == {"phase": "Ready"}


async def test_an_object_that_is_stale_for_ever_is_an_error(cluster, plans):
    _seen, todo = plans
    todo += [Plan(status={"phase": "Ready"})] * 9
    await cluster.apply(pipeline())
    reconciler = Reconciler(Fails(cluster.kube, *[Conflict(409, "Conflict", "stale")] * 9), FAST)
    with pytest.raises(Conflict, match="changes faster"):
        await reconciler.reconcile(REF)


async def test_F18_what_the_operator_may_not_do_is_said_in_a_condition(cluster, plans):
    _seen, todo = plans
    todo.append(Plan(status={"phase": "Ready"}))
    await cluster.apply(pipeline())
    denied = Forbidden(403, "Forbidden", "may not create jobs in shop")
    with pytest.raises(Forbidden):
        await Reconciler(Fails(cluster.kube, denied), FAST).reconcile(REF)
    found = condition(await cluster.one(PIPELINE), "Stalled")
    assert (found["status"], found["reason"], found["message"]) == (
        "True",
        "Forbidden",
        "may not create jobs in shop",
    )


async def test_F18_what_the_operator_may_not_read_is_said_in_a_condition(cluster):
    auth = {"secretRef": {"name": "shop-user"}}
    cassandra = {"contactPoints": ["db"], "keyspace": "shop"}
    store = own("DataStore", "shop", {"type": "cassandra", "cassandra": cassandra, "auth": auth})
    await cluster.apply(store)
    told = []
    reconciler = Reconciler(
        Denies(cluster.kube, SECRET), FAST, witness=lambda *states: told.append(states)
    )
    with pytest.raises(Forbidden):
        await reconciler.reconcile(Ref.of(store))
    found = condition(await cluster.kube.get(Ref.of(store)), "Stalled")
    assert (found["status"], found["reason"]) == ("True", "Forbidden")
    assert found["message"] == "may not get secrets in shop"
    assert len(told) == 1, "metrics count it too"


async def test_an_object_that_is_gone_is_forgotten(cluster, running):
    outcomes = []
    reconciler = running(watcher=lambda _kind, outcome, _seconds: outcomes.append(outcome))
    reconciler.wake(REF)
    await settled(reconciler)
    assert outcomes == ["gone"]


async def test_only_our_own_kinds_have_passes(cluster, running):
    reconciler = running()
    reconciler.wake(Ref(CONFIG_MAP, "shop", "x"))
    reconciler.wake_later(Ref(CONFIG_MAP, "shop", "x"), 0)
    await asyncio.wait_for(reconciler.idle(), 1)


async def test_what_a_decision_looked_at_wakes_it_also_when_it_was_not_there(
    cluster, running, plans
):
    seen, _todo = plans
    await cluster.apply(pipeline())
    reconciler = running()
    reconciler.wake(REF)
    await settled(reconciler)
    assert seen[0].related == {Ref(DATASTORE, "shop", n): None for n in ("downloads", "local")}
    store = own("DataStore", "local", {"type": "embedded", "embedded": {}})
    triggers.react(reconciler, store)
    await settled(reconciler)
    triggers.react(reconciler, own("DataStore", "other", {"type": "embedded", "embedded": {}}))
    await settled(reconciler)
    assert len(seen) == 2


async def test_a_new_model_version_wakes_the_run_that_publishes_the_model(cluster):
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await until(cluster, reconciler, "ingest")
    woken = []
    reconciler._wakes.add = lambda ref, **_: woken.append(ref)
    version = own("ModelVersion", "movies-v1", {}, labels={"forebay.dev/model": "movies"})
    triggers.react(reconciler, version)
    assert RUN in {ref.kind for ref in woken}


async def test_watching_wakes_by_the_objects_own_changes_and_its_childrens(cluster, running):
    reconciler = running()
    task = asyncio.create_task(triggers.watch(cluster.kube, reconciler))
    await cluster.apply(*world())
    for _ in range(100):
        await asyncio.sleep(0.02)
        await reconciler.idle()
        await cluster.controllers()
        runs = await cluster.kube.list(RUN)
        if runs and runs[0].get("status", {}).get("completionTime"):
            break
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await cluster.run_object())["status"]["phase"] == "Succeeded"


async def test_a_watch_that_breaks_is_opened_again(monkeypatch):
    opened = []

    class Breaks:
        async def watch(self, kind, _namespace):
            opened.append(kind)
            raise Unavailable(503, "Down", "no answer")
            yield

    monkeypatch.setattr(triggers, "_AGAIN", 0.01)
    task = asyncio.create_task(triggers.watch(Breaks(), Reconciler(None, FAST)))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert opened.count(RUN) >= 2


async def test_progress_reaches_the_status_at_its_own_pace(cluster, running):
    cluster.ends["train"] = None
    await cluster.apply(*world())
    await until(cluster, cluster.reconciler(), "train")
    run = Ref.of(await cluster.run_object())
    board = ProgressBoard()
    reconciler = running(board=board)
    reconciler.wake(run)
    await settled(reconciler)
    for epoch in range(5):
        board.put(
            "shop",
            run.name,
            Progress(
                "train", percent=20.0 * epoch, eta_seconds=90, epoch=epoch, metrics={"loss": 0.5}
            ),
        )
    async with asyncio.timeout(30):
        while (progress := (await cluster.run_object())["status"]["progress"])["text"] == "train":
            await asyncio.sleep(0.02)
    assert (progress["percent"], progress["text"]) == (80, "80% train 1m")
    assert progress["metrics"] == [{"name": "loss", "value": "0.5"}]
    assert board.get("shop", run.name).epoch == 4


async def test_equal_events_are_counted_instead_of_repeated(cluster, plans):
    _seen, todo = plans
    todo += [Plan(events=(Event("Warning", "ExitCode", "exit code 1"),))] * 3
    await cluster.apply(pipeline())
    for _ in range(3):
        await cluster.reconciler().reconcile(REF)
    (event,) = await cluster.kube.list(EVENT)
    assert (event["count"], event["reason"], event["involvedObject"]["name"]) == (
        3,
        "ExitCode",
        "movies",
    )


async def test_an_event_that_cannot_be_written_does_not_fail_the_pass(cluster, plans):
    _seen, todo = plans
    todo.append(Plan(events=(Event("Normal", "Ready", "ready"),)))
    await cluster.apply(pipeline())

    class NoEvents(Fails):
        async def apply(self, _obj, **_kwargs):
            raise Forbidden(403, "Forbidden", "may not create events")

    assert await Reconciler(NoEvents(cluster.kube), FAST).reconcile(REF) is None


async def test_a_field_that_somebody_else_took_is_taken_back(cluster, plans):
    _seen, todo = plans
    wished = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "shop"},
        "data": {"a": "1"},
    }
    todo += [Plan(apply=(wished,))]
    await cluster.apply(pipeline(), {**wished, "data": {"a": "2"}})
    await cluster.reconciler().reconcile(REF)
    assert (await cluster.one(CONFIG_MAP))["data"] == {"a": "1"}


async def test_S05_the_values_of_a_secret_never_leave_gather(cluster, monkeypatch):
    seen = []
    monkeypatch.setitem(
        loop.KINDS, DATASTORE, lambda observed, _settings: seen.append(observed) or Plan()
    )
    mongo = {"hosts": ["mongo:27017"], "database": "shop"}
    spec = {"type": "mongodb", "mongodb": mongo, "auth": {"secretRef": {"name": "user"}}}
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "user", "namespace": "shop"},
        "data": {"username": "canary"}, "stringData": {"password": "canary"},
    }  # fmt: skip
    await cluster.apply(own("DataStore", "shop", spec), secret)
    await cluster.reconciler().reconcile(Ref(DATASTORE, "shop", "shop"))
    found = seen[0].related[Ref(SECRET, "shop", "user")]
    assert found["data"] == {"username": "", "password": ""}
    assert "canary" not in {**found, "metadata": {}}.__repr__()


async def test_nothing_is_written_once_all_is_settled(cluster):
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    before = await cluster.versions()
    for ref in await cluster.own_refs():
        await reconciler.reconcile(ref)
    assert await cluster.versions() == before
