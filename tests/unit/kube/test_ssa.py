"""Server-side apply as pure functions: a table of cases, and the laws that hold for every pair of managers."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.kube import ssa

LEAVES = st.sampled_from(["x", "y", "z"])
CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["Ready", "Stalled", "Warning"])},
        optional={"status": st.sampled_from(["True", "False"]), "reason": LEAVES},
    ),
    max_size=3,
    unique_by=lambda item: item["type"],
)


def tree(depth=2):
    """Objects in which a name always means the same kind of value, as a schema would have it."""
    fields = {
        "a": st.integers(0, 2),
        "b": LEAVES,
        "list": st.lists(st.integers(0, 2), max_size=2),
        "conditions": CONDITIONS,
    }
    if depth:
        fields |= {"m": tree(depth - 1), "n": tree(depth - 1)}
    return st.fixed_dictionaries({}, optional=fields)


class Server:
    """A stored object and who owns what in it."""

    def __init__(self):
        self.value, self.owners = {}, {}

    def apply(self, wanted, manager="one", *, force=True):
        done = ssa.apply(self.value, wanted, manager, self.owners, force=force)
        if not done.conflicts:
            self.value, self.owners = done.value, done.owners
        return done


def canonical(value):
    """With map lists in one order: their order is nobody's."""
    if isinstance(value, dict):
        return {
            k: sorted((canonical(i) for i in v), key=lambda i: i["type"])
            if k == "conditions"
            else canonical(v)
            for k, v in value.items()
        }
    return value


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"a": 1, "b": "x"}, {"a": 1}, {"a": 1}),
        ({"m": {"a": 1, "b": "x"}}, {"m": {"a": 2}}, {"m": {"a": 2}}),
        ({"m": {"a": 1}}, {}, {}),
        ({"list": [1, 2, 3]}, {"list": [3]}, {"list": [3]}),
        (
            {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Stalled"}]},
            {"conditions": [{"type": "Ready", "status": "False"}]},
            {"conditions": [{"type": "Ready", "status": "False"}]},
        ),
    ],
    ids=["a field", "below an object", "all of it", "an atomic list", "an item of a map list"],
)
def test_what_a_manager_leaves_out_goes(first, second, expected):
    server = Server()
    server.apply(first)
    server.apply(second)
    assert server.value == expected


def test_a_field_that_another_manager_owns_too_stays():
    server = Server()
    server.apply({"a": 1, "b": "x"})
    server.apply({"a": 1}, "two")
    server.apply({})
    assert server.value == {"a": 1}


def test_another_value_of_an_owned_field_is_a_conflict_that_names_the_owner():
    server = Server()
    server.apply({"m": {"a": 1}})
    (cause,) = server.apply({"m": {"a": 2}}, "two", force=False).conflicts
    assert cause.field == "m.a"
    assert "'one'" in cause.message
    assert server.value == {"m": {"a": 1}}


def test_with_force_the_field_changes_hands():
    server = Server()
    server.apply({"a": 1})
    server.apply({"a": 2}, "two")
    server.apply({})
    assert server.value == {"a": 2}


def test_two_managers_fill_one_map_list():
    server = Server()
    server.apply({"conditions": [{"type": "Ready", "status": "True"}]})
    server.apply({"conditions": [{"type": "Warning", "status": "True"}]}, "two")
    server.apply({"conditions": []})
    assert server.value == {"conditions": [{"type": "Warning", "status": "True"}]}


def test_an_empty_object_takes_nothing_from_others():
    server = Server()
    server.apply({"m": {"a": 1}})
    server.apply({"m": {}}, "two")
    server.apply({}, "two")
    assert server.value == {"m": {"a": 1}}


@given(tree(), tree())
def test_one_manager_alone_gets_exactly_what_it_applied_last(first, second):
    server = Server()
    server.apply(first)
    server.apply(second)
    assert canonical(server.value) == canonical(second)


@given(tree(), tree())
def test_applying_twice_is_applying_once(first, second):
    server = Server()
    server.apply(first)
    server.apply(second, "two")
    before = copy.deepcopy((server.value, server.owners))
    server.apply(second, "two")
    assert (server.value, server.owners) == before


@given(tree(), tree())
def test_what_is_applied_with_force_is_there_afterwards(first, second):
    server = Server()
    server.apply(first)
    server.apply(second, "two")
    assert_within(second, server.value)


@given(tree(), tree())
def test_a_manager_that_leaves_takes_nothing_of_the_other_along(first, second):
    server = Server()
    server.apply(first)
    if server.apply(second, "two", force=False).conflicts:
        assert canonical(server.value) == canonical(first)
        return
    server.apply({}, "two")
    assert_within(first, server.value)
    server.apply({})
    assert server.value == {}


@given(tree(), tree())
def test_the_arguments_are_left_as_they_are(first, second):
    live = copy.deepcopy(first)
    ssa.apply(live, second, "two", {"one": frozenset({("f:a",)})}, force=True)
    assert live == first


def assert_within(part, whole):
    """Everything of `part` is in `whole`."""
    for key, value in part.items():
        if key == "conditions":
            by_type = {item["type"]: item for item in whole.get(key, [])}
            for item in value:
                assert_within(item, by_type[item["type"]])
        elif isinstance(value, dict):
            assert_within(value, whole[key])
        else:
            assert whole[key] == value
