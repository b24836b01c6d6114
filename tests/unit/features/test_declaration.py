import pytest

from forebay_workloads.errors import ConfigError
from forebay_workloads.features.declaration import duration, parse

COLUMNS = ["card", "ts", "amount"]
BLOCK = {
    "entity": "card",
    "timestamp": "ts",
    "windows": ["1d", "7d"],
    "aggregates": [{"count": "*"}, {"mean": "amount"}],
}


def test_features_are_named_after_aggregate_column_and_window():
    assert parse(BLOCK, COLUMNS).names == (
        "count_1d",
        "count_7d",
        "mean_amount_1d",
        "mean_amount_7d",
    )


@pytest.mark.parametrize(
    ("text", "micros"),
    [("1ms", 1000), ("30s", 30_000_000), ("1.5h", 5_400_000_000), ("1h30m", 5_400_000_000),
     ("1w", 604_800_000_000), ("0s", 0)],
)  # fmt: skip
def test_durations_are_read_exactly(text, micros):
    assert duration(text, "f").micros == micros


@pytest.mark.parametrize(
    "text", ["", "1", "d", "-1d", "1 day", "1d; DROP", "99999999d", "1y", "1dd"]
)
def test_what_is_no_duration_is_refused_with_its_field(text):
    with pytest.raises(ConfigError, match=r"preprocess\.features\.windows"):
        parse({**BLOCK, "windows": [text]}, COLUMNS)


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        ({"entity": "user"}, "SchemaMismatch", ["'user'", "card, ts, amount"]),
        ({"aggregates": [{"sum": "price"}]}, "SchemaMismatch", ["'price'"]),
        ({"aggregates": [{"median": "amount"}]}, "FieldNotSupportedInMode", ["median", "stddev"]),
        ({"aggregates": [{"sum": "*"}]}, "FieldNotSupportedInMode", ["sum"]),
        ({"aggregates": []}, "FieldNotSupportedInMode", ["empty"]),
        ({"windows": []}, "FieldNotSupportedInMode", ["windows"]),
        ({"windows": ["0s"]}, "FieldNotSupportedInMode", ["above zero"]),
        ({"windows": ["1d", "1d"]}, "SchemaMismatch", ["count_1d"]),
    ],
)
def test_what_does_not_fit_the_data_is_named(change, reason, words):
    with pytest.raises(ConfigError) as caught:
        parse({**BLOCK, **change}, COLUMNS)
    assert caught.value.reason == reason
    for word in words:
        assert word in caught.value.message


def test_a_feature_never_replaces_a_column_of_the_data():
    with pytest.raises(ConfigError, match="mean_amount_1d"):
        parse(BLOCK, [*COLUMNS, "Mean_Amount_1d"])
