"""The graph of steps, from literal lists: paths and heads, and each way in which it can be wrong."""

from __future__ import annotations

import pickle
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from zmeta.errors import (
    AmbiguousPathError,
    CycleError,
    DuplicateStepError,
    GapError,
    MigrationError,
    NoPathError,
)
from zmeta.steps.graph import Graph
from zmeta.steps.step import Step

if TYPE_CHECKING:
    from zmeta.jsondoc import JSONObject
    from zmeta.steps.step import Site


def same(attributes: JSONObject, site: Site) -> JSONObject:
    return attributes


def steps(*rows: str) -> list[Step]:
    """Steps as `a 1 2`: subject, before, after; the id is `a12`, or what stands at the fourth place."""
    found = []
    for row in rows:
        subject, before, after, *name = row.split()
        found.append(Step(name[0] if name else subject + before + after, subject, before, after, "lossless", same))
    return found


CHAIN = ("a 1 2", "a 2 3", "a 3 4", "b 1 2")


@pytest.mark.parametrize(
    ("before", "after", "ids"),
    [("1", "4", "a12 a23 a34"), ("2", "3", "a23"), ("1", "2", "a12"), ("3", "3", ""), ("4", "4", "")],
)
@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_path(before: str, after: str, ids: str, order: tuple[int, ...]) -> None:
    graph = Graph(steps(*(CHAIN[index] for index in order)))
    assert [step.id for step in graph.path("a", before, after)] == ids.split()
    assert (graph.head("a"), graph.head("b")) == ("4", "2")


def test_subjects_and_next() -> None:
    graph = Graph(steps(*CHAIN))
    assert graph.subjects == ("a", "b")
    step = graph.next("a", "2")
    assert step is not None
    assert step.id == "a23"
    assert graph.next("a", "4") is graph.next("a", "9") is graph.next("c", "1") is None


def test_two_versions_may_lead_into_one() -> None:
    graph = Graph(steps("a beta 2", "a 1 2", "a 2 3"))
    assert [step.id for step in graph.path("a", "beta", "3")] == ["abeta2", "a23"]
    assert graph.head("a") == "3"


def test_no_steps_are_a_graph() -> None:
    assert Graph([]).subjects == ()
    with pytest.raises(NoPathError, match="no steps are known for 'a'"):
        Graph([]).head("a")


@pytest.mark.parametrize(
    ("subject", "before", "after", "message", "ids"),
    [
        ("a", "3", "1", "lead from 3 to 1", ("a34",)),
        ("a", "1", "9", "lead from 1 to 9", ("a12", "a23", "a34")),
        ("a", "0", "2", "lead from 0 to 2", ()),
        ("c", "1", "2", "no steps are known for 'c'", ()),
        ("c", "1", "1", "no steps are known for 'c'", ()),
    ],
)
def test_no_path(subject: str, before: str, after: str, message: str, ids: tuple[str, ...]) -> None:
    with pytest.raises(NoPathError, match=message) as caught:
        Graph(steps(*CHAIN)).path(subject, before, after)
    assert caught.value.ids == ids
    assert isinstance(caught.value, LookupError)
    assert ("rollback" in caught.value.hint) == (before == "3")


WRONG = {
    "one id twice": (("a 1 2 x", "a 2 3 x"), DuplicateStepError, ("x", "x")),
    "one id in two subjects": (("a 1 2 x", "b 1 2 x", "b 2 3"), DuplicateStepError, ("x", "x")),
    "onto itself": (("a 1 1",), CycleError, ("a11",)),
    "two in a circle": (("a 1 2", "a 2 1"), CycleError, ("a12", "a21")),
    "a circle behind a chain": (("a 0 1", "a 1 2", "a 2 3", "a 3 1"), CycleError, ("a12", "a23", "a31")),
    "a circle beside a chain": (("a 1 2", "a 8 9", "a 9 8"), CycleError, ("a89", "a98")),
    "two out of one": (("a 1 2", "a 2 3", "a 1 3"), AmbiguousPathError, ("a12", "a13")),
    "two heads": (("a 1 2", "a 1 3"), AmbiguousPathError, ("a12", "a13")),
    "the same step under two ids": (("a 1 2 x", "a 1 2 y"), AmbiguousPathError, ("x", "y")),
    "a gap": (("a 1 2", "a 3 4"), GapError, ("a12", "a34")),
    "a gap in a long chain": (("a 1 2", "a 2 3", "a 4 5", "a 5 6"), GapError, ("a23", "a56")),
    "two last versions": (("a 1 3", "a 2 4"), GapError, ("a13", "a24")),
    "a gap in the second subject": (("b 1 2", "a 1 2", "a 3 4"), GapError, ("a12", "a34")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_graph_is_refused(case: str) -> None:
    rows, kind, ids = WRONG[case]
    with pytest.raises(kind, match=ids[0]) as caught:
        Graph(steps(*rows))
    assert type(caught.value) is kind
    assert caught.value.ids == ids
    assert isinstance(caught.value, MigrationError)
    assert isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), again.ids, str(again)) == (kind, ids, str(caught.value))


def test_a_long_chain_is_walked_once() -> None:
    graph = Graph(steps(*(f"a {n} {n + 1}" for n in range(3000))))
    assert graph.head("a") == "3000"
    assert len(graph.path("a", "0", "3000")) == 3000


def test_version_of_a_profile() -> None:
    def find(attributes: JSONObject) -> str | None:
        version = attributes.get("version")
        return version if isinstance(version, str) else None

    graph = Graph([Step("a12", "a", "1", "2", "lossless", same, find_version=find), *steps("b 1 2")])
    assert graph.version_of("a", {"version": "1"}) == "1"
    assert graph.version_of("a", {}) is graph.version_of("b", {"version": "1"}) is graph.version_of("c", {}) is None
