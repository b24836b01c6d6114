"""A schema registry's schemas by their id: the standard HTTP interface, each asked for once.

Used by whoever decodes Avro records of a topic: `SchemaRegistry.of(ref)` is the `schemas` of the codec. A schema never
changes under its id, so what was found is kept; what was not found is asked for again after a while.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from forebay_workloads.contract import StoreRef, mounted
from forebay_workloads.errors import ConfigError, RetryableError, cut
from forebay_workloads.stores.secrets import read_secret, without
from forebay_workloads.streams.kafka_settings import registry_login, trusted

SECONDS = 5.0  # for one answer
PAUSES = (0.2, 0.5, 1.0, 2.0)  # before further tries while the registry is away
UNKNOWN_SECONDS = 30.0  # an id that was not found is asked for again after that
ANSWER_BYTES = 4 << 20  # of one schema
NOT_FOUND = 404


class SchemaRegistry:
    """Finds schemas; threads share it."""

    def __init__(
        self,
        url: str,
        login: tuple[str, str] | None = None,
        ca: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigError("InvalidSpec", "kafka.schemaRegistryUrl is no http or https URL")
        self._url = url.rstrip("/")
        self._login = login
        self._opener = _opener(ca)
        self._sleep, self._clock = sleep, clock
        self._lock = threading.Lock()
        self._found: dict[int, dict[str, Any]] = {}
        self._unknown: dict[int, float] = {}

    @classmethod
    def of(cls, ref: StoreRef) -> SchemaRegistry | None:
        """The registry of a Kafka DataStore; None when it names none."""
        url = ref.settings.get("schemaRegistryUrl")
        if not url:
            return None
        secret = read_secret(ref)
        key = trusted(ref, secret)
        ca = str(mounted(ref.secrets) / key) if ref.secrets and key else None
        return cls(str(url), registry_login(secret), ca)

    def __call__(self, number: int) -> dict[str, Any]:
        """The schema of an id, with those that it refers to.

        Raises:
            LookupError: the registry has no Avro schema of this id.
            ConfigError: StoreAuthFailed.
            RetryableError: StoreUnreachable: nothing is said about the record.
        """
        with self._lock:
            if number in self._found:
                return self._found[number]
            if self._clock() < self._unknown.get(number, 0.0):
                raise LookupError(number)
            try:
                schema = self._schema(f"/schemas/ids/{number}")
            except LookupError:
                self._unknown[number] = self._clock() + UNKNOWN_SECONDS
                raise
            self._found[number] = schema
            return schema

    def _schema(self, path: str) -> dict[str, Any]:
        answer = self._get(path)
        if answer.get("schemaType", "AVRO") != "AVRO":
            raise LookupError(f"{path} is no Avro schema")
        try:
            schema = json.loads(answer["schema"])
        except (ValueError, KeyError, TypeError) as error:
            raise LookupError(f"{path} is no schema") from error
        if not isinstance(schema, dict):
            schema = {"type": schema}
        references = answer.get("references") or []
        return _joined(schema, [self._referred(one) for one in references])

    def _referred(self, reference: Mapping[str, Any]) -> dict[str, Any]:
        subject = quote(str(reference["subject"]), safe="")
        return self._schema(f"/subjects/{subject}/versions/{int(reference['version'])}")

    def _get(self, path: str) -> dict[str, Any]:
        for pause in (*PAUSES, None):
            try:
                return self._ask(path)
            except (OSError, http.client.HTTPException, ValueError) as error:
                if pause is None:
                    message = f"schema registry {self._place}: {self._words(error)}"
                    raise RetryableError("StoreUnreachable", message) from error
                self._sleep(pause)
        raise AssertionError  # the last pause is None

    @property
    def _place(self) -> str:
        parts = urlsplit(self._url)
        return f"{parts.hostname}:{parts.port or {'http': 80, 'https': 443}[parts.scheme]}"

    def _words(self, error: BaseException) -> str:
        said = without(str(error) or type(error).__name__, tuple(self._login or ())[1:])
        return cut(Exception(said))

    def _ask(self, path: str) -> dict[str, Any]:
        request = urllib.request.Request(self._url + path)  # noqa: S310 - http or https: see the constructor
        request.add_header("Accept", "application/vnd.schemaregistry.v1+json, application/json")
        if self._login:
            token = base64.b64encode(":".join(self._login).encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                found = json.loads(answer.read(ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            error.close()
            raise self._refused(path, error) from error
        if not isinstance(found, dict):
            raise ValueError("the answer is no object")  # noqa: TRY004 - as of bad JSON: tried again
        return found

    def _refused(self, path: str, error: urllib.error.HTTPError) -> Exception:
        if error.code == NOT_FOUND:
            return LookupError(path)
        if error.code in (401, 403):
            message = f"schema registry {self._place} refuses us: HTTP {error.code}"
            return ConfigError("StoreAuthFailed", message)
        return OSError(f"HTTP {error.code}")


def _opener(ca: str | None) -> urllib.request.OpenerDirector:
    """Without a proxy and without following a redirect: a password must not travel."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _joined(schema: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any]:
    """The schema with each type of another one put in where it is named first."""
    known = {_full_name(other): other for other in others}
    return _filled(schema, known, str(schema.get("namespace", ""))) if known else schema


def _full_name(schema: Mapping[str, Any], space: str = "") -> str:
    name, space = str(schema.get("name", "")), str(schema.get("namespace", space))
    return name if "." in name or not space else f"{space}.{name}"


def _filled(schema: Any, known: dict[str, dict[str, Any]], space: str) -> Any:
    if isinstance(schema, str):
        for name in (schema, f"{space}.{schema}"):
            if name in known:
                found = known.pop(name)
                return _filled(found, known, str(found.get("namespace", space)))
        return schema
    if isinstance(schema, list):
        return [_filled(one, known, space) for one in schema]
    space = str(schema.get("namespace", space))
    filled = dict(schema)
    for key in ("type", "items", "values"):
        if key in filled:
            filled[key] = _filled(filled[key], known, space)
    if "fields" in filled:
        fields = filled["fields"]
        filled["fields"] = [{**one, "type": _filled(one["type"], known, space)} for one in fields]
    return filled
