"""`kopf run -m forebay.main` as a process of its own, against an API server that is a stand-in."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest
import yaml
from aiohttp.test_utils import TestServer

from tests.component.operator_start.discovery import Discovery


@pytest.mark.slow
async def test_the_operator_starts_reconciles_what_is_there_and_ends_when_it_is_told(tmp_path):
    api = Discovery()
    async with TestServer(api.app()) as server:
        process = await operator(tmp_path, str(server.make_url("")).rstrip("/"))
        try:
            async with asyncio.timeout(40):
                while not any(
                    path.endswith("/datastores/local/status") for _, path, _ in api.written
                ):
                    assert process.returncode is None, (await process.communicate())[0].decode()
                    await asyncio.sleep(0.1)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            said, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, said.decode()
    kinds = [body["kind"] for _, _, body in api.written]
    assert kinds[:4] == ["PersistentVolumeClaim", "ConfigMap", "Job", "DataStore"]
    store = next(body for _, path, body in api.written if path.endswith("/status"))
    assert store["status"]["conditions"][0]["reason"] == "Progressing"
    assert "Traceback" not in said.decode()


async def operator(folder, url: str) -> asyncio.subprocess.Process:
    config = folder / "config"
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [context],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
    }
    config.write_text(yaml.safe_dump(kubeconfig))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "kopf", "run", "--namespace", "shop", "--quiet", "-m", "forebay.main"),
        env={**os.environ, "KUBECONFIG": str(config), "FOREBAY_METRICS_PORT": "0"},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
