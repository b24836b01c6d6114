"""What the benchmark reads: the API server's audit log, and /proc of the operator's process."""

import json
import os
from collections import Counter
from pathlib import Path

WRITES = ("create", "update", "patch", "delete", "deletecollection")


class Audit:
    """Requests of one user. `mark` is a place in the log: what counts is what comes after it."""

    def __init__(self, path, user):
        self._path, self._user = Path(path), f'"{user}"'

    def mark(self):
        return self._path.stat().st_size

    def requests(self, since, until=None):
        """Requests by verb and resource."""
        found = Counter()
        with self._path.open("rb") as log:
            log.seek(since)
            for line in log.read(None if until is None else until - since).splitlines():
                if self._user.encode() in line:
                    entry = _entry(line)
                    found[entry] += entry is not None
        found.pop(None, None)
        return found

    def writes(self, since, until=None):
        """The writes among them."""
        found = self.requests(since, until)
        return Counter({key: count for key, count in found.items() if key[0] in WRITES})


def _entry(line):
    try:
        entry = json.loads(line)
    except ValueError:  # the log was being written
        return None
    ref = entry.get("objectRef") or {}
    name = "/".join(filter(None, (ref.get("resource"), ref.get("subresource"))))
    return entry["verb"], name or entry.get("requestURI", "").split("?")[0]


def memory(pid):
    """(resident now, its peak) in MiB."""
    found = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return tuple(int(found[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))


def cpu(pid):
    """Seconds of CPU that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
