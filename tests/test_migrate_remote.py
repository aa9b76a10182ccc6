"""Migrations of object stores: planned, applied, resumed and taken back as those of folders are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from builders import V2, V3
from test_remote import GROUP3, on_disk, put

from zmeta import Config
from zmeta.cli.main import main
from zmeta.migration.face import migrate, status
from zmeta.nodes import swap
from zmeta.stores import remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud import Cloud

    from zmeta.nodes.write import Change

DAISY = {"resolution": [40, 4, 4], "offset": [80, 0, 0], "stain": "OTO"}


def tree() -> dict[str, bytes]:
    documents: dict[str, Any] = {
        "three.zarr/zarr.json": GROUP3,
        "two.zarr/.zgroup": {"zarr_format": 2},
        "two.zarr/.zmetadata": {"zarr_consolidated_format": 1, "metadata": {
            ".zgroup": {"zarr_format": 2}, **{f"a{index}/.zarray": V2 for index in range(3)},
            **{f"a{index}/.zattrs": DAISY for index in range(3)}}},
    }  # fmt: skip
    for index in range(12):
        documents[f"three.zarr/a{index:02}/zarr.json"] = {**V3, "attributes": {**DAISY, "number": index}}
    for index in range(3):
        documents |= {f"two.zarr/a{index}/.zarray": V2, f"two.zarr/a{index}/.zattrs": DAISY}
    return {key: json.dumps(data, indent=1).encode() for key, data in documents.items()}


class Bucket:
    """The tree in a bucket, and what is there now."""

    def __init__(self, cloud: Cloud, url: str) -> None:
        self.cloud, self.url, self._store = cloud, url, cloud.store(url)
        put(cloud, url, tree())

    def documents(self) -> dict[str, bytes]:
        keys = [entry["path"] for page in self._store.list() for entry in page]
        return {key: bytes(self._store.get(key).bytes()) for key in keys}


@pytest.fixture(params=["s3", "gs", "az", "azurite"])
def there(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    cloud: Cloud = request.getfixturevalue(request.param)
    cloud.behave()
    yield Bucket(cloud, cloud.bucket(f"bucket-{uuid4().hex[:12]}"))
    cloud.behave()


@pytest.mark.parametrize("to", ["", "ome-ngff@0.5"])
def test_a_bucket_becomes_what_a_folder_becomes(there: Bucket, tmp_path: Path, to: str) -> None:
    words = ["--to", to] if to else []
    assert main(["migrate", str(on_disk(tmp_path / "t", tree())), *words, "--apply", "--journal", str(tmp_path / "j")]) == 0
    local = {
        str(path.relative_to(tmp_path / "t")): path.read_bytes() for path in (tmp_path / "t").rglob("*") if path.is_file()
    }
    assert local != tree()
    journal, access = ["--journal", str(tmp_path / "k")], there.cloud.words
    assert main(["migrate", there.url, *words, "--apply", *journal, *access]) == 0
    assert there.documents() == local
    assert main(["rollback", *journal, *access]) == 0
    assert there.documents() == tree()


def test_nothing_is_written_without_being_asked_for(
    there: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there.cloud.behave()
    assert main(["migrate", there.url, "--out", str(tmp_path / "plan.json"), *there.cloud.words]) == 0
    assert {asked.partition(" ")[0] for asked in there.cloud.log()} <= {"GET", "HEAD"}
    assert (
        main(["migrate", "--apply", str(tmp_path / "plan.json"), "--journal", str(tmp_path / "j"), *there.cloud.words]) == 0
    )
    assert b"voxel_size" in there.documents()["three.zarr/a03/zarr.json"]
    capsys.readouterr()
    assert main(["history", f"{there.url}/three.zarr/a03", "--journal", str(tmp_path / "j")]) == 0
    assert f"{there.url}/three.zarr/a03/zarr.json: daisy@1" in capsys.readouterr().out


def test_what_somebody_changed_stays(there: Bucket, tmp_path: Path) -> None:
    plan = migrate(there.url, config=there.cloud.config())
    plan.save(tmp_path / "plan.json")
    theirs = {"three.zarr/a01/zarr.json": {**V3, "attributes": {"theirs": 1}}, "two.zarr/a2/.zattrs": {"theirs": 2}}
    put(there.cloud, there.url, theirs)
    journal = ["--journal", str(tmp_path / "j"), *there.cloud.words]
    assert main(["migrate", "--apply", str(tmp_path / "plan.json"), *journal]) == 1
    after = there.documents()
    assert {key: json.loads(after[key]) for key in theirs} == theirs
    assert b"voxel_size" in after["three.zarr/a02/zarr.json"]
    put(there.cloud, there.url, {"three.zarr/a02/zarr.json": {**V3, "attributes": {"theirs": 3}}})
    assert main(["rollback", *journal]) == 1
    after = there.documents()
    changed = {*theirs, "three.zarr/a02/zarr.json"}
    assert {key: after[key] for key in after if key not in changed} == {
        key: raw for key, raw in tree().items() if key not in changed
    }
    assert b"theirs" in after["three.zarr/a02/zarr.json"]


@pytest.mark.parametrize("to", ["", "ome-ngff@0.5"])
def test_a_run_that_breaks_off_goes_on_and_can_be_taken_back(
    there: Bucket, tmp_path: Path, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = ["--journal", str(tmp_path / "j"), *there.cloud.words]
    words = ["--to", to] if to else []
    real, left = swap.swap, 6

    def swap_some(change: Change, done: dict[str, swap.Done]) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return real(change, done)

    with monkeypatch.context() as patch:
        patch.setattr(swap, "swap", swap_some)
        assert main(["migrate", there.url, *words, "--apply", *journal]) == 130
    half = there.documents()
    assert half != tree()
    assert [run.state for run in status(tmp_path / "j")] == ["interrupted"]
    assert main(["migrate", there.url, *words, "--apply", *journal]) == 0
    once = there.documents()
    assert b"resolution" not in b"".join(raw for key, raw in once.items() if "three" in key)
    assert main(["rollback", *journal]) == 0
    assert there.documents() == tree()


def test_faults_that_pass_do_not_matter(there: Bucket, tmp_path: Path) -> None:
    journal = ["--journal", str(tmp_path / "j"), *there.cloud.words]
    there.cloud.behave(lost=0.1, late_error=0.1, error=0.1, only="PUT", seed=4)
    assert main(["migrate", there.url, "--apply", *journal]) == 0
    there.cloud.behave(lost=0.1, late_error=0.1, error=0.1, only="PUT", seed=5)
    after = there.documents()
    assert all(b"voxel_size" in raw for key, raw in after.items() if key.endswith((".zattrs", "0/zarr.json")))
    assert main(["rollback", *journal]) == 0
    assert there.documents() == tree()


def test_a_unit_that_cannot_be_written_whole_stays_as_it_was(there: Bucket, tmp_path: Path) -> None:
    there.cloud.behave(refuse="/three.zarr/a05/zarr.json")
    assert main(["migrate", there.url, "--apply", "--journal", str(tmp_path / "j"), *there.cloud.words]) == 1
    after = there.documents()
    assert after["three.zarr/a05/zarr.json"] == tree()["three.zarr/a05/zarr.json"]
    assert b"voxel_size" in after["three.zarr/a04/zarr.json"]


def test_options_reach_the_workers(there: Bucket, tmp_path: Path) -> None:
    run, outcome = migrate(f"{there.url}/three.zarr", config=there.cloud.config()).apply(jobs=2, state_dir=tmp_path / "j")
    assert (outcome.written, run.documents) == (12, 12)
    assert remote.current_options() == {}
    assert os.listdir(tmp_path) == ["j"]
    assert Config().store_options == {}
