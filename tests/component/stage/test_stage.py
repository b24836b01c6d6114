"""`forebay-stage` as a pod runs it: document in, exit code and result out, whatever happens between."""

from __future__ import annotations

import errno
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from forebay_workloads import contract, main, progress, push
from forebay_workloads.contract import Progress, Result, RunRef, StageDocument, StoreRef
from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.recipes.base import Preempted
from forebay_workloads.stage import Stage


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A pod's root folder with a stage document for ingest in it."""
    monkeypatch.setenv(contract.ROOT_ENV, str(tmp_path))
    monkeypatch.setenv(contract.PROGRESS_ENV, str(tmp_path / "progress.jsonl"))
    write(tmp_path, "ingest")
    yield tmp_path
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def document(root, stage, spec=None):
    (root / "in").mkdir(exist_ok=True)
    (root / "in" / "ratings.csv").write_text("user,item,rating\n1,1,5\n1,2,4\n")
    stores = {
        "source": StoreRef("source", "files", {"url": str(root / "in")}),
        "local": StoreRef("local", "embedded", {"path": str(root / "local.db")}),
    }
    default = {
        "ingest": {
            "from": {"storeRef": {"name": "source"}, "table": "ratings.csv"},
            "to": {"storeRef": {"name": "local"}, "table": "ratings", "key": ["user", "item"]},
        }
    }
    run = RunRef("run-1", "uid-1", "default", "pipeline")
    return StageDocument(stage, run, spec or default, stores, "local")


def write(root, stage, spec=None):
    path = Path(f"{root}{contract.STAGE_FILE}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(root, stage, spec).to_json())


def left(root):
    return Result.decode(Path(f"{root}{contract.RESULT_FILE}").read_text())


def stands_for_ingest(monkeypatch, run):
    """Another function in the place of the ingest stage."""
    module = types.ModuleType("stand_in")
    module.run = run
    monkeypatch.setitem(sys.modules, "stand_in", module)
    monkeypatch.setitem(main.STAGES, "ingest", "stand_in")


def test_a_stage_that_succeeds_leaves_its_result_and_exit_code_zero(root):
    assert main.main() == contract.EXIT_OK
    assert left(root).rows == {"read": 2, "written": 2, "failed": 0}
    lines = (root / "progress.jsonl").read_text().splitlines()
    assert Progress.from_json(lines[-1]).rows == 2


def test_a_probe_leaves_the_version_of_the_server_and_what_it_can(root):
    write(root, "probe")
    assert main.main() == contract.EXIT_OK
    found = left(root).detail
    assert found["serverVersion"].startswith("SQLite 3.")
    assert found["snapshot"] == "Pinned"
    assert found["capabilities"] == ["blobs", "documents", "tables", "ttl"]


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ConfigError("ReferenceMissing", "no table"), 78, "ReferenceMissing"),
        (DataError("EmptyDataset", "no rows"), 65, "EmptyDataset"),
        (RetryableError("StoreUnreachable", "no store"), 75, "StoreUnreachable"),
        (OSError(errno.ENOSPC, "No space left on device"), 75, "DiskFull"),
        (ZeroDivisionError("our mistake"), 1, "ExitCode"),
        (MemoryError(), 1, "OOMKilled"),
        (Preempted(), 143, "Preempted"),
    ],
)
def test_each_way_to_fail_has_its_exit_code_and_reason(
    root, monkeypatch, error, code, reason, capsys
):
    def run(stage):
        raise error

    stands_for_ingest(monkeypatch, run)
    assert main.main() == code
    assert left(root).reason == reason
    assert left(root).message
    assert ("Traceback" in capsys.readouterr().err) == (code == 1 or reason == "DiskFull")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no stage document"),
        ("{", "no stage document"),
        ('{"version": 99}', "version 99"),
        ("[]", "no stage"),
    ],
)
def test_a_document_that_cannot_be_read_is_a_mistake_of_the_configuration(root, text, says):
    path = Path(f"{root}{contract.STAGE_FILE}")
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert main.main() == contract.EXIT_CONFIG
    assert says in left(root).message


def test_a_result_too_large_for_its_file_is_a_mistake_and_not_cut(root, monkeypatch):
    stands_for_ingest(monkeypatch, lambda _: Result(detail={"x": os.urandom(9000).hex()}))
    assert main.main() == 1
    assert "at most 4096 fit" in left(root).message


def test_a_result_in_a_folder_that_is_read_only_is_written_in_place(root, monkeypatch):
    """A container's termination log is a mount: it can be written and not replaced."""
    path = Path(f"{root}{contract.RESULT_FILE}")
    path.parent.mkdir()
    path.write_text("an older and much longer result " * 50)

    def refuse(*_):
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", refuse)
    assert main.main() == contract.EXIT_OK
    assert left(root).rows["read"] == 2
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_stores_are_opened_once_and_closed_at_the_end(root):
    with Stage(document(root, "ingest")) as stage:
        store = stage.store("local")
        assert stage.store("local") is store
        store.probe()
        with pytest.raises(ConfigError, match=r"'other'.*local, source"):
            stage.store("other")
    with pytest.raises(ConfigError, match="closed"):
        store.probe()


def test_the_last_progress_is_sent_however_fast_it_comes(root):
    with Stage(document(root, "ingest")) as stage:
        for rows in range(10_000):
            stage.progress(Progress("ingest", rows=rows))
    lines = (root / "progress.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["rows"] == 9_999
    assert len(lines) < 10


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.seen, server.answer = [], 204
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_progress_is_posted_to_a_url(root, receiver, monkeypatch):
    monkeypatch.setenv(contract.PROGRESS_ENV, f"http://127.0.0.1:{receiver.server_port}/p")
    assert main.main() == contract.EXIT_OK
    assert receiver.seen[-1]["rows"] == 2


def test_progress_that_nobody_takes_is_said_once_and_hurts_nothing(
    root, receiver, monkeypatch, capsys
):
    receiver.answer = 500
    monkeypatch.setenv(contract.PROGRESS_ENV, f"http://127.0.0.1:{receiver.server_port}/p")
    monkeypatch.setattr(progress, "POST_INTERVAL", 0.01)
    monkeypatch.setattr(push, "PAUSES", (0.0,))
    with Stage(document(root, "ingest")) as stage:
        for rows in range(3):
            stage.progress(Progress("ingest", rows=rows))
            while len(receiver.seen) <= rows:
                time.sleep(0.01)
    assert capsys.readouterr().out.count("progress cannot be reported") == 1


def test_a_log_line_is_one_line(root, capsys):
    with Stage(document(root, "ingest")) as stage:
        stage.log("first\nsecond")
    assert capsys.readouterr().out == "first second\n"


WAITING = """
import sys, types
from forebay_workloads import main
from forebay_workloads.recipes.base import Preempted

def run(stage):
    stage.log("waiting")
    assert stage.stopping.wait(20)
    stage.check_stopping()

sys.modules["stand_in"] = types.SimpleNamespace(run=run)
main.STAGES["ingest"] = "stand_in"
sys.exit(main.main())
"""


@pytest.mark.slow
def test_F25_a_process_asked_to_stop_ends_in_its_own_time_as_preempted(root):
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == contract.EXIT_PREEMPTED
    assert left(root).reason == "Preempted"


LEFT_BEHIND = """
import sys, threading, time, types
from forebay_workloads import main
from forebay_workloads.contract import Result

def run(stage):
    threading.Thread(target=time.sleep, args=(600,)).start()  # as a driver that waits for a server
    print("done", end="")
    return Result(rows={"written": 3})

sys.modules["stand_in"] = types.SimpleNamespace(run=run)
main.STAGES["ingest"] = "stand_in"
main.console()
"""


@pytest.mark.slow
def test_a_thread_that_a_library_left_behind_holds_no_pod_that_is_done(root):
    done = subprocess.run(
        [sys.executable, "-c", LEFT_BEHIND], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (contract.EXIT_OK, "done", "")
    assert left(root).rows == {"written": 3}
