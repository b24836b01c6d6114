"""The state folder of the embedded plane: where everything lies, and whether it can be used.

Opened by `plane.py` and `keeper.py`. Only paths and the version marker: who runs here is `lock.py`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from forebay.errors import StateError

LAYOUT = "1"  # raised when a folder written by this version could not be read by an older one


@dataclass(frozen=True)
class StateFolder:
    """Paths below the state folder."""

    root: Path

    @property
    def database(self) -> Path:
        """Objects of the embedded API."""
        return self.root / "forebay.db"

    @property
    def pods(self) -> Path:
        """One folder per pod, named by its uid."""
        return self.root / "pods"

    @property
    def work(self) -> Path:
        """The workspace: what stages hand over."""
        return self.root / "work"

    @property
    def volumes(self) -> Path:
        """One folder per persistent volume claim."""
        return self.root / "volumes"

    @property
    def lock(self) -> Path:
        """Held by the process that runs the plane; holds its pid."""
        return self.root / "plane.lock"

    @property
    def plane_log(self) -> Path:
        """Log lines of the plane's parts."""
        return self.root / "plane.log"

    @property
    def keeper_log(self) -> Path:
        """What the background process says."""
        return self.root / "keeper.log"


def open_state(root: Path) -> StateFolder:
    """Makes the folder when it is not there. StateError when it cannot be written or is of a newer layout."""
    folder = StateFolder(root.resolve())
    marker = folder.root / "layout"
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        for path in (folder.pods, folder.work, folder.volumes, folder.root / "stores"):
            path.mkdir(mode=0o700, exist_ok=True)
        if not marker.exists():
            spare = marker.with_suffix(f".{os.getpid()}")
            spare.write_text(LAYOUT)
            spare.replace(marker)  # whole or not at all
        found = marker.read_text().strip()
    except OSError as error:
        raise StateError(
            f"the state folder {root} cannot be used: {os.strerror(error.errno or 0)};"
            " name another one with --state"
        ) from error
    if found != LAYOUT:
        raise StateError(
            f"the state folder {root} has layout {found}, this version reads {LAYOUT};"
            " use the version of forebay that wrote it, or another --state"
        )
    return folder
