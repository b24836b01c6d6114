from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_operator_folder_is_no_package_that_shadows_the_standard_library():
    import operator

    assert not (ROOT / "operator" / "__init__.py").exists()
    assert operator.add(1, 2) == 3
