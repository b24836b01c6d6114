"""The operator's entry point: `kopf run -m forebay.main --all-namespaces` (or `--namespace NAME`).

Importing it registers the handlers; kopf calls them. It must not be imported by anything else.
"""

from __future__ import annotations

from forebay.handlers import changes, lifecycle

__all__ = ["changes", "lifecycle"]
