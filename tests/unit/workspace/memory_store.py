"""A blob store in a dict, for tests that are not about stores. Tables are not offered."""

import hashlib
import io
from pathlib import Path

from forebay_workloads.errors import ConfigError
from forebay_workloads.stores.base import BlobInfo, Capabilities


class MemoryStore:
    name = "memory"
    capabilities = Capabilities(tables=False)

    def __init__(self):
        self.blobs: dict[str, bytes] = {}
        self.log: list[tuple[str, str]] = []

    def put_blob(self, key, source):
        data = source.read()
        self.blobs[key] = bytes(data)
        self.log.append(("put", key))
        return self._info(key)

    def open_blob(self, key):
        if key not in self.blobs:
            raise ConfigError("ReferenceMissing", f"no blob {key}")
        return io.BytesIO(self.blobs[key])

    def list_blobs(self, prefix):
        return [self._info(key) for key in sorted(self.blobs) if key.startswith(prefix)]

    def delete_blob(self, key):
        self.blobs.pop(key, None)
        self.log.append(("delete", key))

    def close(self):
        pass

    def _info(self, key):
        data = self.blobs[key]
        return BlobInfo(key, len(data), "sha256:" + hashlib.sha256(data).hexdigest())


class FolderStore(MemoryStore):
    """The same with blobs as files, offering `local_path`."""

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder

    def local_path(self, key):
        return self.folder / key

    def put_blob(self, key, source):
        info = super().put_blob(key, source)
        path = self.local_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.blobs[key])
        return info
