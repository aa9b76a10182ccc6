"""The journal under faults: every call that changes a file fails, or is where the process is killed; random kills.

After each: every document is old or new, the same call again finishes the rest exactly once (the change counts up, so that
twice would show), a rollback brings all bytes back, and no file is left behind.

How long the random kills go on is set by `ZMETA_KILLS` (default 20) and `ZMETA_KILL_ARRAYS` (default 300), and where by
`ZMETA_KILL_FOLDER` (default: in memory where there is such a folder):

    ZMETA_KILLS=300 ZMETA_KILL_ARRAYS=3000 python -m pytest tests/test_journal_faults.py -k random -s
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from journal_tree import DOCUMENTS, Boundary, after, files, make_tree, plan

from zmeta.errors import StoreError
from zmeta.migration import run as run_module
from zmeta.migration.apply import apply, rollback
from zmeta.migration.run import Run
from zmeta.nodes.claims import FOLDER
from zmeta.stores import sync

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process to kill")
KILLS = int(os.environ.get("ZMETA_KILLS", "20"))
ARRAYS = int(os.environ.get("ZMETA_KILL_ARRAYS", "300"))
VERBS = {"apply": apply, "rollback": rollback}
#: How what is written reaches the disk, and how documents are locked.
WAYS = [(True, "system"), (False, "system"), (True, "claims")]
WAY_IDS = ["syncfs", "fsync", "claims"]


class Nursery:
    """Runs jobs in processes that may be killed."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("journal_tree.py")), "nursery"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, verb: str, run: Run, state: Path, **options: Any) -> int:
        assert self.process.stdin is not None
        job = {"verb": verb, "run_id": run.id, "state": str(state), "options": options}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return self._line()

    def end(self) -> int:
        """Return 0, or minus the signal."""
        return os.waitstatus_to_exitcode(self._line())

    def _line(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    with made.process:
        yield made
        assert made.process.stdin is not None
        made.process.stdin.close()


def reset(tree: Path, before: dict[str, bytes], state: Path, saved: Path) -> None:
    """Bring a small tree and the journal back to where they were."""
    for path in [path for path in tree.rglob("*") if path.is_file()]:
        path.unlink()
    for name, raw in before.items():
        Path(name).write_bytes(raw)
    shutil.rmtree(state)
    shutil.copytree(saved, state)


def is_between(now: dict[str, bytes], old: dict[str, bytes], new: dict[str, bytes]) -> bool:
    """Whether every document is old or new, and nothing else but temporary files is there."""
    there = {name: raw for name, raw in now.items() if os.path.basename(name) in DOCUMENTS}
    hidden = [name for name in now if name not in there]
    return all(name.endswith(".zmeta-tmp") or f"/{FOLDER}/" in name for name in hidden) and all(
        there.get(name) in (old.get(name), new.get(name)) for name in {*there, *old, *new}
    )


class Setting:
    """A small tree in several batches, and a run over it: planned (to be applied), or applied (to be taken back)."""

    def __init__(self, folder: Path, verb: str) -> None:
        self.tree, self.state, self.saved = folder / "t", folder / "s", folder / "saved"
        self.verb = verb
        make_tree(self.tree, 1)
        self.before = files(self.tree)
        self.run = Run.create(plan(self.tree), {"paths": [str(self.tree)]}, self.state)
        self.after = after(self.before, plan(self.tree))
        assert len(self.run.batches) == 2
        if verb == "rollback":
            assert apply(self.run).clean
            assert files(self.tree) == self.after
        self.start, self.goal = (self.before, self.after) if verb == "apply" else (self.after, self.before)
        shutil.copytree(self.state, self.saved)

    def reset(self) -> None:
        reset(self.tree, self.start, self.state, self.saved)

    def finish(self) -> None:
        """Go on after a fault, and back to the first state; both whole, with nothing left behind."""
        assert VERBS[self.verb](self.run).clean
        assert files(self.tree) == self.goal
        assert rollback(self.run).clean
        assert files(self.tree) == self.before
        assert not [name for name in os.listdir(self.run.folder) if name.endswith(".tmp")]


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder in memory where there is such a thing: a rename on a disk may wait for it, fsync or not."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=os.environ.get("ZMETA_KILL_FOLDER", memory)) as folder:
        yield Path(folder)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power, so nothing waits for the disk."""
    monkeypatch.setattr(run_module, "BATCH_DOCUMENTS", 4)
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    monkeypatch.setattr(sync, "sync_device", lambda _folder: None)


@pytest.mark.parametrize(("whole", "locks"), WAYS, ids=WAY_IDS)
@pytest.mark.parametrize("ended", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.usefixtures("quick")
def test_killed_at_every_call(
    place: Path, nursery: Nursery, monkeypatch: pytest.MonkeyPatch, verb: str, ended: bool, whole: bool, locks: str
) -> None:
    monkeypatch.setenv("ZMETA_LOCKS", locks)
    setting = Setting(place, verb)
    states = set()
    for at in range(1, 1000):
        nursery.start(verb, setting.run, setting.state, at=at, ended=ended, whole=whole, locks=locks)
        code = nursery.end()
        now = files(setting.tree)
        assert is_between(now, setting.before, setting.after), at
        states.add(str(sorted(now.items())))
        if code == 0:
            assert now == setting.goal
            break
        assert code == -signal.SIGKILL
        setting.finish()
        setting.reset()
    assert at > 20
    assert len(states) > 10  # killed in the middle of the documents, not of the journal alone


@pytest.mark.parametrize(("whole", "locks"), WAYS, ids=WAY_IDS)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.usefixtures("quick")
def test_an_error_at_every_call(place: Path, monkeypatch: pytest.MonkeyPatch, verb: str, whole: bool, locks: str) -> None:
    monkeypatch.setenv("ZMETA_LOCKS", locks)
    setting = Setting(place, verb)
    outcomes: Counter[str] = Counter()

    def fail(name: str, ended: bool) -> None:
        if not ended:
            raise StoreError("sync", found="Input/output error") if name == "sync" else OSError(5, "Input/output error")

    for at in range(1, 1000):
        boundary = Boundary(at, fail)
        with monkeypatch.context() as patch:
            boundary.install(patch.setattr, whole=whole)
            try:
                outcome = VERBS[verb](setting.run)
                outcomes["clean" if outcome.clean else "failed" if outcome.failed else "?"] += 1
            except StoreError:
                outcomes["raised"] += 1
        now = files(setting.tree)
        assert is_between(now, setting.before, setting.after), at
        if boundary.count < at:
            assert now == setting.goal
            break
        setting.finish()
        setting.reset()
    assert at > 20
    assert set(outcomes) == {"clean", "failed", "raised"}
    assert outcomes["failed"] > 8


@pytest.mark.usefixtures("quick")
def test_an_error_leaves_no_file_behind_at_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses one call, and not those that clean up, the tree holds documents only, units whole."""
    setting = Setting(place, "apply")

    def fail(name: str, ended: bool) -> None:
        if name != "unlink" and not ended:
            full = "No space left on device"
            raise StoreError("sync", found=full) if name == "sync" else OSError(28, full)

    for at in range(1, 1000):
        boundary = Boundary(at, fail)
        with monkeypatch.context() as patch:
            boundary.install(patch.setattr, whole=True)
            try:
                apply(setting.run)
                ended = True
            except StoreError:
                ended = False
        now = files(setting.tree)
        assert {os.path.basename(name) for name in now} <= set(DOCUMENTS), at
        for unit in [*setting.run.read(1), *setting.run.read(2)] if ended else []:
            values = [now.get(change.file) for change in unit.changes]
            assert values in ([c.old for c in unit.changes], [c.new for c in unit.changes]), at
        if boundary.count < at:
            break
        setting.reset()
    assert at > 20


def test_killed_at_random_moments(place: Path, nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills of applies and rollbacks in a loop, while another process parses every document all the time."""
    monkeypatch.setattr(run_module, "BATCH_DOCUMENTS", max(20, ARRAYS // 12))
    tree, state = place / "t", place / "s"
    make_tree(tree, ARRAYS // 3)
    first = files(tree)
    moments = random.Random(11)
    kills: Counter[str] = Counter()
    applied: list[Run] = []
    between = runs = 0
    needs = {"apply": 0.2, "rollback": 0.2}  # seconds, about

    def work(verb: str, run: Run, old: dict[str, bytes], new: dict[str, bytes]) -> None:
        """Kill, look, go on, until it comes to an end."""
        nonlocal between
        goal = new if verb == "apply" else old
        while True:
            child = nursery.start(verb, run, state, jobs=moments.choice([1, 2]))
            if kills[verb] < KILLS / 2:
                time.sleep(moments.uniform(0.002, needs[verb]))
                with suppress(ProcessLookupError):  # it has ended
                    os.kill(child, signal.SIGKILL)
            code = nursery.end()
            now = files(tree)
            assert is_between(now, old, new)
            if code == 0:
                needs[verb] *= 0.6
                assert now == goal
                return
            assert code == -signal.SIGKILL
            needs[verb] *= 1.05
            kills[verb] += 1
            between += now not in (old, new)
            if KILLS > 100:
                print(f"{verb} killed, {sum(kills.values())} in all, {between} at work", flush=True)

    watcher = [sys.executable, str(Path(__file__).with_name("journal_tree.py")), "reader", str(tree)]
    with subprocess.Popen(watcher, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        while sum(kills.values()) < KILLS or not applied:
            runs += 1
            old = files(tree)
            run = Run.create(plan(tree), {"paths": [str(tree)]}, state)
            new = after(old, plan(tree))
            work("apply", run, old, new)
            if runs % 3:
                work("rollback", run, old, new)
            else:
                applied.append(run)
        for run in reversed(applied):
            assert rollback(run).clean
        assert files(tree) == first
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.close()
        seen = json.loads(reader.stdout.read())
    assert seen["wrong"] == []
    assert seen["seen"] > ARRAYS
    assert between > KILLS // 10  # killed at work
    assert set(kills) == {"apply", "rollback"}
    print(f"\n{dict(kills)} kills, {between} between the first and the last document, {runs} runs over {ARRAYS} arrays")
    print(f"({len(first)} documents); {seen['seen']} documents parsed meanwhile, none torn or absent")
