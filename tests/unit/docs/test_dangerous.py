"""What our own code never calls: shells, unpicklers and archives. A law over the sources of both planes."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = [
    *sorted((ROOT / "operator/src").rglob("*.py")),
    *sorted((ROOT / "workloads/src").rglob("*.py")),
]
UNPICKLE = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
PINNED = "workloads/src/forebay_workloads/datasets/fetch.py"
ARCHIVES = {"tarfile", "zipfile", "shutil.unpack_archive"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
BY_PICKLE = {"torch.load", "numpy.load", "np.load", "pandas.read_pickle", "pd.read_pickle"}


def dotted(node):
    """`a.b.c` of a name or attribute; what is called on a value begins with `?`."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def imported(node):
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return set()


def said(node):
    """The names that a node imports or calls, and the one of a keyword."""
    if isinstance(node, ast.keyword):
        return {f"{node.arg}="}
    return imported(node) | ({dotted(node.func)} if isinstance(node, ast.Call) else set())


def users(names):
    """Files that import or call one of the names; only those that hold the word are parsed."""
    words = re.compile("|".join(rf"\b{re.escape(name.split('.')[-1])}" for name in names))
    found = set()
    for file in SOURCES:
        text = file.read_text()
        if words.search(text) is None:
            continue
        every = set().union(*map(said, ast.walk(ast.parse(text))))
        if any(one in names or one.split(".")[0] in names for one in every):
            found.add(str(file.relative_to(ROOT)))
    return found


def test_S10_S13_nothing_is_unpickled():
    assert users(UNPICKLE | BY_PICKLE) == set()


def test_S14_no_archive_is_unpacked_to_files():
    assert users(ARCHIVES) == {PINNED}  # members of a wheel of known digest, read by name
    for call in (".extract(", ".extractall("):
        assert call not in (ROOT / PINNED).read_text()


def test_F58_S18_no_shell_reads_a_text():
    assert users(SHELLS | {"shell="}) == set()


@pytest.mark.parametrize("name", ["eval", "exec", "compile", "__import__"])
def test_S18_no_text_becomes_code(name):
    assert users({name}) == set()


def test_S18_templates_are_our_own_files_and_escape_what_they_are_given():
    makers = users({"jinja2.Environment"})
    assert makers == {
        "workloads/src/forebay_workloads/report/card.py",
        "workloads/src/forebay_workloads/report/html.py",
    }
    for file in makers:
        assert "from_string" not in (ROOT / file).read_text()
