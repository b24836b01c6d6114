"""The control plane's errors. Adapters translate third-party errors into these once, chained and cut short.

ForebayError
├── KubeError             what the API said: status code, reason, message
│   ├── NotFound          404
│   ├── AlreadyExists     409 on create
│   ├── Conflict          409: another field manager, or a stale resourceVersion
│   ├── Invalid           422 (and 400, and 500 «typed patch»): the object is wrong, with field causes
│   ├── Forbidden         401, 403
│   ├── Terminating       403 because the namespace is being deleted: nothing can be made there any more
│   ├── Foreign           the name of a child is held by somebody else's object (ours, not the API's)
│   └── Unavailable       429, 5xx, no connection: worth a retry
├── WentBack              the API server knows less than it did: its etcd was restored from a copy
├── SpecError             a file or object given by the user is wrong, every error with its field path
├── PlaneBusy             another process owns this state folder
└── StateError            the state folder cannot be used: rights, space, a newer version
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 512  # characters of a message: an invalid Job answers with a whole pod spec


class ForebayError(Exception):
    """Base of all errors that Forebay's control plane raises on purpose."""


@dataclass(frozen=True)
class Cause:
    """One thing wrong with an object: its field path (`spec.train.params.epochs`) and what is wrong."""

    field: str
    message: str


class KubeError(ForebayError):
    """An answer of the Kubernetes API that is not a success."""

    wait = 0.0  # seconds that the server asks for before the next try (Retry-After)

    def __init__(self, code: int, reason: str, message: str, causes: Sequence[Cause] = ()) -> None:
        self.code = code
        self.reason = reason
        self.message = message if len(message) <= LONGEST else message[: LONGEST - 1] + "…"
        self.causes = tuple(causes)
        super().__init__(f"{code} {reason}: {self.message}")


class NotFound(KubeError):  # noqa: N818 - the API's own words
    """404."""


class AlreadyExists(KubeError):  # noqa: N818
    """409 on create."""


class Conflict(KubeError):  # noqa: N818
    """409: another field manager owns a field, or the resourceVersion is stale."""


class Invalid(KubeError):  # noqa: N818
    """The object is refused: permanent until somebody edits it."""


class Forbidden(KubeError):  # noqa: N818
    """401 or 403; the message names verb and resource."""


class Terminating(KubeError):  # noqa: N818
    """The namespace is being deleted, and with it what this was about: nobody's mistake."""


class Foreign(KubeError):  # noqa: N818
    """An object of a child's name is there and belongs to somebody else: it is left alone."""


class Unavailable(KubeError):  # noqa: N818
    """The API cannot answer now: worth a retry with back-off."""


class WentBack(ForebayError):  # noqa: N818 - what happened, not whose fault it is
    """What is in memory is of a future that will not be: only a process that begins anew can be right."""


class SpecError(ForebayError):
    """User input is wrong; nothing was created. `causes` lists every error."""

    def __init__(self, causes: Sequence[Cause]) -> None:
        self.causes = tuple(causes)
        super().__init__("; ".join(f"{c.field}: {c.message}" for c in causes))


class PlaneBusy(ForebayError):  # noqa: N818
    """Another process runs the embedded plane of this state folder."""


class StateError(ForebayError):
    """The state folder cannot be used; the message says why and what to do."""
