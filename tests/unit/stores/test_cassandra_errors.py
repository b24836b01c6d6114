"""What the driver says becomes one of our reasons; a password never leaves."""

from __future__ import annotations

import cassandra
import pytest
from cassandra import connection, protocol
from cassandra.cluster import NoHostAvailable

from forebay_workloads.errors import EXIT_CONFIG, EXIT_DATA, EXIT_RETRY
from forebay_workloads.stores import cassandra_errors as errors


def overloaded():
    return protocol.OverloadedErrorMessage(0x1001, "Request too large", None)


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        (NoHostAvailable("none", {"a": cassandra.AuthenticationFailed("no")}), "StoreAuthFailed", EXIT_CONFIG),
        (cassandra.Unauthorized("no SELECT permission"), "StoreAuthFailed", EXIT_CONFIG),
        (NoHostAvailable("none", {"a": ConnectionRefusedError(111, "refused")}), "StoreUnreachable", EXIT_RETRY),
        (NoHostAvailable("none", {}), "StoreUnreachable", EXIT_RETRY),
        (cassandra.UnresolvableContactPoints({}), "StoreUnreachable", EXIT_RETRY),
        (cassandra.OperationTimedOut(), "StoreUnreachable", EXIT_RETRY),
        (connection.ConnectionShutdown("gone"), "StoreUnreachable", EXIT_RETRY),
        (cassandra.Unavailable("no quorum"), "StoreUnreachable", EXIT_RETRY),
        (cassandra.WriteTimeout("late", write_type=0), "StoreThrottled", EXIT_RETRY),
        (cassandra.ReadTimeout("late"), "StoreThrottled", EXIT_RETRY),
        (overloaded(), "StoreThrottled", EXIT_RETRY),
        (NoHostAvailable("none", {"a": overloaded(), "b": overloaded()}), "StoreThrottled", EXIT_RETRY),
        (cassandra.InvalidRequest("table t does not exist"), "ReferenceMissing", EXIT_CONFIG),
        (cassandra.InvalidRequest("unconfigured table t"), "ReferenceMissing", EXIT_CONFIG),
        (cassandra.InvalidRequest("Undefined column name x in table t"), "SchemaMismatch", EXIT_DATA),
        (protocol.NotSupportedError("no v9"), "FieldNotSupportedInMode", EXIT_CONFIG),
    ],
    ids=str,
)  # fmt: skip
def test_each_error_has_its_reason(error, reason, code):
    found = errors.translated(error, "here")
    assert (found.reason, found.exit_code) == (reason, code)
    assert found.message.startswith("here: ")
    assert errors.passing(error) == (code == EXIT_RETRY)


def test_a_password_is_struck_out_before_the_message_is_cut():
    error = NoHostAvailable("x" * 240 + "s3cret-of-mine", {})
    message = errors.translated(error, "here", ["s3cret-of-mine"]).message
    assert "s3c" not in message


def test_what_is_no_error_of_the_driver_is_left_alone():
    with pytest.raises(ZeroDivisionError), errors.spoken("here"):
        raise ZeroDivisionError


def test_hosts_that_nobody_knows_are_said_in_words():
    found = errors.translated(cassandra.UnresolvableContactPoints({}), "Cassandra nowhere:9042")
    assert "no name server knows an address for any of its hosts" in found.message
