"""docs/threats.md: each threat has a control with a test, each control stands against something."""

import re
from pathlib import Path

import pytest
from scripts.reliability import OPEN, rows

ROOT = Path(__file__).parents[3]
LINES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "threats.md").read_text().splitlines()
    if re.search(r"\| [FS]\d\d", line)
]
PROVEN = {
    name
    for name, proof in rows((ROOT / "RELIABILITY.md").read_text())
    if not proof.startswith(OPEN)
}


def named(cell):
    return re.findall(r"\b[FS]\d\d\b", cell)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[1][:40])
def test_S26_a_threat_is_met_by_controls_that_have_tests(line):
    _, _, against, _ = line
    assert named(against)
    assert set(named(against)) <= PROVEN


def test_S26_every_control_stands_in_a_line_and_what_has_no_test_is_called_open():
    said = {name for line in LINES for name in named(line[2])}
    still = {name for line in LINES for name in named(line[3])}
    controls = {f"S{n:02d}" for n in range(1, 28)}
    assert controls - PROVEN <= still
    assert controls & PROVEN <= said


def test_S26_each_of_owasps_ten_has_a_line():
    found = [line[0].split()[0] for line in LINES if line[0].startswith("K")]
    assert found == [f"K{n:02d}" for n in range(1, 11)]
