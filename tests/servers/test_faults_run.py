"""`forebay run` with a wrong password: the DataStore says so within 30 s, and nobody else knows the password."""

from __future__ import annotations

import base64
import os
import signal
import sqlite3
from contextlib import closing

import pytest
import yaml

from forebay.api.v1alpha1.base import API_VERSION
from forebay.kube.port import DATASTORE
from tests.functional.project import Project, wait_until

from .kit.places import KINDS, Place, opened

SECONDS = 30
STARTING = 15  # more, for a busy machine
CANARY = "canary-7Qm2xT9v"
CODED = base64.b64encode(CANARY.encode())[:-4]  # its end depends on what follows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


# HBase's gateway asks nobody who they are, the stand-in for Couchbase takes every password.
@pytest.fixture(params=[name for name in KINDS if name not in ("hbase", "couchbase")])
def place(request, tmp_path):
    with opened(request.param, tmp_path) as admin:
        yield KINDS[request.param][1](admin)


def objects(place: Place) -> list[dict]:
    wrong = {**place.secret, "password": CANARY}
    if place.ref.type == "dynamodb":
        wrong["username"] = "no such key"
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "user"},
        "stringData": wrong,
    }
    shop = {"type": place.ref.type, place.ref.type: dict(place.ref.settings)}
    shop["auth"] = {"secretRef": {"name": "user"}}
    ingest = {
        "from": {"storeRef": {"name": "shop"}, **place.source},
        "to": {"storeRef": {"name": "local"}, "table": "copy", "key": ["id"]},
    }
    return [
        secret,
        named("DataStore", "shop", shop),
        named("DataStore", "local", {"type": "embedded", "embedded": {}}),
        named(
            "NoSQLPipeline", "tiny", {"ingest": ingest, "preprocess": {"split": {"by": "random"}}}
        ),
    ]


def named(kind, name, spec):
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def authenticated(project) -> dict | None:
    """The condition, once it is known to be false."""
    for store in project.peek(DATASTORE):
        for one in (store.get("status") or {}).get("conditions", []):
            if one["type"] == "Authenticated" and one["status"] == "False":
                return one
    return None


def others_that_know(state) -> list[str]:
    """Files, and objects that are no Secret, with the password in them."""
    files = [
        path
        for path in state.parent.rglob("*")
        if path.is_file()
        and path.name != "pipeline.yaml"
        and not path.name.startswith("forebay.db")
    ]
    found = [str(path) for path in files if knows(path.read_bytes())]
    with closing(sqlite3.connect(state / "forebay.db")) as database:
        for table in ("objects", "changes"):
            rows = database.execute(f"SELECT kind, body FROM {table} WHERE kind != 'Secret'")  # noqa: S608
            found += [kind for kind, body in rows if knows(body.encode())]
    return found


def knows(text: bytes) -> bool:
    return CANARY.encode() in text or CODED in text


def test_F41_S05_a_wrong_password_is_said_by_the_datastore_and_stays_in_its_secret(place, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    project = Project(folder, tmp_path / "project/state")
    project.yaml.write_text(yaml.safe_dump_all(objects(place)))
    process = project.start()
    try:
        said = wait_until(lambda: authenticated(project), SECONDS + STARTING, every=0.5)
        wait_until(lambda: "StoreAuthFailed" in (folder / "run.log").read_text(), every=0.5)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        project.down()
    assert said["reason"] == "StoreAuthFailed", said
    assert others_that_know(project.state) == []
