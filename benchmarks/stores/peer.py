"""What a peer is: opened on a place, it reads or writes one table, and says what it has read. Used by case.py."""

from pathlib import Path

import rows


class Peer:
    """One way to read or to write. The clock runs during `read` or `write` alone."""

    def __init__(self, ref, shape):
        self.ref, self.settings, self.shape = ref, ref["settings"], shape
        self.names = rows.NAMES[shape]
        self.connect()

    @property
    def login(self):
        """User and password of the place."""
        folder = Path(self.ref["secrets"])
        return (folder / "username").read_text(), (folder / "password").read_text()

    def connect(self):
        """Before the clock."""

    def prepared(self, count):
        """What `write` takes: before the clock, in the form that the vendor's call wants."""
        return rows.tuples(self.shape, count)

    def read(self, table, count):
        """The rows in the vendor's own form, all of them."""
        raise NotImplementedError

    def write(self, table, prepared):
        """Returns when everything is acknowledged."""
        raise NotImplementedError

    def columns(self, found):
        """What was read as columns by name, after the clock."""
        return [dict(zip(self.names, zip(*found, strict=True), strict=True))] if found else []

    def close(self):
        """After the clock."""
