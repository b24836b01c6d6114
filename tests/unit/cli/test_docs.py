"""The page of the command line says what the commands say."""

from pathlib import Path

from forebay.cli import docs

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"


def test_the_page_is_up_to_date():
    assert docs.main(["--check", str(PAGE)]) == 0, "run: python -m forebay.cli.docs"


def test_a_page_that_differs_is_noticed_and_written_anew(tmp_path, capsys):
    page = tmp_path / "cli.md"
    assert docs.main(["--check", str(page)]) == 1
    assert "is out of date" in capsys.readouterr().err
    assert docs.main([str(page)]) == 0
    assert docs.main(["--check", str(page)]) == 0


def test_every_command_shows_an_example():
    sections = docs.page().split("\n## ")[1:]
    assert len(sections) >= 12
    for section in sections:
        name = section.split("\n", 1)[0]
        examples = section.rpartition("```sh\n")[2]
        assert name in examples, name
