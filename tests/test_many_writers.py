"""Many writers, in processes, on every format, locally and on object stores: no key is lost, no document is seen half.

`ZMETA_LONG=1` runs the numbers that docs/reliability.md reports; without it they are small.
"""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext, suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import pytest
import writers
from linear import Op, linearizable

from zmeta import ArrayIdentifier, StoreError, ZarrArray, ZarrArrayConfig, add_metadata
from zmeta.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud import Cloud

LONG = os.environ.get("ZMETA_LONG") == "1"
WRITERS, KEYS = (8, 200) if LONG else (4, 8)
RECORDERS = 4 if LONG else 3
KILLS = 500 if LONG else 12
#: "claims" is a local folder whose locks fail.
CLAIMS = [("claims", "v2"), ("claims", "v3"), ("claims", "n5")]
PLACES = [("local", "v2"), ("local", "v3"), ("local", "n5"), ("s3", "v2"), ("s3", "v3"), *(CLAIMS if LONG else CLAIMS[1:2])]
CLOUDS = [(where, kind) for where in ("gs", "az", "azurite") for kind in ("v2", "v3") if LONG or kind == "v3"]
COMPARED = [("local", "v2"), ("local", "v3"), ("s3", "v2"), ("s3", "v3")] if LONG else [("local", "v3")]
_BRIEF = (("local", "v3"), ("claims", "v3"), ("s3", "v2"), ("gs", "v3"))
RECORDED = [place for place in [*PLACES, *CLOUDS] if LONG or place in _BRIEF]


class Place:
    """An array somewhere: its path, and the store options to reach it."""

    def __init__(self, where: str, path: str, kind: str, options: dict[str, str]) -> None:
        self.where, self.path, self.kind, self.options = where, path, kind, options

    @property
    def config(self) -> Config:
        return Config(store_options=self.options)

    def attributes(self) -> dict[str, Any]:
        return writers.attributes(self.path, self.kind, self.options)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    where, kind = request.param
    if where == "claims":
        fcntl = pytest.importorskip("fcntl")
        patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        patch.setenv("ZMETA_TEST_LOCKS", "none")
        patch.setattr(fcntl, "flock", _refuse)
    documents = {name: json.dumps(data, indent=4).encode() for name, data in writers.ARRAYS[kind].items()}
    if where in ("local", "claims"):
        folder = tmp_path / "a"
        folder.mkdir()
        for name, raw in documents.items():
            (folder / name).write_bytes(raw)
        return Place(where, str(folder), kind, {})
    cloud: Cloud = request.getfixturevalue(where)
    cloud.behave()
    url = cloud.bucket(f"bucket-{uuid4().hex[:12]}")
    store = cloud.store(url)
    for name, raw in documents.items():
        store.put(f"a/{name}", raw)
    return Place(where, f"{url}/a", kind, cloud.options)


def _refuse(*_: object) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


# what a file system without locks makes known; tests/test_claims.py looks at it
pytestmark = pytest.mark.filterwarnings("ignore:the file system has no locks")
everywhere = pytest.mark.parametrize("place", PLACES, ids="-".join, indirect=True)


def report(**figures: object) -> None:
    """Keep figures of the long form for the documentation."""
    if LONG and "ZMETA_FIGURES" in os.environ:
        with open(os.environ["ZMETA_FIGURES"], "a") as file:
            file.write(json.dumps({"test": os.environ["PYTEST_CURRENT_TEST"].split(" ")[0], **figures}) + "\n")


@pytest.mark.parametrize("place", [*PLACES, *CLOUDS], indirect=True, ids="-".join)
def test_no_key_is_lost(place: Place) -> None:
    count, keys = (8, 4) if place.where in ("gs", "az", "azurite") and not LONG else (WRITERS, KEYS)
    start = time.monotonic()
    writers.run(writers.add_keys, [(place.path, place.options, writer, keys) for writer in range(count)])
    found = place.attributes()
    expected = {f"key_{writer}_{index}": [writer, index] for writer in range(count) for index in range(keys)}
    report(survive=len(expected.keys() & found.keys()), of=len(expected), seconds=round(time.monotonic() - start, 1))
    assert found.items() >= {"kept": 1.5, **expected}.items()


@pytest.mark.parametrize("locks", ["auto", "system"])
@pytest.mark.parametrize("place", [("claims", "v3")], ids="-".join, indirect=True)
def test_it_is_the_claims_that_keep_them(place: Place, locks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment before the rename is drawn out; without claims, keys are lost in it, or writers take each other's files."""
    monkeypatch.setenv("ZMETA_LOCKS", locks)
    survive = 0
    with suppress(StoreError) if locks == "system" else nullcontext():
        writers.run(writers.add_keys, [(place.path, {}, writer, KEYS, 0.004) for writer in range(WRITERS)])
    survive = sum(key.startswith("key_") for key in place.attributes())
    report(survive=survive, of=WRITERS * KEYS)
    assert (survive == WRITERS * KEYS) is (locks == "auto")


@pytest.mark.parametrize("reopen", [False, True] if LONG else [True], ids=["kept", "reopened"] if LONG else ["reopened"])
@pytest.mark.parametrize("place", COMPARED, indirect=True, ids="-".join)
def test_zarr_itself_loses_keys(place: Place, reopen: bool) -> None:
    """For comparison. Should zarr-python learn it one day, this test says so."""
    arguments = [(place.path, place.options, writer, KEYS, reopen) for writer in range(WRITERS)]
    writers.run(writers.add_keys_with_zarr, arguments)
    try:
        survive = sum(key.startswith("key_") for key in place.attributes())
    except ValueError:  # the document itself is broken
        survive = 0
    report(survive=survive, of=WRITERS * KEYS)
    assert survive < WRITERS * KEYS


@everywhere
def test_a_stale_handle_does_not_bring_the_old_shape_back(place: Place) -> None:
    stale = ZarrArray(ZarrArrayConfig(file_name=place.path), config=place.config)
    assert stale.shape == (4, 5, 6)
    if place.kind == "n5":
        file = Path(place.path, "attributes.json")
        file.write_text(json.dumps({**json.loads(file.read_text()), "dimensions": [6, 5, 9]}))
        shape: tuple[int, ...] = (9, 5, 6)
    else:
        array = ZarrArray.open_from_array_identifier(ArrayIdentifier(container=place.path), config=place.config)
        array.data.resize((7, 5, 6))
        shape = (7, 5, 6)
    stale.attrs["stain"] = "OTO"
    fresh = ZarrArray(ZarrArrayConfig(file_name=place.path), config=place.config)
    assert fresh.shape == stale.shape == shape
    assert fresh.attrs["stain"] == "OTO"


@pytest.mark.parametrize("place", RECORDED, indirect=True, ids="-".join)
def test_a_history_of_reads_and_writes_is_linearizable(place: Place, request: pytest.FixtureRequest) -> None:
    """Through a proxy that breaks some answers off, and says 500 to some writes that have happened."""
    if place.options:
        cloud: Cloud = request.getfixturevalue(place.where)
        cloud.behave(latency=0.002, lost=0.02, late_error=0.02, error=0.02, only="PUT", seed=3)
    count, seconds = (60, 10.0) if LONG else (10, 1.5)
    calls: list[tuple[Any, tuple[Any, ...]]]
    calls = [(writers.record_writes, (place.path, place.options, writer, count)) for writer in range(RECORDERS)]
    calls += [(writers.record_reads, (place.path, place.options, place.kind, seconds))] * (2 if LONG else 1)
    results = writers.run(_call, calls)
    writes = [Op(*write) for result in results[:RECORDERS] for write in result]
    reads = [Op(start, end, state=state) for result in results[RECORDERS:] for start, end, state in result]
    assert len(writes) == RECORDERS * count
    assert len({str(read.state) for read in reads}) > 5
    report(writes=len(writes), reads=len(reads), unknown=sum(write.end == inf for write in writes))
    assert linearizable([*writes, *reads])
    latest = max(reads, key=lambda read: read.end)  # the same history with one read that saw a write undone
    lost = Op(latest.end + 1, latest.end + 2, state={"key_0": -1})
    assert not linearizable([*writes, *reads, lost])


def _call(target: Any, arguments: tuple[Any, ...]) -> Any:
    return target(*arguments)


# --- kill -9 ------------------------------------------------------------------------------------------------------------


class Reader:
    """Reads in a tight loop, as another program does that knows nothing of zmeta, until the block ends."""

    def __init__(self, place: Place) -> None:
        self.place, self.count = place, 0
        self.failure: BaseException | None = None
        self._ends = False

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def _read(self) -> None:
        try:
            while not self._ends:
                self.place.attributes()
                self.count += 1
                time.sleep(0.001)
        except BaseException as error:
            self.failure = error

    def __exit__(self, *_: object) -> None:
        self._ends = True
        self._thread.join()


@everywhere
def test_a_killed_writer_leaves_a_whole_document_and_blocks_nobody(place: Place) -> None:
    moments = random.Random(5)
    command = [sys.executable, writers.__file__, place.path, json.dumps(place.options)]
    longest = 0.4 if place.options else 0.04  # a writer to S3 makes its connections first
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    begun: set[int] = set()
    slowest = 0.0
    with (
        Reader(place) as reader,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as nursery,
    ):
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for turn in range(KILLS):
            nursery.stdin.write("go\n")
            nursery.stdin.flush()
            child = int(nursery.stdout.readline())
            time.sleep(moments.uniform(longest / 40, longest))
            os.kill(child, signal.SIGKILL)
            assert int(nursery.stdout.readline()) == signal.SIGKILL
            begun.add(place.attributes().get("begun", 0))
            if turn % 5 == 0:
                start = time.monotonic()
                add_metadata(place.path, {"after": turn}, config=place.config)
                slowest = max(slowest, time.monotonic() - start)
                assert place.attributes()["after"] == turn
        nursery.stdin.close()
    assert reader.failure is None
    assert reader.count > KILLS
    assert len(begun) > 2  # they were killed at work
    report(kills=KILLS, reads=reader.count, slowest=round(slowest, 3))
    assert slowest < 3  # and that of a writer killed here: nobody waits for a claim to grow old
    add_metadata(place.path, {"after": -1}, config=place.config)
    if not place.options:
        assert sorted(os.listdir(place.path)) == sorted(writers.ARRAYS[place.kind])


# --- the checker itself -------------------------------------------------------------------------------------------------


def _histories() -> Iterator[tuple[str, bool, list[Op]]]:
    def write(start: float, end: float, value: int) -> Op:
        return Op(start, end, "k", value)

    def read(start: float, end: float, value: int | None) -> Op:
        return Op(start, end, state={} if value is None else {"k": value})

    yield "one after the other", True, [write(0, 1, 1), read(2, 3, 1), write(4, 5, 2), read(6, 7, 2)]
    yield "a read beside a write may see either", True, [write(0, 5, 1), read(1, 2, None), read(3, 4, 1)]
    yield "old again after new was seen", False, [write(0, 5, 1), read(1, 2, 1), read(3, 4, None)]
    yield "a write that was lost", False, [write(0, 1, 1), read(2, 3, None)]
    yield "two writers, and the earlier one wins", False, [write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)]
    yield "two writers at once, either may win", True, [write(0, 3, 1), write(1, 2, 2), read(4, 5, 1)]
    yield "but not both", False, [write(0, 3, 1), write(1, 2, 2), read(4, 5, 1), read(6, 7, 2)]
    yield "unknown may have happened", True, [write(0, inf, 1), read(5, 6, 1)]
    yield "or not", True, [write(0, inf, 1), read(5, 6, None)]
    yield "or late", True, [write(0, inf, 1), read(1, 2, None), write(3, 4, 2), read(5, 6, 2), read(7, 8, 1)]
    yield "but not before it began", False, [read(0, 1, 1), write(2, inf, 1)]
    yield "a value from nowhere", False, [write(0, 1, 1), read(2, 3, 7)]
    both = [Op(0, 9, "a", 1), Op(0, 9, "b", 2)]
    yield "two keys in one order", True, [*both, Op(1, 2, state={"a": 1}), Op(3, 4, state={"a": 1, "b": 2})]
    yield "two keys in two orders", False, [*both, Op(1, 2, state={"a": 1}), Op(3, 4, state={"b": 2})]


HISTORIES = list(_histories())


@pytest.mark.parametrize(("possible", "history"), [row[1:] for row in HISTORIES], ids=[row[0] for row in HISTORIES])
def test_the_checker_of_histories(possible: bool, history: list[Op]) -> None:
    assert linearizable(history) is possible
    assert linearizable(history[::-1]) is possible
