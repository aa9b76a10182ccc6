"""`nodes/swap_batch.py`: units on object stores are written whole or not at all, and each document once."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from zmeta.nodes import swap
from zmeta.nodes.batch import write_batch
from zmeta.nodes.write import Change
from zmeta.stores import object_, remote
from zmeta.stores.registry import read

if TYPE_CHECKING:
    from collections.abc import Callable


class Memory:
    """A store in memory: documents by key, and changes of them."""

    def __init__(self) -> None:
        name = uuid4().hex
        self.url, self.store = f"memory://{name}", object_._memory(name)

    def put(self, **documents: bytes) -> None:
        for key, raw in documents.items():
            self.store.put(f"{key}/zarr.json", raw)

    def change(self, key: str, old: bytes | None, new: bytes | None) -> Change:
        return Change(f"{self.url}/{key}/zarr.json", old, new)

    def has(self, *keys: str) -> list[bytes | None]:
        return [read(f"{self.url}/{key}/zarr.json") for key in keys]


@pytest.fixture
def memory() -> Memory:
    return Memory()


def states(units: list[list[Change]], **options: Any) -> list[list[str]]:
    return [[fate.state for fate in row] for row in write_batch(units, "tag", **options)]


def test_units_are_written_and_done_once(memory: Memory) -> None:
    memory.put(a=b"0", b=b"0", c=b"0")
    units = [[memory.change("a", b"0", b"1"), memory.change("new", None, b"1")], [memory.change("b", b"0", None)]]
    assert states(units) == [["written", "written"], ["written"]]
    assert memory.has("a", "new", "b", "c") == [b"1", b"1", None, b"0"]
    assert states(units) == [["already", "already"], ["already"]]


def test_a_conflict_that_is_seen_beforehand_writes_nothing(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.put(a=b"0", b=b"theirs", c=b"0")
    calls: list[str] = []
    real = swap.swap

    def note(change: Change, done: dict[str, swap.Done]) -> object:
        calls.append(change.file)
        return real(change, done)

    monkeypatch.setattr(swap, "swap", note)
    units = [[memory.change("a", b"0", b"1"), memory.change("b", b"0", b"1")], [memory.change("c", b"0", b"1")]]
    fates = write_batch(units, "tag")
    assert [[fate.state for fate in row] for row in fates] == [["left", "conflict"], ["written"]]
    assert "somebody changed the document" in fates[0][1].reason
    assert fates[0][0].reason == f"left as it is because of {memory.url}/b/zarr.json"
    assert calls == [f"{memory.url}/c/zarr.json"]
    assert memory.has("a", "b", "c") == [b"0", b"theirs", b"1"]


@pytest.mark.parametrize("first", [b"0", None], ids=["replaced", "new"])
def test_a_conflict_in_between_puts_back(memory: Memory, first: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.put(b=b"0", **({} if first is None else {"a": first}))
    _before(monkeypatch, 2, lambda: memory.put(b=b"theirs"))
    assert states([[memory.change("a", first, b"1"), memory.change("b", b"0", b"1")]]) == [["left", "conflict"]]
    assert memory.has("a", "b") == [first, b"theirs"]


def test_what_others_changed_meanwhile_is_not_put_back(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.put(a=b"0", b=b"0")
    _before(monkeypatch, 2, lambda: memory.put(a=b"later", b=b"theirs"))
    states([[memory.change("a", b"0", b"1"), memory.change("b", b"0", b"1")]])
    assert memory.has("a", "b") == [b"later", b"theirs"]


def _before(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    real, calls = swap.swap, iter(range(1, 100))

    def replacement(change: Change, done: dict[str, swap.Done]) -> object:
        if next(calls) == number:
            act()
        return real(change, done)

    monkeypatch.setattr(swap, "swap", replacement)


def test_the_rest_of_a_unit_that_was_half_written(memory: Memory) -> None:
    memory.put(a=b"1", b=b"theirs", c=b"0", d=b"0")
    unit = [memory.change("a", b"0", b"1"), memory.change("b", b"0", b"1"), memory.change("c", b"0", b"1"),
            memory.change("d", b"0", None)]  # fmt: skip
    assert states([unit]) == [["left", "conflict", "left", "left"]]
    assert memory.has("a", "c", "d") == [b"1", b"0", b"0"]
    assert states([unit], resumed=True) == [["already", "conflict", "written", "left"]]
    assert memory.has("a", "b", "c", "d") == [b"1", b"theirs", b"1", b"0"]


def test_what_a_unit_needs(memory: Memory) -> None:
    memory.put(a=b"0", old=b"0", other=b"0")
    need = [(f"{memory.url}/a/zarr.json", sha256(b"1").hexdigest())]
    absent = [(f"{memory.url}/absent/zarr.json", sha256(b"1").hexdigest())]
    units = [[memory.change("old", b"0", None)], [memory.change("other", b"0", None)], [memory.change("a", b"0", b"1")]]
    assert states(units, needs=[need, absent, []]) == [["written"], ["conflict"], ["written"]]
    assert memory.has("old", "other", "a") == [None, b"0", b"1"]


def test_a_store_that_fails(memory: Memory) -> None:
    change = Change("s3://bucket/a/zarr.json", b"0", b"1")
    with remote.using(
        {"endpoint": "http://127.0.0.1:9", "max_retries": "0", "access_key_id": "a", "secret_access_key": "b"}
    ):
        fates = write_batch([[change]], "tag")
    assert fates[0][0].state == "failed"
    assert fates[0][0].reason.startswith("cannot read the object: ")
