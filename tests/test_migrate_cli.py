"""`zmeta migrate`, `rollback`, `status`, `history`: as a user runs them, with exit codes and what is printed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from builders import array, group, image_tree, write

from zmeta.cli.main import main

DAISY: dict[str, Any] = {"resolution": [40, 4, 4], "offset": [400, 0, 80]}


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("ZMETA_STATE", str(tmp_path / "state"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two arrays that can be migrated, one that cannot, one that need not."""
    root = group(tmp_path / "work" / "c.zarr")
    array(root / "a", "v2", DAISY)
    array(root / "b", "v2", {"axes": "zyx", **DAISY})
    array(root / "bad", "v2", {**DAISY, "voxel_size": [9, 4, 4]})
    array(root / "bare")
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def differing(root: Path, before: dict[str, bytes]) -> int:
    """Return how many documents are not what they were; what lies beside them does not count."""
    return sum((root / name).read_bytes() != raw for name, raw in before.items())


def run_of(out: str) -> str:
    return out.partition("run ")[2].partition(":")[0]


def test_the_plan_is_a_diff_and_writes_nothing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(tree)
    assert main(["migrate", "c.zarr"]) == 1  # something is blocked
    out = capsys.readouterr().out
    assert "c.zarr/a: daisy@1 → zmeta@1.0\n" in out
    assert "--- c.zarr/a/.zattrs\n+++ c.zarr/a/.zattrs\n" in out
    assert "c.zarr/bad: blocked" in out
    assert "error ZM401" in out
    assert out.endswith(
        "4 arrays and 1 group: 2 documents of 2 units would change, 1 blocked\n"
        "nothing was written; to do it: zmeta migrate c.zarr --apply\n"
    )
    assert contents(tree) == before


def test_apply_and_rollback_to_the_byte(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(tree)
    assert main(["migrate", "c.zarr", "--apply"]) == 1
    out = capsys.readouterr().out
    assert "2 documents of 2 units to change, 1 blocked" in out
    run = run_of(out)
    assert out.endswith(f"run {run}: 2 documents written\nto take it back: zmeta rollback {run}\n")
    assert {name for name in contents(tree) if contents(tree)[name] != before[name]} == {"a/.zattrs", "b/.zattrs"}
    assert main(["status"]) == 0
    assert f"{run}  applied" in capsys.readouterr().out
    assert main(["history", "c.zarr/a"]) == 0
    history = capsys.readouterr().out
    assert f"{run}  written" in history
    assert "daisy@1 → zmeta@1.0" in history
    assert "c.zarr/b" not in history
    assert main(["rollback"]) == 0
    assert capsys.readouterr().out == f"run {run}: 2 documents put back\n"
    assert contents(tree) == before


def test_apply_may_stand_before_the_path(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--apply", "c.zarr"]) == 1
    assert "2 documents written" in capsys.readouterr().out


def test_a_plan_is_saved_reviewed_and_applied(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "c.zarr", "--out", "plan.json", "--no-diff"]) == 1
    out = capsys.readouterr().out
    assert "---" not in out
    assert "to do it: zmeta migrate --apply plan.json" in out
    plan = json.loads(Path("plan.json").read_bytes())
    assert plan["header"]["options"]["to"] == "zmeta"
    assert [Path(unit["path"]).name for unit in plan["units"]] == ["a", "b", "bad"]
    write(tree / "b", {".zattrs": {"axes": "zyx", **DAISY, "new": 1}})
    assert main(["migrate", "--apply", "plan.json"]) == 1
    captured = capsys.readouterr()
    assert "1 document written, 1 changed by others since, left alone" in captured.out
    assert "c.zarr/b/.zattrs: conflict: somebody changed the document" in captured.err
    assert json.loads((tree / "b" / ".zattrs").read_bytes())["new"] == 1


def test_a_plan_that_was_edited_is_refused(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["migrate", "c.zarr", "--out", "plan.json", "--quiet"])
    Path("plan.json").write_text(Path("plan.json").read_text().replace("nanometer", "micrometer").replace("400", "500"))
    before = contents(tree)
    assert main(["migrate", "--apply", "plan.json"]) == 2
    assert "damaged, or was changed by hand" in capsys.readouterr().err
    assert contents(tree) == before


def test_formats_for_machines_and_for_reviews(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "c.zarr", "--format", "json"]) == 1
    plan = json.loads(capsys.readouterr().out)
    assert [len(unit["changes"]) for unit in plan["units"]] == [1, 1, 0]
    assert main(["migrate", "c.zarr", "--format", "markdown"]) == 1
    out = capsys.readouterr().out
    assert "### ` c.zarr/a `" in out
    assert "```diff\n--- c.zarr/a/.zattrs\n" in out


def test_quiet_tells_what_is_blocked(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "c.zarr", "--quiet", "--apply"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("c.zarr/bad: blocked")
    assert "c.zarr/a" not in out


def test_nothing_to_do_is_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    array(tmp_path / "work" / "raw")
    assert main(["migrate", "raw", "--apply"]) == 0
    assert capsys.readouterr().out == "1 array and 0 groups: 0 documents of 0 units to change\n"
    assert main(["migrate", "raw"]) == 0
    assert capsys.readouterr().out == "1 array and 0 groups: 0 documents of 0 units would change\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["migrate"], "there is nothing to migrate"),
        (["migrate", "nowhere"], "no such file or folder"),
        (["migrate", "c.zarr", "--to", "omezarr"], "no such convention to migrate to"),
        (["migrate", "--apply", "plan.json", "c.zarr"], "a plan is applied as it is"),
        (["migrate", "--apply", "nothing.json"], "No such file"),
        (["migrate", "--resume"], "no run was interrupted"),
        (["migrate", "--resume", "20200101-000000-000000"], "there is no such run"),
        (["rollback"], "there is no run to roll back"),
        (["rollback", "../../etc"], "there is no such run"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_2(
    tree: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    before = contents(tree)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert contents(tree) == before


def test_no_runs_yet(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    assert main(["history", str(tree)]) == 0
    assert capsys.readouterr().out == "no runs\nno run changed a document here\n"
    assert main(["status", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_document_that_changed_after_is_not_rolled_back(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["migrate", "c.zarr", "--apply"])
    changed = write(tree / "a", {".zattrs": {"mine": 1}})
    assert main(["rollback"]) == 1
    captured = capsys.readouterr()
    assert "1 document put back, 1 changed by others since, left alone" in captured.out
    assert json.loads((changed / ".zattrs").read_bytes()) == {"mine": 1}


def test_names_cannot_draw_on_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = group(tmp_path / "work" / "c.zarr")
    array(root / "a\x1b[31m\nb: blocked", "v2", {**DAISY, "k\x1b[2J": "v\u202e"})
    assert main(["migrate", "c.zarr"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\nb: blocked" not in out
    assert main(["migrate", "c.zarr", "--format", "markdown", "--apply"]) == 0


SLOW = """
import os, sys, time
from zmeta.nodes import batch
write_batch, calls = batch.write_batch, []
def slow(*args, **options):
    calls.append(1)
    while len(calls) == 4 and not os.path.exists("go on"):
        time.sleep(0.01)
    return write_batch(*args, **options)
from zmeta.migration import apply, run
apply.write_batch = slow
run.BATCH_DOCUMENTS = 2
from zmeta.cli.main import run as main
sys.argv[0] = "zmeta"
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_a_run_that_was_stopped_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str], by: signal.Signals) -> None:
    root = group(tmp_path / "work" / "c.zarr")
    for index in range(20):
        array(root / f"a{index:02}", "v2", DAISY)
    before = contents(root)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "migrate", "c.zarr", "--apply"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while differing(root, before) == 0 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(by)
    if by == signal.SIGINT:
        time.sleep(0.3)
    Path("go on").touch()
    out, error = process.communicate(timeout=60)
    assert process.returncode == (130 if by == signal.SIGINT else -9), (out, error)
    if by == signal.SIGINT:
        assert b"stopped; to go on: zmeta migrate --resume " in error
    assert 0 < differing(root, before) < 20
    assert by == signal.SIGKILL or contents(root).keys() == before.keys()
    assert main(["status"]) == 1
    assert "interrupted" in capsys.readouterr().out
    if by == signal.SIGINT:
        assert main(["migrate", "--resume"]) == 0
    else:  # the same command again finishes it, and finds nothing more to do
        assert main(["migrate", "c.zarr", "--apply"]) == 0
        assert "an interrupted run was finished first" in capsys.readouterr().out
    assert differing(root, before) == 20
    assert contents(root).keys() == before.keys()  # what a killed writer left is gone
    assert main(["rollback"]) == 0
    assert contents(root) == before


def test_an_ome_container_goes_to_v3_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = image_tree(tmp_path / "work" / "i.zarr", levels=3)
    before = contents(root)
    assert main(["migrate", "i.zarr", "--to", "ome-ngff@0.5", "--apply", "--jobs", "2"]) == 0
    assert set(contents(root)) == {"zarr.json", "s0/zarr.json", "s1/zarr.json", "s2/zarr.json"}
    assert main(["check", "i.zarr", "--quiet"]) == 0
    assert main(["rollback"]) == 0
    assert contents(root) == before
    capsys.readouterr()
