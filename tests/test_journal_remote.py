"""The journal on an object store: the same files, one process at a time, and any machine that knows the URL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from journal_tree import after, dump, files, hurry, make_tree, objects, plan, plan_objects
from test_migrate_remote import Bucket, tree
from test_remote import on_disk

from zmeta import Config, MigrationError, StoreError, rollback
from zmeta.cli.main import main
from zmeta.migration import apply as journal
from zmeta.migration import bucket as bucket_module
from zmeta.migration import claim as claim_module
from zmeta.migration import folder as folder_module
from zmeta.migration import run as run_module
from zmeta.migration.claim import InUseError
from zmeta.migration.face import find_run, history, migrate, status
from zmeta.migration.home import Home, home_of, list_homes, new_home
from zmeta.migration.run import Run
from zmeta.migration.status import discard_unfinished
from zmeta.stores import object_, remote
from zmeta.stores.machine import machine
from zmeta.stores.remote import using
from zmeta.stores.settle import ask

if TYPE_CHECKING:
    from cloud import Cloud


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "BATCH_DOCUMENTS", 5)
    hurry(monkeypatch.setattr)


@pytest.fixture(params=["folder", "memory", "s3"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A state directory: in a folder, in memory, on S3."""
    if request.param == "folder":
        yield str(tmp_path / "state")
    elif request.param == "memory":
        yield f"memory://{uuid4().hex}/state"
    else:
        s3 = request.getfixturevalue("s3")
        with using(s3.options):
            yield request.getfixturevalue("bucket") + "/state"


@pytest.fixture
def memory() -> str:
    return f"memory://{uuid4().hex}/state"


def another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, processes are on another machine than those before."""
    name = uuid4().hex
    monkeypatch.setattr(claim_module, "machine", lambda: name)


def stop_at_once(claim: claim_module.Claim) -> None:
    """End a claim as a process does that is killed; a renewal on its way is waited for, as others would take it for life."""
    with claim._turn:
        claim._over.set()


def killed(monkeypatch: pytest.MonkeyPatch, home: Home, **how: Any) -> None:
    """Leave a claim as a process does that was killed while it had it."""
    with monkeypatch.context() as patch:
        patch.setattr(claim_module.Claim, "release", stop_at_once)
        for name, value in how.items():
            patch.setattr(os, name, lambda value=value: value)
        with home.lock(new=not home.exists()):
            pass


def gone() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        return child.pid


# --- what a home promises -----------------------------------------------------------------------------------------------


def test_files_of_a_home(state: str) -> None:
    with ExitStack() as stack:
        home = new_home(stack, state)
        assert home.exists()
        assert home.read("plan.json", 100) is None
        assert not home.has("plan.json")
        home.publish("plan.json", b"one ", b"two")
        assert home.has("plan.json")
        assert home.read("plan.json", 1 << 20) == (7, b"one two")
        assert home.read("plan.json", 3) == (7, b"one")
        home.publish("empty")
        assert home.read("empty", 10) == (0, b"")
        home.remove("plan.json")
        assert not home.has("plan.json")
    assert home_of(home.name, state) == home
    assert home.where == os.path.join(state, "runs", home.name)
    assert home.file("a") == os.path.join(home.where, "a")
    assert list_homes(state) == [home]
    home.discard()
    assert not home.exists()
    assert list_homes(state) == []


def test_a_run_has_one_process_at_a_time(state: str) -> None:
    with ExitStack() as stack:
        home = new_home(stack, state)
        assert home.holder()
        for wait in (True, False):
            with pytest.raises(InUseError, match="another process works on this run"), home.lock(wait=wait):
                pass
        with pytest.raises(InUseError, match="there is such a run already"), home.lock(new=True):
            pass
    assert not home.holder()
    with home.lock():
        assert home.holder()


def test_runs_are_told_in_their_order(state: str) -> None:
    assert list_homes(state) == []
    made = []
    for _ in range(5):
        with ExitStack() as stack:
            made.append(new_home(stack, state))
    assert list_homes(state) == made
    with pytest.raises(MigrationError, match="there is no such run"):
        home_of("20260101-000000-aaaaaa", state)
    with pytest.raises(MigrationError, match="there is no such run"):
        home_of("../x", state)


def test_a_whole_migration(state: str, tmp_path: Path) -> None:
    make_tree(tmp_path / "t", 3)
    before, new = files(tmp_path / "t"), after(files(tmp_path / "t"), plan(tmp_path / "t"))
    run = Run.create(plan(tmp_path / "t"), {"paths": [str(tmp_path / "t")]}, state)
    assert len(run.batches) > 3
    assert Run.open(run.id, state) == run
    (one,) = status(state)
    assert (one.state, one.documents) == ("planned", 18)
    answers = iter([False, False, True])
    assert journal.apply(run, stop=lambda: next(answers)).interrupted
    assert status(state)[0].state == "interrupted"
    assert journal.apply(Run.open(run.id, state), jobs=2).clean
    assert files(tmp_path / "t") == new
    assert status(state)[0].state == "applied"
    assert {entry.state for entry in history(tmp_path / "t", state)} == {"written"}
    assert len(history(tmp_path / "t" / "v2-1", state)) == 3
    assert journal.rollback(find_run("", state), jobs=2).clean
    assert files(tmp_path / "t") == before
    assert status(state)[0].state == "undone"
    with pytest.raises(MigrationError, match="the run was rolled back"):
        journal.apply(run)


def test_a_damaged_file_changes_nothing(state: str, tmp_path: Path) -> None:
    make_tree(tmp_path / "t", 3)
    before = files(tmp_path / "t")
    run = Run.create(plan(tmp_path / "t"), {}, state)
    _, raw = run.home.read("000002.batch", 1 << 20) or (0, b"")
    run.home.remove("000002.batch")
    run.home.publish("000002.batch", raw[:-5], b"12345")
    with pytest.raises(MigrationError, match="the journal of the run is damaged") as caught:
        journal.apply(run)
    assert caught.value.where == run.file(2, "batch")
    assert files(tmp_path / "t") == before
    run.home.remove("000002.batch")
    with pytest.raises(MigrationError, match="the journal of the run is damaged"):
        journal.apply(run)
    assert files(tmp_path / "t") == before


def test_what_the_system_refused_is_tried_again(state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first mark says what was not written, and gives way to the second one."""
    make_tree(tmp_path / "t", 1)
    new = after(files(tmp_path / "t"), plan(tmp_path / "t"))
    run = Run.create(plan(tmp_path / "t"), {}, state)
    name, access = f"{tmp_path}/t/v3-0/zarr.json", os.access
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: path != name and access(path, mode))
        assert journal.apply(run).failed == 1
    assert journal.apply(run).clean
    assert files(tmp_path / "t") == new


# --- killed while it was planned ----------------------------------------------------------------------------------------


def test_what_was_killed_while_planned_is_removed(state: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        busy = new_home(stack, state)
        with ExitStack() as inner:
            left = new_home(inner, state)
            left.publish("000001.batch", b"half")
        make_tree(tmp_path / "t", 1)
        run = Run.create(plan(tmp_path / "t"), {}, state)
        assert {one.id: one.state for one in status(state)} == {
            busy.name: "running", left.name: "unfinished", run.id: "planned",
        }  # fmt: skip
        assert discard_unfinished(state) == [left.name]
        assert not left.exists()
        assert discard_unfinished(state) == []
        assert {home.name for home in list_homes(state)} == {busy.name, run.id}


def test_the_next_apply_removes_and_tells(state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], s3: Cloud) -> None:
    with ExitStack() as stack:
        left = new_home(stack, state)
    on_disk(tmp_path / "t", tree())
    where = ["--journal", state, *s3.words]
    assert main(["status", *where]) == 0
    assert "changed nothing; the next `zmeta migrate --apply` removes it" in capsys.readouterr().out
    assert left.exists()
    assert main(["migrate", str(tmp_path / "t"), "--apply", *where]) == 0
    said = f"run {left.name} was killed while it was planned, and had changed nothing: it was removed\n"
    assert said in capsys.readouterr().out
    assert not left.exists()
    with ExitStack() as stack:
        left = new_home(stack, state)
    assert main(["migrate", str(tmp_path / "t"), "--out", str(tmp_path / "p.json"), *where]) == 0
    assert left.exists()  # a plan alone removes nothing
    assert main(["migrate", "--apply", str(tmp_path / "p.json"), *where]) == 0
    assert not left.exists()
    with ExitStack() as stack:
        left = new_home(stack, state)
    migrate(tmp_path / "t", config=Config(store_options=remote.current_options())).apply(state_dir=state)
    assert not left.exists()


def test_a_new_run_is_not_taken_for_one_that_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of its folder and its lock somebody removes it: another folder is made."""
    real = os.open
    seen: list[str] = []

    def open_(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        if str(path).endswith("lock") and not seen:
            seen.append(str(path))
            assert len(discard_unfinished(tmp_path)) == 1
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", open_)
    with ExitStack() as stack:
        home = new_home(stack, tmp_path)
        assert seen
        assert home.exists()
        assert home.where not in seen[0]
        assert discard_unfinished(tmp_path) == []


def test_a_lock_on_a_folder_that_was_removed_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody removes it between the opening of its lock and the lock."""
    real = folder_module._try_lock
    removed: list[str] = []

    def lock(handle: int, file: str) -> bool:
        if not removed:
            removed.append(file)
            assert len(discard_unfinished(tmp_path)) == 1
        return real(handle, file)

    monkeypatch.setattr(folder_module, "_try_lock", lock)
    with ExitStack() as stack:
        home = new_home(stack, tmp_path)
        assert home.exists()
        assert home.file("lock") != removed[0]


def test_a_plan_that_fails_leaves_nothing(state: str, tmp_path: Path) -> None:
    make_tree(tmp_path / "t", 3)

    def units() -> Iterator[Any]:
        yield from plan(tmp_path / "t")
        raise RuntimeError("the planner failed")

    with pytest.raises(RuntimeError, match="the planner failed"):
        Run.create(units(), {}, state)
    assert list_homes(state) == []


# --- the claim ----------------------------------------------------------------------------------------------------------


def new_run(memory: str, tmp_path: Path) -> Run:
    make_tree(tmp_path / "t", 3)
    return Run.create(plan(tmp_path / "t"), {}, memory)


def test_a_process_of_this_machine_that_is_gone_is_not_waited_for(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not machine():
        pytest.skip("this system does not tell which processes see each other")
    monkeypatch.setattr(claim_module, "LEASE", 1e9)
    run = new_run(memory, tmp_path)
    killed(monkeypatch, run.home, getpid=gone())
    assert (run.home.holder(), run.home.waits_for()) == ("", "")
    assert journal.apply(run).clean


def test_a_process_of_another_machine_is_watched_until_it_is_missed(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = new_run(memory, tmp_path)
    killed(monkeypatch, run.home, getpid=gone())
    another_machine(monkeypatch)
    assert "process" in run.home.waits_for()
    with pytest.raises(InUseError, match="another process works on this run"), run.home.lock(wait=False):
        pass
    start = time.monotonic()
    assert main(["migrate", "--resume", run.id, "--journal", memory]) == 0
    assert time.monotonic() - start > claim_module.LEASE
    assert "waiting to see whether process" in capsys.readouterr().err


def test_a_process_that_lives_is_left_alone_wherever_it_is(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(memory, tmp_path)
    before = files(tmp_path / "t")
    with run.lock():
        for elsewhere in (False, True):
            if elsewhere:
                another_machine(monkeypatch)
            for verb in (journal.apply, journal.rollback):
                with pytest.raises(InUseError, match="another process works on this run") as caught:
                    verb(run)
                assert str(os.getpid()) in caught.value.found
    assert files(tmp_path / "t") == before
    assert not run.taken_back


@pytest.mark.parametrize("documents", ["on a disk", "on a store"])
def test_who_was_taken_over_writes_nothing_more(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, documents: str
) -> None:
    """A process is stopped in the middle, missed, and its run taken back; then it wakes up."""
    name = memory.partition("://")[2].partition("/")[0]
    store = object_._memory(name)

    def now() -> dict[str, bytes]:
        return objects(store, f"memory://{name}") if documents == "on a store" else files(tmp_path / "t")

    make_tree(tmp_path / "t", 3)
    for file, raw in files(tmp_path / "t").items():
        store.put(os.path.relpath(file, tmp_path), raw)
    before = now()
    run = Run.create(plan_objects(before), {}, memory)
    real = run_module.Run.publish
    calls: list[str] = []

    def stop_and_wake(self: Run, name: str) -> None:
        real(self, name)
        if name.endswith("begun") and not calls:
            calls.append(name)
            monkeypatch.setattr(claim_module, "BEAT", 1e9)  # those of the other process
            other = threading.Thread(target=take_back)
            other.start()
            other.join()

    def take_back() -> None:
        journal.rollback(Run.open(run.id, memory))

    def stand_still(self: claim_module.Claim) -> None:
        self._over.wait()

    monkeypatch.setattr(run_module.Run, "publish", stop_and_wake)
    with monkeypatch.context() as patch:
        patch.setattr(claim_module.Claim, "_keep", stand_still)
        patch.setattr(claim_module, "FRESH", 0.1)
        with pytest.raises(InUseError, match="another process has taken the run over"):
            journal.apply(run)
    assert calls == ["000001.begun"]
    assert now() == before
    assert run.taken_back
    assert run.mark(1, "done") is None


NO_CLAIMS = [b"", b"[]", b"\xff", b'{"token": 3}', b'{"process": "x", "time": "never"}', b"[" * 100_000]


@pytest.mark.parametrize("claim", NO_CLAIMS, ids=map(str, range(len(NO_CLAIMS))))
def test_a_claim_that_is_not_understood_is_watched_too(memory: str, tmp_path: Path, claim: bytes) -> None:
    run = new_run(memory, tmp_path)
    run.home.publish("lock", claim)
    with pytest.raises(InUseError, match="another process works on this run"), run.home.lock(wait=False):
        pass
    assert journal.apply(run).clean


def test_a_claim_of_yesterday_is_not_watched(memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_module, "LEASE", 1e9)
    run = new_run(memory, tmp_path)
    run.home.publish("lock", json.dumps({"process": 1, "host": "far", "time": "2026-01-01T00:00:00Z"}).encode())
    with run.home.lock(wait=False):
        pass


def test_one_of_many_takes_a_claim_that_is_old(memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(memory, tmp_path)
    killed(monkeypatch, run.home)
    another_machine(monkeypatch)
    inside, worst, refused = [], [], []

    def work() -> None:
        try:
            with run.home.lock():
                inside.append(1)
                worst.append(len(inside))
                time.sleep(0.6)
                inside.pop()
        except InUseError:
            refused.append(1)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (worst, len(refused)) == ([1], 5)


def test_a_renewal_whose_answer_is_lost_is_ours(s3: Cloud, bucket: str) -> None:
    with using(s3.options), ExitStack() as stack:
        home = new_home(stack, f"{bucket}/state")
        s3.behave(lost=0.5, late_error=0.3, only="PUT", seed=3)
        for _ in range(8):
            time.sleep(claim_module.BEAT)
            ask()
        s3.behave()
        home.publish("000001.batch", b"x")
        assert home.has("000001.batch")


def test_a_claim_that_is_renewed_is_removed_with_its_run(s3: Cloud, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_module, "BEAT", 0.01)
    with using(s3.options):
        for _ in range(10):
            with ExitStack() as stack:
                home = new_home(stack, f"{bucket}/state")
                home.publish("000001.batch", b"x")
                home.discard()
            assert list_homes(f"{bucket}/state") == []
    assert not [entry for page in s3.store(bucket[5:]).list() for entry in page]


@pytest.mark.parametrize("journal_is_far", [True, False])
def test_a_request_that_was_on_its_way_is_waited_for(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal_is_far: bool
) -> None:
    """A process that applied a run was killed, and what it had sent arrives when the run is being taken back."""
    state = memory if journal_is_far else str(tmp_path / "state")
    name = memory.partition("://")[2].partition("/")[0]
    store, url = object_._memory(name), f"memory://{name}"
    store.put("t/v3-0/zarr.json", dump(0))
    first = objects(store, url)
    run = Run.create(plan_objects(first), {}, state)
    run.publish("000001.begun")
    waited: list[float] = []

    def arrive(seconds: float) -> None:
        waited.append(seconds)
        (change,) = run.read(1)[0].changes
        store.put("t/v3-0/zarr.json", change.new)

    monkeypatch.setattr(journal.time, "sleep", arrive)  # type: ignore[attr-defined]
    assert journal.rollback(run).clean
    assert objects(store, url) == first
    assert waited == [journal.ON_THE_WAY]


def test_a_mark_that_arrives_late_gives_way(memory: str) -> None:
    """A process was killed after it had sent a mark, and the next one did not find it."""
    with ExitStack() as stack:
        home = new_home(stack, memory)
        home.publish("000001.done", b"theirs")
        home.publish("000001.done", b"ours")
        assert home.read("000001.done", 10) == (4, b"ours")


# --- stores -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["unconditional", "unimplemented"])
def test_a_store_without_conditions_is_refused(
    s3: Cloud, bucket: str, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote._open.cache_clear()
    make_tree(tmp_path / "t", 1)
    before = files(tmp_path / "t")
    s3.behave(**{how: True})
    with using(s3.options), pytest.raises(StoreError, match="the store has no conditional writes"):
        Run.create(plan(tmp_path / "t"), {}, f"{bucket}/state")
    s3.behave()
    remote._open.cache_clear()
    assert files(tmp_path / "t") == before
    assert not [entry for page in s3.store(bucket[5:]).list() for entry in page]


def test_a_bucket_that_is_not_there(s3: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["status"], ["history", "/x"], ["rollback"], ["migrate", str(tmp_path), "--apply"]):
        assert main([*command, "--journal", "s3://nobodys-bucket/state", *s3.words]) == 2
        assert "there is no such bucket" in capsys.readouterr().err
    assert main(["migrate", str(on_disk(tmp_path / "t", tree())), "--apply", "--journal", "https://localhost:1/x"]) == 2
    assert main(["status", "--journal", "nowhere://x"]) == 2
    assert "there is no store for such a URL" in capsys.readouterr().err


def test_options_hold_no_longer_than_the_call(memory: str, s3: Cloud, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Bucket(s3, bucket)

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    made = migrate(bucket, config=s3.config())
    with monkeypatch.context() as patch:
        patch.setattr(bucket_module.Bucket, "publish", fail)
        with pytest.raises(RuntimeError, match="broken"):
            made.apply(state_dir=memory)
    assert remote.current_options() == {}
    run, outcome = made.apply(state_dir=f"{bucket}/journal")
    assert outcome.clean
    assert list(run.problems()) == []  # the run knows how to get at its files
    assert remote.current_options() == {}


def test_commands_with_a_journal_on_s3_from_any_machine(
    s3: Cloud, bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Bucket(s3, f"{bucket}")
    state = f"{bucket}/journal"
    again = ["--journal", state, *s3.words]

    def documents() -> dict[str, bytes]:
        return {key: raw for key, raw in there.documents().items() if not key.startswith("journal/")}

    assert main(["migrate", f"{bucket}/three.zarr", "--apply", *again]) == 0
    out = capsys.readouterr().out
    run = status(state, store_options=s3.options)[0].id
    assert f"to take it back: zmeta rollback {run} --journal {state}\n" in out
    assert documents() != tree()
    another_machine(monkeypatch)
    monkeypatch.setenv("ZMETA_STATE", state)  # a URL there, too
    assert main(["status", *s3.words]) == 0
    assert f"{run}  applied      12 documents  {bucket}/three.zarr" in capsys.readouterr().out
    assert main(["history", f"{bucket}/three.zarr/a03", *s3.words]) == 0
    assert f"written  {bucket}/three.zarr/a03/zarr.json: daisy@1" in capsys.readouterr().out
    assert len(history(f"{bucket}/three.zarr", store_options=s3.options)) == 12
    assert rollback(run, store_options=s3.options).clean
    assert documents() == tree()
    assert main(["migrate", f"{bucket}/three.zarr", "--apply", *s3.words]) == 0
    assert main(["rollback", *s3.words]) == 0
    assert documents() == tree()
    assert main(["migrate", f"{bucket}/three.zarr/zarr.json", "--apply", *s3.words]) == 0  # changes nothing: no run is left
    assert [one.state for one in status(store_options=s3.options)] == ["undone", "undone"]


def test_the_same_command_on_another_machine_finishes_what_was_killed(
    s3: Cloud, bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the claim is so fresh that the run may be at work still."""
    there = Bucket(s3, bucket)
    command = ["migrate", f"{bucket}/three.zarr", "--apply", "--journal", f"{bucket}/journal", *s3.words]
    real, calls = run_module.Run.publish_mark, []

    def kill(self: Run, *arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(claim_module.Claim, "release", stop_at_once)
        patch.setattr(run_module.Run, "publish_mark", kill)
        assert main(command) == 130
    another_machine(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(claim_module, "LEASE", 60.0)  # however long it took to get here
        (one,) = status(f"{bucket}/journal", store_options=s3.options)
    assert one.state == "running"
    assert main(command) == 0
    assert f"an interrupted run was finished first, run {one.id}: 12 documents written" in capsys.readouterr().out
    assert main(["rollback", *command[3:]]) == 0
    assert {key: raw for key, raw in there.documents().items() if not key.startswith("journal/")} == tree()


def test_a_journal_on_s3_needs_few_requests(s3: Cloud, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few for each batch of a thousand documents, beside two or more for each document."""
    monkeypatch.setattr(run_module, "BATCH_DOCUMENTS", 1000)
    monkeypatch.setattr(claim_module, "BEAT", 60.0)
    Bucket(s3, bucket)
    with using(s3.options):
        s3.behave()
        run, _ = migrate(f"{bucket}/three.zarr", config=s3.config()).apply(state_dir=f"{bucket}/journal")
        asked = [line for line in s3.log() if f"runs/{run.id}" in line]
    assert 0 < len(asked) < 50


def test_objects_beside_each_other(s3: Cloud, bucket: str) -> None:
    """The tree of the fault tests: planned, applied and taken back with the journal in the same bucket."""
    store = s3.store(bucket[5:])
    for name, raw in {"v3-0/zarr.json": dump(0), "v2-0/.zarray": dump(0), "v2-0/.zattrs": dump(0)}.items():
        store.put(f"t/{name}", raw)
    before = objects(store, bucket)
    new = after(before, plan_objects(before))
    assert set(new) == {f"{bucket}/t/v3-0/zarr.json", f"{bucket}/t/v2-0/zarr.json"}
    with using(s3.options):
        run = Run.create(plan_objects(before), {}, f"{bucket}/state")
        assert journal.apply(run).clean
        assert objects(store, bucket) == new
        assert journal.rollback(run).clean
    assert objects(store, bucket) == before
