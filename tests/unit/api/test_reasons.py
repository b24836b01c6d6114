"""The list of reasons: complete, readable, usable as plain strings."""

import json

from forebay.api.reasons import Reason

STABLE = (
    *("StoreUnreachable", "StoreAuthFailed", "StoreThrottled", "SchemaMismatch", "SecretMissing"),
    *("ReferenceMissing", "SnapshotExpired", "Unschedulable", "QuotaPending", "ImagePullFailed"),
    *(
        "OOMKilled",
        "ExitCode",
        "DeadlineExceeded",
        "PendingDeadlineExceeded",
        "BackoffLimitExceeded",
    ),
    *("EmptyDataset", "NonFiniteLoss", "GateFailed", "DigestMismatch", "SignatureInvalid"),
    *("ModelLoadFailed", "ProbeFailed", "AnalysisFailed", "RolledBack", "PartitionCapReached"),
    *("DeadLettering", "SinkLagging", "DriftDetected", "FieldNotSupportedInMode"),
    *("OptionalCRDMissing", "NameConflict", "Forbidden", "ReconcilePaused", "Suspended", "Queued"),
)


def test_no_word_of_the_stable_list_is_missing():
    assert [word for word in STABLE if word not in Reason.__members__] == []


def test_every_reason_is_its_own_name_and_has_one_sentence():
    for reason in Reason:
        assert reason.name == reason.value
        assert reason.sentence.endswith(".")
        assert reason.sentence[0].isupper()
        assert "\n" not in reason.sentence


def test_a_reason_is_written_as_its_word():
    assert json.dumps({"reason": Reason.OOMKilled}) == '{"reason": "OOMKilled"}'
    assert f"{Reason('ExitCode')}" == "ExitCode"
