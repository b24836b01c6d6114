"""The log has one line for each change of an object's state, and none for a pass that changes nothing."""

import pytest
import structlog
from structlog.testing import capture_logs

from forebay_workloads.contract import Result
from tests.component.reconcile.cluster import world


@pytest.fixture
def lines():
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as found:
        yield found


async def test_a_run_says_each_state_once(cluster, lines):
    cluster.ends["train"] = Result(metrics={"rmse": 0.9})
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    ends = [line for line in lines if line.get("state") == "Succeeded"]
    assert [line["reason"] for line in ends] == ["Succeeded"]
    before = len(lines)
    for ref in await cluster.own_refs():
        await reconciler.reconcile(ref)
    assert lines[before:] == []


async def test_every_line_of_a_pass_names_the_object(cluster, lines):
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    for ref in await cluster.own_refs():
        await reconciler._attempt(ref)
    told = [line for line in lines if line["event"] == "state"]
    assert told
    for line in told:
        assert line["uid"]
        assert line["generation"] == 1
        assert line["reason"]
