"""The operator's start: what importing forebay.main registers, how kopf is set up, what the process does."""

from __future__ import annotations

import asyncio
import itertools
import time

import click
import kopf
import kopf.cli
import pytest
from prometheus_client import generate_latest

import forebay.main
from forebay.errors import Forbidden, NotFound
from forebay.handlers.changes import changed
from forebay.handlers.environment import Environment
from forebay.handlers.lifecycle import start, stop
from forebay.handlers.options import BackOff, configure
from forebay.handlers.process import Process
from forebay.handlers.scope import served_namespaces
from forebay.kube import resync
from forebay.kube.port import API_VERSION, DATASTORE, OWN_KINDS
from forebay.metrics import ReconcileMetrics
from forebay.plan.types import Plan
from forebay.reconcile import loop


def handlers(part):
    return getattr(kopf.get_default_registry(), part).get_all_handlers()


def test_importing_main_registers_login_start_and_stop():
    assert forebay.main.__all__
    activities = {handler.activity.value for handler in handlers("_activities")}
    assert {"authentication", "startup", "cleanup"} <= activities


def test_every_kind_that_matters_is_listened_to_and_none_by_its_history():
    heard = {
        (h.selector.group, h.selector.version, h.selector.any_name) for h in handlers("_watching")
    }
    own = {("forebay.dev", "v1alpha1", kind.plural) for kind in OWN_KINDS}
    children = {
        ("batch", "v1", "jobs"),
        ("apps", "v1", "deployments"),
        ("", "v1", "pods"),
        ("", "v1", "services"),
        ("", "v1", "configmaps"),
    }
    assert heard == own | children
    assert handlers("_changing") == []
    assert handlers("_spawning") == []


def test_kopf_only_listens_and_asks_the_server_for_our_children_alone():
    settings = kopf.OperatorSettings()
    configure(settings)
    assert settings.posting.enabled is False
    assert settings.peering.standalone is True
    selectors = dict(settings.watching.label_selectors)
    assert set(selectors.values()) == {"app.kubernetes.io/managed-by=forebay"}
    assert len(selectors) == 5
    assert settings.scanning.disabled, "that would need rights on namespaces and CRDs"
    assert settings.watching.server_timeout < settings.watching.client_timeout
    assert settings.queueing.worker_limit is None
    history = settings.persistence.diffbase_storage, settings.persistence.progress_storage
    assert [type(kept).__name__ for kept in history] == ["NoDiffBase", "NoProgress"]


@pytest.mark.parametrize(
    ("said", "served"),
    [
        (["--all-namespaces"], ()),
        (["-n", "shop", "-n", "bank", "-n", "shop"], ("shop", "bank")),
    ],
)
def test_the_namespaces_are_those_of_kopfs_command_line(monkeypatch, said, served):
    seen = []
    run = lambda **_: seen.append(served_namespaces())  # noqa: E731
    monkeypatch.setattr("kopf._core.reactor.running.run", run)
    kopf.cli.main(["run", *said, "-m", "forebay.main"], standalone_mode=False)
    assert seen == [served]


def test_a_pattern_of_namespaces_is_refused():
    option = click.Option(["--namespace", "namespaces"], multiple=True)
    command = click.Command("run", params=[option])
    context = command.make_context("run", ["--namespace", "team-*"])
    with context.scope(), pytest.raises(ValueError, match="team"):
        served_namespaces()


def test_back_offs_grow_are_spread_and_never_end():
    delays = list(itertools.islice(BackOff(), 1000))
    assert all(0 < delay <= 15 for delay in delays)
    assert max(delays[:2]) <= 1
    assert len(set(delays)) > 900
    assert delays[-1] >= 7


def test_the_environment_sets_images_and_numbers():
    read = Environment.read(
        {"FOREBAY_TRAIN_IMAGE": "r/train:1", "FOREBAY_WORKERS": "3", "FOREBAY_METRICS_PORT": "0"}
    )
    assert read.settings.train_image == "r/train:1"
    assert read.settings.workers == 3
    assert read.metrics_port == 0
    assert Environment.read({}).metrics_port == 8080


def test_a_number_that_is_none_is_named():
    with pytest.raises(ValueError, match="FOREBAY_WORKERS is 'many'"):
        Environment.read({"FOREBAY_WORKERS": "many"})


async def test_a_bad_setting_ends_the_start_instead_of_being_tried_for_ever(monkeypatch):
    monkeypatch.setenv("FOREBAY_WORKERS", "many")
    with pytest.raises(kopf.PermanentError, match="FOREBAY_WORKERS is 'many'"):
        await start(settings=kopf.OperatorSettings(), memo=kopf.Memo())


class NoObjects:
    """A port with one DataStore behind it and nothing else."""

    def __init__(self) -> None:
        self.listed: list[str] = []
        self.closed = 0

    async def pages(self, kind, _namespace, _labels):
        self.listed.append(kind.kind)
        yield [store()] if kind == DATASTORE else []

    async def get(self, _ref):
        return None

    find = get

    async def apis(self):
        return frozenset()

    async def close(self) -> None:
        self.closed += 1


def store():
    meta = {"name": "shop", "namespace": "prod", "uid": "u", "resourceVersion": "3"}
    spec = {"type": "embedded", "embedded": {}}
    return {"apiVersion": API_VERSION, "kind": "DataStore", "metadata": meta, "spec": spec}


def stand_in(monkeypatch):
    """A plan of DataStores that only notes for what it was asked."""
    seen = []
    monkeypatch.setattr(
        loop, "KINDS", {DATASTORE: lambda now, _: seen.append(now.object) or Plan()}
    )
    return seen


async def test_a_change_that_kopf_hears_becomes_a_pass_over_the_object(monkeypatch):
    seen = stand_in(monkeypatch)
    kube = NoObjects()
    process = Process(kube, Environment.read({"FOREBAY_METRICS_PORT": "0"}))  # type: ignore[arg-type]  # all it uses
    process.start()
    await process.started()
    await changed({"type": "ADDED", "object": store()}, kopf.Memo(process=process))
    async with asyncio.timeout(30):
        await process.reconciler.idle()
    await process.stop()
    await process.stop()
    assert [obj["metadata"]["name"] for obj in seen] == ["shop"]
    assert kube.closed == 2


async def test_nothing_is_decided_before_everything_was_listed(monkeypatch):
    monkeypatch.setattr(resync, "_BACK_OFF", (0.01,))
    seen = stand_in(monkeypatch)
    kube, refusals = NoObjects(), [Forbidden(403, "Forbidden", "no"), NotFound(404, "", "no CRD")]

    async def refused(kind, namespace, labels):
        if kind.kind == "Pod" and refusals:
            raise refusals.pop()
        async for page in NoObjects.pages(kube, kind, namespace, labels):
            yield page

    kube.pages = refused  # type: ignore[method-assign]  # refuses twice
    process = Process(kube, Environment.read({"FOREBAY_METRICS_PORT": "0"}))  # type: ignore[arg-type]  # all it uses
    process.start()
    process.heard("ADDED", store())
    assert not seen
    async with asyncio.timeout(30):
        await process.started()
        await process.reconciler.idle()
    await process.stop()
    assert len(seen) == 1
    assert refusals == []


async def test_start_connects_and_stop_frees_what_start_made(monkeypatch):
    made = []

    async def connected(environment, namespaces):
        assert namespaces == ()
        made.append(Process(NoObjects(), environment))  # type: ignore[arg-type]  # all it uses
        return made[0]

    monkeypatch.setattr(Process, "connected", connected)
    monkeypatch.setenv("FOREBAY_METRICS_PORT", "0")
    memo = kopf.Memo()
    await start(settings=kopf.OperatorSettings(), memo=memo)
    assert memo.process is made[0]
    await stop(memo=memo)


async def test_stop_after_a_start_that_failed_is_quiet():
    await stop(memo=kopf.Memo())


def test_passes_are_counted_by_kind_and_outcome():
    metrics = ReconcileMetrics()
    metrics("DataStore", "ok", 0.02)
    metrics("DataStore", "gone", 0.02)
    metrics("DataStore", "error", 0.5)
    text = generate_latest(metrics.registry).decode()
    assert 'forebay_reconciliations_total{kind="DataStore"} 3.0' in text
    assert 'forebay_reconciliations_successful_total{kind="DataStore"} 2.0' in text
    assert 'forebay_reconciliations_failed_total{kind="DataStore"} 1.0' in text
    assert 'forebay_reconciliations_duration_seconds_count{kind="DataStore"} 3.0' in text


async def test_F15_a_blocked_event_loop_shows_in_the_lag(monkeypatch):
    monkeypatch.setattr("forebay.metrics._LAG_EVERY", 0.1)
    metrics = ReconcileMetrics()
    task = asyncio.get_running_loop().create_task(metrics.watch_loop())
    await asyncio.sleep(0)  # it sleeps now
    time.sleep(0.3)  # noqa: ASYNC251 - what must not happen
    for _ in range(4):  # its timer, its waking
        await asyncio.sleep(0)
    task.cancel()
    assert metrics.registry.get_sample_value("forebay_event_loop_lag_seconds") > 0.15
