"""Argo CD's health scripts run as Argo CD runs them: Lua 5.1, `obj` given, nothing of the machine at hand."""

from __future__ import annotations

from pathlib import Path

from lupa.lua51 import LuaRuntime

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "gitops/argocd/health.lua"
_TAKEN_AWAY = ("python", "io", "os", "package", "require", "dofile", "loadfile", "debug")


def health(obj, script=SCRIPT):
    """Status and message that the script gives."""
    lua = LuaRuntime(register_eval=False, register_builtins=False, unpack_returned_tuples=True)
    given = lua.table_from(obj, recursive=True)
    for name in _TAKEN_AWAY:
        lua.globals()[name] = None
    lua.globals().obj = given
    answer = lua.execute(script.read_text())
    return {key: answer[key] for key in ("status", "message")}
