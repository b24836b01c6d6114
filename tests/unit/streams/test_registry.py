"""The schema registry's client: each schema once, absence is no fault, faults are no absence."""

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fastavro
import pytest

from forebay_workloads.codecs.avro_records import HEADER
from forebay_workloads.codecs.records import codec
from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.streams.registry import SchemaRegistry

RATING = {"type": "record", "name": "Rating", "fields": [{"name": "user", "type": "string"}]}
PLACE = {
    "type": "record",
    "name": "Place",
    "namespace": "geo",
    "fields": [{"name": "x", "type": "int"}],
}
TRIP = {
    "type": "record",
    "name": "Trip",
    "namespace": "geo",
    "fields": [
        {"name": "start", "type": "Place"},
        {"name": "end", "type": ["null", "geo.Place"]},
    ],
}
ANSWERS = {
    "/schemas/ids/1": {"schema": json.dumps(RATING)},
    "/schemas/ids/2": {
        "schema": json.dumps(TRIP),
        "references": [{"name": "geo.Place", "subject": "geo/place", "version": 3}],
    },
    "/subjects/geo%2Fplace/versions/3": {"schema": json.dumps(PLACE), "id": 9},
    "/schemas/ids/3": {"schema": "syntax = ...", "schemaType": "PROTOBUF"},
    "/schemas/ids/4": {"schema": "{"},
}


class Registry:
    """A server that answers as one does."""

    def __init__(self):
        self.asked, self.faults, self.login = [], [], None
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                registry.asked.append(self.path)
                status, body = registry.answer(self.path, self.headers.get("Authorization"))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def answer(self, path, login):
        if self.faults:
            return self.faults.pop(0), {}
        if self.login and login != "Basic " + base64.b64encode(self.login).decode():
            return 401, {}
        found = ANSWERS.get(path)
        return (404, {"error_code": 40403}) if found is None else (200, found)


@pytest.fixture
def registry():
    made = Registry()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Clock:
    now = 0.0
    slept = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept += seconds


def client(registry, login=None, clock=None):
    clock = clock or Clock()
    return SchemaRegistry(registry.url, login, sleep=clock.sleep, clock=clock)


def packed(number, row, schema):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), row)
    return HEADER.pack(0, number) + out.getvalue()


def test_a_schema_is_asked_for_once(registry):
    schemas = client(registry)
    assert schemas(1) == schemas(1) == RATING
    assert registry.asked == ["/schemas/ids/1"]


def test_records_are_decoded_by_the_registrys_schemas(registry):
    trip = {"start": {"x": 1}, "end": None}
    both = {**TRIP, "fields": [{"name": "start", "type": PLACE}, TRIP["fields"][1]]}
    records = [packed(1, {"user": "u"}, RATING), packed(2, trip, both), HEADER.pack(0, 99) + b"x"]
    decoded = codec("avro", client(registry)).decode(records, None)
    assert decoded.batch.to_pylist() == [
        {"user": "u", "start": None, "end": None},
        {"user": None, **trip},
    ]
    assert [index for index, _ in decoded.bad] == [2]


def test_an_id_that_is_not_there_is_asked_for_again_after_a_while(registry):
    clock = Clock()
    schemas = client(registry, clock=clock)
    for now in (0, 10, 40):
        clock.now = now
        with pytest.raises(LookupError):
            schemas(99)
    assert registry.asked == ["/schemas/ids/99"] * 2


@pytest.mark.parametrize("number", [3, 4])
def test_what_is_no_avro_schema_is_none(registry, number):
    with pytest.raises(LookupError):
        client(registry)(number)


def test_F37_faults_are_tried_again_and_skip_no_record(registry):
    clock = Clock()
    registry.faults = [500, 503]
    assert client(registry, clock=clock)(1) == RATING
    assert clock.slept > 0
    registry.faults = [500] * 99
    with pytest.raises(RetryableError) as caught:
        codec("avro", client(registry)).decode([packed(1, {"user": "u"}, RATING)], None)
    assert caught.value.reason == "StoreUnreachable"


def test_a_registry_that_is_not_there_is_unreachable(registry):
    registry.server.shutdown()
    registry.server.server_close()
    with pytest.raises(RetryableError) as caught:
        client(registry)(1)
    assert caught.value.reason == "StoreUnreachable"


def test_the_login_of_the_secret_is_used_and_never_said(registry, tmp_path):
    registry.login = b"u:hunter2"
    (tmp_path / "username").write_text("u")
    (tmp_path / "password").write_text("hunter2")
    ref = StoreRef("shop", "kafka", {"schemaRegistryUrl": registry.url}, secrets=str(tmp_path))
    assert SchemaRegistry.of(ref)(1) == RATING
    with pytest.raises(ConfigError) as caught:
        client(registry, ("u", "wrong-hunter"))(1)
    assert caught.value.reason == "StoreAuthFailed"
    assert "hunter" not in caught.value.message


def test_a_password_is_struck_out_before_a_long_error_is_cut(registry, monkeypatch):
    schemas = client(registry, ("u", "hunter2-and-more"))

    def fails(*_, **__):
        raise OSError("x" * 245 + " hunter2-and-more of a very long line")

    monkeypatch.setattr(schemas._opener, "open", fails)
    with pytest.raises(RetryableError) as caught:
        schemas(1)
    assert "hunter2" not in caught.value.message


def test_a_datastore_without_a_registry_has_none():
    assert SchemaRegistry.of(StoreRef("shop", "kafka", {})) is None
    with pytest.raises(ConfigError):
        SchemaRegistry("file:///etc/passwd")
