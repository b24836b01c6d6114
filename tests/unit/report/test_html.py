"""The page: complete with any part missing, and inert whatever its values are."""

import copy
import re
from html.parser import HTMLParser

import pytest

from forebay_workloads.report import card, html

from .runs import DIGEST, FAILED, RESULTS, SPEC, STATUS, facts

EVIL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</pre></details><svg onload=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    '" style="position:fixed" x="',
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "<!--", "-->", "]]>", "&lt;script&gt;", "\u2028\u202e\x00\x1b[31m",
    "<a href='https://evil.example'>x</a>", "[x](javascript:alert(1))", "![x](https://evil.example/x.png)",
    "| a | b |", "# heading\n\n- item\n\n<b>x</b>", "`code` ***bold*** $math$",
]  # fmt: skip

TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer", "h1", "h2", "h3", "p",
    "span", "div", "b", "table", "tr", "th", "td", "figure", "figcaption", "svg", "line", "text", "polyline", "circle",
    "rect", "details", "summary", "pre",
}  # fmt: skip
REMOTE = {
    "src",
    "href",
    "xlink:href",
    "action",
    "data",
    "srcset",
    "poster",
    "background",
    "style",
    "srcdoc",
}


class Reader(HTMLParser):
    """Notes every tag and attribute, and the text of the page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)


def poisoned(value, text):
    """The document with every string replaced by `text`, and `text` as one more key of every object."""
    if isinstance(value, dict):
        return {key: poisoned(one, text) for key, one in value.items()} | {text: text}
    if isinstance(value, list):
        return [poisoned(one, text) for one in value]
    return text if isinstance(value, str) else value


@pytest.mark.parametrize("text", EVIL)
def test_F60_S25_no_value_becomes_markup(text):
    results, status, spec = (poisoned(one, text) for one in (RESULTS, STATUS, SPEC))
    results["train"]["curve"] = [{"epoch": 1, "metrics": {text: 1.0}}]
    page = html.render(facts(results, status, spec, notes=[text]))
    read = Reader(page)
    assert read.tags <= TAGS
    assert not read.attributes & REMOTE
    assert not [name for name in read.attributes if name.startswith("on")]
    assert "49" not in re.findall(r"\b49\b", "".join(read.text)) or "7 * 7" not in text
    if text.isprintable():
        assert " ".join(text.split()) in " ".join("".join(read.text).split())


@pytest.mark.parametrize("text", EVIL)
def test_F60_S25_no_value_becomes_markup_in_the_model_card(text):
    results, status, spec = (poisoned(one, text) for one in (RESULTS, STATUS, SPEC))
    made = card.render(facts(results, status, spec))
    plain = card.render(facts())
    assert "<" not in made
    assert not re.search(r"(?<!\\)\]\(", made)  # no link, no image
    assert not re.search(r"(?i)(https?|javascript):\S", made)
    headings = [line for line in made.splitlines() if line.startswith("#")]
    assert len(headings) == len([line for line in plain.splitlines() if line.startswith("#")])
    assert "`code`" not in made


def test_S25_the_page_needs_no_network_and_allows_no_script():
    page = html.render(facts())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe" not in policy[1]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert html.policy(style).replace("'", "&#39;") == policy[1].replace("&#43;", "+")
    assert "://" not in page
    assert "<script" not in page


def test_equal_facts_give_equal_bytes():
    assert html.render(facts()) == html.render(facts(copy.deepcopy(RESULTS)))
    assert card.render(facts()) == card.render(facts(copy.deepcopy(RESULTS)))


def test_a_whole_run_shows_everything():
    page = html.render(facts())
    for word in (
        "movies-v3", "0.9134", "0.9201", "passed", "missed", DIGEST, "100,000", "80,000", "462.48",
        "1 to 81 characters", "0.92429 at epoch 14", "38 s", "matrix-factorization", "models/movies/", "Pinned",
        "duckdb", "compared with", "&#34;seed&#34;: 7",
    ):  # fmt: skip
        assert word in page, word


def test_a_failed_run_shows_where_why_and_what_is_known():
    known = {name: RESULTS[name] for name in ("ingest", "preprocess")}
    page = html.render(facts(known, FAILED))
    assert "train failed: NonFiniteLoss" in page
    assert "try a smaller params.lr" in page
    assert "100,000" in page
    assert "not decided" in page
    assert "Nothing was measured" in page


@pytest.mark.parametrize("missing", [*RESULTS, "all"])
def test_any_results_may_be_missing(missing):
    results = {} if missing == "all" else {k: v for k, v in RESULTS.items() if k != missing}
    for status in (STATUS, FAILED, {}, None):
        assert "movies-1f2e3d4c" in html.render(facts(results, status))
        assert "# Model card" in card.render(facts(results, status))


ODD = [None, 3, "x", [], {}, [None, 3, "x"], {"x": None}, [[1]], True]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_documents_of_another_shape_do_no_harm(odd):
    for stage, result in RESULTS.items():
        for key in result:
            changed = {**RESULTS, stage: {**result, key: odd}}
            assert "</html>" in html.render(facts(changed))
            assert "# Model card" in card.render(facts(changed))
    for key in STATUS:
        assert "</html>" in html.render(facts(status={**STATUS, key: odd}))
    for key in SPEC:
        assert "</html>" in html.render(facts(spec={**SPEC, key: odd}))
        assert "# Model card" in card.render(facts(spec={**SPEC, key: odd}))
