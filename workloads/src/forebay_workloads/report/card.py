"""The model card: what a published model is, from which data, how good, in Markdown.

Used by `report.run`. Values are made harmless one by one (`text.markdown`): none becomes markup.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from forebay_workloads.report import sections
from forebay_workloads.report.facts import Facts
from forebay_workloads.report.html import FOLDER
from forebay_workloads.report.text import markdown


def render(facts: Facts) -> str:
    """The card. Equal facts give equal bytes."""
    return _template().render(
        facts=facts,
        model=sections.model(facts),
        split=sections.split(facts),
        outcome=sections.outcome(facts),
        metrics=sections.metrics(facts),
        gates=sections.gates(facts),
        training=sections.training(facts),
        amounts=sections.amounts(facts),
        lineage=sections.lineage(facts),
        signature=sections.signature(facts),
    )


@cache
def _template() -> Template:
    environment = Environment(  # noqa: S701 - not HTML: `finalize` escapes every value for Markdown
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        finalize=markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("model-card.md")
