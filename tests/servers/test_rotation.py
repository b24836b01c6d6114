"""A password is changed while a stream runs: `forebay run` is told, and the stream goes on with the new one."""

from __future__ import annotations

import json
import uuid

import pytest
from cassandra import InvalidRequest
from cassandra.cluster import NoHostAvailable

from forebay.kube.port import K8S_DEPLOYMENT
from forebay.manifests.deployment import SECRET_VERSIONS
from forebay_workloads.contract import StoreRef
from forebay_workloads.streams import open_stream
from tests.functional.project import Project, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

YAML = """
apiVersion: v1
kind: Secret
metadata: {name: shop-user}
stringData: {username: USER, password: PASSWORD}
---
apiVersion: forebay.dev/v1alpha1
kind: DataStore
metadata: {name: bus}
spec: {type: embedded, embedded: {path: stores/bus.db}}
---
apiVersion: forebay.dev/v1alpha1
kind: DataStore
metadata: {name: shop}
spec: {type: cassandra, cassandra: BLOCK, auth: {secretRef: {name: shop-user}}}
---
apiVersion: forebay.dev/v1alpha1
kind: NoSQLPipeline
metadata: {name: payments}
spec:
  ingest:
    mode: stream
    from: {storeRef: {name: bus}, topic: tx}
    to: {storeRef: {name: shop}, table: tx, key: [id]}
    delivery: {guarantee: EffectivelyOnce, deadLetter: {topic: tx.dlq}}
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder, tmp_path / "state")
    yield made
    if made.state.exists():
        made.down()


class Account:
    """A user of Cassandra with a keyspace, whose password an administrator changes."""

    def __init__(self, keyspaces):
        self.settings = dict(keyspaces.new().settings)
        self.name = f"t_{uuid.uuid4().hex[:12]}"
        self._session = keyspaces.session
        self._ask(f"CREATE ROLE {self.name} WITH PASSWORD = 'first-7Qm2xT9v' AND LOGIN = true")
        self._ask(f"GRANT ALL ON KEYSPACE {self.settings['keyspace']} TO {self.name}")
        self.password = "first-7Qm2xT9v"

    def _ask(self, text):
        return self._session.execute(text, timeout=60)

    def change(self, password):
        wait_until(lambda: self._changed(password), every=1)
        self.password = password

    def _changed(self, password):
        try:
            self._ask(f"ALTER ROLE {self.name} WITH PASSWORD = '{password}'")
        except NoHostAvailable as refused:  # Cassandra takes one password of a role in 5 s
            if "can only be changed every" not in str(refused):
                raise
            return False
        return True

    def rows(self):
        try:
            found = self._ask(f"SELECT id FROM {self.settings['keyspace']}.tx")  # noqa: S608
        except InvalidRequest:  # no table yet
            return set()
        return {row.id for row in found}

    def yaml(self):
        block = json.dumps(self.settings)
        text = YAML.replace("USER", self.name).replace("PASSWORD", self.password)
        return text.replace("BLOCK", block)

    def gone(self):
        self._ask(f"DROP ROLE IF EXISTS {self.name}")


@pytest.fixture
def account(keyspaces):
    made = Account(keyspaces)
    yield made
    made.gone()


def produced(project, *numbers):
    ref = StoreRef("bus", "embedded", {"path": str(project.state / "stores/bus.db")})
    stream = open_stream(ref)
    stream.produce("tx", [json.dumps({"id": number}).encode() for number in numbers])
    stream.close()


def marks(project):
    """What the stream's pods are marked with."""
    return {
        one["spec"]["template"]["metadata"]["annotations"][SECRET_VERSIONS]
        for one in project.peek(K8S_DEPLOYMENT)
    }


def test_F65_a_stream_is_rolled_onto_the_new_password_and_loses_nothing(project, account):
    produced(project, 1)
    project.write(data=[], yaml=account.yaml())
    shown = project.run()
    assert shown.returncode == 0, shown.stdout + shown.stderr
    wait_until(lambda: account.rows() == {1}, every=0.5)
    (old,), before = project.stage_pids(), marks(project)

    account.change("second-4Zr8wL1c")
    project.write(data=[], yaml=account.yaml())
    assert project.run().returncode == 0
    wait_until(lambda: marks(project) != before, timeout=90, every=0.5)
    wait_until(lambda: project.stage_pids() not in ([], [old]), every=0.5)
    produced(project, 2)
    wait_until(lambda: account.rows() == {1, 2}, timeout=90, every=0.5)
