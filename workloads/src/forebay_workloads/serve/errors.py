"""What a caller of the model did wrong.

Raised by everything below serve/, turned into an answer by service.py and v2.py.
"""

from __future__ import annotations


class RequestError(Exception):
    """A request that cannot be answered: HTTP status, the field that is wrong (a path into the body), why."""

    def __init__(self, message: str, field: str = "", status: int = 422) -> None:
        self.status = status
        self.field = field
        self.message = message
        super().__init__(f"{field}: {message}" if field else message)

    def body(self) -> dict[str, str]:
        """The JSON answer: `error` reads on its own, `field` is for programs."""
        return {"error": str(self), "field": self.field}
