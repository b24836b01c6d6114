"""The program of `helm test`, against a small HTTP server that plays operator and API server."""

import http.server
import importlib.util
import json
import threading
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "charts" / "forebay" / "files" / "check.py"


@pytest.fixture
def check():
    spec = importlib.util.spec_from_file_location("check", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def server():
    """Answers by path from `answers`: (status, body)."""
    answers, seen = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("Authorization")))
            status, body = answers.get(self.path, (404, "{}"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", answers, seen
        running.shutdown()
        thread.join()


def test_an_operator_that_says_so_is_ready(check, server):
    base, answers, _ = server
    answers["/readyz"] = (200, "ok")
    assert check.is_ready(f"{base}/readyz")
    answers["/readyz"] = (503, "not yet")
    assert not check.is_ready(f"{base}/readyz")
    assert not check.is_ready("http://127.0.0.1:1/readyz")


def test_the_served_kinds_are_asked_for_with_the_pods_token(check, server):
    base, answers, seen = server
    body = json.dumps({"resources": [{"kind": "DataStore"}, {"kind": "PipelineRun"}]})
    answers["/apis/forebay.dev/v1alpha1"] = (200, body)
    assert check.served(base, "abc", None) == {"DataStore", "PipelineRun"}
    assert seen == [("/apis/forebay.dev/v1alpha1", "Bearer abc")]


def test_a_group_that_is_not_there_serves_nothing_and_another_error_is_one(check, server):
    base, answers, _ = server
    assert check.served(base, "abc", None) == set()
    answers["/apis/forebay.dev/v1alpha1"] = (403, "{}")
    with pytest.raises(check.urllib.error.HTTPError):
        check.served(base, "abc", None)


def test_an_operator_that_never_gets_ready_ends_the_test_with_1(check, monkeypatch, capsys):
    monkeypatch.setattr(check, "PATIENCE", 0.0)
    assert check.main(["http://127.0.0.1:1/readyz"]) == 1
    assert "not ready" in capsys.readouterr().out


def test_missing_kinds_are_named(check, server, monkeypatch, tmp_path, capsys):
    base, answers, _ = server
    answers["/readyz"] = (200, "ok")
    (tmp_path / "token").write_text("abc\n")
    monkeypatch.setattr(check, "ACCOUNT", tmp_path)
    monkeypatch.setattr(check, "served", lambda *_: {"DataStore"})
    monkeypatch.setattr(check.ssl, "create_default_context", lambda **_: None)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    assert check.main([f"{base}/readyz", "DataStore", "PipelineRun"]) == 1
    assert "not served: PipelineRun" in capsys.readouterr().out
    assert check.main([f"{base}/readyz", "DataStore"]) == 0
