"""Part of the contract: the keys of a DataStore's Secret that say who we are, by type of store.

Imported by both planes: the operator looks for the keys, the adapters for what stands under them. So it is standard
library only and does no I/O. The names of the keys are ours first, then those that other operators write.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

Login = tuple[str, ...]
"""Keys that belong together; each may be a pattern."""

OWN: Login = ("username", "password")
LOGINS: Mapping[str, tuple[Login, ...]] = {
    "cassandra": (OWN,),
    "couchbase": (OWN, ("user", "password")),
    "dynamodb": (
        ("accessKeyId", "secretAccessKey"),
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("aws_access_key_id", "aws_secret_access_key"),
        OWN,
    ),
    "hbase": (),
    "kafka": (
        OWN,
        ("user", "password"),
        ("sasl.jaas.config",),
        ("user.crt", "user.key"),
        ("ssl.keystore.crt", "ssl.keystore.key"),
        ("schemaRegistryUsername", "schemaRegistryPassword"),
        ("bootstrap.servers",),
    ),
    "mongodb": (
        OWN,
        ("user", "password"),
        ("MONGODB_DATABASE_ADMIN_USER", "MONGODB_DATABASE_ADMIN_PASSWORD"),
        ("MONGODB_CLUSTER_ADMIN_USER", "MONGODB_CLUSTER_ADMIN_PASSWORD"),
        ("connectionString.standard",),
        ("uri",),
        ("*_connectionString",),
    ),
}
"""The first whose keys are all there counts. A type that is not here takes any Secret."""

CERTIFICATES: tuple[Login, ...] = (
    ("tls.crt", "tls.key"),
    ("user.crt", "user.key"),
    ("ssl.keystore.crt", "ssl.keystore.key"),
)
"""A client's certificate and its key; only Kafka's users have the latter two."""

NO_LOGIN = frozenset(
    {"ca.crt", "tls.crt", "tls.key", "type", "provider", "host", "port", "uri", "database"}
)
"""What `spec.tls` names lies in the same folder; a binding says where the store is, if not as whom."""


def complete(kind: str, keys: Collection[str]) -> Login | None:
    """The login whose keys are all there."""
    return next((one for one in LOGINS.get(kind, ()) if not _absent(one, keys)), None)


def lacking(kind: str, keys: Collection[str]) -> str | None:
    """What a Secret named in spec.auth lacks, in words that name keys only; None when nothing does."""
    logins = LOGINS.get(kind)
    if logins is None or complete(kind, keys):
        return None
    if not logins:
        return f"holds no login that a DataStore of type {kind} knows: leave spec.auth out"
    begun = [one for one in logins if len(_absent(one, keys)) < len(one)]
    if begun:
        return f"has no key {_absent(begun[0], keys)[0]!r}"
    return f"has none of the keys expected: {expected(kind)}"


def lacks_certificate(kind: str, keys: Collection[str]) -> str | None:
    """What a Secret named in spec.tls.clientSecretRef lacks; None when nothing does."""
    pairs = CERTIFICATES if kind == "kafka" else CERTIFICATES[:1]
    if any(not _absent(pair, keys) for pair in pairs):
        return None
    return f"has no key {_absent(pairs[0], keys)[0]!r}"


def expected(kind: str) -> str:
    """All that a Secret of this type of store may hold, in words."""
    return "; ".join(" and ".join(map(repr, one)) for one in LOGINS.get(kind, ()))


def _absent(login: Login, keys: Collection[str]) -> list[str]:
    return [key for key in login if not any(fnmatchcase(one, key) for one in keys)]
