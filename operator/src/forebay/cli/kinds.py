"""The words a user may call a kind by: singular, plural, short name, `forebay` for all of Forebay's own.

Called by every command that takes KIND. Short names are those of the CRDs (api.md) and of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from forebay.cli.failure import UsageError
from forebay.kube.port import (
    CONFIG_MAP,
    DATASTORE,
    DEPLOYMENT,
    JOB,
    K8S_DEPLOYMENT,
    MODEL_VERSION,
    OWN_KINDS,
    PIPELINE,
    POD,
    RUN,
    SERVICE,
    Kind,
)

SHORT_NAMES: Mapping[Kind, str] = {
    DATASTORE: "dst",
    PIPELINE: "nsp",
    RUN: "nsr",
    MODEL_VERSION: "mv",
    DEPLOYMENT: "md",
    POD: "po",
    JOB: "job",
    SERVICE: "svc",
    K8S_DEPLOYMENT: "deploy",
    CONFIG_MAP: "cm",
}
"""The kinds that can be asked for. Secrets are left out: their values are nobody's output."""

CATEGORY = "forebay"
_PLAIN: Mapping[str, Kind] = {
    "store": DATASTORE,
    "pipeline": PIPELINE,
    "run": RUN,
    "model": MODEL_VERSION,
}
"""Everyday words, singular or plural, that no other kind here has."""


def resolve(words: str) -> list[Kind]:
    """The kinds that `words` names (`md`, `nsp,nsr`, `forebay`), in the order given. Raises UsageError."""
    found: list[Kind] = []
    for word in words.split(","):
        found.extend(kind for kind in _resolve_one(word.strip().lower()) if kind not in found)
    return found


def resolve_one(word: str) -> Kind:
    """The one kind that `word` names. Raises UsageError."""
    kinds = resolve(word)
    if len(kinds) != 1:
        raise UsageError(f"{word!r} names {len(kinds)} kinds, one is needed here")
    return kinds[0]


def words() -> Iterator[str]:
    """Every word for completion: plurals first, then short names and the category."""
    yield CATEGORY
    for kind in SHORT_NAMES:
        yield kind.plural
    yield from SHORT_NAMES.values()


def full_name(kind: Kind) -> str:
    """`nosqlpipeline.forebay.dev`: how a row of a mixed listing names its kind."""
    group = kind.api_version.partition("/")[0] if "/" in kind.api_version else ""
    return f"{kind.kind.lower()}.{group}" if group else kind.kind.lower()


def split(kind: str, name: str | None) -> tuple[str, str | None]:
    """Accepts `KIND/NAME` where `KIND NAME` is asked for."""
    if name is None and "/" in kind:
        kind, _, name = kind.partition("/")
        return kind, name or None
    return kind, name


def _resolve_one(word: str) -> tuple[Kind, ...]:
    if word in (CATEGORY, "all"):
        return OWN_KINDS
    bare = word.partition(".")[0]  # pipelineruns.forebay.dev
    if bare.removesuffix("s") in _PLAIN:
        return (_PLAIN[bare.removesuffix("s")],)
    for kind, short in SHORT_NAMES.items():
        if bare in (kind.plural, kind.kind.lower(), short):
            return (kind,)
    known = ", ".join(f"{kind.plural} ({short})" for kind, short in SHORT_NAMES.items())
    raise UsageError(f"there is no kind {word!r}; known are {CATEGORY}, {known}")
