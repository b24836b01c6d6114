"""The report as one HTML file that needs nothing else: no script, no font, no address.

Used by `report.run`. Every value is escaped by the template engine; the style sheet is the only style that
the page's own security policy lets through, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from forebay_workloads.report import sections
from forebay_workloads.report.facts import Facts
from forebay_workloads.report.text import pretty

FOLDER = Path(__file__).parent / "templates"


def render(facts: Facts) -> str:
    """The page. Equal facts give equal bytes."""
    css = (FOLDER / "report.css").read_text(encoding="utf-8")
    return _template().render(
        css=css,
        policy=policy(css),
        facts=facts,
        outcome=sections.outcome(facts),
        model=sections.model(facts),
        split=sections.split(facts),
        metrics=sections.metrics(facts),
        gates=sections.gates(facts),
        curves=sections.curves(facts),
        training=sections.training(facts),
        amounts=sections.amounts(facts),
        profile=sections.profile(facts),
        lineage=sections.lineage(facts),
        signature=sections.signature(facts),
        timings=sections.timings(facts),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["pretty"] = pretty
    return environment.get_template("report.html")


def policy(css: str) -> str:
    """The content security policy: nothing is loaded, nothing runs, and only this style sheet applies."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
