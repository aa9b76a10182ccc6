"""Migrations of what lies on an object store: the same verbs, by compare-and-swap, against a real S3 server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from builders import SOUND, V2, V3, image

from zmeta import migrate, read_metadata, rollback, status
from zmeta.cli.main import main
from zmeta.migration import apply as journal
from zmeta.migration.run import Run
from zmeta.nodes import swap
from zmeta.stores.remote import using

if TYPE_CHECKING:
    from pathlib import Path

    from s3_server import S3

DAISY: dict[str, Any] = {"resolution": [40, 4, 4], "offset": [400, 0, 80]}
GROUP = {"zarr_format": 2}


def documents() -> dict[str, Any]:
    """Return a v2 container with an image, legacy arrays, and a chunk that stays as it is."""
    found: dict[str, Any] = {"c/.zgroup": GROUP, "c/image/.zgroup": GROUP, "c/image/.zattrs": image("0.4")}
    for level in range(2):
        found[f"c/image/s{level}/.zarray"] = {**V2, "shape": [16 // 2**level] * 3, "chunks": [8, 8, 8]}
    found["d/.zgroup"] = GROUP
    for number in range(5):
        found[f"d/a{number}/.zarray"] = V2
        found[f"d/a{number}/.zattrs"] = {**DAISY, "number": number}
    found["e/zarr.json"] = {**V3, "attributes": DAISY}
    return found


@pytest.fixture
def tree(s3: S3, bucket: str) -> Any:
    """Put the documents into a bucket and return the store."""
    store = s3.store(bucket.removeprefix("s3://"))
    for key, value in documents().items():
        store.put(key, json.dumps(value).encode())
    store.put("d/a0/0.0.0", b"chunk")
    s3.behave()
    return store


def contents(store: Any) -> dict[str, bytes]:
    keys = [entry["path"] for page in store.list() for entry in page]
    return {key: bytes(store.get(key).bytes()) for key in keys}


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


def test_legacy_arrays_are_migrated_and_rolled_back(s3: S3, bucket: str, tree: Any, state: str) -> None:
    before = contents(tree)
    config = s3.config()
    old = read_metadata(f"{bucket}/d/a3", config=config)[0]
    plan = migrate([f"{bucket}/d", f"{bucket}/e"], config=config)
    run, outcome = plan.apply(state_dir=state, jobs=2)
    assert (outcome.written, outcome.clean) == (6, True)
    after = contents(tree)
    assert {key for key in after if after[key] != before[key]} == {"e/zarr.json", *(f"d/a{n}/.zattrs" for n in range(5))}
    new = read_metadata(f"{bucket}/d/a3", config=config)[0]
    assert (new, new.convention) == (old, "zmeta@1.0")
    assert json.loads(after["d/a3/.zattrs"])["number"] == 3
    assert [unit for unit in migrate(f"{bucket}/d", config=config) if unit.changes] == []
    (entry,) = status(state)
    assert (entry.state, entry.paths) == ("applied", (f"{bucket}/d", f"{bucket}/e"))
    assert rollback(run.id, state_dir=state, store_options=s3.options).written == 6
    assert contents(tree) == before


def test_a_container_goes_to_v3_and_back(s3: S3, bucket: str, tree: Any, state: str) -> None:
    before = contents(tree)
    plan = migrate(f"{bucket}/c", to="ome-ngff@0.5", config=s3.config())
    run, outcome = plan.apply(state_dir=state)
    assert outcome.clean
    kept = {key for key in contents(tree) if key.startswith("c/")}
    assert kept == {"c/zarr.json", "c/image/zarr.json", "c/image/s0/zarr.json", "c/image/s1/zarr.json"}
    assert rollback(run.id, state_dir=state, store_options=s3.options).clean
    assert contents(tree) == before


def test_what_changed_since_the_plan_is_left_alone(s3: S3, bucket: str, tree: Any, state: str) -> None:
    config = s3.config()
    plan = migrate(f"{bucket}/d", config=config)
    run = Run.create(plan, plan.header, state)
    mine = json.dumps({**DAISY, "mine": 1}).encode()
    tree.put("d/a1/.zattrs", mine)
    with using(s3.options):
        outcome = journal.apply(run)
    assert (outcome.written, outcome.conflicts) == (4, 1)
    assert contents(tree)["d/a1/.zattrs"] == mine
    (problem,) = run.problems()
    assert (problem.file, problem.state) == (f"{bucket}/d/a1/.zattrs", "conflict")


def test_faults_of_the_server_lose_nothing(s3: S3, bucket: str, tree: Any, state: str) -> None:
    before = contents(tree)
    s3.behave(error=0.2, reset=0.1)
    run, outcome = migrate(f"{bucket}/d", config=s3.config()).apply(state_dir=state)
    for _ in range(20):
        if outcome.clean:
            break
        with using(s3.options):
            outcome = journal.apply(run)  # what the server refused is tried again
    assert (outcome.written, outcome.clean) == (5, True)
    s3.behave()
    assert all(json.loads(contents(tree)[f"d/a{n}/.zattrs"])["voxel_size"] == [40, 4, 4] for n in range(5))
    assert rollback(run.id, state_dir=state, store_options=s3.options).clean
    assert contents(tree) == before


def test_a_run_that_was_stopped_goes_on(s3: S3, bucket: str, tree: Any, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = migrate(f"{bucket}/d", config=s3.config())
    run = Run.create(plan, plan.header, state)
    swapped: list[str] = []
    original = swap.swap

    def stop(change: Any, done: Any) -> Any:
        if len(swapped) == 2:
            raise KeyboardInterrupt
        swapped.append(change.file)
        return original(change, done)

    monkeypatch.setattr("zmeta.nodes.batch_remote.swap", stop)
    monkeypatch.setattr("zmeta.nodes.batch_remote.UNITS", 1)
    with using(s3.options):
        with pytest.raises(KeyboardInterrupt):
            journal.apply(run)
        assert [entry.state for entry in status(state)] == ["interrupted"]
        monkeypatch.undo()
        outcome = journal.apply(run)
    assert (outcome.written, outcome.clean) == (5, True)


def test_the_command_line(
    s3: S3, bucket: str, tree: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = contents(tree)
    options = [text for key, value in s3.options.items() for text in ("--store-option", f"{key}={value}")]
    journal_ = ["--journal", str(tmp_path / "state")]
    url = f"{bucket}/d"
    assert main(["migrate", url, *options, "--out", "plan.json", "--no-diff"]) == 0
    assert f"{url}/a0: daisy@1 → zmeta@1.0" in capsys.readouterr().out
    assert main(["migrate", "--apply", "plan.json", *options, *journal_]) == 0
    assert "5 documents written" in capsys.readouterr().out
    assert main(["history", f"{url}/a2", *journal_]) == 0
    assert f"{url}/a2/.zattrs: daisy@1 → zmeta@1.0" in capsys.readouterr().out
    assert main(["rollback", *options, *journal_]) == 0
    assert contents(tree) == before


def test_what_is_sound_needs_nothing(s3: S3, bucket: str, state: str) -> None:
    store = s3.store(bucket.removeprefix("s3://"))
    store.put("f/zarr.json", json.dumps({**V3, "attributes": SOUND}).encode())
    assert list(migrate(f"{bucket}/f", config=s3.config())) == []
