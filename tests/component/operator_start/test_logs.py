"""The operator's log: every line is one JSON object that says what it is about, and holds no secret."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import logging, os, structlog
from forebay.handlers import logs
logs.configure({"FOREBAY_LOG_LEVEL": os.environ.get("LEVEL", "")})
log = structlog.get_logger("forebay.reconcile")
about = {"kind": "PipelineRun", "namespace": "shop", "object": "movies-1", "uid": "u-1", "generation": 3}
with structlog.contextvars.bound_contextvars(**about):
    log.info("train is Running", reason="Running")
    log.debug("only with debug")
ref = {"apiVersion": "v1", "kind": "Job", "name": "j", "namespace": "shop", "uid": "u-2"}
extra = {"k8s_ref": ref, "k8s_skip": True, "settings": object()}
logging.getLogger("kopf.objects").info("chatter", extra=extra)
logging.getLogger("kopf.objects").warning("a %s", "warning", extra=extra)
try:
    secret = "hunter2"
    raise ValueError("broken")
except ValueError:
    log.exception("pass crashed")
"""


def lines(**env):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_S23_every_line_of_a_pass_says_what_it_is_about():
    first = lines()[0]
    assert first.pop("time").endswith("Z")
    assert first == {
        "event": "train is Running",
        "reason": "Running",
        "level": "info",
        "logger": "forebay.reconcile",
        "kind": "PipelineRun",
        "namespace": "shop",
        "object": "movies-1",
        "uid": "u-1",
        "generation": 3,
    }


def test_kopfs_lines_have_the_same_form_and_its_chatter_is_left_out():
    (told,) = [line for line in lines() if line["logger"] == "kopf.objects"]
    assert told["event"] == "a warning"
    assert (told["kind"], told["namespace"], told["object"], told["uid"]) == (
        "Job",
        "shop",
        "j",
        "u-2",
    )
    assert not {"k8s_ref", "k8s_skip", "settings"} & told.keys()


def test_a_traceback_is_one_line_without_the_values_of_variables():
    last = lines()[-1]
    assert "ValueError: broken" in last["exception"]
    assert "hunter2" not in json.dumps(last)


@pytest.mark.parametrize(("level", "count"), [("debug", 5), ("info", 3), ("ERROR", 1)])
def test_the_level_is_set_by_the_environment(level, count):
    assert len(lines(LEVEL=level)) == count


def test_an_unknown_level_is_named():
    with pytest.raises(subprocess.CalledProcessError) as refused:
        lines(LEVEL="loud")
    assert "FOREBAY_LOG_LEVEL is 'loud'" in refused.value.stderr
