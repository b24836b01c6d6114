"""The Secret of the endpoint: made when absent, used again after a restart, mended when somebody broke it."""

import base64
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from forebay.endpoints import tls
from forebay.errors import Conflict
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import SECRET, Ref

REF = Ref(SECRET, "forebay-system", "forebay-progress-tls")
HOSTS = {"localhost"}
NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture
async def kube(tmp_path):
    made = EmbeddedKube(tmp_path / "api.db")
    yield made
    await made.close()


async def test_it_is_made_once_and_found_again_after_a_restart(kube):
    first = await tls.kept(kube, REF, HOSTS, NOW)
    secret = await kube.get(REF)
    assert secret["type"] == "kubernetes.io/tls"
    assert set(secret["data"]) == {"ca.crt", "ca.key", "tls.crt", "tls.key"}
    again = await tls.kept(kube, REF, HOSTS, NOW + timedelta(days=10))
    assert again == first
    assert (await kube.get(REF))["metadata"]["resourceVersion"] == secret["metadata"][
        "resourceVersion"
    ]


async def test_it_is_renewed_in_place_and_the_ca_stays(kube):
    first = await tls.kept(kube, REF, HOSTS, NOW)
    later = await tls.kept(kube, REF, HOSTS, NOW + timedelta(days=350))
    assert later.ca == first.ca
    assert later.cert != first.cert
    assert await tls.kept(kube, REF, HOSTS, NOW + timedelta(days=350)) == later


@pytest.mark.parametrize("broken", ["", "bm8gUEVN", "%%%", base64.b64encode(b"\xff").decode()])
async def test_a_secret_that_somebody_broke_is_made_anew(kube, broken):
    await tls.kept(kube, REF, HOSTS, NOW)
    secret = await kube.get(REF)
    secret["data"]["ca.crt"] = broken
    await kube.apply(secret, manager="somebody")
    assert "BEGIN CERTIFICATE" in (await tls.kept(kube, REF, HOSTS, NOW)).ca


async def test_a_secret_that_was_deleted_comes_back_with_the_ca_that_pods_were_told(kube):
    known = await tls.kept(kube, REF, HOSTS, NOW)
    await kube.delete(REF)
    assert await tls.kept(kube, REF, HOSTS, NOW, known) == known
    assert await tls.kept(kube, REF, HOSTS, NOW) == known


async def test_who_was_faster_to_renew_is_believed(kube, monkeypatch):
    await tls.kept(kube, REF, HOSTS, NOW)
    late, by_then = [], NOW + timedelta(days=350)

    async def overtaken(obj):
        monkeypatch.undo()
        late.append(await tls.kept(kube, REF, HOSTS, by_then))
        raise Conflict(409, "Conflict", "resourceVersion is stale")

    monkeypatch.setattr(kube, "apply", overtaken)
    assert [await tls.kept(kube, REF, HOSTS, by_then)] == late


async def test_a_client_that_trusts_the_ca_trusts_the_endpoint(kube):
    material = await tls.kept(kube, REF, HOSTS, datetime.now(UTC))
    client = ssl.create_default_context(cadata=material.ca)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = tls.context(material).wrap_bio(incoming, outgoing, server_side=True)
    ours = client.wrap_bio(outgoing, incoming, server_hostname="localhost")
    for side in (ours, server, ours, server, ours):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert ours.version() in ("TLSv1.2", "TLSv1.3")
