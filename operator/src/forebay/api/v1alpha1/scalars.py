"""Bounded strings and numbers: each pattern and length of the API is written once, here.

Used by every type. Patterns keep to what RE2, Rust and Python read alike: no look-around, no class letters.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

OwnName = Annotated[str, Field(min_length=1, max_length=52, pattern=DNS_LABEL)]
"""Name of one of our objects: short enough that its children's names fit 63."""
VersionName = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
ForeignName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]
ItemName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z]([-_a-zA-Z0-9]*)$")]
Version = Annotated[str, Field(min_length=2, max_length=10, pattern=r"^v[1-9][0-9]*$")]

Column = Annotated[str, Field(min_length=1, max_length=128)]
BinaryType = Annotated[
    str,
    Field(
        min_length=4,
        max_length=14,
        pattern=r"^(u?int(8|16|32|64)|float(16|32|64)|bool|(string|binary|pad)\([1-9][0-9]{0,5}\))$",
    ),
]
Table = Annotated[str, Field(min_length=1, max_length=512)]
Topic = Annotated[str, Field(min_length=1, max_length=249, pattern=r"^[a-zA-Z0-9._-]+$")]
SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
HostPort = Annotated[
    str,
    Field(min_length=1, max_length=262, pattern=r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*)(:[0-9]{1,5})?$"),
]
Url = Annotated[str, Field(min_length=1, max_length=1024)]
Text = Annotated[str, Field(max_length=256)]
Message = Annotated[str, Field(max_length=32768)]
ParamValue = Annotated[str, Field(max_length=4096)]

Decimal = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""A number that is compared: a string, because JSON numbers change on their way."""
MetricValue = Annotated[str, Field(min_length=1, max_length=32)]
Fraction = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^0(\.[0-9]+)?$")]
Duration = Annotated[str, Field(min_length=2, max_length=16, pattern=r"^[0-9]{1,9}(ms|s|m|h|d)$")]
Quantity = Annotated[
    str,
    Field(min_length=1, max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"),
]
Digest = Annotated[str, Field(max_length=71, pattern=r"^sha256:[0-9a-f]{64}$")]
Timestamp = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
Cron = Annotated[str, Field(min_length=9, max_length=128, pattern=r"^[^ ]+( +[^ ]+){4}$")]
MetricName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9_]*$")]
Operator = Literal[">=", "<=", ">", "<", "=="]
