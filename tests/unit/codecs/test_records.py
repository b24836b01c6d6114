"""Which codec a format has."""

import pytest

from forebay_workloads.codecs.avro_records import AvroRecords
from forebay_workloads.codecs.json_records import JsonRecords
from forebay_workloads.codecs.records import codec
from forebay_workloads.errors import ConfigError


def test_each_format_has_its_codec():
    assert isinstance(codec("json"), JsonRecords)
    assert isinstance(codec("avro", {}.__getitem__), AvroRecords)


@pytest.mark.parametrize(
    ("form", "reason"), [("csv", "FieldNotSupportedInMode"), ("avro", "ReferenceMissing")]
)
def test_what_cannot_be_decoded_is_said(form, reason):
    with pytest.raises(ConfigError) as caught:
        codec(form)
    assert caught.value.reason == reason
