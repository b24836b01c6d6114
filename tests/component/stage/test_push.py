"""Posting progress: with the pod's token over TLS only, past proxies and redirects, and never at a stage's cost."""

import http.server
import threading
import urllib.error

import pytest

from forebay_workloads import contract, push
from forebay_workloads.progress import sender
from forebay_workloads.push import Poster, Skipped


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(dict(self.headers))
        self.send_response(self.server.answer)
        if self.server.answer == 302:
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.end_headers()

    def do_GET(self):
        self.server.seen.append("followed")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.seen, server.answer = [], 204
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def token(tmp_path, monkeypatch):
    monkeypatch.setenv(contract.ROOT_ENV, str(tmp_path))
    file = contract.mounted(contract.PROGRESS_TOKEN)
    file.parent.mkdir(parents=True)
    file.write_text("secret-token\n")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def url(receiver):
    return f"http://127.0.0.1:{receiver.server_port}/v1/progress"


def test_a_token_is_not_sent_in_the_clear(receiver):
    Poster(url(receiver))("{}")
    assert "Authorization" not in receiver.seen[0]


def test_a_redirect_is_not_followed(receiver):
    receiver.answer = 302
    with pytest.raises(urllib.error.HTTPError):
        Poster(url(receiver))("{}")
    assert "followed" not in receiver.seen


def test_a_proxy_of_the_environment_is_passed_by(receiver, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    Poster(url(receiver))("{}")
    assert len(receiver.seen) == 1


def test_after_a_failure_nothing_is_tried_for_longer_and_longer(receiver):
    clock = Clock()
    send = Poster(url(receiver), clock)
    receiver.answer = 503
    for pause in push.PAUSES:
        with pytest.raises(urllib.error.HTTPError):
            send("{}")
        clock.now += pause - 0.5
        with pytest.raises(Skipped):
            send("{}")
        clock.now += 0.6
    assert len(receiver.seen) == len(push.PAUSES)
    receiver.answer = 204
    send("{}")
    receiver.answer = 503
    with pytest.raises(urllib.error.HTTPError):
        send("{}")
    clock.now += push.PAUSES[0] + 0.1
    with pytest.raises(urllib.error.HTTPError):
        send("{}")


def test_a_ca_that_is_none_is_an_error_that_the_reporter_swallows(tmp_path):
    contract.mounted(contract.PROGRESS_CA).write_text("no certificate")
    with pytest.raises(OSError):
        Poster("https://127.0.0.1:1/v1/progress")("{}")


def test_of_pods_that_work_together_the_first_one_reports(receiver, monkeypatch):
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    assert sender(url(receiver)) is None
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    assert sender(url(receiver)) is not None
