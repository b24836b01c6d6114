"""Whether a served model answers."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from forebay.cli.answering import answers


@pytest.fixture
def server():
    class Health(BaseHTTPRequestHandler):
        code = 200

        def do_GET(self):
            self.send_response(self.code if self.path == "/v2/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_):
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield Health, f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


@pytest.mark.parametrize(("code", "good"), [(200, True), (503, False), (404, False)])
async def test_only_a_model_that_says_it_is_ready_is(server, code, good, monkeypatch):
    health, url = server
    monkeypatch.setattr(health, "code", code)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert await answers(url) is good


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "file:///etc/passwd", ""])
async def test_where_nobody_listens_nobody_answers(url):
    assert not await answers(url)
