"""A DataStore's settings and mounted Secret as a client of DynamoDB, and its calls as plain JSON.

Used by the DynamoDB adapter's other modules. Signing, credentials, retries and endpoints are botocore's; items go
past its models, which make an object of each value: requests are given and answers taken as the service's JSON.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.session
import orjson
from botocore import xform_name
from botocore.config import Config

from forebay_workloads.contract import StoreRef, mounted
from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.stores.dynamodb_errors import CLIENT_ERRORS, TAKEN, code_of, translated
from forebay_workloads.stores.pauses import pauses
from forebay_workloads.stores.secrets import (
    check_login,
    client_certificate,
    first,
    hidden,
    read_secret,
)

CONCURRENCY = 16  # requests in flight unless the DataStore's limits say less
CONNECT_SECONDS, READ_SECONDS = 5, 30
PATIENCE = 14  # further attempts at what was throttled or lost, in about 30 seconds; then it is the stage's turn
MEETING = 12.0  # seconds, for a service that never answered us: a pod is not there to wait for an address that is wrong
QUICK_SECONDS, QUICK_PATIENCE = 5, 1  # of an online read: its deadline is the caller's

# Names under which they stand in a Secret, ours first.
KEY_IDS = ("accessKeyId", "AWS_ACCESS_KEY_ID", "aws_access_key_id", "username")
KEYS = ("secretAccessKey", "AWS_SECRET_ACCESS_KEY", "aws_secret_access_key", "password")
TOKENS = ("sessionToken", "AWS_SESSION_TOKEN", "aws_session_token")

Request = Mapping[str, Any]
Answer = dict[str, Any]


def login(ref: StoreRef, secret: Mapping[str, str]) -> dict[str, str]:
    """What the client is told to sign with; nothing where the pod's own identity is to be used. Pure."""
    check_login(ref, secret)
    key_id, key, token = (first(secret, names) for names in (KEY_IDS, KEYS, TOKENS))
    if key_id is None or key is None:
        return {}
    chosen = {"aws_access_key_id": key_id, "aws_secret_access_key": key}
    return chosen | ({"aws_session_token": token} if token else {})


def options(ref: StoreRef, secret: Mapping[str, str]) -> dict[str, Any]:
    """Region, endpoint, login and certificates of the client. Pure."""
    region = ref.settings.get("region")
    if not isinstance(region, str) or not region:
        raise ConfigError("ReferenceMissing", f"DataStore {ref.name}: dynamodb.region is not set")
    chosen: dict[str, Any] = {"region_name": region, **login(ref, secret)}
    if ref.settings.get("endpoint"):
        chosen["endpoint_url"] = str(ref.settings["endpoint"])
    if "ca.crt" in secret and ref.secrets and ref.settings.get("tls") is not None:
        chosen["verify"] = str(mounted(ref.secrets) / "ca.crt")
    return chosen


class Connection:
    """Calls of one region. Threads share it."""

    def __init__(self, ref: StoreRef) -> None:
        secret = read_secret(ref)
        self.name = ref.name
        self.prefix = str(ref.settings.get("tablePrefix") or "")
        self.region = str(ref.settings.get("region") or "")
        self.endpoint = str(ref.settings.get("endpoint") or "")
        self.secrets = hidden(secret)
        self.where = f"DynamoDB {self.endpoint or self.region}"
        self.concurrency = min(CONCURRENCY, int(ref.limits.get("maxConcurrency") or CONCURRENCY))
        self._options = options(ref, secret)
        self._certificate = client_certificate(ref, secret)
        self._lock = threading.Lock()
        self._met = False  # whether it ever answered
        self._session = botocore.session.Session()  # reads the service's model once
        self._clients: dict[bool, Any] = {}
        self._body = threading.local()
        self.pool = ThreadPoolExecutor(self.concurrency, "dynamodb")

    def _client(self, *, quick: bool) -> Any:
        with self._lock:
            if quick not in self._clients:
                self._clients[quick] = self._made(quick=quick)
            return self._clients[quick]

    def _made(self, *, quick: bool) -> Any:
        config = Config(
            connect_timeout=min(CONNECT_SECONDS, QUICK_SECONDS) if quick else CONNECT_SECONDS,
            read_timeout=QUICK_SECONDS if quick else READ_SECONDS,
            # Ours are enough: the client's own end early, with a purse for all requests together.
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=self.concurrency + 4,
            parameter_validation=False,  # the service's own words say what is wrong
            user_agent_extra="forebay",
            **({"client_cert": self._certificate} if self._certificate else {}),
        )
        try:
            client = self._session.create_client("dynamodb", config=config, **self._options)
        except (*CLIENT_ERRORS, ValueError) as error:
            raise translated(error, self.where, self.secrets) from error
        client.meta.events.register("before-call.dynamodb", self._give)
        client.meta.events.register("before-parse.dynamodb", _take)
        return client

    def _give(self, params: Answer, **_: Any) -> None:
        """The request as it is, in place of what the client made of it."""
        params["body"] = self._body.text

    def call(self, operation: str, request: Request, what: str = "", *, quick: bool = False) -> Any:
        """One operation: JSON in, JSON out. What is throttled or lost is sent again, ever later."""
        waits = pauses(QUICK_PATIENCE if quick else PATIENCE)
        end = time.monotonic() + MEETING
        while True:
            try:
                answer = self._once(operation, request, what, quick=quick or not self._met)
            except RetryableError as error:
                code = code_of(error.__cause__)
                self._met = self._met or bool(code)
                hopeless = code == TAKEN or error.reason == "CertificateInvalid"
                late = not self._met and time.monotonic() > end
                if not waits or hopeless or late:
                    raise
                time.sleep(waits.pop(0))
            else:
                self._met = True
                return answer

    def _once(self, operation: str, request: Request, what: str, *, quick: bool) -> Any:
        client = self._client(quick=quick)
        self._body.text = orjson.dumps(request)
        outline: Answer = {"RequestItems": {}} if "RequestItems" in request else {}
        try:
            return getattr(client, xform_name(operation))(**outline)["json"]
        except CLIENT_ERRORS as error:
            said = f"{self.where}: {what}" if what else self.where
            raise translated(error, said, self.secrets) from error
        except orjson.JSONDecodeError as error:
            message = f"{self.where}: what answers there is no DynamoDB"
            raise RetryableError("StoreUnreachable", message) from error

    def close(self) -> None:
        """Frees connections; may be called twice."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()


def _take(response_dict: Answer, customized_response_dict: Answer, **_: Any) -> None:
    """An answer as it is; errors are left to the client, whose retries need to know them."""
    if response_dict["status_code"] < 300:  # noqa: PLR2004 - of HTTP
        customized_response_dict["json"] = orjson.loads(response_dict["body"])
        response_dict["body"] = b"{}"


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Asks ever more rarely until it is so."""
    end, pause = time.monotonic() + seconds, 0.05
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(2.0, pause * 1.5)
    return True
