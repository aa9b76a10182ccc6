"""The plan of a migration: what becomes of each node, what blocks it, and that planning writes nothing."""

from __future__ import annotations

import json
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import SOUND, array, errors, group, image, image_tree, write, zipped

from zmeta import read_metadata
from zmeta.config import Config
from zmeta.conventions.zmeta.codec import ENTRY
from zmeta.errors import ConfigError, NodeNotFoundError
from zmeta.migration.face import migrate
from zmeta.migration.plan import REMOVAL

if TYPE_CHECKING:
    from zmeta.migration.unit import Unit

DAISY: dict[str, Any] = {"resolution": [40, 4, 4], "offset": [400, 0, 80]}


def plan(path: Path, to: str = "zmeta", **options: Any) -> list[Unit]:
    return list(migrate(path, **{"to": to, "config": Config(), **options}))


def apply(units: list[Unit]) -> None:
    """Write the changes of a plan, each where it finds what was planned for."""
    for unit in units:
        for need in unit.needs:
            assert sha256(Path(need.file).read_bytes()).hexdigest() == need.digest
        for change in unit.changes:
            file = Path(change.file)
            assert (file.read_bytes() if file.exists() else None) == change.old
            if change.new is None:
                file.unlink()
            else:
                file.write_bytes(change.new)


def attributes(folder: Path, name: str = ".zattrs") -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / name).read_bytes())
    found: dict[str, Any] = document["attributes"] if name == "zarr.json" else document
    return found


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def blocks(units: list[Unit]) -> dict[str, list[str]]:
    return {
        Path(unit.path).name: [f.code for f in unit.findings if f.severity.name == "ERROR"] for unit in units if unit.blocked
    }


# --- arrays to another convention ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["v2", "v3"])
def test_legacy_becomes_zmeta_and_foreign_keys_stay(tmp_path: Path, kind: str) -> None:
    folder = array(tmp_path / "raw", kind, {"lab": {"stain": "OTO"}, **DAISY, "note": [1, 2.50]})
    before, _ = read_metadata(folder)
    units = plan(folder)
    assert [(unit.steps, unit.kind) for unit in units] == [(("daisy@1 → zmeta@1.0",), "lossless")]
    apply(units)
    keys = attributes(folder, ".zattrs" if kind == "v2" else "zarr.json")
    expected = {"axes": ["z", "y", "x"], "types": ["space"] * 3, "voxel_size": [40, 4, 4], "offset": [400, 0, 80]}
    assert keys == {"lab": {"stain": "OTO"}, "note": [1, 2.5], **expected, "zarr_conventions": [ENTRY]}
    assert list(keys)[:3] == ["lab", "offset", "note"]  # what stays, stays in its place
    after, findings = read_metadata(folder)
    assert (after, after.convention) == (before, "zmeta@1.0")
    assert [str(finding) for finding in findings if finding.severity.name == "ERROR"] == []
    assert plan(folder) == []


def test_planning_writes_nothing(tmp_path: Path) -> None:
    group(tmp_path / "c.zarr")
    array(tmp_path / "c.zarr" / "raw", "v2", DAISY)
    before = contents(tmp_path)
    assert len(plan(tmp_path)) == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize("keys", [{}, SOUND, {"lab": 1}, {"_ARRAY_DIMENSIONS": ["z", "y", "x"]}], ids=str)
def test_nothing_to_do(tmp_path: Path, keys: dict[str, Any]) -> None:
    assert plan(array(tmp_path / "raw", "v2", keys)) == []


def test_numbers_keep_their_decimals(tmp_path: Path) -> None:
    exact = '{"resolution": [0.36, 1e1, 12345678901234567890.5], "offset": [-0.10, 0, 0.3]}'
    folder = write(array(tmp_path / "raw"), {".zattrs": exact})
    apply(plan(folder))
    metadata, _ = read_metadata(folder)
    assert metadata.voxel_size == (Fraction("0.36"), Fraction(10), Fraction("12345678901234567890.5"))
    assert metadata.offset == (Fraction("-0.1"), Fraction(0), Fraction("0.3"))


def test_an_origin_that_is_not_stated_stays_so(tmp_path: Path) -> None:
    folder = array(tmp_path / "raw", "v2", {"resolution": [4, 4, 4]})
    apply(plan(folder))
    assert "offset" not in attributes(folder)


def test_in_n5_zmeta_is_cosem_with_its_order_stated(tmp_path: Path) -> None:
    folder = array(tmp_path / "raw", "n5", {"resolution": [4, 4, 40], "offset": [80, 0, 400], "units": ["nm"] * 3})
    before, _ = read_metadata(folder)
    apply(plan(folder))
    keys = attributes(folder, "attributes.json")
    assert (keys["transform"]["order"], keys["transform"]["translate"]) == ("C", [420, 2, 82])
    assert (keys["dimensions"], "resolution" in keys) == ([6, 5, 4], False)
    assert read_metadata(folder)[0] == before


def test_the_declaration_of_zmeta_goes_and_others_stay(tmp_path: Path) -> None:
    other = {"uuid": "b77365e5-2b0c-4141-b917-c03b7c68e935", "name": "license"}
    keys = {**SOUND, "zarr_conventions": [other, ENTRY], "license": {"spdx": "MIT"}}
    folder = array(tmp_path / "raw", "v2", keys)
    apply(plan(folder, "funlib-persistence@0.5"))
    assert attributes(folder)["zarr_conventions"] == [other]
    assert (attributes(folder)["license"], attributes(folder)["axis_names"]) == ({"spdx": "MIT"}, ["z", "y", "x"])
    assert "types" not in attributes(folder)


def test_there_and_back(tmp_path: Path) -> None:
    folder = array(tmp_path / "raw", "v2", SOUND)
    before = read_metadata(folder)[0]
    for to in ("funlib-persistence@0.6", "dacapo", "cosem", "zmeta"):
        units = plan(folder, to, allow_loss=["units"] if to == "dacapo@0.2.0" else ())
        assert [unit.blocked for unit in units] == [False], to
        apply(units)
        assert read_metadata(folder)[0] == before, to
    assert attributes(folder) == {**SOUND, "_ARRAY_DIMENSIONS": ["z", "y", "x"]}  # which xarray may need by now


# --- what stands against it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "changes", "code"),
    [
        ({**DAISY, "voxel_size": [9, 4, 4]}, {}, "ZM401"),
        ({"resolution": [0, 4, 4], "offset": [0, 0, 0]}, {}, "ZM301"),
        ({"resolution": [4, 4, 4, 4], "offset": [0, 0, 0, 0]}, {"shape": [2, 3, 4, 5], "chunks": [1, 1, 1, 1]}, "ZM206"),
        ({"offset": [0, 0, 0]}, {}, "ZM409"),
        ({"spatialTransform": {"transform": {"type": "affine"}}, **DAISY}, {}, "ZM409"),
    ],
    ids=["contradiction", "no size", "guessed names", "no voxel size", "not decoded"],
)
def test_blocked(tmp_path: Path, keys: dict[str, Any], changes: dict[str, Any], code: str) -> None:
    folder = array(tmp_path / "raw", "v2", keys, **changes)
    units = plan(folder)
    if code == "ZM409" and "spatialTransform" in keys:  # a layout that is not decoded does not speak for the array
        assert not any(unit.changes and unit.blocked for unit in units)
        return
    assert [[code in [f.code for f in unit.findings], unit.blocked, unit.changes] for unit in units] == [[True, True, ()]]


def test_names_that_were_guessed_can_be_given(tmp_path: Path) -> None:
    keys = {"resolution": [4, 4, 4, 4], "offset": [0, 0, 0, 0]}
    folder = array(tmp_path / "raw", "v2", keys, shape=[2, 3, 4, 5], chunks=[1, 1, 1, 1])
    units = plan(folder, axes=["t", "z", "y", "x"])
    assert [unit.blocked for unit in units] == [False]
    apply(units)
    assert attributes(folder)["axes"] == ["t", "z", "y", "x"]


def test_nan_is_not_written(tmp_path: Path) -> None:
    folder = write(array(tmp_path / "raw"), {".zattrs": '{"resolution": [4, 4, 4], "offset": [0, 0, 0], "mean": NaN}'})
    assert blocks(plan(folder)) == {"raw": ["ZM002"]}


def test_a_broken_node_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    group(tmp_path / "c.zarr")
    write(array(tmp_path / "c.zarr" / "bad"), {".zattrs": "{"})
    array(tmp_path / "c.zarr" / "good", "v2", DAISY)
    units = plan(tmp_path / "c.zarr")
    assert blocks(units) == {"bad": ["ZM001"]}
    assert [Path(unit.path).name for unit in units if unit.changes] == ["good"]


def test_units_are_lost_only_where_that_is_agreed_to(tmp_path: Path) -> None:
    keys = {**SOUND, "units": ["micrometer"] * 3, "voxel_size": [0.04, 0.004, 0.004], "offset": [0, 0, 1]}
    folder = array(tmp_path / "raw", "v2", keys)
    assert blocks(plan(folder, "daisy")) == {"raw": ["ZM409"]}
    units = plan(folder, "daisy", allow_loss=["units", "types"])
    assert [(unit.kind, unit.blocked) for unit in units] == [("lossy", False)]
    apply(units)
    assert attributes(folder) == {"offset": [0, 0, 1000], "resolution": [40, 4, 4]}  # nanometer, as daisy's readers take it


def test_old_keys_may_stay_as_mirrors(tmp_path: Path) -> None:
    folder = array(tmp_path / "raw", "v2", DAISY)
    apply(plan(folder, keep_legacy=True))
    assert attributes(folder)["resolution"] == attributes(folder)["voxel_size"] == [40, 4, 4]
    assert errors(folder) == []
    assert plan(folder, keep_legacy=True) == []


def test_mirrors_of_the_settings_are_written(tmp_path: Path) -> None:
    folder = array(tmp_path / "raw", "v2", {"voxel_size": [40, 4, 4], "offset": [0, 0, 0], "axis_names": ["z", "y", "x"]})
    config = Config(mirror=("daisy",))
    apply(plan(folder, config=config))
    assert attributes(folder)["resolution"] == [40, 4, 4]
    assert plan(folder, config=config) == []


def test_mirrors_are_written_where_nothing_else_is_to_be_done(tmp_path: Path) -> None:
    root = group(tmp_path / "c.zarr")
    array(root / "raw", "v2", SOUND)
    array(root / "named", "v2", {"axes": ["z", "y", "x"]})  # says no size: there is nothing to mirror
    config = Config(mirror=("daisy",))
    (unit,) = plan(root, config=config)
    assert (unit.path, unit.steps) == (str(root / "raw"), ("mirror as daisy",))
    apply([unit])
    assert attributes(root / "raw") == {**SOUND, "resolution": SOUND["voxel_size"]}
    assert plan(root, config=config) == []
    assert plan(root) == [] or plan(root)[0].steps == ("daisy@1 → zmeta@1.0",)
    assert errors(root / "raw") == []


@pytest.mark.parametrize("kind", ["v2", "v3"])
@pytest.mark.parametrize("offset", [[0, 0, 0], [80, 0, 0]])
def test_a_convention_of_n5_has_no_place_in_zarr(tmp_path: Path, kind: str, offset: list[int]) -> None:
    folder = array(tmp_path / "raw", kind, {**SOUND, "offset": offset})
    (unit,) = plan(folder, "neuroglancer-n5")
    (finding,) = unit.findings
    assert unit.blocked
    expected = f"neuroglancer-n5 has no place for arrays of Zarr {kind}: it is a convention of N5"
    assert (finding.message, finding.hint) == (expected, "name another convention, such as zmeta")


def test_a_target_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such convention to migrate to"):
        plan(array(tmp_path / "raw"), "ome-zarr")
    with pytest.raises(NodeNotFoundError, match="no such file or folder"):
        plan(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NodeNotFoundError, match="no Zarr or N5 node"):
        plan(tmp_path / "empty")


def test_a_zip_archive_is_not_written(tmp_path: Path) -> None:
    array(tmp_path / "c.zarr" / "raw", "v2", DAISY)
    units = plan(zipped(tmp_path / "c.zarr", tmp_path / "c.zip"))
    assert blocks(units) == {"c.zip": ["ZM409"]}


# --- consolidated copies ------------------------------------------------------------------------------------------------


def test_a_copy_of_zarr_v2_is_kept_true(tmp_path: Path) -> None:
    root = group(tmp_path / "c.zarr")
    array(root / "a" / "raw", "v2", DAISY)
    document = json.loads((root / "a" / "raw" / ".zarray").read_bytes())
    copy = {".zgroup": {"zarr_format": 2}, "a/raw/.zarray": document, "a/raw/.zattrs": DAISY, "other/.zattrs": {"a": 1}}
    write(root, {".zmetadata": {"zarr_consolidated_format": 1, "metadata": copy, "more": 1}})
    units = plan(root)
    assert [unit.steps for unit in units] == [("daisy@1 → zmeta@1.0",), ("consolidated metadata",)]
    apply(units)
    written = json.loads((root / ".zmetadata").read_bytes())
    assert written["metadata"]["a/raw/.zattrs"] == attributes(root / "a" / "raw")
    assert (written["metadata"]["other/.zattrs"], written["more"]) == ({"a": 1}, 1)


def test_a_copy_above_what_is_named_is_kept_true(tmp_path: Path) -> None:
    root = group(tmp_path / "c.zarr", "v3")
    array(root / "raw", "v3", DAISY)
    entry = json.loads((root / "raw" / "zarr.json").read_bytes())
    inline = {"kind": "inline", "must_understand": False, "metadata": {"raw": entry}}
    document = json.loads((root / "zarr.json").read_bytes())
    write(root, {"zarr.json": {**document, "consolidated_metadata": inline}})
    apply(plan(root / "raw"))
    copy = json.loads((root / "zarr.json").read_bytes())["consolidated_metadata"]["metadata"]["raw"]
    assert copy == json.loads((root / "raw" / "zarr.json").read_bytes())
    assert errors(root) == []


# --- images ---------------------------------------------------------------------------------------------------------------


def test_levels_become_one_image(tmp_path: Path) -> None:
    root = group(tmp_path / "c.zarr")
    for level in range(3):
        size, shape = [40, 4 * 2**level, 4 * 2**level], [4, 16 // 2**level, 16 // 2**level]
        array(root / f"s{level}", "v2", {"resolution": size, "offset": [400, 0, 80]}, shape=shape, chunks=[4, 4, 4])
    before = [read_metadata(root / f"s{level}")[0] for level in range(3)]
    apply(plan(root, "ome-ngff@0.4"))
    (entry,) = attributes(root)["multiscales"]
    assert [dataset["path"] for dataset in entry["datasets"]] == ["s0", "s1", "s2"]
    assert [read_metadata(root / f"s{level}")[0] for level in range(3)] == before
    assert attributes(root / "s1") == {}
    assert plan(root, "ome-ngff@0.4") == []


def test_arrays_that_are_no_levels_become_images_of_their_own(tmp_path: Path) -> None:
    root = group(tmp_path / "c.zarr")
    array(root / "raw", "v2", DAISY)
    array(root / "labels_1", "v2", {"resolution": [8, 8, 8], "offset": [0, 0, 0]})
    array(root / "labels_2", "v2", {"resolution": [16, 16, 16], "offset": [0, 0, 0]})  # the same shape: no level
    apply(plan(root, "ome-ngff@0.4"))
    assert [entry["name"] for entry in attributes(root)["multiscales"]] == ["labels_1", "labels_2", "raw"]


@pytest.mark.parametrize(
    ("kind", "to", "message"),
    [
        ("n5", "ome-ngff@0.4", "OME-NGFF has no place in N5"),
        ("v3", "ome-ngff@0.4", "OME-NGFF 0.4 has no place in Zarr v3"),
    ],
)
def test_images_have_no_place_everywhere(tmp_path: Path, kind: str, to: str, message: str) -> None:
    root = group(tmp_path / "c", kind)
    array(root / "raw", kind, DAISY)
    (unit,) = plan(root, to)
    assert (unit.blocked, unit.findings[0].message) == (True, message)


def test_an_array_without_a_group_or_with_one_axis_is_no_image(tmp_path: Path) -> None:
    alone = array(tmp_path / "alone", "v2", DAISY)
    assert "no group" in plan(alone, "ome-ngff@0.4")[0].findings[0].message
    root = group(tmp_path / "c.zarr")
    array(root / "line", "v2", {"resolution": [4], "offset": [0]}, shape=[4], chunks=[4])
    assert "2 to 5 axes" in plan(root, "ome-ngff@0.4")[0].findings[0].message


def test_an_image_for_zmeta_keeps_its_list_of_levels(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "i.zarr")
    keys = attributes(root)
    apply(plan(root))
    assert attributes(root) == keys
    assert attributes(root / "s1")["voxel_size"] == [8, 8, 8]
    assert errors(root) == []


# --- Zarr v2 to v3 --------------------------------------------------------------------------------------------------------


def test_a_container_goes_to_zarr_v3_new_beside_old_then_old_away(tmp_path: Path) -> None:
    root = group(tmp_path / "c.zarr", "v2", {"lab": 1})
    image_tree(root / "image")
    array(root / "bare")
    units = plan(root, "ome-ngff@0.5")
    made = [str(Path(c.file).relative_to(root)) for unit in units if not unit.last for c in unit.changes]
    assert made == ["bare/zarr.json", "image/s0/zarr.json", "image/s1/zarr.json", "image/zarr.json", "zarr.json"]
    late = [unit for unit in units if unit.last]
    assert units[-len(late) :] == late
    assert {unit.steps for unit in late} == {(REMOVAL,)}
    assert [Path(unit.path).name for unit in late] == ["c.zarr", "image", "bare"]  # the container's own first
    assert all(unit.needs for unit in late)
    apply(units)
    assert not [name for name in contents(root) if not name.endswith("zarr.json")]
    assert json.loads((root / "zarr.json").read_bytes())["attributes"] == {"lab": 1}
    assert json.loads((root / "image" / "s0" / "zarr.json").read_bytes())["dimension_names"] == ["z", "y", "x"]
    assert errors(root) == []
    assert plan(root, "ome-ngff@0.5") == []


def test_what_an_unfinished_conversion_left_beside_is_told(tmp_path: Path) -> None:
    """A run wrote the new documents, was killed, and its journal is gone: nobody takes the old ones away any more."""
    root = group(tmp_path / "c.zarr")
    image_tree(root / "image")
    apply([unit for unit in plan(root, "ome-ngff@0.5") if not unit.last])
    assert (root / ".zgroup").exists()
    units = plan(root, "ome-ngff@0.5")
    assert [unit.changes for unit in units] == [()] * len(units)
    told = {(Path(f.file).relative_to(root).as_posix(), f.code, f.severity.name) for unit in units for f in unit.findings}
    names = (".zgroup", "image/.zgroup", "image/s0/.zarray", "image/s1/.zarray")
    assert told == {(name, "ZM004", "WARNING") for name in names}
    assert plan(root) == [] or all(not unit.blocked for unit in plan(root))


def test_what_has_no_form_in_v3_blocks_its_whole_container_and_no_other(tmp_path: Path) -> None:
    for name in ("bad", "good"):
        root = group(tmp_path / f"{name}.zarr")
        image_tree(root / "image")
        array(root / "more", "v2", {}, **({"filters": [{"id": "categorize"}]} if name == "bad" else {}))
    units = plan(tmp_path, "ome-ngff@0.5")
    assert blocks(units) == {"more": ["ZM420"], "bad.zarr": ["ZM409"]}
    assert {Path(unit.path).relative_to(tmp_path).parts[0] for unit in units if unit.changes} == {"good.zarr"}


def test_consolidated_metadata_is_rebuilt_in_v3(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "i.zarr")
    write(root, {".zmetadata": {"zarr_consolidated_format": 1, "metadata": {".zgroup": {"zarr_format": 2}}}})
    apply(plan(root, "ome-ngff@0.5"))
    copy = json.loads((root / "zarr.json").read_bytes())["consolidated_metadata"]["metadata"]
    assert copy["s1"] == json.loads((root / "s1" / "zarr.json").read_bytes())
    assert sorted(copy) == ["s0", "s1"]
    assert not (root / ".zmetadata").exists()


def test_groups_without_a_document_get_one(tmp_path: Path) -> None:
    root = tmp_path / "c.zarr"
    keys = {"voxel_size": [40, 4, 4], "offset": [0, 0, 0], "axis_names": ["z", "y", "x"], "units": ["nm"] * 3}
    array(root / "vol" / "raw", "v2", keys)
    apply(plan(root, "ome-ngff@0.5"))
    assert attributes(root / "vol", "zarr.json")["ome"]["multiscales"][0]["datasets"][0]["path"] == "raw"
    assert attributes(root, "zarr.json") == {}
    assert errors(root) == []


def test_xarray_finds_its_names_in_the_document_of_v3(tmp_path: Path) -> None:
    root = group(tmp_path / "c.zarr")
    array(root / "lat", "v2", {"_ARRAY_DIMENSIONS": ["time", "lat", "lon"]})
    image_tree(root / "image")
    apply(plan(root, "ome-ngff@0.5"))
    document = json.loads((root / "lat" / "zarr.json").read_bytes())
    assert document["dimension_names"] == document["attributes"]["_ARRAY_DIMENSIONS"] == ["time", "lat", "lon"]


def test_an_old_image_without_a_scale_is_blocked_unless_pixels_are_meant(tmp_path: Path) -> None:
    keys = {"multiscales": [{"version": "0.3", "axes": ["z", "y", "x"], "datasets": [{"path": "s0"}, {"path": "s1"}]}]}
    root = image_tree(tmp_path / "i.zarr", attributes=keys)
    assert blocks(plan(root, "ome-ngff@0.4")) == {"i.zarr": ["ZM308"]}
    units = plan(root, "ome-ngff@0.4", pixel_scale=True)
    assert [(unit.steps, unit.kind) for unit in units] == [(("ome-ngff-0.3-to-0.4",), "manual")]


def test_an_old_image_takes_the_scale_that_its_arrays_state(tmp_path: Path) -> None:
    keys = {"multiscales": [{"version": "0.3", "axes": ["z", "y", "x"], "datasets": [{"path": "s0"}, {"path": "s1"}]}]}
    root = image_tree(tmp_path / "i.zarr", attributes=keys)
    for level in range(2):
        write(root / f"s{level}", {".zattrs": {"resolution": [4 * 2**level] * 3, "offset": [8, 8, 8]}})
    before = [read_metadata(root / f"s{level}")[0] for level in range(2)]
    apply(plan(root, "ome-ngff@0.5"))
    assert [read_metadata(root / f"s{level}")[0] for level in range(2)] == before
    assert attributes(root / "s0", "zarr.json") == {}


@pytest.mark.parametrize("to", ["ome-ngff@0.4", "ome-ngff@0.5"])
def test_a_step_makes_no_image_whose_axes_no_new_one_may_have(tmp_path: Path, to: str) -> None:
    keys = {"multiscales": [{"version": "0.3", "axes": ["z", "y", "c"], "datasets": [{"path": "s0"}, {"path": "s1"}]}]}
    root = image_tree(tmp_path / "i.zarr", attributes=keys)
    for level in range(2):
        size = {"voxel_size": [4 * 2**level] * 2, "offset": [8, 8], "axes": ["z", "y", "c"]}
        write(root / f"s{level}", {".zattrs": {**size, "types": ["space", "space", "channel"], "units": ["nanometer"] * 2}})
    before = contents(root)
    (unit,) = (unit for unit in plan(root, to) if "ZM211" in [finding.code for finding in unit.findings])
    (finding,) = unit.findings
    assert unit.blocked
    assert (finding.message, finding.found) == ("the axes must stand in the order time, channel, space", "z, y, c")
    assert [change for unit in plan(root, to) for change in unit.changes] == []
    assert contents(root) == before


def test_axes_that_were_as_wrong_before_are_told(tmp_path: Path) -> None:
    keys = image(axes=[{"name": n, "type": t} for n, t in (("z", "space"), ("c", "channel"), ("y", "space"))])
    root = group(tmp_path / "i.zarr", "v2", keys)  # its levels are elsewhere
    units = plan(root, "ome-ngff@0.5")
    assert [(f.code, f.severity.name) for unit in units for f in unit.findings] == [("ZM211", "WARNING")]
    assert [len(unit.changes) for unit in units] == [1, 2]


def test_there_are_no_steps_back(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "i.zarr", "v3")
    (unit,) = plan(root, "ome-ngff@0.4")
    assert (unit.blocked, unit.findings[0].message) == (True, "no steps of ome-ngff lead from 0.5 to 0.4")


def test_an_image_of_a_draft_is_not_touched(tmp_path: Path) -> None:
    keys = image("0.5")
    keys["ome"]["version"] = "0.6rc0"
    assert blocks(plan(image_tree(tmp_path / "i.zarr", "v3", attributes=keys), "ome-ngff@0.5")) == {"i.zarr": ["ZM404"]}


# --- steps --------------------------------------------------------------------------------------------------------------

STEPS = """
subject = "lab"
version_key = "/lab/version"

[[step]]
id = "lab-1-to-2"
from = "1"
to = "2"

[[step.do]]
op = "move"
at = "/stain"
to = "/specimen/stain"

[[step.do]]
op = "drop"
at = "/scratch"
"""


@pytest.fixture
def lab(tmp_path: Path) -> Config:
    (tmp_path / "lab.toml").write_text(STEPS)
    return Config(file=str(tmp_path / "zmeta.toml"), steps=("lab.toml",))


def test_within_a_convention_a_step_is_taken(tmp_path: Path) -> None:
    keys = {"axis_names": ["c^", "y", "x"], "voxel_size": [4, 4], "offset": [0, 0], "units": ["nm", "nm"], "lab": 1}
    folder = array(tmp_path / "raw", "v2", keys)
    units = plan(folder, "funlib-persistence@0.6")
    assert [unit.steps for unit in units] == [("funlib-persistence-0.5-to-0.6",)]
    apply(units)
    assert attributes(folder) == {**keys, "axis_names": ["c", "y", "x"], "types": ["channel", "space", "space"]}


def test_a_profile_is_brought_up_with_the_convention_or_alone(tmp_path: Path, lab: Config) -> None:
    keys = {"lab": {"version": "1"}, "stain": "OTO", **DAISY}
    root = group(tmp_path / "c.zarr", "v2", {"lab": {"version": "1"}, "stain": "rOTO"})
    array(root / "raw", "v2", keys)
    units = plan(root, config=lab)
    assert [unit.steps for unit in units] == [("lab-1-to-2", "daisy@1 → zmeta@1.0"), ("lab-1-to-2",)]
    alone = plan(root, "lab", config=lab)
    assert [unit.steps for unit in alone] == [("lab-1-to-2",), ("lab-1-to-2",)]
    apply(alone)
    assert attributes(root / "raw") == {"lab": {"version": "2"}, **DAISY, "specimen": {"stain": "OTO"}}
    assert attributes(root) == {"lab": {"version": "2"}, "specimen": {"stain": "rOTO"}}
    assert plan(root, "lab", config=lab) == []


def test_what_a_profile_would_lose_is_agreed_to_by_name(tmp_path: Path, lab: Config) -> None:
    folder = array(tmp_path / "raw", "v2", {"lab": {"version": "1"}, "scratch": "/x"})
    assert blocks(plan(folder, config=lab)) == {"raw": ["ZM409"]}
    units = plan(folder, config=lab, allow_loss=["scratch"])
    assert [(unit.kind, unit.blocked) for unit in units] == [("lossy", False)]


def test_a_version_of_a_profile_that_no_step_knows_is_told(tmp_path: Path, lab: Config) -> None:
    folder = array(tmp_path / "raw", "v2", {"lab": {"version": "7"}, **DAISY})
    assert blocks(plan(folder, config=lab)) == {"raw": ["ZM404"]}


def test_a_profile_at_its_newest_version_is_left_alone(tmp_path: Path, lab: Config) -> None:
    assert plan(array(tmp_path / "raw", "v2", {"lab": {"version": "2"}, "stain": "OTO"}), config=lab) == []


def test_a_step_that_moves_an_array_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(
        "from zmeta.steps.marks import VersionKey\n"
        "from zmeta.steps.step import Step\n"
        "MARK = VersionKey('/v')\n"
        "def transform(keys, site):\n"
        "    return MARK.put({**keys, 'voxel_size': [8, 8, 8]}, '2')\n"
        "STEPS = [Step('lab-1-to-2', 'lab', '1', '2', 'lossless', transform, find_version=MARK.find)]\n"
    )
    config = Config(file=str(tmp_path / "zmeta.toml"), steps=("bad.py",))
    folder = array(tmp_path / "raw", "v2", {**SOUND, "v": "1"})
    assert blocks(plan(folder, config=config)) == {"raw": ["ZM409"]}


def test_several_arrays_of_one_container_change_its_copy_once(tmp_path: Path) -> None:
    root = group(tmp_path / "c.zarr")
    copy: dict[str, Any] = {".zgroup": {"zarr_format": 2}}
    for name in "ab":
        array(root / name, "v2", DAISY)
        copy |= {f"{name}/.zarray": json.loads((root / name / ".zarray").read_bytes()), f"{name}/.zattrs": DAISY}
    write(root, {".zmetadata": {"zarr_consolidated_format": 1, "metadata": copy}})
    units = list(migrate([root / "a", root / "b"], config=Config()))
    files = [change.file for unit in units for change in unit.changes]
    assert files.count(str(root / ".zmetadata")) == 1
    apply(units)
    written = json.loads((root / ".zmetadata").read_bytes())["metadata"]
    assert [written[f"{name}/.zattrs"] for name in "ab"] == [attributes(root / name) for name in "ab"]


def test_a_part_of_a_container_does_not_go_to_v3_alone(tmp_path: Path) -> None:
    root = group(tmp_path / "c.zarr")
    (unit,) = plan(image_tree(root / "image"), "ome-ngff@0.5")
    assert (unit.blocked, unit.findings[0].hint) == (True, f"migrate the whole container: {root}")


def test_the_copy_does_not_say_what_a_blocked_image_would_have_become(tmp_path: Path) -> None:
    root = group(tmp_path / "c.zarr")
    keys = image("0.4")
    keys["multiscales"][0]["version"] = "0.9"  # nobody knows this one
    image_tree(root / "image", attributes=keys)
    write(root / "image" / "s0", {".zattrs": {"resolution": [4, 4, 4], "offset": [0, 0, 0]}})
    copy: dict[str, Any] = {".zgroup": {"zarr_format": 2}, "image/.zgroup": {"zarr_format": 2}, "image/.zattrs": keys}
    for level in ("s0", "s1"):
        copy[f"image/{level}/.zarray"] = json.loads((root / "image" / level / ".zarray").read_bytes())
    write(root, {".zmetadata": {"zarr_consolidated_format": 1, "metadata": copy}})
    before = contents(root)
    units = plan(root, "ome-ngff@0.4")
    assert any(unit.blocked for unit in units)
    assert not any(unit.changes for unit in units if "image" in unit.path)
    apply(units)
    assert contents(root)[".zmetadata"] == before[".zmetadata"]
