"""Legacy attributes are upgraded in memory when an array is opened, through the steps of a migration, and never written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import array, image_tree
from test_wild import ROWS, WILD

from zmeta import ArrayIdentifier, ZarrArray
from zmeta.array.zarr_array import LEGACY
from zmeta.config import Config
from zmeta.pipeline import decode_node
from zmeta.steps import memory
from zmeta.steps.graph import Graph
from zmeta.steps.load import load_graph
from zmeta.steps.registry import STEPS
from zmeta.steps.step import Step

FUNLIB: dict[str, Any] = {
    "axis_names": ["c^", "y", "x"], "voxel_size": [4, 4], "offset": [0, 8], "units": ["nm", "nm"], "lab": 1,
}  # fmt: skip


def opened(folder: Path, config: Config | None = None) -> ZarrArray:
    return ZarrArray.open_from_array_identifier(
        ArrayIdentifier(container=folder.parent, dataset=folder.name), config=config or Config()
    )


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_legacy_is_what_steps_lead_out_of() -> None:
    assert {f"{step.subject}@{step.before}" for step in STEPS} == LEGACY


def test_attributes_are_upgraded_and_the_file_is_not(tmp_path: Path) -> None:
    folder = array(tmp_path / "c" / "raw", "v2", FUNLIB)
    before = contents(tmp_path)
    found = opened(folder)
    assert found.upgrades == ("funlib-persistence-0.5-to-0.6",)
    assert found.attributes == {**FUNLIB, "axis_names": ["c", "y", "x"], "types": ["channel", "space", "space"]}
    assert found.attrs.asdict() == FUNLIB
    assert (found.convention, found.axes, tuple(found.voxel_size)) == ("funlib-persistence@0.5", ["c", "y", "x"], (4, 4))
    assert "upgraded   in memory: funlib-persistence-0.5-to-0.6" in repr(found)
    assert contents(tmp_path) == before
    found.attrs["lab"] = 2
    assert found.attrs.asdict() == {**FUNLIB, "lab": 2}  # written in the version of the file
    assert found.attributes["types"] == ["channel", "space", "space"]


@pytest.mark.parametrize("kind", ["v2", "v3"])
def test_what_is_up_to_date_is_left_alone(tmp_path: Path, kind: str) -> None:
    folder = array(tmp_path / "raw", kind, {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    found = opened(folder)
    assert (found.upgrades, found.attributes) == ((), found.attrs.asdict())
    assert opened(image_tree(tmp_path / "i.zarr", "v3") / "s1").upgrades == ()
    assert opened(image_tree(tmp_path / "j.zarr", "v2") / "s1").upgrades == ()  # 0.5 needs Zarr v3


@pytest.mark.parametrize("row", ROWS, ids=[row["path"] for row in ROWS])
def test_upgrading_changes_nothing_that_is_read(row: dict[str, Any]) -> None:
    config = Config(ome_anchor=row["settings"].get("ome_anchor", "corner"))
    path = Path(row["path"]).relative_to(row["container"])
    identifier = ArrayIdentifier(container=WILD / row["container"], dataset="/".join(path.parts))
    found = ZarrArray.open_from_array_identifier(identifier, config=config)
    graph = load_graph(config)
    upgraded = memory.upgrade_in_memory(found.node, found.decoded.claims, config.reading(), graph)
    assert found.upgrades == upgraded.steps  # none was refused
    assert decode_node(upgraded.node, config.reading()).metadata == found.decoded.metadata


def test_some_of_the_real_arrays_are_upgraded() -> None:
    found = [opened(WILD / path) for path in ("funlib.persistence-0.5.4/a.zarr/vol/affs", "ome-zarr-0.2.1/plain_0.1.zarr/0")]
    assert [array.upgrades for array in found] == [
        ("funlib-persistence-0.5-to-0.6",),
        ("ome-ngff-0.1-to-0.2", "ome-ngff-0.2-to-0.3"),  # 0.4 needs a scale, and nothing states one
    ]


def test_a_step_that_would_move_the_array_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Step("x", "funlib-persistence", "0.5", "0.6", "lossless", lambda keys, site: {**keys, "voxel_size": [8, 8]})
    monkeypatch.setattr(memory, "load_graph", lambda config: Graph([wrong]))
    found = opened(array(tmp_path / "raw", "v2", FUNLIB))
    assert (found.upgrades, tuple(found.voxel_size), found.attributes) == ((), (4, 4), FUNLIB)


def test_profiles_are_upgraded_too(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(
        'subject = "lab"\nversion_key = "/version"\n[[step]]\nid = "lab-1-to-2"\nfrom = "1"\nto = "2"\n'
        '[[step.do]]\nop = "rename"\nat = "/stain"\nto = "staining"\n'
    )
    config = Config(file=str(tmp_path / "zmeta.toml"), steps=("lab.toml",))
    keys = {"version": "1", "stain": "OTO", "resolution": [4, 4, 4], "offset": [0, 0, 0]}
    found = opened(array(tmp_path / "raw", "v2", keys), config)
    assert found.upgrades == ("lab-1-to-2",)
    assert found.attributes == {"version": "2", "staining": "OTO", "resolution": [4, 4, 4], "offset": [0, 0, 0]}
