"""Troubles on the way to the API server, a real one behind a proxy: nothing that was changed meanwhile is missed."""

import re

import pytest
from aiohttp import web

from forebay.handlers.options import WATCHED
from tests.e2e.kit import objects, troubled
from tests.e2e.kit.outside import Outside
from tests.e2e.kit.troubled import Troubled
from tests.e2e.kit.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]
NAMES = [f"p{n}" for n in range(5)]


@pytest.fixture(scope="module")
def nobody(operator):
    """The cluster's own operator is away: the one of the test is alone."""
    operator.scale(0)
    yield
    operator.scale(1)


@pytest.fixture
def way(api):
    with Troubled(api.base) as made:
        yield made


class Pipelines:
    """Some that are paused: each change of one needs an answer in its status, and no pod."""

    def __init__(self, api, kubectl, namespace, outside):
        self._api, self._namespace, self._outside, self._limit = api, namespace, outside, 0
        made = [objects.ingest_only(name, suspend=True) for name in NAMES]
        kubectl.apply(made, namespace)
        self.answered(60)

    def change(self):
        """A new generation of each."""
        self._limit = self._limit % 5 + 1
        for name in NAMES:
            spec = {"runPolicy": {"backoffLimit": self._limit}}
            before = self._api.get("nosqlpipelines", name, self._namespace)
            after = self._api.patch("nosqlpipelines", name, self._namespace, {"spec": spec})
            assert after["metadata"]["generation"] > before["metadata"]["generation"]

    def late(self):
        """Those whose status is of an older generation."""
        self._outside.tend()
        return [
            one["metadata"]["name"]
            for one in self._api.list("nosqlpipelines", self._namespace)
            if (one.get("status") or {}).get("observedGeneration") != one["metadata"]["generation"]
        ]

    def answered(self, seconds):
        """Fails when a status is not of the newest generation in time."""
        until(lambda: not self.late(), seconds, "every status is of the newest generation")


@pytest.fixture
def outside(nobody, way, namespace, tmp_path):
    with Outside(way.url, namespace, tmp_path) as made:
        yield made


@pytest.fixture
def pipelines(api, kubectl, namespace, outside):
    return Pipelines(api, kubectl, namespace, outside)


def test_F01_watches_that_end_each_second_miss_nothing(way, pipelines, outside):
    way.watches = troubled.ended_after(1)
    way.cut()
    for _ in range(6):
        pipelines.change()
        pipelines.answered(15)
    assert outside.starts == 1


def test_F02_events_that_are_gone_are_made_good_by_a_list(way, pipelines, outside):
    way.watches = troubled.gone
    way.cut()
    pipelines.change()
    pipelines.answered(30)
    way.watches = troubled.copied
    pipelines.change()
    pipelines.answered(30)
    assert outside.starts == 1


def test_F02_a_watch_that_is_refused_as_gone_costs_a_restart_at_most(way, pipelines, outside):
    refused = []

    def answer(request):
        if request.query.get("watch") and len(refused) < 1:
            refused.append(request.path)
            return web.json_response({"kind": "Status", "code": 410, "reason": "Gone"}, status=410)
        return None

    way.answers = answer
    way.cut()
    pipelines.change()
    pipelines.answered(60)
    assert refused
    assert outside.starts <= 2


def test_F04_a_line_that_is_torn_makes_no_deaf_operator(way, pipelines, outside):
    way.watches = troubled.torn
    way.cut()
    way.seen.clear()
    pipelines.change()
    until(lambda: any(s.watch and "pipelines" in s.path for s in way.seen), 20, "a line is torn")
    way.watches = troubled.copied
    pipelines.change()
    pipelines.answered(60)


def test_F05_thirty_seconds_without_a_valid_token_lose_no_change(way, pipelines, outside):
    way.answers = lambda _: web.json_response(
        {"kind": "Status", "code": 401, "reason": "Unauthorized"}, status=401
    )
    way.cut()
    pipelines.change()
    with pytest.raises(AssertionError, match="not within"):
        pipelines.answered(30)
    way.answers = troubled.passed
    pipelines.answered(60)
    assert outside.starts <= 3


def test_F06_an_api_server_that_is_away_for_a_while_is_met_again(way, pipelines, outside):
    way.answers = lambda _: web.Response(status=503)
    way.cut()
    pipelines.change()
    with pytest.raises(AssertionError, match="not within"):
        pipelines.answered(20)
    way.answers = troubled.passed
    pipelines.answered(30)
    assert outside.starts == 1


def test_F07_a_server_that_is_busy_is_given_the_time_it_asks_for(way, pipelines, outside):
    asked, conflicts = {}, []

    def answer(request):
        if request.method != "PATCH" or not re.search(r"pipelines/p\d/status$", request.path):
            return None
        if request.path not in asked:
            asked[request.path] = len(way.seen)
            return web.json_response(
                {"kind": "Status", "code": 429, "reason": "TooManyRequests"},
                status=429,
                headers={"Retry-After": "5"},
            )
        if request.path not in conflicts:
            conflicts.append(request.path)
            return web.json_response(
                {"kind": "Status", "code": 409, "reason": "Conflict"}, status=409
            )
        return None

    way.answers = answer
    way.seen.clear()
    pipelines.change()
    pipelines.answered(40)
    for path in asked:
        times = [s.at for s in way.seen if s.path == path and s.method == "PATCH"]
        assert times[1] - times[0] >= 5, "not before the time that it asked for"
    writes = sum(s.method == "PATCH" and s.path in asked for s in way.seen)
    assert writes == 3 * len(NAMES), "refused once, in conflict once, written once"


@pytest.mark.nightly
def test_F03_a_watch_that_says_nothing_is_given_up_in_time(way, pipelines, outside):
    way.watches = troubled.silent
    way.cut()
    until(lambda: way.watching >= len(WATCHED), 30, "the watches are open again, and silent")
    pipelines.change()
    way.watches = troubled.copied
    pipelines.answered(90)
    assert outside.starts == 1
