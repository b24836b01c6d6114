"""The page about reasons says of each word what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from forebay.api.reasons import Reason

PAGE = Path(__file__).parents[3] / "docs" / "reasons.md"
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \|(?: ([^|]+) \|)?$", re.MULTILINE)


def test_the_page_has_every_reason_once_with_its_own_sentence():
    told = [(word, sentence) for word, sentence, _ in ROW.findall(PAGE.read_text())]
    assert sorted(told) == sorted((r.value, r.sentence) for r in Reason)


def test_what_is_in_the_way_comes_with_what_to_do_next():
    page = PAGE.read_text().split("## Going well")[0]
    assert all(cure.strip() for _, _, cure in ROW.findall(page))
