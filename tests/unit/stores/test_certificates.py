"""What the drivers say of a certificate becomes one reason, whatever they wrapped it in."""

from __future__ import annotations

import ssl

import pytest
from botocore.exceptions import SSLError
from cassandra.cluster import NoHostAvailable
from pymongo.errors import ServerSelectionTimeoutError
from thriftpy2.transport import TTransportException

from forebay_workloads.stores.cassandra_errors import translated as of_cassandra
from forebay_workloads.stores.certificates import tls_error
from forebay_workloads.stores.dynamodb_errors import translated as of_dynamodb
from forebay_workloads.stores.hbase_errors import translated as of_hbase
from forebay_workloads.stores.mongodb_errors import translated as of_mongodb

SAID = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)"


def hidden_behind(error: Exception, cause: Exception) -> Exception:
    """An error that was raised while another one was handled, and says nothing of it."""
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("translated", "error"),
    [
        (of_cassandra, NoHostAvailable("no host", {"a:9042": OSError(1, SAID)})),
        (of_mongodb, ServerSelectionTimeoutError(f"a:27017: {SAID}, Timeout: 8.0s")),
        (of_dynamodb, SSLError(endpoint_url="https://a", error=SAID)),
        (
            of_hbase,
            hidden_behind(TTransportException(message="no connection"), ssl.SSLError(1, SAID)),
        ),
    ],
)
def test_F41_an_expired_certificate_is_said(translated, error):
    found = translated(error, "shop")
    assert found.reason == "CertificateInvalid"
    assert found.message == "shop: the server's certificate is not trusted: certificate has expired"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "certificate verify failed: self-signed certificate (_ssl.c:1)",
            "self-signed certificate",
        ),
        ("hostname 'a' doesn't match 'b'", "hostname 'a' doesn't match 'b'"),
    ],
)
def test_what_is_wrong_with_it_is_told(text, words):
    assert tls_error(OSError(text), "shop").message.endswith(f": {words}")


def test_a_server_that_refuses_ours_is_a_matter_of_the_login():
    said = "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"
    assert tls_error(ssl.SSLError(1, said), "shop").reason == "StoreAuthFailed"


def test_other_causes_are_left_to_others():
    assert tls_error(ConnectionRefusedError(111, "Connection refused"), "shop") is None
