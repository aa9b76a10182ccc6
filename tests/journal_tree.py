"""For the tests of the journal: a tree with every sort of unit, a change that is not idempotent, and processes to kill.

    python tests/journal_tree.py nursery|reader

The nursery forks a process for every line it is told, for starting Python hundreds of times would take most of the time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

DOCUMENTS = ("zarr.json", ".zarray", ".zattrs", ".zmetadata", "attributes.json")


def dump(count: int, **more: object) -> bytes:
    return json.dumps({"count": count, "filling": "x" * 500, **more, "whole": True}).encode()


def make_tree(root: Path, families: int) -> None:
    """Make so many Zarr v3 arrays, v2 arrays that will be converted, and images of two documents in two folders."""
    for number in range(families):
        for kind in ("v3", "v2", "image"):
            (root / f"{kind}-{number}" / "0").mkdir(parents=True)
        (root / f"v3-{number}" / "zarr.json").write_bytes(dump(0, number=number))
        (root / f"v2-{number}" / ".zarray").write_bytes(dump(0, shape=[number]))
        (root / f"v2-{number}" / ".zattrs").write_bytes(dump(0, old="µ"))
        (root / f"image-{number}" / ".zmetadata").write_bytes(dump(0))
        (root / f"image-{number}" / "0" / "attributes.json").write_bytes(dump(0))


def files(root: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            with open(f"{folder}/{name}", "rb") as handle:
                found[f"{folder}/{name}"] = handle.read()
    return dict(sorted(found.items()))


def plan(root: Path) -> Iterator[Any]:
    """Yield units that count one up; the documents of a v2 array become one of v3."""
    for folder in sorted(root.iterdir()):
        yield unit(str(folder), {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()})


def unit(folder: str, there: dict[str, bytes]) -> Any:
    """Return the unit that counts the documents of a folder one up."""
    from zmeta.migration.unit import Unit
    from zmeta.nodes.write import Change

    changes = [Change(name, raw, count_up(raw)) for name, raw in there.items()]
    if f"{folder}/.zattrs" in there:
        gone = [Change(name, raw, None) for name, raw in there.items()]
        changes = [Change(f"{folder}/zarr.json", None, count_up(there[f"{folder}/.zattrs"])), *gone]
    return Unit(folder, ("count-up",), "lossless", tuple(changes))


# --- on an object store -------------------------------------------------------------------------------------------------


def objects(store: Any, url: str) -> dict[str, bytes]:
    """Return every object of a bucket below `t/` with its bytes, by URL; `store` is one of obstore, past zmeta."""
    found = {}
    for key in sorted(entry["path"] for page in store.list("t/") for entry in page):
        with suppress(FileNotFoundError):  # removed since by a request of a killed process that was on its way
            found[f"{url}/{key}"] = bytes(store.get(key).bytes())
    return found


def plan_objects(there: dict[str, bytes]) -> list[Any]:
    """Return the units that count the documents of a bucket one up."""
    folders: dict[str, dict[str, bytes]] = {}
    for name, raw in there.items():
        head, _, below = name.partition("/t/")
        folders.setdefault(f"{head}/t/{below.partition('/')[0]}", {})[name] = raw
    return [unit(folder, documents) for folder, documents in folders.items()]


def hurry(setattr_: Callable[[Any, str, Any], None]) -> None:
    """Let a process that is gone be missed soon: what is tested is not how long somebody waits."""
    from zmeta.migration import apply, claim

    for name, seconds in {"BEAT": 0.2, "FRESH": 2.0, "LEASE": 1.5, "LOOK": 0.05}.items():
        setattr_(claim, name, seconds)
    setattr_(apply, "ON_THE_WAY", 0.7)


def count_up(raw: bytes) -> bytes:
    data = json.loads(raw)
    return json.dumps({**data, "count": data["count"] + 1}).encode()


def after(before: dict[str, bytes], units: Iterable[Any]) -> dict[str, bytes]:
    """Return the files of a tree as units leave it."""
    changed = {change.file: change.new for unit in units for change in unit.changes}
    return {name: raw for name, raw in {**before, **changed}.items() if raw is not None}


# --- faults -------------------------------------------------------------------------------------------------------------


class Boundary:
    """Stands before the calls that change files, counts them, and lets something happen at one of them."""

    def __init__(self, at: int, happen: Callable[[str, bool], None]) -> None:
        self.count = 0
        self._at = at
        self._happen = happen

    def wrap(self, name: str, real: Callable[..., Any], *, idle: bool = False) -> Callable[..., Any]:
        """Return a call that is counted; an idle one does nothing else, as a kill needs no real fsync."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count == self._at:
                if name == "write":  # half of it is written
                    real(args[0], args[1][: len(args[1]) // 2])
                self._happen(name, False)
            at = self.count
            try:
                return None if idle else real(*args, **kwargs)
            finally:
                if at == self._at:
                    self._happen(name, True)

        return call

    def install(self, setattr_: Callable[[Any, str, Any], None], *, whole: bool) -> None:
        from zmeta.stores import sync

        for name in ("write", "fsync", "replace", "unlink", "link", "mkdir", "rmdir"):
            setattr_(os, name, self.wrap(name, getattr(os, name), idle=name == "fsync"))
        setattr_(sync, "sync_device", self.wrap("sync", sync.sync_device, idle=True))
        setattr_(sync, "is_trusted", lambda _folder: whole)


def work(verb: str, run_id: str, state: str, options: dict[str, Any]) -> int:
    """Apply a run or take it back, as a process that may be killed at a call."""
    from zmeta.migration import claim
    from zmeta.migration.apply import apply, rollback
    from zmeta.migration.run import Run
    from zmeta.stores.remote import using

    def kill(_name: str, ended: bool) -> None:
        if ended == options["ended"]:
            os.kill(os.getpid(), signal.SIGKILL)

    os.environ["ZMETA_LOCKS"] = options.get("locks", "auto")
    if "at" in options:
        Boundary(options["at"], kill).install(setattr, whole=options["whole"])
    if "://" in state:
        hurry(setattr)
    if "machine" in options:
        setattr(claim, "machine", lambda: options["machine"])  # noqa: B010
    with using(options.get("store", {})):
        run = Run.open(run_id, state)
        outcome = (apply if verb == "apply" else rollback)(run, jobs=options.get("jobs", 1))
    return 0 if outcome.clean else 4


def nursery() -> None:
    for name in ("apply", "run"):
        import_module(f"zmeta.migration.{name}")  # once, not in every child

    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 5
            try:
                code = work(**job)
            except BaseException:  # the process ends below, without a word
                traceback.print_exc()
            finally:
                os._exit(code)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


def reader(root: Path) -> None:
    """Parse every document all the time, until the input ends; print how many, and each that was not whole."""
    names = [str(path) for path in sorted(root.rglob("*")) if path.name in DOCUMENTS]
    names += [name.replace(".zattrs", "zarr.json") for name in names if name.endswith(".zattrs")]
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    seen, wrong = 0, []
    while not ended.is_set():
        for name in names:
            try:
                raw = Path(name).read_bytes()
            except FileNotFoundError:
                if not name.endswith((".zarray", ".zattrs", "zarr.json")) or "/v3-" in name:
                    wrong.append(f"{name} is not there")
                continue
            seen += 1
            try:
                if json.loads(raw)["whole"] is not True:
                    wrong.append(f"{name}: {raw[:100]!r}")
            except (ValueError, KeyError):
                wrong.append(f"{name}: {raw[:100]!r}")
    print(json.dumps({"seen": seen, "wrong": wrong}))


if __name__ == "__main__":
    if sys.argv[1] == "nursery":
        nursery()
    else:
        reader(Path(sys.argv[2]))
