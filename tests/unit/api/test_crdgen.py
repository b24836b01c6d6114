"""The generator: files are up to date, and a difference is named."""

from pathlib import Path

import pytest

from forebay.api import crdgen

ROOT = Path(__file__).parents[3]


def test_the_committed_files_are_what_the_types_say():
    assert crdgen.differences(ROOT) == []


def test_writing_makes_a_folder_that_passes_the_check(tmp_path, capsys):
    assert crdgen.main(["--check", "--root", str(tmp_path)]) == 1
    assert "crds/datastores.yaml: missing" in capsys.readouterr().err
    assert crdgen.main(["--root", str(tmp_path)]) == 0
    assert crdgen.main(["--check", "--root", str(tmp_path)]) == 0


def test_an_edited_or_superfluous_file_is_named_by_the_check(tmp_path, capsys):
    crdgen.write(tmp_path)
    edited = tmp_path / crdgen.CRDS / "datastores.yaml"
    edited.write_text(edited.read_text() + "# mine\n")
    (tmp_path / crdgen.CHART / "old.yaml").write_text("")
    before = edited.read_text()
    assert crdgen.main(["--check", "--root", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "crds/datastores.yaml: differs from the types" in said
    assert "charts/forebay/templates/crds/old.yaml: no kind makes this file" in said
    assert edited.read_text() == before


def test_a_file_that_kubectl_could_not_apply_is_never_written(monkeypatch):
    monkeypatch.setattr(crdgen, "LIMIT", 100)
    with pytest.raises(ValueError, match="bytes"):
        crdgen.files()


def test_a_crd_that_would_be_read_as_a_template_is_refused(monkeypatch):
    info = next(iter(crdgen.KINDS.values()))
    monkeypatch.setattr(crdgen, "plain", lambda _: "a: b\nspec:\n  x: '{{ .Values }}'\n")
    with pytest.raises(ValueError, match="template"):
        crdgen.templated(info)
