"""The journal on S3, of a tree on S3, under faults: processes are killed at random moments, requests fail, answers are lost.

After each: every document is old or new, the same call on this or another machine finishes the rest exactly once (the change
counts up, so that twice would show), a rollback brings all bytes back. How long it goes on is set as in
`test_journal_faults.py`:

    ZMETA_KILLS=60 ZMETA_KILL_ARRAYS=60 python -m pytest tests/test_journal_faults_remote.py -k random -s
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from journal_tree import after, files, hurry, make_tree, objects, plan_objects
from test_journal_faults import VERBS, Nursery, is_between, nursery  # noqa: F401 - a fixture

from zmeta.errors import ZmetaError
from zmeta.migration import apply as apply_module
from zmeta.migration import claim as claim_module
from zmeta.migration import run as run_module
from zmeta.migration.apply import apply, rollback
from zmeta.migration.run import Run
from zmeta.migration.status import discard_unfinished, status
from zmeta.stores import object_
from zmeta.stores.remote import using

if TYPE_CHECKING:
    from cloud import Cloud

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process to kill")
KILLS = int(os.environ.get("ZMETA_KILLS", "4"))
ARRAYS = int(os.environ.get("ZMETA_KILL_ARRAYS", "12"))
#: Every request may fail, with or without having been done, or break off.
FAULTS = {"error": 0.03, "reset": 0.03, "lost": 0.03, "late_error": 0.03, "busy": 0.02, "cut": 0.02}


class Setting:
    """A tree in a bucket, and what is there now; `state` is beside it."""

    def __init__(self, store: Any, url: str, folder: Path, arrays: int = ARRAYS) -> None:
        self.store, self.url, self.state = store, url, f"{url}/state"
        make_tree(folder / "t", arrays // 3)
        for name, raw in files(folder / "t").items():
            self.store.put(os.path.relpath(name, folder), raw)
        self.first = self.now()

    def now(self) -> dict[str, bytes]:
        return objects(self.store, self.url)

    def plan(self, old: dict[str, bytes]) -> tuple[Run, dict[str, bytes]]:
        """Write a run down; return it with what it makes of the documents."""
        return Run.create(plan_objects(old), {"paths": [self.url]}, self.state), after(old, plan_objects(old))


@pytest.fixture
def setting(s3: Cloud, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    hurry(monkeypatch.setattr)
    monkeypatch.setattr(run_module, "BATCH_DOCUMENTS", max(6, ARRAYS // 4))
    with using({**s3.options, "max_retries": "2"}):
        yield Setting(s3.store(bucket[5:]), bucket, tmp_path)


def test_killed_at_random_moments(s3: Cloud, setting: Setting, nursery: Nursery) -> None:  # noqa: F811
    """Applies and rollbacks; who goes on is on this machine or another one, and may do the opposite at once."""
    moments = random.Random(7)
    kills: Counter[str] = Counter()
    between = rounds = turned = moved = 0
    machine = 0

    def kill_after(child: int, writes: int, seconds: float) -> None:
        """Kill a process when so many writes were under way, or have ended."""
        with suppress(ProcessLookupError):  # it has ended
            while sum(line.startswith(("PUT", "DELETE")) for line in s3.log()) < writes:
                os.kill(child, 0)
                time.sleep(0.005)
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)

    def go(verb: str, run: Run, old: dict[str, bytes], new: dict[str, bytes]) -> int:
        """Run a process, perhaps kill it; return how it ended."""
        nonlocal between, moved, machine
        elsewhere = moments.random() < 0.4
        machine, moved = machine + elsewhere, moved + elsewhere
        more = {"store": s3.options, "jobs": moments.choice([1, 2]), "machine": f"machine {machine}"}
        s3.behave()
        child = nursery.start(verb, run, setting.state, **more)  # type: ignore[arg-type]
        if kills[verb] < KILLS / 2:
            kill_after(child, moments.randrange(1, len(setting.first) + 15), moments.uniform(0, 0.02))
        code = nursery.end()
        now = setting.now()
        assert {name: raw for name, raw in now.items() if raw not in (old.get(name), new.get(name))} == {}
        assert is_between(now, old, new)
        assert code in (0, -signal.SIGKILL)
        if code:
            kills[verb] += 1
            between += now not in (old, new)
            if KILLS > 20:
                print(f"{verb} killed, {sum(kills.values())} in all, {between} at work", flush=True)
        return code

    while sum(kills.values()) < KILLS or rounds < 2:
        rounds += 1
        run, new = setting.plan(setting.first)
        while (code := go("apply", run, setting.first, new)) and rounds > 1 and moments.random() < 0.7:
            pass
        turned += code != 0
        assert code or setting.now() == new
        while go("rollback", run, setting.first, new):
            pass
        assert setting.now() == setting.first
    assert not [key for key in keys(setting) if "probe" in key and not key.startswith("state/runs/")]
    assert between > KILLS // 10
    assert set(kills) == {"apply", "rollback"}
    print(
        f"\n{dict(kills)} kills, {between} between the first and the last document, {rounds} runs over {ARRAYS} arrays on S3"
    )
    print(f"({len(setting.first)} documents); {turned} taken back half applied, {moved} times by another machine")


def keys(setting: Setting) -> list[str]:
    return [entry["path"] for page in setting.store.list() for entry in page]


@pytest.mark.parametrize("seed", range(3))
def test_requests_fail(s3: Cloud, setting: Setting, seed: int) -> None:
    """The call is made until it ends well: each time every document is old or new, and none is counted up twice."""
    s3.behave()
    run, new = setting.plan(setting.first)
    outcomes: Counter[str] = Counter()
    for verb, goal in (("apply", new), ("rollback", setting.first)):
        for attempt in range(200):
            s3.behave(**FAULTS, seed=1000 * seed + attempt)
            try:
                outcome = VERBS[verb](Run.open(run.id, setting.state), jobs=2)
                outcomes["clean" if outcome.clean else "failed" if outcome.failed else "?"] += 1
            except ZmetaError:
                outcome = None
                outcomes["raised"] += 1
            s3.behave()
            assert is_between(setting.now(), setting.first, new)
            if outcome is not None and outcome.clean:
                break
        assert setting.now() == goal
    assert outcomes["clean"] == 2
    assert outcomes["?"] == 0


def test_requests_fail_while_it_is_planned(s3: Cloud, setting: Setting) -> None:
    """A run is there whole, or it cannot be applied; what is left of it goes away."""
    made = 0
    for seed in range(5):
        s3.behave(error=0.12, reset=0.1, lost=0.12, seed=seed)
        try:
            run, _ = setting.plan(setting.first)
            made += 1
        except ZmetaError:
            run = None
        s3.behave()
        if run is not None:
            assert Run.open(run.id, setting.state) == run
    discard_unfinished(setting.state)
    assert {one.state for one in status(setting.state)} <= {"planned"}
    assert len(list(status(setting.state))) >= made > 0
    for one in status(setting.state):
        run = Run.open(one.id, setting.state)
        for number in run.numbers:
            run.verify(number)


def test_killed_after_each_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The N-th write to the store, and all after it, never happen, or happen and are not answered: N from 1 to the end."""
    name = uuid4().hex
    setting = Setting(object_._memory(name), f"memory://{name}", tmp_path, 6)
    monkeypatch.setattr(run_module, "BATCH_DOCUMENTS", 4)
    monkeypatch.setattr(claim_module, "LEASE", 0.0)
    monkeypatch.setattr(claim_module.Claim, "_keep", lambda _claim: None)
    monkeypatch.setattr(apply_module, "ON_THE_WAY", 0.0)
    run, new = setting.plan(setting.first)
    real_put, real_delete = object_.ObjectStore._put, object_.ObjectStore.delete
    states = set()
    for late in (False, True):
        for at in range(1, 1000):
            calls = iter(range(1, 10_000))

            def guarded(call: Any, at: int = at, calls: Any = calls, late: bool = late) -> Any:
                def wrapped(*arguments: Any) -> Any:
                    count = next(calls)
                    if count > at or (count == at and not late):
                        raise KeyboardInterrupt
                    answer = call(*arguments)
                    if count == at:
                        raise KeyboardInterrupt
                    return answer

                return wrapped

            with monkeypatch.context() as patch:
                patch.setattr(object_.ObjectStore, "_put", guarded(real_put))
                patch.setattr(object_.ObjectStore, "delete", guarded(real_delete))
                try:
                    apply(run)
                    ended = True
                except KeyboardInterrupt:
                    ended = False
            now = setting.now()
            assert is_between(now, setting.first, new)
            states.add(str(sorted(now.items())))
            assert apply(run).clean
            assert setting.now() == new
            assert rollback(run).clean
            assert setting.now() == setting.first
            run, new = setting.plan(setting.first)
            if ended:
                break
        assert at > 20
    assert len(states) > 10
