"""The operator's entry point: `kopf run -m forebay.main --all-namespaces` (or `--namespace NAME`).

Importing it registers the handlers, which kopf calls, and sets up the log. It must not be imported by anything else.
"""

from __future__ import annotations

import os

from forebay.handlers import changes, lifecycle, logs

__all__ = ["changes", "lifecycle"]

logs.take_over(os.environ)
