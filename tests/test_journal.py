"""The journal of migrations: apply, go on, take back, status, history, plan files, and what a hostile journal may not do."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest
from journal_tree import after, count_up, dump, files, make_tree, plan

import zmeta
from zmeta.errors import MigrationError, StoreError
from zmeta.finding import Finding, Severity
from zmeta.migration import apply as apply_module
from zmeta.migration import folder as folder_module
from zmeta.migration import run as run_module
from zmeta.migration.apply import Outcome, apply, rollback
from zmeta.migration.home import state_folder
from zmeta.migration.planfile import read_plan, write_plan
from zmeta.migration.run import Run
from zmeta.migration.status import discard_unfinished, history, status
from zmeta.migration.unit import Unit
from zmeta.nodes.write import Change, temporary_name
from zmeta.stores import sync


def all_well(written: int) -> Outcome:
    return Outcome(written, conflicts=0, failed=0, left=0, remaining=0, interrupted=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    make_tree(tmp_path / "t", 3)
    return tmp_path / "t"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "s"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several batches of a small tree; no test here cuts the power, so nothing waits for the disk."""
    monkeypatch.setattr(run_module, "BATCH_DOCUMENTS", 5)
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    monkeypatch.setattr(sync, "sync_device", lambda _folder: None)


def make_run(tree: Path, state: Path) -> Run:
    return Run.create(plan(tree), {"paths": [str(tree)], "to": "zmeta@1.0"}, state)


def only_status(state: Path) -> Any:
    (one,) = status(state)
    return one


# --- all goes well ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False], ids=["syncfs", "fsync"])
@pytest.mark.parametrize("jobs", [1, 3])
def test_apply_and_rollback(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, whole: bool) -> None:
    monkeypatch.undo()  # here with all that it waits for
    monkeypatch.setattr(run_module, "BATCH_DOCUMENTS", 5)
    if not whole:
        monkeypatch.setattr(sync, "is_trusted", lambda _folder: False)
    before, new = files(tree), after(files(tree), plan(tree))
    run = make_run(tree, state)
    assert files(tree) == before
    assert (run.units, run.documents, run.unchanged, run.blocked) == (9, 18, 0, 0)
    ticks: list[tuple[int, int]] = []
    assert apply(run, jobs=jobs, tick=lambda done, total: ticks.append((done, total))) == all_well(18)
    assert files(tree) == new
    assert [total for _, total in ticks] == [18] * len(run.batches)
    assert [done for done, _ in ticks] == sorted({done for done, _ in ticks})
    assert ticks[-1][0] == 18
    assert apply(run) == all_well(18)  # and once more changes nothing
    assert files(tree) == new
    assert rollback(run, jobs=jobs) == all_well(18)
    assert files(tree) == before
    assert rollback(run) == all_well(18)
    assert files(tree) == before


def test_batches_hold_whole_units(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tree, state)
    assert len(run.batches) > 3
    units = [unit for number in run.numbers for unit in run.read(number)]
    bare = [unit._replace(changes=tuple(change._replace(mode=None) for change in unit.changes)) for unit in units]
    assert bare == list(plan(tree))
    monkeypatch.setattr(run_module, "BATCH_DOCUMENTS", 1000)
    monkeypatch.setattr(run_module, "BATCH_BYTES", 2000)
    assert [info.units for info in make_run(tree, state).batches] == [1] * 6 + [1, 1, 1]
    monkeypatch.setattr(run_module, "BATCH_BYTES", 1 << 24)
    assert [info.units for info in make_run(tree, state).batches] == [9]


def test_units_that_change_nothing_are_counted(tree: Path, state: Path) -> None:
    name = str(tree / "v3-0" / "zarr.json")
    change = Change(name, b"a", b"b")
    error = Finding("ZM101", "wrong")
    units = [Unit("a"), Unit("b", changes=(Change(name, b"a", b"a"),)), Unit("c", changes=(change,), findings=(error,))]
    run = Run.create(units, {}, state)
    assert (run.units, run.documents, run.unchanged, run.blocked, run.batches) == (0, 0, 2, 1, ())
    assert apply(run) == all_well(0)
    assert only_status(state).state == "applied"


def test_a_relative_path_holds_from_any_folder(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    old = Path("v3-0/zarr.json").read_bytes()
    run = Run.create([Unit("v3-0", changes=(Change("v3-0/zarr.json", old, count_up(old)),))], {}, state)
    monkeypatch.chdir("/")
    assert apply(run).clean
    assert (tree / "v3-0" / "zarr.json").read_bytes() == count_up(old)


def test_modes_come_back(tree: Path, state: Path) -> None:
    modes = {".zarray": 0o604, ".zattrs": 0o640}
    for name, mode in modes.items():
        (tree / "v2-0" / name).chmod(mode)
    (tree / "v3-0" / "zarr.json").chmod(0o660)
    run = make_run(tree, state)
    apply(run)
    assert (tree / "v3-0" / "zarr.json").stat().st_mode & 0o777 == 0o660
    rollback(run)
    assert (tree / "v3-0" / "zarr.json").stat().st_mode & 0o777 == 0o660
    assert {name: (tree / "v2-0" / name).stat().st_mode & 0o777 for name in modes} == modes


def test_a_link_stays_a_link(tree: Path, state: Path, tmp_path: Path) -> None:
    link = tree / "v3-0" / "zarr.json"
    (tmp_path / "shared").mkdir()
    target = link.rename(tmp_path / "shared" / "zarr.json")
    link.symlink_to(target)
    old = target.read_bytes()
    run = make_run(tree, state)
    assert apply(run).clean
    assert link.is_symlink()
    assert target.read_bytes() == count_up(old)
    assert rollback(run).clean
    assert target.read_bytes() == old


def test_removals_wait_until_the_rest_is_on_the_disk(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(sync, "is_trusted", lambda _folder: True)
    monkeypatch.setattr(sync, "sync_device", lambda _folder: calls.append("sync"))
    replace, unlink = os.replace, os.unlink

    def noted(kind: str, call: Callable[..., None]) -> Callable[..., None]:
        def wrapped(*names: str) -> None:
            if str(tree) in str(names[-1]) and not str(names[-1]).endswith("tmp"):
                calls.append(f"{kind} {os.path.basename(names[-1])}")
            call(*names)

        return wrapped

    folder = tree / "v2-1"
    (unit,) = (unit for unit in plan(tree) if unit.path == str(folder))
    run = Run.create([unit], {}, state)
    monkeypatch.setattr(os, "replace", noted("put", replace))
    monkeypatch.setattr(os, "unlink", noted("remove", unlink))
    apply(run)
    assert calls == ["sync", "put zarr.json", "sync", "remove .zarray", "remove .zattrs", "sync"]
    calls.clear()
    rollback(run)
    assert calls == ["sync", "put .zattrs", "put .zarray", "sync", "remove zarr.json", "sync"]


# --- what others did ----------------------------------------------------------------------------------------------------


def test_a_unit_with_a_changed_document_is_left_alone(tree: Path, state: Path) -> None:
    before, new = files(tree), after(files(tree), plan(tree))
    run = make_run(tree, state)
    mine = dump(99)
    (tree / "image-1" / "0" / "attributes.json").write_bytes(mine)
    (tree / "v2-1" / "zarr.json").write_bytes(mine)
    (tree / "v3-1" / "zarr.json").unlink()
    outcome = apply(run)
    assert outcome == Outcome(12, conflicts=3, failed=0, left=3, remaining=0, interrupted=False)
    assert not outcome.clean
    found = {os.path.relpath(p.file, tree): (p.state, p.reason.partition(":")[0]) for p in run.problems()}
    assert found == {
        "image-1/.zmetadata": ("left", f"left as it is because of {tree}/image-1/0/attributes.json"),
        "image-1/0/attributes.json": ("conflict", "somebody changed the document"),
        "v2-1/zarr.json": ("conflict", next(p.reason for p in run.problems() if "v2-1/zarr" in p.file)),
        "v2-1/.zarray": ("left", f"left as it is because of {tree}/v2-1/zarr.json"),
        "v2-1/.zattrs": ("left", f"left as it is because of {tree}/v2-1/zarr.json"),
        "v3-1/zarr.json": ("conflict", "the document is not there any more"),
    }
    assert "a document is there already" in found["v2-1/zarr.json"][1]
    now = files(tree)
    touched = [f"{tree}/image-1/0/attributes.json", f"{tree}/v2-1/zarr.json"]
    assert [now[name] for name in touched] == [mine, mine]
    rest = {name: raw for name, raw in now.items() if "-1/" not in name}
    assert rest == {name: raw for name, raw in new.items() if "-1/" not in name}
    assert apply(run) == outcome  # a conflict is not tried again
    for name in touched:  # and what the run did not write, a rollback does not touch, whatever stands there
        Path(name).write_bytes(new[name])
    assert rollback(run) == all_well(12)
    assert [files(tree)[name] for name in touched] == [new[name] for name in touched]
    assert {k: v for k, v in files(tree).items() if "-1/" not in k} == {k: v for k, v in before.items() if "-1/" not in k}


def test_rollback_leaves_what_was_changed_since(tree: Path, state: Path) -> None:
    before, new = files(tree), after(files(tree), plan(tree))
    run = make_run(tree, state)
    apply(run)
    mine = dump(7)
    (tree / "image-2" / ".zmetadata").write_bytes(mine)
    outcome = rollback(run)
    assert outcome == Outcome(16, conflicts=1, failed=0, left=1, remaining=0, interrupted=False)
    assert [(p.file, p.state) for p in run.problems("undone")] == [
        (f"{tree}/image-2/.zmetadata", "conflict"), (f"{tree}/image-2/0/attributes.json", "left"),
    ]  # fmt: skip
    attributes = f"{tree}/image-2/0/attributes.json"
    assert files(tree) == {**before, f"{tree}/image-2/.zmetadata": mine, attributes: new[attributes]}
    assert only_status(state).state == "undone"
    assert only_status(state).outcome == outcome
    assert {e.file for e in history(tree / "image-2", state) if e.state == "written"} == {
        attributes, f"{tree}/image-2/.zmetadata",
    }  # fmt: skip


def test_a_change_between_the_comparisons_is_seen(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes after the first comparison; in a unit with removals also between these and the rest."""
    run = make_run(tree, state)
    mine = dump(5)
    flushed = iter(range(1000))
    victims = {0: tree / "image-0" / ".zmetadata", 1: None, 2: tree / "v2-0" / ".zattrs"}

    def write_foreign(*_: object) -> None:
        victim = victims.get(next(flushed))
        if victim is not None:
            victim.write_bytes(mine)

    before, new = files(tree), after(files(tree), plan(tree))
    first = [unit.path for unit in run.read(1)] + [unit.path for unit in run.read(2)]
    monkeypatch.setattr(sync, "is_trusted", lambda _folder: True)
    monkeypatch.setattr(sync, "sync_device", write_foreign)
    assert str(tree / "image-0") in first
    outcome = apply(run)
    now = files(tree)
    assert now[f"{tree}/image-0/.zmetadata"] == mine
    assert now[f"{tree}/image-0/0/attributes.json"] == before[f"{tree}/image-0/0/attributes.json"]
    assert outcome.conflicts >= 1
    others = {name for name in now if "image-0" not in name and "v2-0" not in name}
    assert {name: now[name] for name in others} == {name: raw for name, raw in new.items() if name in others}


def test_the_temporary_file_of_another_writer_is_not_taken(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock is held between writing and renaming, so that `add_metadata` may be at work in the same folder."""
    run = make_run(tree, state)
    new = after(files(tree), plan(tree))
    theirs = temporary_name(f"{tree}/v3-0/zarr.json")
    monkeypatch.setattr(sync, "is_trusted", lambda _folder: True)
    monkeypatch.setattr(sync, "sync_device", lambda _folder: Path(theirs).write_text("half of a docu"))
    assert apply(run).clean
    assert files(tree) == {**new, theirs: b"half of a docu"}


def test_a_document_changed_before_its_removal_brings_the_unit_back(
    tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unit,) = (unit for unit in plan(tree) if unit.path == str(tree / "v2-0"))
    run = Run.create([unit], {}, state)
    mine, flushed = dump(5), iter(range(100))

    def write_foreign(_folder: str) -> None:
        if next(flushed) == 1:
            assert (tree / "v2-0" / "zarr.json").exists()
            (tree / "v2-0" / ".zattrs").write_bytes(mine)

    before = files(tree)
    monkeypatch.setattr(sync, "is_trusted", lambda _folder: True)
    monkeypatch.setattr(sync, "sync_device", write_foreign)
    assert apply(run) == Outcome(0, conflicts=1, failed=0, left=2, remaining=0, interrupted=False)
    assert files(tree) == {**before, f"{tree}/v2-0/.zattrs": mine}


def refuse_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Refuse writing new files in a folder."""
    real = os.open

    def guarded(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(folder) + os.sep):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", guarded)


def test_a_read_only_folder_is_reported_and_tried_again(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, new = files(tree), after(files(tree), plan(tree))
    run = make_run(tree, state)
    with monkeypatch.context() as patch:
        refuse_folder(patch, tree / "image-1" / "0")
        outcome = apply(run)
    assert outcome == Outcome(16, conflicts=0, failed=1, left=1, remaining=0, interrupted=False)
    failure = next(problem for problem in run.problems() if problem.state == "failed")
    assert failure.reason == "cannot write the file: Permission denied"
    images = {name for name in before if "image-1" in name}
    assert {name: files(tree)[name] for name in images} == {name: before[name] for name in images}
    later = f"{tree}/image-0/.zmetadata"  # of the same batch
    assert later in [change.file for unit in run.read(1) for change in unit.changes]
    Path(later).write_bytes(dump(50))  # work goes on with what is done; trying again is no reason to look at it
    assert apply(run) == all_well(18)
    assert files(tree) == {**new, later: dump(50)}


def test_a_second_try_that_is_killed_can_be_taken_back(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark of the first try says that the unit was not written; it must not outlive the second one."""
    before = files(tree)
    run = make_run(tree, state)
    with monkeypatch.context() as patch:
        refuse_folder(patch, tree / "image-1" / "0")
        assert apply(run).failed == 1
    calls = iter(range(100))

    def fail(_folder: str) -> None:
        if next(calls) == 1:  # the documents are in place
            raise StoreError("cannot sync the file")

    with monkeypatch.context() as patch:
        patch.setattr(sync, "is_trusted", lambda _folder: True)
        patch.setattr(sync, "sync_device", fail)
        with pytest.raises(StoreError, match="cannot sync the file"):
            apply(run)
    assert (tree / "image-1" / ".zmetadata").read_bytes() != before[f"{tree}/image-1/.zmetadata"]
    assert rollback(run).clean
    assert files(tree) == before


def test_a_document_that_is_put_back_has_its_mode(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (unit,) = (unit for unit in plan(tree) if unit.path == str(tree / "v2-0"))
    run = Run.create([unit], {}, state)
    before = files(tree)
    (tree / "v2-0" / ".zarray").chmod(0o604)  # after the plan
    real = os.unlink

    def unlink(path: Any, **more: Any) -> None:
        if str(path) == f"{tree}/v2-0/.zattrs":
            raise PermissionError(1, "Operation not permitted")
        real(path, **more)

    monkeypatch.setattr(os, "unlink", unlink)
    assert apply(run) == Outcome(0, conflicts=0, failed=1, left=2, remaining=0, interrupted=False)
    assert files(tree) == before
    assert (tree / "v2-0" / ".zarray").stat().st_mode & 0o777 == 0o604


def test_a_read_only_document_is_reported(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tree, state)
    name = f"{tree}/v3-1/zarr.json"
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != name and real(path, mode))
    assert apply(run).failed == 1
    assert [(p.file, p.reason) for p in run.problems()] == [(name, "the document is read-only")]


def test_a_folder_that_is_gone_stays_so(tree: Path, state: Path) -> None:
    run = make_run(tree, state)
    shutil.rmtree(tree / "v2-1")
    outcome = apply(run)
    assert (outcome.written, outcome.failed, outcome.left) == (15, 1, 2)
    assert [p.reason for p in run.problems() if p.state == "failed"] == ["cannot write the file: No such file or directory"]
    assert rollback(run) == all_well(15)
    assert not (tree / "v2-1").exists()


def _apply_in_process(run_id: str, state: str, results: Any, begin: Any) -> None:
    begin.wait()
    try:
        results.put(("ok", apply(Run.open(run_id, state))))
    except MigrationError as error:
        results.put(("refused", error.what))


def test_two_processes_on_one_run(tree: Path, state: Path) -> None:
    new = after(files(tree), plan(tree))
    run = make_run(tree, state)
    context = multiprocessing.get_context("spawn")
    results, begin = context.Queue(), context.Event()
    processes = [context.Process(target=_apply_in_process, args=(run.id, str(state), results, begin)) for _ in range(2)]
    for process in processes:
        process.start()
    begin.set()
    answers = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert all(answer in (("ok", all_well(18)), ("refused", "another process works on this run")) for answer in answers)
    assert ("ok", all_well(18)) in answers
    assert files(tree) == new


def test_a_run_in_use_is_refused(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "LOCK_SECONDS", 0.05)
    run = make_run(tree, state)
    before = files(tree)
    with run.lock():
        assert run.in_use()
        assert only_status(state).state == "running"
        for verb in (apply, rollback):
            with pytest.raises(MigrationError, match="another process works on this run"):
                verb(run)
    assert not run.in_use()
    assert files(tree) == before
    assert apply(run).clean


# --- stopped ------------------------------------------------------------------------------------------------------------


def test_stop_and_go_on(tree: Path, state: Path) -> None:
    before, new = files(tree), after(files(tree), plan(tree))
    run = make_run(tree, state)
    answers = iter([False, True])
    outcome = apply(run, stop=lambda: next(answers))
    assert outcome.interrupted
    assert outcome.written == run.batches[0].documents
    assert outcome.remaining == 18 - outcome.written
    assert only_status(state).state == "interrupted"
    ticks: list[tuple[int, int]] = []
    assert apply(run, tick=lambda *counts: ticks.append(counts)) == all_well(18)
    assert ticks[0][0] == sum(info.documents for info in run.batches[:2])
    assert files(tree) == new
    answers = iter([False, False, True])
    outcome = rollback(run, stop=lambda: next(answers))
    assert outcome.interrupted
    assert outcome.remaining > 0
    assert only_status(state).state == "undoing"
    with pytest.raises(MigrationError, match="the run was rolled back"):
        apply(run)
    assert rollback(run) == all_well(18)
    assert files(tree) == before


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    """The batch in work is finished, and no further one begun; no document is between."""
    new = after(files(tree), plan(tree))
    run = make_run(tree, state)
    real = futures.wait
    calls = iter(range(100))

    def wait(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(apply_module, "wait", wait)
        with pytest.raises(KeyboardInterrupt):
            apply(run, jobs=jobs)
    done = [number for number in run.numbers if run.mark(number, "done") is not None]
    assert 1 <= len(done) <= 2 * jobs
    assert done == [number for number in run.numbers if run.begun(number)]
    assert not run.in_use()
    assert apply(run, jobs=jobs).clean
    assert files(tree) == new


def test_an_interrupted_run_can_be_taken_back(tree: Path, state: Path) -> None:
    before = files(tree)
    run = make_run(tree, state)
    answers = iter([False, False, True])
    apply(run, stop=lambda: next(answers))
    assert files(tree) != before
    outcome = rollback(run)
    assert outcome.clean
    assert outcome.written == sum(info.documents for info in run.batches[:2])
    assert files(tree) == before


def test_a_run_that_never_began_takes_nothing_back(tree: Path, state: Path) -> None:
    """Not even what another run wrote to the same bytes."""
    run, other = make_run(tree, state), make_run(tree, state)
    apply(other)
    now = files(tree)
    assert rollback(run) == all_well(0)
    assert files(tree) == now


def test_a_tick_that_raises_ends_cleanly(tree: Path, state: Path) -> None:
    run = make_run(tree, state)

    def tick(_done: int, _total: int) -> None:
        raise RuntimeError("the display is gone")

    with pytest.raises(RuntimeError, match="the display is gone"):
        apply(run, tick=tick)
    assert apply(run).clean


def test_a_full_disk_of_the_journal_stops_before_the_documents(
    tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(tree)
    run = make_run(tree, state)
    with monkeypatch.context() as patch:
        refuse_folder(patch, Path(run.folder))
        with pytest.raises(StoreError, match="cannot"):
            apply(run)
    assert files(tree) == before
    assert apply(run).clean


def test_what_a_killed_run_left_is_removed(tree: Path, state: Path) -> None:
    """Also beside a document that is a conflict by now, and beside one that is done."""
    run = make_run(tree, state)
    run.publish("000001.begun")
    unit = run.read(1)[0]
    for change in unit.changes:
        Path(temporary_name(change.file, run.id)).write_text("half of a docu")
    Path(unit.changes[0].file).write_bytes(dump(77))
    assert apply(run).conflicts == 1
    assert not [name for name in files(tree) if name.endswith(".zmeta-tmp")]
    for change in unit.changes:
        Path(temporary_name(change.file, run.id)).write_text("half of a docu")
    rollback(run)
    left = {temporary_name(change.file, run.id) for change in unit.changes}
    assert {name for name in files(tree) if name.endswith(".zmeta-tmp")} <= left  # the run did not write that unit


def test_a_half_written_unit_with_a_conflict_removes_nothing(tree: Path, state: Path) -> None:
    """What was written before the kill stays, what can be written is, and the old documents stay beside."""
    names = [f"{tree}/v2-0/zarr.json", f"{tree}/image-0/.zmetadata", f"{tree}/v3-0/zarr.json", f"{tree}/v2-0/.zarray"]
    olds = [None, *(Path(name).read_bytes() for name in names[1:])]
    news = [dump(1), *(count_up(old) for old in olds[1:3] if old), None]
    changes = tuple(Change(*parts) for parts in zip(names, olds, news, strict=True))
    before = files(tree)
    run = Run.create([Unit(str(tree), changes=changes)], {}, state)
    run.publish("000001.begun")
    Path(names[0]).write_bytes(dump(1))
    Path(names[1]).write_bytes(dump(66))
    assert apply(run) == Outcome(2, conflicts=1, failed=0, left=1, remaining=0, interrupted=False)
    assert files(tree) == {**before, names[0]: dump(1), names[1]: dump(66), names[2]: news[2]}
    assert rollback(run) == all_well(2)
    assert files(tree) == {**before, names[1]: dump(66)}


# --- status and history -------------------------------------------------------------------------------------------------


def test_status(tree: Path, state: Path) -> None:
    assert list(status(state)) == []
    run = make_run(tree, state)
    one = only_status(state)
    assert (one.id, one.state, one.paths, one.units, one.documents) == (run.id, "planned", (str(tree),), 9, 18)
    assert one.created == run.created
    assert one.outcome is not None
    assert one.outcome.remaining == 18
    apply(run)
    assert (only_status(state).state, only_status(state).outcome) == ("applied", all_well(18))
    rollback(run)
    assert only_status(state).state == "undone"
    assert Run.open(run.id, state) == run


def test_status_lists_the_newest_first(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [make_run(tree, state) for _ in range(3)]
    for number, run in enumerate(runs):
        os.rename(run.folder, os.path.join(state, "runs", f"2026010{number}-000000-aaaaaa"))
    found = list(status(state))
    assert [one.id[:8] for one in found] == ["20260102", "20260101", "20260100"]
    assert {one.state for one in found} == {"damaged"}  # a plan is bound to its id


def test_history(tree: Path, state: Path) -> None:
    first = make_run(tree, state)
    apply(first)
    second = make_run(tree, state)
    assert len(list(history(tree, state))) == 18  # what is only planned changed nothing
    apply(second)
    file = f"{tree}/v2-1/zarr.json"
    found = [entry for entry in history(tree / "v2-1", state) if entry.file == file]
    assert {entry.run for entry in found} == {first.id, second.id}
    by_run = {entry.run: entry for entry in found}
    assert by_run[first.id].before is None
    assert by_run[first.id].after == by_run[second.id].before
    assert (found[0].steps, found[0].kind, found[0].state, found[0].path) == (
        ("count-up",), "lossless", "written", f"{tree}/v2-1",
    )  # fmt: skip
    assert found[0].time >= found[0].created
    assert [entry.file for entry in history(tree / "image-0" / "0", state)] == [f"{tree}/image-0/0/attributes.json"] * 2
    assert len(list(history(tree / "image-0", state))) == 4
    assert list(history(tree / "v3", state)) == []  # a name is no beginning of a name
    assert list(history(tree.parent / "elsewhere", state)) == []
    rollback(second)
    assert {entry.run: entry.state for entry in history(file, state)} == {first.id: "written", second.id: "undone"}


def test_history_reads_only_what_it_needs(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tree, state)
    apply(run)
    read: list[int] = []
    index = Run.index

    def noted(self: Run, number: int) -> Any:
        read.append(number)
        return index(self, number)

    monkeypatch.setattr(Run, "index", noted)
    monkeypatch.setattr(Run, "read", None)
    assert len(list(history(tree / "v3-2", state))) == 1
    assert 0 < len(read) <= len(run.batches)
    read.clear()
    assert list(history("/elsewhere", state)) == []
    assert read == []


# --- where the journal is -----------------------------------------------------------------------------------------------


def test_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ZMETA_STATE", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert state_folder() == str(tmp_path / ".local" / "state" / "zmeta")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_folder() == str(tmp_path / ".local" / "state" / "zmeta")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "x"))
    assert state_folder() == str(tmp_path / "x" / "zmeta")
    monkeypatch.setattr("sys.platform", "darwin")
    assert state_folder() == str(tmp_path / "Library" / "Application Support" / "zmeta")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setattr("sys.platform", "win32")
    assert state_folder() == str(tmp_path / "local" / "zmeta")
    monkeypatch.setenv("ZMETA_STATE", str(tmp_path / "z"))
    assert state_folder(None, [tmp_path]) == str(tmp_path / "z")
    assert state_folder(tmp_path / "given", [tmp_path]) == str(tmp_path / "given")


def test_the_journal_is_not_put_into_the_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "t" / "x"))
    monkeypatch.delenv("ZMETA_STATE", raising=False)
    with pytest.raises(MigrationError, match="the state directory is inside the tree"):
        Run.create([], {"paths": [str(tmp_path / "t")]})
    assert list(tmp_path.iterdir()) == []
    assert Run.create([], {"paths": [str(tmp_path / "u")]}).folder.startswith(str(tmp_path / "t" / "x" / "zmeta"))


def test_the_journal_is_for_its_owner(tree: Path, state: Path) -> None:
    run = make_run(tree, state)
    assert stat.S_IMODE(os.stat(run.folder).st_mode) == 0o700
    assert {stat.S_IMODE(os.stat(os.path.join(run.folder, name)).st_mode) for name in os.listdir(run.folder)} == {0o600}


def test_a_plan_that_fails_leaves_no_run(tree: Path, state: Path) -> None:
    def units() -> Iterator[Unit]:
        yield from plan(tree)
        raise RuntimeError("the planner failed")

    with pytest.raises(RuntimeError, match="the planner failed"):
        Run.create(units(), {}, state)
    assert list(status(state)) == []


def test_a_run_without_a_plan_never_began(tree: Path, state: Path) -> None:
    run = make_run(tree, state)
    other = make_run(tree, state)
    os.unlink(os.path.join(run.folder, "plan.json"))
    assert {one.id: one.state for one in status(state)} == {run.id: "unfinished", other.id: "planned"}
    with pytest.raises(MigrationError, match="never planned to its end"):
        Run.open(run.id, state)
    with run.lock():
        assert {one.id: one.state for one in status(state)}[run.id] == "running"
        assert discard_unfinished(state) == []
    assert discard_unfinished(state) == [run.id]
    assert [one.id for one in status(state)] == [other.id]
    assert not os.path.exists(run.folder)


# --- plan files ---------------------------------------------------------------------------------------------------------


def test_a_plan_file_gives_the_units_back(tree: Path, state: Path, tmp_path: Path) -> None:
    note = Finding("ZM205", "axes\n[red]", str(tree), "/a", "b", "c", "d", 3, 4, Severity.WARNING)
    binary = Change(str(tree / "x" / ".zattrs"), b"\xff\xfe", b'{"a": 1}')
    blocked = Unit(str(tree / "y"), ("a", "b → c"), "manual", (), (Finding("ZM101", "no"), note))
    units = [*plan(tree), Unit(str(tree / "x"), ("µ",), "lossy", (binary,), (note,)), blocked]
    file = tmp_path / "plan.json"
    header = {"paths": [str(tree)], "to": "zmeta@1.0"}
    assert write_plan(file, header, iter(units)) == len(units)
    assert len(json.loads(file.read_bytes())["units"]) == len(units)
    assert len(file.read_bytes().splitlines()) == len(units) + 2
    read = read_plan(file)
    assert read.header == header
    assert list(read.units()) == units
    assert list(read.units()) == units
    run = Run.create(read.units(), read.header, state)
    assert (run.units, run.blocked) == (10, 1)
    assert set(os.listdir(tmp_path)) == {"t", "plan.json", "s"}


def test_an_empty_plan_file(tmp_path: Path) -> None:
    assert write_plan(tmp_path / "p", {}, []) == 0
    assert list(read_plan(tmp_path / "p").units()) == []


def test_a_relative_path_in_a_plan_file_is_below_its_path(tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "p"
    (unit,) = (unit for unit in plan(tree) if unit.path == str(tree / "v3-0"))
    write_plan(file, {"paths": [str(tree)]}, [unit])
    lines = file.read_text().replace(f'"{tree}/v3-0', '"v3-0').splitlines()
    rewrite(file, lines)
    assert list(read_plan(file).units()) == [unit]
    rewrite(file, [line.replace('"v3-0/zarr', '"../zarr') for line in lines])
    with pytest.raises(MigrationError, match="no metadata document"):
        list(read_plan(file).units())


def rewrite(file: Path, lines: list[str]) -> None:
    """Write the lines of a plan with the digest that fits: by somebody who knows how."""
    from hashlib import sha256

    seen = sha256()
    for line in lines[1:-1]:
        seen.update(line.removesuffix(",").encode())
    lines[-1] = json.dumps({"count": len(lines) - 2, "sha256": seen.hexdigest()}).replace("{", "], ", 1)
    file.write_text("\n".join(lines) + "\n")


BROKEN_PLANS: dict[str, Callable[[str], str]] = {
    "cut in a line": lambda text: text[: len(text) // 2],
    "cut between lines": lambda text: "\n".join(text.splitlines()[:3]) + "\n",
    "cut after the header": lambda text: text.splitlines()[0] + "\n",
    "a line is missing": lambda text: "\n".join(line for n, line in enumerate(text.splitlines()) if n != 2),
    "an empty unit": lambda text: text.replace('{"path"', '{}, {"path"', 1),
    "a step was edited": lambda text: text.replace("count-up", "count-down", 1),
    "a text was edited": lambda text: text.replace("xxxxx", "xxyxx", 1),
    "something follows": lambda text: text + "{}",
    "no header": lambda text: "\n".join(text.splitlines()[1:]),
    "another version": lambda text: text.replace('"zmeta_plan": 1', '"zmeta_plan": 2'),
    "formatted anew": lambda text: json.dumps(json.loads(text), indent=2),
    "empty": lambda text: "",
    "deep": lambda text: text.replace('{"path"', "[" * 100_000, 1),
    "a number for a unit": lambda text: text.replace(text.splitlines()[1], "3,"),
    "a header that is a list": lambda text: text.replace('"header": {"paths": []}', '"header": []'),
}


MESSAGES = "^the plan is damaged|^the file is no plan|^the plan is of a version"


@pytest.mark.parametrize("how", BROKEN_PLANS)
def test_a_plan_file_that_is_not_as_it_was_written(tree: Path, state: Path, tmp_path: Path, how: str) -> None:
    file = tmp_path / "p"
    write_plan(file, {"paths": []}, plan(tree))
    broken = BROKEN_PLANS[how](file.read_text())
    assert broken != file.read_text()
    file.write_text(broken)
    with pytest.raises(MigrationError, match=MESSAGES) as caught:
        Run.create(read_plan(file).units(), {}, state)
    assert caught.value.hint == "make the plan anew with `zmeta migrate --out`"
    assert str(file) in caught.value.where
    assert list(status(state)) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"kind": "lossless"', '"kind": "best"', "not understood"),
        ('"steps": ["count-up"]', '"steps": [1]', "not understood"),
        ('"before": {', '"before": [3], "x": {', "not understood"),
        ('"text": "{', '"text": 3, "x": "{', "not understood"),
        ('"sha256": "', '"sha256": "0', "do not fit their digest"),
        ('"path": "', '"way": "', "not understood"),
    ],
)
def test_a_unit_that_was_forged(tree: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "p"
    write_plan(file, {}, plan(tree))
    lines = file.read_text().splitlines()
    rewrite(file, [lines[0], *(line.replace(old, new, 1) for line in lines[1:-1]), lines[-1]])
    with pytest.raises(MigrationError, match=message):
        list(read_plan(file).units())


def test_a_plan_file_cannot_write_what_is_no_json(tree: Path, tmp_path: Path) -> None:
    write_plan(tmp_path / "p", {}, [Unit(str(tree), changes=(Change(str(tree / "zarr.json"), None, b"#!/bin/sh"),))])
    with pytest.raises(MigrationError, match="damaged, or was changed by hand") as caught:
        list(read_plan(tmp_path / "p").units())
    assert "not JSON" in caught.value.found or "document" in caught.value.found


def test_a_plan_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read the file"):
        read_plan(tmp_path / "absent")
    with pytest.raises(StoreError, match="cannot write the file"):
        write_plan(tmp_path / "absent" / "p", {}, [])


# --- hostile ------------------------------------------------------------------------------------------------------------

NO_DOCUMENTS = [
    "{tree}/v3-0/zarr.json.bak", "{tree}/.bashrc", "{tree}/v3-0/0", "/etc/passwd", "{tree}/zarr.json/..",
    "{tree}/ZARR.JSON", "{tree}/a\0/zarr.json", "",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_DOCUMENTS)
def test_only_metadata_documents_are_written(tree: Path, state: Path, tmp_path: Path, name: str) -> None:
    name = name.format(tree=tree)
    before = files(tree)
    unit = Unit(str(tree), changes=(Change(name, None, b"{}"),))
    with pytest.raises(MigrationError, match="the plan would write a file that is no metadata document") as caught:
        Run.create([unit], {}, state)
    assert list(status(state)) == []
    assert caught.value.expected.startswith("the absolute path of a document: .zarray")
    write_plan(tmp_path / "p", {}, [unit])
    with pytest.raises(MigrationError, match="the plan would write a file that is no metadata document"):
        list(read_plan(tmp_path / "p").units())
    assert files(tree) == before


def test_a_link_to_another_file_is_not_followed(tree: Path, state: Path, tmp_path: Path) -> None:
    victim = tmp_path / "profile"
    victim.write_bytes(b"mine")
    (tree / "v3-0" / ".zattrs").symlink_to(victim)
    run = Run.create([Unit("x", changes=(Change(str(tree / "v3-0" / ".zattrs"), b"mine", b"{}"),))], {}, state)
    assert apply(run) == Outcome(0, conflicts=0, failed=1, left=0, remaining=0, interrupted=False)
    assert "no metadata document" in next(run.problems()).reason
    assert victim.read_bytes() == b"mine"


def test_one_document_twice_is_refused(tree: Path, state: Path) -> None:
    change = Change(str(tree / "v3-0" / "zarr.json"), b"a", b"b")
    again = Change(str(tree / "v3-1" / ".." / "v3-0" / "zarr.json"), b"b", b"c")
    with pytest.raises(MigrationError, match="two changes of the plan are for one document"):
        Run.create([Unit("a", changes=(change,)), Unit("b", changes=(again,))], {}, state)
    assert list(status(state)) == []


def test_archives_are_refused(tree: Path, state: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tree / "a.zarr.zip", "w") as archive:
        archive.writestr("zarr.json", "{}")
    change = Change(str(tree / "a.zarr.zip" / "zarr.json"), b"{}", b'{"a": 1}')
    with pytest.raises(MigrationError, match="a file in a zip archive cannot be changed"):
        Run.create([Unit("a", changes=(change,))], {}, state)


@pytest.mark.parametrize("name", ["../../etc", "", "20260101-000000-aaaaaa", "a" * 300, "20260101-000000-aaaaaa/../x", "\n"])
def test_a_run_that_is_not_there(state: Path, name: str) -> None:
    with pytest.raises(MigrationError, match="there is no such run"):
        Run.open(name, state)


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) - 7]


def flip(raw: bytes) -> bytes:
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 4]) + raw[middle + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": cut,
    "flipped": flip,
    "flipped at the end": lambda raw: raw[:-3] + bytes([raw[-3] ^ 1]) + raw[-2:],
    "flipped at the begin": lambda raw: bytes([raw[0] ^ 1]) + raw[1:],
    "empty": lambda raw: b"",
    "longer": lambda raw: raw + b"x",
    "zeros": lambda raw: bytes(len(raw)),
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", ["000002.batch", "plan.json", "000002.done"])
def test_a_damaged_file_is_not_half_understood(tree: Path, state: Path, name: str, how: str) -> None:
    run = make_run(tree, state)
    if name.endswith("done"):
        apply(run)
    before = files(tree)
    file = Path(run.folder, name)
    file.write_bytes(DAMAGE[how](file.read_bytes()))
    with pytest.raises(MigrationError, match="the journal of the run is damaged") as caught:
        apply(Run.open(run.id, state))
    assert caught.value.where == str(file)
    assert files(tree) == before
    assert only_status(state).state == ("planned" if name.endswith("batch") else "damaged")
    if name.endswith("done"):
        with pytest.raises(MigrationError, match="the journal of the run is damaged"):
            list(history(tree, state))


def test_a_rollback_takes_back_what_is_not_damaged(tree: Path, state: Path) -> None:
    before = files(tree)
    run = make_run(tree, state)
    apply(run)
    file = Path(run.file(2, "batch"))
    raw = file.read_bytes()
    file.write_bytes(flip(raw))
    with pytest.raises(MigrationError, match="the journal of the run is damaged"):
        rollback(run)
    lost = {entry.file for unit in _index_of(run, 2, raw) for entry in unit.entries}
    now = files(tree)
    assert {name: raw for name, raw in now.items() if name not in lost} == {
        name: raw for name, raw in before.items() if name not in lost
    }
    assert now != before
    file.write_bytes(raw)
    assert rollback(run).clean
    assert files(tree) == before


def _index_of(run: Run, number: int, raw: bytes) -> Any:
    file = Path(run.file(number, "batch"))
    damaged = file.read_bytes()
    file.write_bytes(raw)
    try:
        return run.index(number)
    finally:
        file.write_bytes(damaged)


def forge(run: Run, state: Path, change: Callable[[list[Any]], None]) -> Run:
    """Write the only batch of a run anew, with all checksums, by somebody who knows how."""
    import zlib
    from hashlib import sha256

    from zmeta.migration.record import seal

    plan_file, batch = Path(run.folder, "plan.json"), Path(run.folder, "000001.batch")
    made = json.loads(plan_file.read_bytes())
    sizes = made["batches"][0][3]
    raw = batch.read_bytes()
    head = len(raw) - sizes[0] - made["batches"][0][4][0]
    index = json.loads(zlib.decompress(raw[head : head + sizes[0]]))
    change(index)
    text = json.dumps(index).encode()
    new = zlib.compress(text)
    batch.write_bytes(raw[:head] + new + raw[head + sizes[0] :])
    made["batches"][0][3] = [len(new), len(text), sha256(new).hexdigest()]
    del made["sha256"]
    plan_file.write_bytes(seal(made))
    return Run.open(run.id, state)


def _set(index: list[Any], column: int, value: object) -> None:
    index[0][3][0][column] = value


FORGERIES: dict[str, tuple[Callable[[list[Any]], None], str]] = {
    "another file": (lambda index: _set(index, 0, "/etc/passwd"), "no metadata document"),
    "a relative file": (lambda index: _set(index, 0, "a/zarr.json"), "no metadata document"),
    "a way up": (lambda index: _set(index, 0, "/a/../zarr.json"), "no metadata document"),
    "a digest": (lambda index: _set(index, 1, "0" * 64), "is damaged"),
    "no digest": (lambda index: _set(index, 2, None), "is damaged"),
    "a size": (lambda index: _set(index, 3, 3), "is damaged"),
    "a negative size": (lambda index: _set(index, 4, -1), "is damaged"),
    "a number for a file": (lambda index: _set(index, 0, 7), "is damaged"),
    "no units": (lambda index: index.clear(), "is damaged"),
    "a unit of nothing": (lambda index: index.append([]), "is damaged"),
}


@pytest.mark.parametrize("how", FORGERIES)
def test_a_forged_batch_writes_nothing(tree: Path, state: Path, how: str) -> None:
    (unit,) = (unit for unit in plan(tree) if unit.path == str(tree / "v3-0"))
    before = files(tree)
    change, message = FORGERIES[how]
    run = forge(Run.create([unit], {}, state), state, change)
    with pytest.raises(MigrationError, match=message):
        apply(run)
    assert files(tree) == before


def test_a_batch_that_unfolds_to_more_than_it_says(tree: Path, state: Path) -> None:
    run = Run.create([next(plan(tree))], {}, state)

    def bomb(index: list[Any]) -> None:
        index[0][0] = "x" * 1_000_000

    forged = forge(run, state, bomb)
    made = json.loads(Path(run.folder, "plan.json").read_bytes())
    made["batches"][0][3][1] = 1000
    del made["sha256"]
    from zmeta.migration.record import seal

    Path(run.folder, "plan.json").write_bytes(seal(made))
    with pytest.raises(MigrationError, match="the journal of the run is damaged") as caught:
        apply(Run.open(forged.id, state))
    assert caught.value.found == "the sizes do not fit"


# --- the sync -----------------------------------------------------------------------------------------------------------


def test_sync_of_a_whole_file_system_only_where_it_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append("fsync"))
    monkeypatch.setattr(sync, "sync_device", lambda folder: synced.append("device"))
    for trusted, expected in ((True, ["device", "device"]), (False, ["fsync", "fsync"])):
        monkeypatch.setattr(sync, "is_trusted", lambda _folder, trusted=trusted: trusted)
        flush = sync.Flush()
        folders = [str(tmp_path / name) for name in "ab"]
        for folder in folders:
            os.makedirs(folder, exist_ok=True)
            assert flush.defers(folder) is trusted
        flush.files()
        flush.folders(folders)
        assert synced == expected
        synced.clear()
    assert not flush.defers(str(tmp_path / "absent"))


def test_old_kernels_do_not_tell_of_errors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("platform.release", lambda: "5.7.19-generic")
    sync._library.cache_clear()
    try:
        assert not sync.is_trusted(str(tmp_path))
    finally:
        monkeypatch.undo()
        sync._library.cache_clear()


def test_an_error_of_the_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(number: int) -> Callable[[int], None]:
        def fsync(_handle: int) -> None:
            raise OSError(number, os.strerror(number))

        return fsync

    flush = sync.Flush()
    monkeypatch.setattr(sync, "is_trusted", lambda _folder: False)
    monkeypatch.setattr(os, "fsync", fail(5))
    with pytest.raises(StoreError, match="cannot sync the file"):
        flush.folders([str(tmp_path)])
    monkeypatch.setattr(os, "fsync", fail(22))
    flush.folders([str(tmp_path)])  # a file system that has no fsync for folders


def test_threads_and_a_foreign_lock(tree: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that another writer of zmeta has locked is waited for, and reported when that takes too long."""
    fcntl = pytest.importorskip("fcntl")
    from zmeta.nodes import write as write_module

    monkeypatch.setattr(write_module, "LOCK_SECONDS", 0.1)
    run = make_run(tree, state)
    handle = os.open(tree / "v3-0", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        outcome = apply(run, jobs=2)
    finally:
        os.close(handle)
    assert (outcome.failed, outcome.written) == (1, 17)
    assert "another writer held the folder" in next(run.problems()).reason
    assert apply(run).clean


def test_everything_is_public_that_a_caller_catches() -> None:
    assert zmeta.MigrationError is MigrationError
    assert issubclass(MigrationError, ValueError)


def test_runs_of_one_second_are_told_in_their_order(tmp_path: Path, state: Path) -> None:
    runs = []
    for number in range(12):
        make_tree(tmp_path / f"t{number}", 1)
        runs.append(make_run(tmp_path / f"t{number}", state).id)
    assert [one.id for one in status(state)] == runs[::-1]
