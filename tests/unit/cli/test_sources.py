"""Finding and reading the files of -f."""

import io
from types import SimpleNamespace

import pytest

from forebay.cli import sources


def write(path, text="kind: A\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_folder_gives_all_files_below_it_but_hidden_ones_and_the_state(tmp_path):
    for name in ("b.yaml", "a.yml", "sub/c.json", ".git/d.yaml", "state/e.yaml", "notes.txt"):
        write(tmp_path / name, '{"kind": "A"}')
    documents, problems = sources.read([str(tmp_path)], skip=tmp_path / "state")
    assert [d.file.removeprefix(f"{tmp_path}/") for d in documents] == [
        "a.yml",
        "b.yaml",
        "sub/c.json",
    ]
    assert problems == []


def test_a_file_is_read_whatever_its_suffix(tmp_path):
    documents, _ = sources.read([str(write(tmp_path / "spec.txt"))])
    assert documents[0].value == {"kind": "A"}
    assert documents[0].base == tmp_path


def test_standard_input_starts_from_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"kind: A")))
    documents, problems = sources.read(["-"])
    assert (documents[0].file, documents[0].base, problems) == ("stdin", tmp_path, [])


def test_every_bad_file_is_listed_and_the_good_ones_are_read(tmp_path):
    good = write(tmp_path / "good.yaml")
    bad = write(tmp_path / "bad.yaml", "a: 1\na: 2\n")
    (tmp_path / "empty").mkdir()
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: \xe4")
    big = write(tmp_path / "big.yaml", "#" * (sources.MAX_BYTES + 1))
    paths = [good, bad, tmp_path / "empty", tmp_path / "absent.yaml", latin, big]
    documents, problems = sources.read([str(path) for path in paths])
    assert len(documents) == 1
    assert problems == [
        f"{bad}:2 key 'a' is there twice, first on line 1",
        f"{tmp_path}/empty: no *.yaml, *.yml, *.json file in this folder",
        f"{tmp_path}/absent.yaml: No such file or directory",
        f"{latin}: not UTF-8 text: unexpected end of data at byte 3",
        f"{big}:1 larger than 1,048,576 bytes",
    ]


def test_a_list_gives_its_items_with_their_own_lines(tmp_path):
    text = "kind: List\nitems:\n- kind: A\n- kind: B\n  metadata: {name: x}\n"
    documents, _ = sources.read([str(write(tmp_path / "list.yaml", text))])
    assert [d.value["kind"] for d in documents] == ["A", "B"]
    assert documents[1].place == f"{tmp_path}/list.yaml:4"
    assert documents[1].place_of("metadata.name") == f"{tmp_path}/list.yaml:5"


@pytest.mark.parametrize("text", ["", "---\n---\n", "# only a comment\n"])
def test_a_file_without_documents_is_no_problem_by_itself(tmp_path, text):
    assert sources.read([str(write(tmp_path / "a.yaml", text))]) == ([], [])
