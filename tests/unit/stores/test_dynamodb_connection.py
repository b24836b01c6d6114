"""Settings and Secrets as the client is told them, and what the service's errors mean."""

from __future__ import annotations

import time

import pytest
from botocore import exceptions

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores.dynamodb_connection import Connection, login, options
from forebay_workloads.stores.dynamodb_errors import translated


def ref(**settings):
    return StoreRef("shop", "dynamodb", {"region": "eu-central-1", **settings})


@pytest.mark.parametrize(
    "names",
    [
        ("accessKeyId", "secretAccessKey", "sessionToken"),
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    ],
)
def test_a_secret_signs_under_either_name(names):
    secret = dict(zip(names, ("id", "key", "token"), strict=True))
    assert login(ref(), secret) == {
        "aws_access_key_id": "id",
        "aws_secret_access_key": "key",
        "aws_session_token": "token",
    }


def test_without_a_secret_the_pods_own_identity_signs():
    assert options(ref(), {}) == {"region_name": "eu-central-1"}


def test_half_a_login_is_named():
    with pytest.raises(ConfigError, match="secretAccessKey") as caught:
        login(ref(), {"accessKeyId": "id"})
    assert caught.value.reason == "SecretMissing"


def test_another_server_has_a_url_and_maybe_a_ca(tmp_path):
    (tmp_path / "ca.crt").write_text("…")
    own = StoreRef(
        "shop",
        "dynamodb",
        {"region": "eu", "endpoint": "https://d:8000", "tls": {}},
        secrets=str(tmp_path),
    )
    found = options(own, {"ca.crt": "…"})
    assert found["endpoint_url"] == "https://d:8000"
    assert found["verify"] == str(tmp_path / "ca.crt")


def test_a_region_is_needed():
    with pytest.raises(ConfigError, match="region"):
        Connection(StoreRef("shop", "dynamodb", {}))


def said(code: str, text: str = "no") -> exceptions.ClientError:
    return exceptions.ClientError({"Error": {"Code": code, "Message": text}}, "Scan")


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (said("UnrecognizedClientException"), ConfigError, "StoreAuthFailed"),
        (said("AccessDeniedException"), ConfigError, "StoreAuthFailed"),
        (said("ExpiredTokenException"), ConfigError, "StoreAuthFailed"),
        (exceptions.NoCredentialsError(), ConfigError, "StoreAuthFailed"),
        (said("ProvisionedThroughputExceededException"), RetryableError, "StoreThrottled"),
        (said("ThrottlingException"), RetryableError, "StoreThrottled"),
        (said("ResourceNotFoundException"), ConfigError, "ReferenceMissing"),
        (said("ValidationException"), DataError, "SchemaMismatch"),
        (said("InternalServerError"), RetryableError, "StoreUnreachable"),
        (exceptions.EndpointConnectionError(endpoint_url="x"), RetryableError, "StoreUnreachable"),
        (exceptions.ReadTimeoutError(endpoint_url="x"), RetryableError, "StoreUnreachable"),
        (exceptions.InvalidRegionError(region_name="?"), ConfigError, "FieldNotSupportedInMode"),
    ],
)
def test_each_error_has_its_reason(error, kind, reason):
    found = translated(error, "table 't'")
    assert (type(found), found.reason) == (kind, reason)
    assert found.message.startswith("table 't': ")


def test_no_secret_is_in_a_message():
    found = translated(said("InvalidSignatureException", f"{'x' * 200} hunter2"), "t", ["hunter2"])
    assert "hunter" not in str(found)


class Scripted(Connection):
    """Gives these errors, then an answer."""

    def __init__(self, *errors):
        super().__init__(ref())
        self.errors = list(errors)

    def _once(self, *_, **__):
        if self.errors:
            raise translated(self.errors[0], "t") from self.errors.pop(0)
        return {}


@pytest.fixture
def slept(monkeypatch):
    found = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_what_is_throttled_or_lost_is_sent_again_ever_later(slept):
    busy = [said("ThrottlingException")] * 3 + [said("InternalServerError")] * 4
    assert Scripted(*busy).call("Scan", {}) == {}
    assert len(slept) == 7
    assert slept[0] < 0.1 < slept[-1]


def test_patience_ends(slept):
    with pytest.raises(RetryableError) as caught:
        Scripted(*[said("ThrottlingException")] * 50).call("Scan", {})
    assert caught.value.reason == "StoreThrottled"
    assert 15 < sum(slept) < 60


class Away(Scripted):
    """Nobody is there."""

    def __init__(self):
        super().__init__(*[exceptions.EndpointConnectionError(endpoint_url="x")] * 50)


def test_a_service_that_never_answered_is_given_up_sooner_than_one_that_did(slept, monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    with pytest.raises(RetryableError):
        Away().call("Scan", {})
    assert sum(slept) < 20
    slept.clear()
    met = Away()
    errors, met.errors = met.errors, []
    met.call("Scan", {})
    met.errors = errors
    with pytest.raises(RetryableError):
        met.call("Scan", {})
    assert sum(slept) > 20


def test_a_certificate_that_is_not_trusted_is_said_at_once(slept):
    untrusted = exceptions.SSLError(endpoint_url="x", error="certificate verify failed: expired")
    with pytest.raises(RetryableError) as caught:
        Scripted(untrusted, untrusted).call("Scan", {})
    assert (caught.value.reason, slept) == ("CertificateInvalid", [])


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException"])
def test_what_is_refused_is_not_sent_again(slept, code):
    with pytest.raises((ConfigError, DataError)):
        Scripted(said(code)).call("Scan", {})
    assert slept == []


def test_a_table_that_another_made_first_is_said_at_once(slept):
    with pytest.raises(RetryableError):
        Scripted(said("ResourceInUseException")).call("CreateTable", {})
    assert slept == []
