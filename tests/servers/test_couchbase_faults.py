"""What can be wrong with a server of documents: each has its reason within 30 s, and no secret is shown."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from harness.certificates import Identity, make_ca, make_pair
from harness.folders import StateFolder

from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.stores import open_store


def reason_of(ref):
    """What a probe of it says, within the time that a condition may take."""
    start = time.monotonic()
    with pytest.raises((ConfigError, RetryableError)) as caught, open_store(ref) as opened:
        opened.probe()
    assert time.monotonic() - start < 30
    return caught.value


def test_a_wrong_password_is_said_and_never_shown(scopes, couchbase, tmp_path):
    """Each one is right for the stand-in."""
    for name, text in (("username", scopes.server.user), ("password", "hunter2-hunter2")):
        (tmp_path / name).write_text(text)
    try:
        with open_store(replace(couchbase, secrets=str(tmp_path))) as opened:
            said = opened.probe().server_version
    except ConfigError as error:
        said = str(error)
    assert said.startswith(("StoreAuthFailed", "Couchbase before 7.0"))
    assert "hunter2" not in said


def test_a_server_that_is_not_there_is_unreachable(couchbase):
    for nobody in ("127.0.0.1:9", "nowhere.invalid"):
        ref = replace(couchbase, settings={**couchbase.settings, "hosts": [nobody]})
        assert reason_of(ref).reason == "StoreUnreachable"


@pytest.fixture
def encrypted(tmp_path):
    """A server of TLS that an unknown CA speaks for; its port."""
    folder = StateFolder(tmp_path / "tls")
    make_ca(folder)
    make_pair(folder, "server", Identity("server", names=("IP:127.0.0.1",)))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder.certificate("server"), folder.key("server"))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            while True:
                try:
                    raw, _ = listening.accept()
                except OSError:
                    return
                with suppress(OSError), raw:
                    context.wrap_socket(raw, server_side=True).close()

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


def test_a_certificate_that_is_not_trusted_is_said_with_what_is_wrong(couchbase, encrypted):
    settings = {**couchbase.settings, "hosts": [f"127.0.0.1:{encrypted}"], "tls": {}}
    error = reason_of(replace(couchbase, settings=settings))
    assert error.reason == "CertificateInvalid"
    assert "certificate" in error.message


def test_an_online_read_keeps_its_deadline_where_nothing_answers(couchbase):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = [f"127.0.0.1:{silent.getsockname()[1]}"]
        with open_store(
            replace(couchbase, settings={**couchbase.settings, "hosts": hosts})
        ) as opened:
            started = time.monotonic()
            with pytest.raises(RetryableError) as caught:
                opened.get("t", [{"id": 1}], timeout=0.3)
            assert caught.value.reason == "DeadlineExceeded"
            assert time.monotonic() - started < 5
