"""The namespaces that this operator serves, as `kopf run` was told. Read once, at start-up.

kopf tells its handlers nothing of it; its command line is click's, whose context is there while the command runs.
"""

from __future__ import annotations

import click

_PATTERN = frozenset("*?[]!,")


def served_namespaces() -> tuple[str, ...]:
    """Exact names, in the order given; () is all namespaces. Raises ValueError for a pattern."""
    context = click.get_current_context(silent=True)
    params = context.params if context is not None else {}
    if params.get("clusterwide"):
        return ()
    names = tuple(dict.fromkeys(params.get("namespaces") or ()))
    for name in names:
        if _PATTERN & set(name):
            raise ValueError(f"--namespace {name}: name namespaces one by one, not by a pattern")
    return names
