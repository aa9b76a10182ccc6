"""Traps of real data in which a reader goes wrong in silence; each has the number that is right, or an error."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from zmeta import (
    ArrayIdentifier,
    Config,
    GeometryError,
    MetadataError,
    NodeNotFoundError,
    StoreError,
    ZarrArray,
    ZarrArrayConfig,
    add_metadata,
    read_metadata,
)

CONFIG = Config()
AXES = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
ZARRAY = {"zarr_format": 2, "dtype": "|u1", "order": "C", "fill_value": 0, "filters": None, "compressor": None}


def v2(path: Path, shape: tuple[int, ...], attributes: dict[str, Any] | None = None) -> Path:
    path.mkdir(parents=True)
    (path / ".zarray").write_text(json.dumps({**ZARRAY, "shape": shape, "chunks": [8] * len(shape)}))
    if attributes is not None:
        (path / ".zattrs").write_text(json.dumps(attributes))
    return path


def g2(path: Path, attributes: dict[str, Any]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps(attributes))
    return path


def n5(path: Path, attributes: dict[str, Any], shape: tuple[int, ...] = (10, 20, 30)) -> Path:
    path.mkdir(parents=True)
    own = {"dimensions": shape[::-1], "blockSize": [8] * len(shape), "dataType": "uint8", "compression": {"type": "raw"}}
    (path / "attributes.json").write_text(json.dumps({**own, **attributes}))
    return path


def n5_group(path: Path, attributes: dict[str, Any]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "attributes.json").write_text(json.dumps(attributes))
    return path


def attributes_of(path: Path, name: str = ".zattrs") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / name).read_text())
    return found


def opened(path: Path, **more: Any) -> ZarrArray:
    return ZarrArray.open_from_array_identifier(
        ArrayIdentifier(container=path.parent, dataset=path.name), config=CONFIG, **more
    )


def core(path: Path) -> dict[str, Any]:
    metadata, findings = read_metadata(path, config=CONFIG)
    assert not [finding for finding in findings if finding.severity == 2]
    return metadata.core()


def codes(path: Path) -> set[str]:
    return {finding.code for finding in read_metadata(path, config=CONFIG)[1]}


# --- pyramids: what is said of one level must not change the others ---------------------------------------------------


def pyramid(folder: Path, **image: Any) -> Path:
    levels = [
        {
            "path": f"s{k}",
            "coordinateTransformations": [
                {"type": "scale", "scale": [40, 4 * 2**k, 4 * 2**k]},
                {"type": "translation", "translation": [100, 100 + (2 * 2**k - 2), 100 + (2 * 2**k - 2)]},
            ],
        }
        for k in range(3)
    ]
    group = g2(folder / "p.zarr", {"multiscales": [{"version": "0.4", "axes": AXES, "datasets": levels, **image}]})
    for k in range(3):
        v2(group / f"s{k}", (8, 16 >> k, 16 >> k))
    return group


def test_the_same_size_in_another_unit_leaves_every_level_where_it_is(tmp_path: Path) -> None:
    group = pyramid(tmp_path)
    before = [(opened(group / f"s{k}").voxel_size, opened(group / f"s{k}").roi) for k in range(3)]
    payload = {"units": ["micrometer"] * 3, "voxel_size": [0.04, 0.004, 0.004], "offset": [0.1, 0.1, 0.1]}
    add_metadata(group / "s0", payload, config=CONFIG)
    assert [(opened(group / f"s{k}").voxel_size, opened(group / f"s{k}").roi) for k in range(3)] == before
    assert core(group / "s2")["units"] == ["micrometer"] * 3


@pytest.mark.parametrize(
    ("payload", "sizes", "begin"),
    [
        ({"offset": [200, 200, 200]}, [[40, 4, 4], [40, 8, 8], [40, 16, 16]], [200, 200, 200]),
        ({"voxel_size": [30, 6, 6]}, [[30, 6, 6], [30, 12, 12], [30, 24, 24]], [100, 100, 100]),
        ({"units": ["micrometer"] * 3}, [[40, 4, 4], [40, 8, 8], [40, 16, 16]], [100, 100, 100]),
    ],
)
def test_a_change_to_level_0_is_one_to_the_image(
    tmp_path: Path, payload: dict[str, Any], sizes: list[list[int]], begin: list[int]
) -> None:
    group = pyramid(tmp_path, coordinateTransformations=[{"type": "scale", "scale": [1, 1, 1]}])
    add_metadata(group / "s0", payload, config=CONFIG)
    assert [core(group / f"s{k}")["voxel_size"] for k in range(3)] == sizes
    assert [core(group / f"s{k}")["offset"] for k in range(3)] == [begin] * 3
    assert all("ZM304" not in codes(group / f"s{k}") for k in range(3))


def test_a_lower_level_changes_alone_and_cannot_change_the_shared_units(tmp_path: Path) -> None:
    group = pyramid(tmp_path)
    add_metadata(group / "s1", {"voxel_size": [40, 10, 10]}, config=CONFIG)
    assert [core(group / f"s{k}")["voxel_size"] for k in (0, 2)] == [[40, 4, 4], [40, 16, 16]]
    with pytest.raises(MetadataError, match="all levels share the axes"):
        add_metadata(group / "s1", {"units": ["micrometer"] * 3}, config=CONFIG)


def test_alternatives_of_spatialdata_are_no_part_of_the_chain(tmp_path: Path) -> None:
    alternative = {"type": "scale", "scale": [2, 2, 2], "input": {"name": "zyx"}, "output": {"name": "global"}}
    group = pyramid(tmp_path, coordinateTransformations=[alternative])
    assert core(group / "s0")["voxel_size"] == [40, 4, 4]
    assert "composed" not in read_metadata(group / "s0", config=CONFIG)[0].provenance["voxel_size"]
    add_metadata(group / "s0", {"voxel_size": [40, 5, 5]}, config=CONFIG)
    assert core(group / "s0")["voxel_size"] == [40, 5, 5]
    assert attributes_of(group)["multiscales"][0]["coordinateTransformations"] == [alternative]


def test_a_level_with_two_languages_is_compared(tmp_path: Path) -> None:
    scale = [{"type": "scale", "scale": [8, 8, 8]}]
    transform = {"axes": list("zyx"), "units": ["nm"] * 3, "scale": [4, 4, 4], "translate": [2, 2, 2]}
    level = {"path": "s0", "coordinateTransformations": scale, "transform": transform}
    group = g2(tmp_path / "t.zarr", {"multiscales": [{"version": "0.4", "axes": AXES, "datasets": [level]}]})
    assert "ZM401" in codes(v2(group / "s0", (4, 4, 4)))


def test_a_level_named_as_its_own_container_is_still_a_level(tmp_path: Path) -> None:
    group = pyramid(tmp_path)
    array = ZarrArray(ZarrArrayConfig(file_name=group / "s1", dataset=""), config=CONFIG)
    assert array.voxel_size == (40, 8, 8)


# --- units that stand where few writers put them ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "attributes",
    [
        {"resolution": [4, 5, 6], "offset": [0, 0, 0], "units": ["um"] * 3},
        {"resolution": [4, 5, 6], "offset": [0, 0, 0], "units": "um"},
        {"resolution": [4, 5, 6], "offset": [0, 0, 0], "unit": "um"},
        {"axes": list("zyx"), "unit": "um", "resolution": [4, 5, 6], "offset": [0, 0, 0]},
        {"axes": list("zyx"), "units": ["um"] * 3, "resolution": [4, 5, 6], "offset": [0, 0, 0]},
        {"voxel_size": [4, 5, 6], "offset": [0, 0, 0], "unit": "micrometer"},
    ],
)
def test_a_unit_beside_the_resolution_counts_and_stays_true(tmp_path: Path, attributes: dict[str, Any]) -> None:
    path = v2(g2(tmp_path / "u.zarr", {}) / "a", (4, 4, 4), attributes)
    assert opened(path).voxel_size == (4000, 5000, 6000)
    add_metadata(path, {"voxel_size": [400, 500, 600], "units": ["nanometer"] * 3}, config=CONFIG)
    assert opened(path).voxel_size == (400, 500, 600)
    kept = attributes_of(path)
    assert "um" not in json.dumps([kept.get("unit"), kept.get("units")])


# --- N5 ---------------------------------------------------------------------------------------------------------------


def test_factors_beside_a_resolution_are_not_ignored(tmp_path: Path) -> None:
    n5_group(tmp_path / "d.n5", {"n5": "4.0.0"})
    keys = {"resolution": [4, 4, 40], "offset": [0, 0, 0]}
    assert "ZM308" in codes(n5(tmp_path / "d.n5" / "s1", {**keys, "downsamplingFactors": [2, 2, 1]}))
    assert "ZM308" not in codes(n5(tmp_path / "d.n5" / "s0", {**keys, "downsamplingFactors": [1, 1, 1]}))
    n5_group(tmp_path / "d.n5" / "labels", {"painteraData": {"type": "label"}})
    n5_group(tmp_path / "d.n5" / "labels" / "data", {"multiScale": True})
    paintera = n5(tmp_path / "d.n5" / "labels" / "data" / "s1", keys)
    assert read_metadata(paintera, config=CONFIG)[0].voxel_size is None
    assert "ZM402" in codes(paintera)


def test_levels_may_be_named_by_numbers(tmp_path: Path) -> None:
    pixel = {"unit": "nm", "dimensions": [4, 4, 40]}
    n5_group(tmp_path / "v.n5", {"n5": "4.0.0"})
    group = n5_group(tmp_path / "v.n5" / "em", {"scales": [[1, 1, 1], [2, 2, 1]], "pixelResolution": pixel})
    assert core(n5(group / "s1", {}))["voxel_size"] == core(n5(group / "1", {}))["voxel_size"] == [40, 8, 8]
    assert "ZM308" in codes(n5(group / "2", {}))
    assert "ZM308" in codes(n5(group / "half", {}))
    with pytest.raises(MetadataError, match="one level of a pyramid"):
        add_metadata(group / "s1", {"voxel_size": [40, 16, 16]}, config=CONFIG)
    add_metadata(group / "s1", {"stain": "OTO"}, config=CONFIG)
    assert attributes_of(group / "s1", "attributes.json")["stain"] == "OTO"


def test_an_affine_transform_is_not_dropped(tmp_path: Path) -> None:
    keys = {"pixelResolution": {"unit": "nm", "dimensions": [4, 4, 40]}}
    assert "ZM305" in codes(n5(tmp_path / "a", {**keys, "affineTransform": [[2, 0, 0, 1], [0, 2, 0, 0], [0, 0, 2, 0]]}))
    assert "ZM305" not in codes(n5(tmp_path / "b", keys))


def test_what_zmeta_wrote_into_n5_can_be_written_again(tmp_path: Path) -> None:
    n5_group(tmp_path / "c.n5", {"n5": "4.0.0"})
    path = n5(tmp_path / "c.n5" / "b", {})
    first = {"axes": ["z", "y", "x"], "voxel_size": [40, 4, 4], "offset": [400, 0, 0], "units": ["nanometer"] * 3}
    add_metadata(path, first, config=CONFIG)
    add_metadata(path, {"voxel_size": [50, 4, 4]}, config=CONFIG)
    add_metadata(path, {"offset": [800, 0, 0]}, convention="cosem", config=CONFIG)
    assert core(path)["voxel_size"] == [50, 4, 4]
    assert core(path)["offset"] == [800, 0, 0]
    assert attributes_of(path, "attributes.json")["pixelResolution"]["dimensions"] == [4, 4, 50]


def test_the_groups_of_cosem_are_compared_and_kept_true(tmp_path: Path) -> None:
    transform = {"axes": list("zyx"), "units": ["nm"] * 3, "scale": [4, 4, 4], "translate": [2, 2, 2]}
    block = {"scales": [[1, 1, 1]], "pixelResolution": {"dimensions": [4, 4, 4], "unit": "nm"}}
    multiscales = [{"name": "", "datasets": [{"path": "s0", "transform": transform}]}]
    group = n5_group(tmp_path / "c.n5", {"n5": "4.0.0", "multiscales": multiscales, **block})
    path = n5(group / "s0", {"transform": transform})
    assert "ZM406" not in codes(path)
    add_metadata(path, {"voxel_size": [40, 8, 4]}, config=CONFIG)
    assert attributes_of(group, "attributes.json")["pixelResolution"]["dimensions"] == [4, 8, 40]
    n5_group(
        group,
        {"n5": "4.0.0", "multiscales": [{"datasets": [{"path": "s0", "transform": {**transform, "units": ["um"] * 3}}]}]},
    )
    assert "ZM406" in codes(path)


@pytest.mark.parametrize("where", ["array", "group"])
def test_custom_keys_are_no_matter_of_what_stands_on_the_group(tmp_path: Path, where: str) -> None:
    transform = {"axes": list("zyx"), "units": ["nm"] * 3, "scale": [4, 4, 4], "translate": [2, 2, 2]}
    keys: dict[str, Any] = {"multiscales": [{"datasets": [{"path": "s0", "transform": transform}]}]}
    group = n5_group(tmp_path / "c.n5", keys if where == "group" else {})
    path = n5(group / "s0", {} if where == "group" else {"transform": transform})
    add_metadata(path, {"stain": "OTO"}, config=CONFIG)
    assert attributes_of(path, "attributes.json")["stain"] == "OTO"


# --- names ------------------------------------------------------------------------------------------------------------


def test_names_that_are_given_tell_where_the_sizes_belong(tmp_path: Path) -> None:
    group = g2(tmp_path / "t.zarr", {})
    path = v2(group / "raw", (100, 512, 512, 3), {"resolution": [40, 4, 4], "offset": [0, 0, 0]})
    array = ZarrArray(ZarrArrayConfig(file_name=group, dataset="raw", axes=["z", "y", "x", "c"]), config=CONFIG)
    assert array.voxel_size == (40, 4, 4)
    assert array.num_channels == 3
    assert array.roi.shape == (4000, 2048, 2048)
    add_metadata(path, {"axes": ["z", "y", "x", "c"]}, config=CONFIG)
    assert opened(path).num_channels == 3
    assert opened(path).roi.shape == (4000, 2048, 2048)


def test_several_channel_axes_have_no_one_number(tmp_path: Path) -> None:
    path = v2(g2(tmp_path / "t.zarr", {}) / "raw", (5, 2, 10, 20, 30), {"resolution": [40, 4, 4], "offset": [0, 0, 0]})
    with pytest.raises(GeometryError, match="several channel axes"):
        _ = opened(path).num_channels
    assert opened(path).voxel_size == (40, 4, 4)


def test_what_does_not_name_an_array_is_an_error_of_ours(tmp_path: Path) -> None:
    path = v2(g2(tmp_path / "t.zarr", {}) / "raw", (4, 4), {"resolution": [4, 4], "offset": [0, 0]})
    assert read_metadata(opened(path), config=CONFIG)[0].voxel_size == (Fraction(4), Fraction(4))
    wrong: Any
    for wrong in (None, 3, object):
        with pytest.raises(NodeNotFoundError, match="does not name an array"):
            read_metadata(wrong)
    with pytest.raises(StoreError, match="no store for such a URL"):
        read_metadata("zz://bucket/raw")
