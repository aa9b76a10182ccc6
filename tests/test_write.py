"""`nodes/write.py`: readers see old or new, refusals leave everything as it was, and no writer loses another's keys."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from zmeta.api import add_metadata
from zmeta.config import Config
from zmeta.errors import ConflictError, MetadataError, StoreError
from zmeta.jsondoc import parse_json
from zmeta.nodes import write as write_module
from zmeta.nodes.write import Change, update, write

if TYPE_CHECKING:
    from pathlib import Path

ZARRAY = {"zarr_format": 2, "shape": [4, 5, 6], "chunks": [4, 5, 6], "dtype": "|u1", "compressor": None, "fill_value": 0,
          "order": "C", "filters": None}  # fmt: skip
ZARR3 = {
    "zarr_format": 3, "node_type": "array", "shape": [4, 5, 6], "data_type": "uint8", "fill_value": 0,
    "codecs": [{"name": "bytes"}],
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 5, 6]}}, "attributes": {"kept": 1.50},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
}  # fmt: skip
N5 = {"dimensions": [6, 5, 4], "blockSize": [6, 5, 4], "dataType": "uint8", "compression": {"type": "raw"}, "kept": 1.50}
ARRAYS: dict[str, dict[str, Any]] = {
    "v2": {".zarray": ZARRAY, ".zattrs": {"kept": 1.50}},
    "v3": {"zarr.json": ZARR3},
    "n5": {"attributes.json": N5},
}
ATTRIBUTES = {"v2": ".zattrs", "v3": "zarr.json", "n5": "attributes.json"}


def _array(folder: Path, kind: str) -> Path:
    folder.mkdir(parents=True)
    for name, data in ARRAYS[kind].items():
        (folder / name).write_text(json.dumps(data, indent=4))
    return folder


def _attributes(folder: Path, kind: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / ATTRIBUTES[kind]).read_bytes())
    return dict(data["attributes"]) if kind == "v3" else data


def _files(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file with its bytes, its time, and its inode."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in found}


# --- one writer ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ARRAYS)
def test_a_write_adds_and_leaves_no_file_behind(tmp_path: Path, kind: str) -> None:
    folder = _array(tmp_path / "a", kind)
    names = sorted(os.listdir(folder))
    add_metadata(folder, {"stain": "OTO"}, config=Config())
    assert _attributes(folder, kind).items() >= {"kept": 1.5, "stain": "OTO"}.items()
    assert sorted(os.listdir(folder)) == names


def test_a_first_attribute_makes_the_document(tmp_path: Path) -> None:
    folder = _array(tmp_path / "a", "v2")
    (folder / ".zattrs").unlink()
    add_metadata(folder, {"stain": "OTO"}, config=Config())
    assert json.loads((folder / ".zattrs").read_text()) == {"stain": "OTO"}


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize(
    "payload",
    [{"voxel_size": [1, 2]}, {"voxelsize": [1, 2, 3]}, {"a": float("nan")}, {"units": ["nm"] * 3}, {"a": {1: 2}}],
    ids=str,
)
def test_a_refusal_leaves_bytes_and_time_untouched(tmp_path: Path, kind: str, payload: dict[str, Any]) -> None:
    folder = _array(tmp_path / "a", kind)
    before = _files(tmp_path)
    with pytest.raises(MetadataError, match="refused, nothing was written") as caught:
        add_metadata(folder, {"fine": 1, **payload}, config=Config())
    assert caught.value.findings
    assert _files(tmp_path) == before


@pytest.mark.parametrize("kind", ARRAYS)
def test_writing_what_is_there_touches_nothing(tmp_path: Path, kind: str) -> None:
    folder = _array(tmp_path / "a", kind)
    before = _files(tmp_path)
    add_metadata(folder, {"kept": 1.5}, config=Config())
    assert _files(tmp_path) == before


def test_the_mode_of_a_file_is_kept(tmp_path: Path) -> None:
    folder = _array(tmp_path / "a", "v3")
    for mode in (0o640, 0o664, 0o600):
        (folder / "zarr.json").chmod(mode)
        add_metadata(folder, {"mode": mode}, config=Config())
        assert (folder / "zarr.json").stat().st_mode & 0o7777 == mode


def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write([Change(str(tmp_path / ".zattrs"), None, b"{}")])
    finally:
        os.umask(before)
    assert (tmp_path / ".zattrs").stat().st_mode & 0o777 == 0o640


def test_a_symlinked_document_stays_a_symlink(tmp_path: Path) -> None:
    folder = _array(tmp_path / "a", "v2")
    shared = tmp_path / "shared"
    shared.mkdir()
    (folder / ".zattrs").rename(shared / "attributes")
    (folder / ".zattrs").symlink_to(shared / "attributes")
    add_metadata(folder, {"stain": "OTO"}, config=Config())
    assert (folder / ".zattrs").is_symlink()
    assert json.loads((shared / "attributes").read_text()) == {"kept": 1.5, "stain": "OTO"}
    assert os.listdir(shared) == ["attributes"]


def test_what_a_killed_writer_left_is_overwritten(tmp_path: Path) -> None:
    folder = _array(tmp_path / "a", "v3")
    left = write_module.temporary_name(str(folder / "zarr.json"))
    with open(left, "w") as handle:
        handle.write("half of a docu")
    add_metadata(folder, {"stain": "OTO"}, config=Config())
    assert _attributes(folder, "v3")["stain"] == "OTO"
    assert os.listdir(folder) == ["zarr.json"]


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    folder = _array(tmp_path / "a", "v3")
    (tmp_path / "victim").write_text("mine")
    os.symlink(tmp_path / "victim", write_module.temporary_name(str(folder / "zarr.json")))
    add_metadata(folder, {"stain": "OTO"}, config=Config())
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (folder / "zarr.json").is_symlink()


def test_a_document_that_is_not_what_was_read_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "d"
    file.write_bytes(b"other")
    assert not write([Change(str(file), b"old", b"new")])
    assert not write([Change(str(file), None, b"new")])
    assert not write([Change(str(tmp_path / "absent"), b"old", b"new")])
    assert file.read_bytes() == b"other"
    assert os.listdir(tmp_path) == ["d"]


def test_one_changed_document_stops_all(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"old")
    changes = [Change(str(tmp_path / "a"), b"old", b"new"), Change(str(tmp_path / "b"), b"stale", b"new")]
    assert not write(changes)
    assert (tmp_path / "a").read_bytes() == b"old"


def test_an_update_is_computed_anew_from_what_the_other_wrote(tmp_path: Path) -> None:
    file = tmp_path / "d"
    file.write_bytes(b"0")
    seen: list[bytes] = []

    def compute() -> tuple[list[Change], int]:
        old = file.read_bytes()
        seen.append(old)
        if len(seen) < 3:
            file.write_bytes(old + b"x")  # somebody else
        return [Change(str(file), old, old + b"!")], len(seen)

    assert update(compute) == 3
    assert file.read_bytes() == b"0xx!"


def test_endless_conflict_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_module, "ATTEMPTS", 3)
    file = tmp_path / "d"
    file.write_bytes(b"0")
    with pytest.raises(ConflictError, match="changed by others at every attempt") as caught:
        update(lambda: ([Change(str(file), b"never", b"new")], None))
    assert caught.value.where == str(file)
    assert (caught.value.mine, caught.value.theirs) == (b"new", b"0")
    assert file.read_bytes() == b"0"


def test_a_lock_that_is_held_is_an_error_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(write_module, "LOCK_SECONDS", 0.05)
    (tmp_path / "d").write_bytes(b"0")
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="another writer held the folder"):
            write([Change(str(tmp_path / "d"), b"0", b"1")])
    finally:
        os.close(handle)
    assert write([Change(str(tmp_path / "d"), b"0", b"1")])


# --- failure in between -------------------------------------------------------------------------------------------------


def _fail_at(monkeypatch: pytest.MonkeyPatch, name: str, call: int, error: BaseException) -> None:
    """Let the n-th call of a function of `os` fail, and no other."""
    real = getattr(os, name)
    calls = iter(range(1, 1000))

    def replacement(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == call:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(os, name, replacement)


FAILURES = [
    (name, call)
    for name, calls in (("replace", 2), ("fsync", 2), ("write", 2), ("fchmod", 2))
    for call in range(1, calls + 1)
]


@pytest.mark.parametrize("first", [b"old", None], ids=["replaced", "new"])
@pytest.mark.parametrize(("name", "call"), FAILURES)
def test_two_documents_are_written_both_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: int, first: bytes | None
) -> None:
    (tmp_path / "g").mkdir()
    one, other = tmp_path / "a", tmp_path / "g" / "b"
    if first is not None:
        one.write_bytes(first)
    other.write_bytes(b"old")
    changes = [Change(str(one), first, b"new"), Change(str(other), b"old", b"new")]
    with monkeypatch.context() as patch:
        _fail_at(patch, name, call, OSError(28, "No space left on device"))
        if name == "fchmod" and call == 2 and first is None:
            assert write(changes)  # a new file has no mode to keep, so there is no second call
            return
        with pytest.raises(StoreError, match=r"^cannot (write|replace) the file") as caught:
            write(changes)
    assert "No space left" in caught.value.found
    assert (one.read_bytes() if one.exists() else None, other.read_bytes()) == (first, b"old")
    assert sorted(path.name for path in tmp_path.rglob("*")) == (["a", "b", "g"] if first is not None else ["b", "g"])
    assert write(changes)
    assert (one.read_bytes(), other.read_bytes()) == (b"new", b"new")


@pytest.mark.parametrize("call", [1, 2])
def test_an_interrupt_is_a_failure_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"old")
    changes = [Change(str(tmp_path / name), b"old", b"new") for name in "ab"]
    _fail_at(monkeypatch, "replace", call, KeyboardInterrupt("now"))
    with pytest.raises(KeyboardInterrupt, match="now"):
        write(changes)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old", "b": b"old"}


def test_a_restore_that_fails_too_does_not_hide_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"old")
    real, calls = os.replace, iter(range(1, 100))

    def replacement(*args: Any) -> None:
        if next(calls) >= 2:
            monkeypatch.setattr(os, "fsync", _no_space)
            raise OSError(5, "Input/output error")
        real(*args)

    monkeypatch.setattr(os, "replace", replacement)
    with pytest.raises(StoreError, match="cannot replace the file") as caught:
        write([Change(str(tmp_path / name), b"old", b"new") for name in "ab"])
    assert (caught.value.where, caught.value.found) == (str(tmp_path / "b"), "Input/output error")


def _no_space(_handle: int) -> None:
    raise OSError(28, "No space left on device")


def test_an_image_and_its_consolidated_copy_are_written_both_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _array(tmp_path / "c" / "a", "v2")
    copy = {
        "zarr_consolidated_format": 1,
        "metadata": {".zgroup": {"zarr_format": 2}, "a/.zarray": ZARRAY, "a/.zattrs": {"kept": 1.5}},
    }
    (tmp_path / "c" / ".zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "c" / ".zmetadata").write_text(json.dumps(copy))
    before = _files(tmp_path)
    with monkeypatch.context() as patch:
        _fail_at(patch, "replace", 2, OSError(28, "No space left on device"))
        with pytest.raises(StoreError, match="cannot replace the file"):
            add_metadata(folder, {"stain": "OTO"}, config=Config())
    assert {name: raw for name, (raw, _, _) in _files(tmp_path).items()} == {
        name: raw for name, (raw, _, _) in before.items()
    }
    add_metadata(folder, {"stain": "OTO"}, config=Config())
    assert json.loads((tmp_path / "c" / ".zmetadata").read_text())["metadata"]["a/.zattrs"] == {"kept": 1.5, "stain": "OTO"}


# --- many writers -------------------------------------------------------------------------------------------------------


def _add_many(folder: str, writer: int, count: int) -> None:
    for index in range(count):
        add_metadata(folder, {f"key_{writer}_{index}": [writer, index]}, config=Config())


@pytest.mark.parametrize("kind", ARRAYS)
def test_writers_at_the_same_time_lose_no_key_and_readers_see_whole_documents(tmp_path: Path, kind: str) -> None:
    folder = _array(tmp_path / "a", kind)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_many, args=(str(folder), writer, 25)) for writer in range(4)]
    for process in writers:
        process.start()
    file, seen = folder / ATTRIBUTES[kind], 0
    while any(process.is_alive() for process in writers):
        keys = parse_json(file.read_bytes(), str(file))[0]
        count = len(keys if kind != "v3" else keys["attributes"])  # type: ignore[arg-type]
        assert count >= seen
        seen = count
    for process in writers:
        process.join()
    assert [process.exitcode for process in writers] == [0] * 4
    keys = {f"key_{writer}_{index}": [writer, index] for writer in range(4) for index in range(25)}
    assert _attributes(folder, kind).items() >= keys.items()
    assert sorted(os.listdir(folder)) == sorted(ARRAYS[kind])


def test_threads_lose_no_key(tmp_path: Path) -> None:
    folder = _array(tmp_path / "a", "v3")
    threads = [threading.Thread(target=_add_many, args=(str(folder), writer, 5)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_attributes(folder, "v3")) == 21


#: Forks a writer that never ends for every line it is told, for starting python 30 times would take most of the time.
_NURSERY = """
import os, sys
from zmeta.api import add_metadata
from zmeta.config import Config
add_metadata(sys.argv[1], {"begun": 0}, config=Config())
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        for index in range(1_000_000):
            add_metadata(sys.argv[1], {"begun": index, "large": "x" * 50_000}, config=Config())
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_document(tmp_path: Path) -> None:
    folder = _array(tmp_path / "a", "v3")
    moments = random.Random(7)
    command = [sys.executable, "-c", _NURSERY, str(folder)]
    begun: set[object] = set()
    left = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for _ in range(30):
            nursery.stdin.write("go\n")
            nursery.stdin.flush()
            child = int(nursery.stdout.readline())
            time.sleep(moments.uniform(0.001, 0.03))
            os.kill(child, signal.SIGKILL)
            assert int(nursery.stdout.readline()) == signal.SIGKILL
            data: Any = parse_json((folder / "zarr.json").read_bytes(), "zarr.json")[0]
            assert data["shape"] == [4, 5, 6]
            assert data["attributes"]["kept"] == 1.5
            begun.add(data["attributes"]["begun"])
            left += len(os.listdir(folder)) - 1
        nursery.stdin.close()
    assert len(begun) > 1  # they were killed at work
    started = time.monotonic()
    add_metadata(folder, {"after": True}, config=Config())
    assert time.monotonic() - started < 5
    assert _attributes(folder, "v3")["after"] is True
    assert os.listdir(folder) == ["zarr.json"]
    assert left > 0  # and some of them between the temporary file and the rename
