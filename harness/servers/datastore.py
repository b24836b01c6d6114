"""DataStore and Secret of a server, to paste beside a pipeline: what `forebay dev` prints. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.servers.server import Server

NAMESPACE = "forebay"  # keyspace, database or prefix of tables: a store makes it when it is missing


def _kafka(server: Server) -> dict[str, Any]:
    sasl = {"saslMechanism": server.options["sasl"]} if "sasl" in server.options else {}
    return {"bootstrapServers": [server.address], **sasl}


def _cassandra(server: Server) -> dict[str, Any]:
    return {
        "contactPoints": [server.address],
        "keyspace": NAMESPACE,
        "localDatacenter": server.options["datacenter"],
    }


def _mongodb(server: Server) -> dict[str, Any]:
    return {
        "hosts": [server.address],
        "database": NAMESPACE,
        "authSource": server.options["authSource"],
    }


def _couchbase(server: Server) -> dict[str, Any]:
    return {"hosts": [server.address], "bucket": server.options["bucket"]}


def _dynamodb(server: Server) -> dict[str, Any]:
    return {"region": server.options["region"], "endpoint": f"http://{server.address}"}


def _hbase(server: Server) -> dict[str, Any]:
    return {"thriftServers": [server.address]}


_BLOCKS: Mapping[str, Callable[[Server], dict[str, Any]]] = {
    "kafka": _kafka,
    "cassandra": _cassandra,
    "mongodb": _mongodb,
    "couchbase": _couchbase,
    "dynamodb": _dynamodb,
    "hbase": _hbase,
}


def objects(server: Server) -> list[dict[str, Any]]:
    """Secret, where it asks for a password, and DataStore; none for a server whose settings are not known here."""
    if server.name not in _BLOCKS:
        return []
    spec: dict[str, Any] = {"type": server.name, server.name: _BLOCKS[server.name](server)}
    store = {
        "apiVersion": "forebay.dev/v1alpha1",
        "kind": "DataStore",
        "metadata": {"name": server.name},
        "spec": spec,
    }
    if not server.user:
        return [store]
    spec["auth"] = {"secretRef": {"name": f"{server.name}-user"}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{server.name}-user"},
        "stringData": {"username": server.user, "password": server.password},
    }
    return [secret, store]
