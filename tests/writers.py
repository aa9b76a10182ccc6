"""Writers and readers for tests of many processes: functions that a new process can import and run."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zmeta import ConflictError, StoreError, add_metadata
from zmeta.config import Config
from zmeta.stores.registry import read
from zmeta.stores.remote import using

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ZARRAY: dict[str, Any] = {"zarr_format": 2, "shape": [4, 5, 6], "chunks": [4, 5, 6], "dtype": "|u1", "compressor": None,
                          "fill_value": 0, "order": "C", "filters": None}  # fmt: skip
ZARR3: dict[str, Any] = {
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


if "ZMETA_TEST_LOCKS" in os.environ:  # a file system whose locks fail, for every process of a test
    import fcntl

    def _no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    fcntl.flock = _no_locks
    warnings.filterwarnings("ignore", message="the file system has no locks")


def attributes(path: str, kind: str, options: dict[str, str]) -> dict[str, Any]:
    """Read the attributes of an array; raises `ValueError` for a document that is torn or empty."""
    with using(options):
        raw = read(f"{path}/{ATTRIBUTES[kind]}")
    data: dict[str, Any] = json.loads(raw or b"")
    found: dict[str, Any] = data["attributes"] if kind == "v3" else data
    if found["kept"] != 1.5:
        raise ValueError("a key was lost that nobody writes")
    return found


def run(target: Callable[..., object], arguments: Iterable[tuple[object, ...]]) -> list[Any]:
    """Run a function in a process for each tuple of arguments, all at once; return and raise what they do."""
    calls = list(arguments)
    context = multiprocessing.get_context("spawn")  # connections of obstore do not survive a fork
    with context.Pool(len(calls), initializer=_meet, initargs=(context.Barrier(len(calls)),)) as pool:
        return pool.starmap(target, calls, chunksize=1)


def _meet(barrier: Any) -> None:
    """Wait until all others have begun: they start one after the other, and few keys are written in a moment."""
    barrier.wait(60)


def add_keys(path: str, options: dict[str, str], writer: int, count: int, pause: float = 0.0) -> None:
    """Add keys of one's own; `pause` draws out the moment before a document is renamed, up to so many seconds."""
    config = Config(store_options=options)
    if pause:
        replace, chance = os.replace, random.Random(writer)

        def paused(*names: str) -> None:
            time.sleep(chance.uniform(0, pause))
            replace(*names)

        os.replace = paused  # type: ignore[assignment]
    for index in range(count):
        add_metadata(path, {f"key_{writer}_{index}": [writer, index]}, config=config)


def add_keys_with_zarr(path: str, options: dict[str, str], writer: int, count: int, reopen: bool) -> None:
    """The same with zarr-python's own `attrs`, by one handle or by a new one for each key."""
    array: Any = None
    for index in range(count):
        try:
            if array is None or reopen:
                array = _open(path, options)
            array.attrs[f"key_{writer}_{index}"] = [writer, index]
        except Exception:  # a reader finds half a document while another writer is at it
            array = None


def _open(path: str, options: dict[str, str]) -> Any:
    import zarr

    if "://" not in path:
        return zarr.open_array(path, mode="r+")
    from obstore.store import S3Store
    from zarr.storage import ObjectStore

    bucket, _, key = path.removeprefix("s3://").partition("/")
    keys: Any = dict(options)
    return zarr.open_array(
        ObjectStore(S3Store(bucket, config=keys, client_options={"allow_http": True})), path=key, mode="r+"
    )


def record_writes(path: str, options: dict[str, str], writer: int, count: int) -> list[tuple[float, float, str, int]]:
    """Set few keys again and again, and return start, end (infinite: not known), key and value of each."""
    config = Config(store_options=options)
    done = []
    chance = random.Random(writer)
    for index in range(count):
        key, value = f"key_{chance.randrange(3)}", writer * 10_000 + index
        start = time.monotonic()
        try:
            add_metadata(path, {key: value}, config=config)
            end = time.monotonic()
        except (StoreError, ConflictError):
            end = float("inf")
        done.append((start, end, key, value))
        time.sleep(chance.uniform(0, 0.02))
    return done


def record_reads(path: str, options: dict[str, str], kind: str, seconds: float) -> list[tuple[float, float, dict[str, int]]]:
    """Read in a tight loop, and return start, end and the keys that were seen."""
    done = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        start = time.monotonic()
        seen = attributes(path, kind, options)
        done.append((start, time.monotonic(), {key: seen[key] for key in seen if key.startswith("key_")}))
        time.sleep(0.002)
    return done


def write_for_ever(path: str, options: dict[str, str]) -> None:
    config = Config(store_options=options)
    for index in range(10**9):
        add_metadata(path, {"begun": os.getpid() * 10_000 + index, "large": "x" * 50_000}, config=config)


if __name__ == "__main__":  # a nursery: forks a writer for each line, for starting Python takes most of the time
    place, reach = sys.argv[1], json.loads(sys.argv[2])
    import_module("zmeta.stores.object_")._obstore(place)  # loaded and not used yet, so that a fork is allowed
    with tempfile.TemporaryDirectory() as folder:  # all else that a first write loads
        with open(f"{folder}/zarr.json", "w") as file:
            json.dump(ZARR3, file)
        add_metadata(folder, {"begun": 0}, config=Config())
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            write_for_ever(place, reach)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)
