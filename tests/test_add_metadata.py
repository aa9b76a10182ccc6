"""`add_metadata`: right writes in the array's own convention, wrong ones refused whole, bytes untouched."""

from __future__ import annotations

import datetime as dt
import enum
import json
import uuid
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import zarr
from funlib.geometry import Coordinate
from pydantic import BaseModel

from zmeta import ArrayIdentifier, Config, ConfigError, Metadata, MetadataError, ZarrArray, add_metadata, read_metadata
from zmeta.canonical.metadata import Axis
from zmeta.conventions.zmeta.codec import ENTRY, UUID
from zmeta.schema.catalog import load_schema

CONFIG = Config()
FORMATS: list[Any] = [2, 3]


def make(folder: Path, attributes: dict[str, Any], *, shape: tuple[int, ...] = (4, 6, 8), zarr_format: Any = 2) -> Path:
    zarr.create_group(folder / "c.zarr", zarr_format=zarr_format)
    path = folder / "c.zarr" / "raw"
    zarr.create_array(path, shape=shape, chunks=shape, dtype="uint8", zarr_format=zarr_format, attributes=attributes)
    return path


def make_n5(folder: Path, attributes: dict[str, Any], name: str = "raw") -> Path:
    path = folder / "c.n5" / name
    path.mkdir(parents=True)
    (folder / "c.n5" / "attributes.json").write_text('{"n5":"2.0.0"}')
    document = {"dimensions": [8, 6, 4], "blockSize": [8, 6, 4], "dataType": "uint8", "compression": {"type": "raw"}}
    (path / "attributes.json").write_text(json.dumps({**document, **attributes}))
    return path


def attributes_of(path: Path) -> dict[str, Any]:
    for name in ("zarr.json", ".zattrs", "attributes.json"):
        if (path / name).exists():
            document = json.loads((path / name).read_text())
            found: dict[str, Any] = document["attributes"] if name == "zarr.json" else document
            return found
    return {}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def codes(error: pytest.ExceptionInfo[MetadataError]) -> set[str]:
    return {finding.code for finding in error.value.findings}


# --- right ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_a_bare_array_gets_the_zmeta_layout(tmp_path: Path, zarr_format: Any) -> None:
    path = make(tmp_path, {"mine": {"deep": [1, None]}}, zarr_format=zarr_format)
    payload = {"axes": ["z", "y", "x"], "units": ["nanometer"] * 3, "voxel_size": [40, 4.5, 4], "offset": [0, -9, 8]}
    add_metadata(path, payload, config=CONFIG)
    assert attributes_of(path) == {
        "mine": {"deep": [1, None]},
        "axes": ["z", "y", "x"],
        "types": ["space", "space", "space"],
        "zarr_conventions": [ENTRY],
        "units": ["nanometer", "nanometer", "nanometer"],
        "voxel_size": [40, 4.5, 4],
        "offset": [0, -9, 8],
    }
    array = zarr.open_array(path, mode="r")
    assert array.shape == (4, 6, 8)
    if zarr_format == 3:
        assert array.metadata.dimension_names == ("z", "y", "x")  # type: ignore[union-attr]
    metadata, findings = read_metadata(path, config=CONFIG)
    assert metadata.convention == "zmeta@1.0"
    assert metadata.voxel_size == (Fraction(40), Fraction("4.5"), Fraction(4))
    assert not [finding for finding in findings if finding.severity > 0]


def test_what_is_written_is_declared_as_the_schema_says() -> None:
    assert ENTRY["schema_url"] == load_schema("zmeta/1.0/array")["$id"]
    assert UUID in json.dumps(load_schema("zmeta/1.0/array"))


@pytest.mark.parametrize(
    ("before", "payload", "after"),
    [
        ({"resolution": [8, 8, 8], "offset": [0, 0, 0], "x": 1}, {"voxel_size": [40, 4, 2]}, {"resolution": [40, 4, 2]}),
        ({"resolution": [8, 8, 8], "offset": [0, 0, 0]}, {"offset": [1, 2, 3]}, {"offset": [1, 2, 3]}),
        ({"voxel_size": [8, 8, 8], "offset": [0, 0, 0]}, {"voxel_size": [40, 4, 2]}, {"voxel_size": [40, 4, 2]}),
        (
            {"axes": "zyx", "resolution": [8, 8, 8], "offset": [0, 0, 0]},
            {"voxel_size": [40, 4, 2]},
            {"axes": "zyx", "resolution": [40, 4, 2]},
        ),
        (
            {"axis_names": ["z", "y", "x"], "units": ["nm"] * 3, "voxel_size": [8, 8, 8], "offset": [0, 0, 0]},
            {"voxel_size": [40, 4, 2], "units": ["micrometer"] * 3},
            {"voxel_size": [40, 4, 2], "units": ["micrometer"] * 3},
        ),
        (
            {
                "transform": {
                    "axes": ["z", "y", "x"],
                    "units": ["nm"] * 3,
                    "scale": [8, 8, 8],
                    "translate": [4, 4, 4],
                    "extra": 1,
                }
            },
            {"voxel_size": [40, 4, 2]},
            {
                "transform": {
                    "axes": ["z", "y", "x"],
                    "units": ["nm"] * 3,
                    "scale": [40, 4, 2],
                    "translate": [20, 2, 1],
                    "extra": 1,
                    "order": "C",
                },
                "pixelResolution": {"dimensions": [2, 4, 40], "unit": "nm"},
            },
        ),
        (
            {"dimension_units": ["8 nm"] * 3},
            {"voxel_size": [40, 4.5, 2]},
            {"dimension_units": ["40 nanometer", "4.5 nanometer", "2 nanometer"]},
        ),
    ],
)
def test_the_array_keeps_its_convention(
    tmp_path: Path, before: dict[str, Any], payload: dict[str, Any], after: dict[str, Any]
) -> None:
    path = make(tmp_path, {**before, "foreign": [1.0, "x"]})
    convention = read_metadata(path, config=CONFIG)[0].convention
    add_metadata(path, payload, config=CONFIG)
    assert attributes_of(path) == {**before, "foreign": [1.0, "x"], **after}
    metadata, _ = read_metadata(path, config=CONFIG)
    assert metadata.convention == convention
    for key, value in payload.items():
        assert metadata.core()[key] == value


def test_n5_gets_cosem_with_pixel_resolution_and_keeps_what_describes_the_array(tmp_path: Path) -> None:
    path = make_n5(tmp_path, {"note": "kept"})
    payload = {"axes": ["z", "y", "x"], "units": ["nanometer"] * 3, "voxel_size": [40, 8, 4], "offset": [0, 16, 0]}
    add_metadata(path, payload, config=CONFIG)
    found = attributes_of(path)
    assert found["dimensions"] == [8, 6, 4]
    assert found["note"] == "kept"
    assert found["transform"]["order"] == "C"
    assert found["transform"]["translate"] == [20, 20, 2]
    assert found["pixelResolution"] == {"dimensions": [4, 8, 40], "unit": "nm"}
    metadata, _ = read_metadata(path, config=CONFIG)
    assert metadata.core()["voxel_size"] == [40, 8, 4]
    assert metadata.core()["offset"] == [0, 16, 0]


def test_n5_of_gunpowder_stays_x_first(tmp_path: Path) -> None:
    path = make_n5(tmp_path, {"resolution": [4, 8, 40], "offset": [1, 2, 3]})
    add_metadata(path, {"voxel_size": [30, 20, 10]}, config=CONFIG)
    assert attributes_of(path)["resolution"] == [10, 20, 30]
    assert attributes_of(path)["offset"] == [1, 2, 3]


def make_image(folder: Path, zarr_format: Any) -> Path:
    axes = [{"name": name, "type": "space", "unit": "nanometer", "orientation": "lps"} for name in "zyx"]
    levels = [
        {
            "path": f"s{k}",
            "coordinateTransformations": [{"type": "scale", "scale": [40, 4 * 2**k, 4 * 2**k]}],
            "note": k,
        }
        for k in range(2)
    ]
    multiscale: dict[str, Any] = {"name": "em", "axes": axes, "datasets": levels, "type": "mean"}
    attributes: dict[str, Any] = (
        {"ome": {"version": "0.5", "multiscales": [multiscale], "omero": {"channels": []}}}
        if zarr_format == 3
        else {"multiscales": [{"version": "0.4", **multiscale}], "other": 1}
    )
    group = zarr.create_group(folder / "c.zarr", zarr_format=zarr_format)
    image = group.create_group("em", attributes=attributes)
    image.create_array("s0", shape=(4, 8, 8), dtype="uint8")
    image.create_array("s1", shape=(4, 4, 4), dtype="uint8")
    return folder / "c.zarr" / "em"


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_an_ome_level_gets_its_transform_on_the_group_above(tmp_path: Path, zarr_format: Any) -> None:
    image = make_image(tmp_path, zarr_format)
    before = attributes_of(image)
    add_metadata(image / "s1", {"voxel_size": [40, 10, 12], "stain": "OTO"}, config=CONFIG)
    after = attributes_of(image)
    where = before["ome"] if zarr_format == 3 else before
    where["multiscales"][0]["datasets"][1]["coordinateTransformations"] = [{"type": "scale", "scale": [40, 10, 12]}]
    assert after == before
    assert attributes_of(image / "s1") == {"stain": "OTO"}


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("payload", [{"voxel_size": [40, 10, 12], "stain": "OTO"}, {"offset": [400, 0, 0]}])
def test_consolidated_copies_stay_true(tmp_path: Path, zarr_format: Any, payload: dict[str, Any]) -> None:
    image = make_image(tmp_path, zarr_format)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr warns that consolidated metadata is not in the v3 specification
        zarr.consolidate_metadata(tmp_path / "c.zarr")
        add_metadata(image / "s0", payload, config=CONFIG)
        consolidated = zarr.open_consolidated(tmp_path / "c.zarr")
        plain = zarr.open_group(tmp_path / "c.zarr", mode="r", use_consolidated=False)
        assert dict(consolidated["em"].attrs) == dict(plain["em"].attrs)
        assert dict(consolidated["em/s0"].attrs) == dict(plain["em/s0"].attrs)
    core = read_metadata(image / "s0", config=CONFIG)[0].core()
    assert all(core[key] == value for key, value in payload.items() if key in core)


def test_payloads_of_python_become_plain_json(tmp_path: Path) -> None:
    class Stain(enum.Enum):
        OTO = "oto"

    class Person(BaseModel):
        name: str
        age: int | None = None

    path = make(tmp_path, {})
    when = dt.datetime(2024, 5, 17, 12, 30, tzinfo=dt.UTC)
    ident = uuid.uuid4()
    add_metadata(
        path,
        {
            "axes": ("z", "y", "x"),
            "voxel_size": Coordinate(40, 4, 4),
            "offset": np.array([0, 1, 2], dtype="int16"),
            "numbers": [np.float64(0.36), np.float32(0.36), Fraction(9, 25), Decimal("0.36"), np.int8(3), np.bool_(True)],
            "grid": np.arange(4).reshape(2, 2),
            "stain": Stain.OTO,
            "file": PurePosixPath("a/b"),
            "when": [when, when.date(), when.time()],
            "id": ident,
            "by": Person(name="Ada"),
        },
        config=CONFIG,
    )
    found = attributes_of(path)
    assert found["voxel_size"] == [40, 4, 4]
    assert found["offset"] == [0, 1, 2]
    assert found["numbers"] == [0.36, 0.36, 0.36, 0.36, 3, True]
    assert found["grid"] == [[0, 1], [2, 3]]
    assert (found["stain"], found["file"], found["id"]) == ("oto", "a/b", str(ident))
    assert found["when"] == ["2024-05-17T12:30:00+00:00", "2024-05-17", "12:30:00"]
    assert found["by"] == {"name": "Ada", "age": None}


def test_numbers_are_written_as_the_decimal_that_was_given(tmp_path: Path) -> None:
    path = make(tmp_path, {})
    add_metadata(path, {"axes": ["z", "y", "x"], "voxel_size": [Fraction("0.1"), 0.36, Decimal("1e-3")]}, config=CONFIG)
    text = (path / ".zattrs").read_text()
    assert [number in text for number in ("0.1", "0.36", "0.001")] == [True] * 3
    assert read_metadata(path, config=CONFIG)[0].voxel_size == (Fraction(1, 10), Fraction(9, 25), Fraction(1, 1000))


def test_metadata_of_one_array_can_be_given_to_another(tmp_path: Path) -> None:
    source = make(tmp_path / "a", {"axes": ["z", "y", "x"], "resolution": [40, 4, 4], "offset": [1, 2, 3]})
    target = make(tmp_path / "b", {})
    metadata, _ = read_metadata(source, config=CONFIG)
    add_metadata(target, metadata, config=CONFIG)
    assert read_metadata(target, config=CONFIG)[0] == metadata


def test_the_same_payload_twice_changes_nothing(tmp_path: Path) -> None:
    path = make(tmp_path, {"resolution": [8, 8, 8], "offset": [0, 0, 0]})
    add_metadata(path, {"voxel_size": [40, 4, 4], "a": 1}, config=CONFIG)
    before = snapshot(tmp_path)
    stamp = (path / ".zattrs").stat().st_mtime_ns
    add_metadata(path, {"voxel_size": [40, 4, 4], "a": 1}, config=CONFIG)
    assert snapshot(tmp_path) == before
    assert (path / ".zattrs").stat().st_mtime_ns == stamp


def test_broken_core_keys_can_be_mended(tmp_path: Path) -> None:
    path = make(tmp_path, {"resolution": [0, 4, 4], "offset": [0, 0, 0]})
    with pytest.raises(MetadataError, match="refused"):
        add_metadata(path, {"stain": "OTO"}, config=CONFIG)
    add_metadata(path, {"voxel_size": [40, 4, 4], "stain": "OTO"}, config=CONFIG)
    assert attributes_of(path) == {"resolution": [40, 4, 4], "offset": [0, 0, 0], "stain": "OTO"}


def test_mirrors_are_written_and_kept_true(tmp_path: Path) -> None:
    path = make(tmp_path, {})
    mirrored = Config(mirror=("daisy",))
    core = {"axes": ["z", "y", "x"], "units": ["micrometer"] * 3, "voxel_size": [0.04, 0.004, 0.004], "offset": [0, 0, 0]}
    add_metadata(path, core, config=mirrored)
    assert attributes_of(path)["resolution"] == [40, 4, 4], "readers of `resolution` take nanometer for granted"
    add_metadata(path, {"voxel_size": [0.08, 0.008, 0.008]}, config=CONFIG)
    assert attributes_of(path)["resolution"] == [80, 8, 8]
    with pytest.raises(MetadataError, match="refused") as error:
        add_metadata(path, {"resolution": [9, 9, 9]}, config=CONFIG)
    assert codes(error) == {"ZM401"}


def test_a_mirror_that_shares_a_key_in_another_unit_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path, {})
    core = {"axes": ["z", "y", "x"], "units": ["micrometer"] * 3, "voxel_size": [1, 1, 1], "offset": [2, 0, 0]}
    with pytest.raises(MetadataError, match="need the key `offset`") as error:
        add_metadata(path, core, config=Config(mirror=("daisy",)))
    assert codes(error) == {"ZM409"}
    add_metadata(path, {**core, "units": ["nanometer"] * 3}, config=Config(mirror=("daisy",)))


# --- wrong ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "code", "place"),
    [
        ({"voxel_size": [4, 4]}, "ZM201", "/voxel_size"),
        ({"axes": ["z", "y"]}, "ZM201", "/axes"),
        ({"axes": ["z", "y", "y"]}, "ZM103", "/axes"),
        ({"types": ["space"] * 4}, "ZM201", "/types"),
        ({"units": ["nm"] * 3}, "ZM103", "/units/0"),
        ({"units": ["nanometer"] * 2}, "ZM201", "/units"),
        ({"units": ["second"] * 3}, "ZM203", "/units"),
        ({"voxel_size": [4, 0, 4]}, "ZM103", "/voxel_size/1"),
        ({"voxel_size": [4, -4, 4]}, "ZM103", "/voxel_size/1"),
        ({"voxel_size": [4, "4", 4]}, "ZM103", "/voxel_size/1"),
        ({"voxel_size": [4, True, 4]}, "ZM103", "/voxel_size/1"),
        ({"voxel_size": [4, float("nan"), 4]}, "ZM106", "/voxel_size/1"),
        ({"voxel_size": "4, 4, 4"}, "ZM103", "/voxel_size"),
        ({"voxel_size": None}, "ZM103", "/voxel_size"),
        ({"offset": [0, float("inf"), 0]}, "ZM106", "/offset/1"),
        ({"offset": [Fraction(1, 3), 0, 0]}, "ZM106", "/offset/0"),
        ({"voxelsize": [4, 4, 4]}, "ZM104", "/voxelsize"),
        ({"voxelSize": [4, 4, 4]}, "ZM104", "/voxelSize"),
        ({"unit": "nanometer"}, "ZM104", "/unit"),
        ({"axis": ["z", "y", "x"]}, "ZM104", "/axis"),
        ({"ofset": [0, 0, 0]}, "ZM104", "/ofset"),
        ({"blob": b"bytes"}, "ZM106", "/blob"),
        ({"set": {1}}, "ZM106", "/set"),
        ({"deep": [{1: 2}]}, "ZM106", "/deep/0"),
        ({"value": float("nan")}, "ZM106", "/value"),
        ({"object": range(3)}, "ZM106", "/object"),
        ({"zarr_conventions": "zmeta"}, "ZM101", "/zarr_conventions"),
        ({"zarr_conventions": [{"name": "nobody"}]}, "ZM101", "/zarr_conventions/0/uuid"),
        ([1, 2], "ZM103", ""),
    ],
    ids=str,
)
@pytest.mark.parametrize("zarr_format", FORMATS)
def test_a_wrong_payload_is_refused_and_the_bytes_are_untouched(
    tmp_path: Path, zarr_format: Any, payload: Any, code: str, place: str
) -> None:
    before = {"axes": ["z", "y", "x"], "resolution": [8, 8, 8], "offset": [0, 0, 0]}
    path = make(tmp_path, before, zarr_format=zarr_format)
    bytes_before = snapshot(tmp_path)
    with pytest.raises(MetadataError, match="nothing was written") as error:
        add_metadata(path, payload, config=CONFIG)
    assert code in codes(error)
    assert any(finding.pointer.endswith(place) for finding in error.value.findings if finding.code == code)
    assert str(path) in str(error.value)
    assert snapshot(tmp_path) == bytes_before


def test_a_refusal_lists_everything(tmp_path: Path) -> None:
    path = make(tmp_path, {"resolution": [8, 8, 8], "offset": [0, 0, 0]})
    with pytest.raises(MetadataError, match="refused") as error:
        add_metadata(
            path, {"voxel_size": [0, "1", 2], "unit": "nanometer", "blob": b"", "offset": [None, 0, 0]}, config=CONFIG
        )
    assert {finding.pointer for finding in error.value.findings} == {
        "/voxel_size/0",
        "/voxel_size/1",
        "/unit",
        "/blob",
        "/offset/0",
    }


@pytest.mark.parametrize("name", ["dimensions", "blockSize", "dataType", "compression", "n5"])
def test_names_that_n5_reserves_are_refused(tmp_path: Path, name: str) -> None:
    path = make_n5(tmp_path, {})
    before = snapshot(tmp_path)
    with pytest.raises(MetadataError, match="keeps") as error:
        add_metadata(path, {name: [1, 1, 1]}, config=CONFIG)
    assert codes(error) == {"ZM105"}
    assert snapshot(tmp_path) == before
    add_metadata(make(tmp_path / "z", {}), {name: [1, 1, 1]}, config=CONFIG)


@pytest.mark.parametrize(
    ("before", "payload", "why"),
    [
        ({"resolution": [8, 8, 8], "offset": [0, 0, 0]}, {"units": ["nanometer"] * 3}, "no place for units"),
        ({"dimension_units": ["8 nm"] * 3}, {"offset": [1, 0, 0]}, "no place for an offset"),
        ({"axes": "zyx", "resolution": [8, 8, 8], "offset": [0, 0, 0]}, {"axes": ["zz", "y", "x"]}, "more than one letter"),
    ],
)
def test_what_the_convention_has_no_place_for_is_refused(
    tmp_path: Path, before: dict[str, Any], payload: dict[str, Any], why: str
) -> None:
    path = make(tmp_path, before)
    with pytest.raises(MetadataError, match=why) as error:
        add_metadata(path, payload, config=CONFIG)
    assert codes(error) == {"ZM409"}
    assert attributes_of(path) == before


def test_a_voxel_size_has_no_place_in_ome_0_3(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "c.zarr", zarr_format=2)
    group.attrs["multiscales"] = [{"version": "0.3", "axes": ["z", "y", "x"], "datasets": [{"path": "0"}]}]
    group.create_array("0", shape=(4, 4, 4), dtype="uint8")
    with pytest.raises(MetadataError, match=r"ome-ngff@0.3 has no place for a voxel size"):
        add_metadata(tmp_path / "c.zarr" / "0", {"voxel_size": [4, 4, 4]}, config=CONFIG)
    add_metadata(tmp_path / "c.zarr" / "0", {"axes": ["t", "y", "x"]}, config=CONFIG)
    assert attributes_of(tmp_path / "c.zarr")["multiscales"][0]["axes"] == ["t", "y", "x"]


def test_a_document_with_nan_is_not_written_again(tmp_path: Path) -> None:
    path = make(tmp_path, {})
    (path / ".zattrs").write_text('{"x": NaN}')
    with pytest.raises(MetadataError, match="NaN"):
        add_metadata(path, {"stain": "OTO"}, config=CONFIG)
    assert (path / ".zattrs").read_text() == '{"x": NaN}'
    add_metadata(path, {"x": None, "stain": "OTO"}, config=CONFIG)
    assert attributes_of(path) == {"x": None, "stain": "OTO"}


# --- attrs, and arrays named in other ways ----------------------------------------------------------------------------


def test_attrs_go_through_the_same_validation(tmp_path: Path) -> None:
    path = make(tmp_path, {"resolution": [8, 8, 8], "offset": [0, 0, 0], "keep": {"a": [1]}})
    array = ZarrArray.open_from_array_identifier(ArrayIdentifier(container=path.parent, dataset="raw"), config=CONFIG)
    array.attrs["stain"] = "OTO"
    array.attrs.update({"a": 1, "b": 2})
    assert dict(array.attrs) == attributes_of(path)
    assert array.attrs["stain"] == "OTO"
    del array.attrs["a"]
    assert "a" not in attributes_of(path)
    with pytest.raises(KeyError, match="a"):
        del array.attrs["a"]
    with pytest.raises(MetadataError, match="refused"):
        array.attrs["resolution"] = [0, 0, 0]
    with pytest.raises(MetadataError, match="refused"):
        array.attrs["voxelsize"] = [8, 8, 8]
    array.attrs["keep"]["a"].append(2)
    assert attributes_of(path)["keep"] == {"a": [1]}, "what is read is a copy"
    array.attrs["voxel_size"] = [40, 4, 4]
    assert array.voxel_size == Coordinate(40, 4, 4)
    assert attributes_of(path)["resolution"] == [40, 4, 4]


def test_an_array_is_named_by_path_identifier_or_object(tmp_path: Path) -> None:
    path = make(tmp_path, {})

    class Anything:
        container = path.parent
        dataset = "raw"

    identifier = ArrayIdentifier(container=path.parent, dataset="raw")
    ways: list[Any] = [path, str(path), identifier, Anything()]
    for number, array in enumerate(ways):
        add_metadata(array, {f"key{number}": number}, config=CONFIG)
    assert attributes_of(path) == {f"key{number}": number for number in range(4)}


def test_channels_time_and_types(tmp_path: Path) -> None:
    path = make(tmp_path, {}, shape=(2, 3, 4, 5))
    payload = {
        "axes": ["t", "c", "y", "x"],
        "units": ["second", "micrometer", "micrometer"],
        "voxel_size": [0.5, 0.36, 0.36],
    }
    add_metadata(path, payload, config=CONFIG)
    metadata, _ = read_metadata(path, config=CONFIG)
    assert metadata.axes[0] == Axis("t", "time", "second", Fraction(1, 2), Fraction(0))
    assert metadata.axes[1] == Axis("c", "channel")
    add_metadata(path, {"types": ["time", "sample", "space", "space"]}, config=CONFIG)
    assert read_metadata(path, config=CONFIG)[0].types == ("time", "sample", "space", "space")
    assert Metadata(metadata.axes) == metadata


# --- stating keys in a further convention -----------------------------------------------------------------------------


def test_a_daisy_array_of_fractions_gets_a_unit_and_with_it_a_roi(tmp_path: Path) -> None:
    path = make(tmp_path, {"resolution": [9.8, 4, 4], "offset": [98, 0, 0]})
    with pytest.raises(MetadataError, match='convention="zmeta"'):
        add_metadata(path, {"units": ["nanometer"] * 3}, config=CONFIG)
    add_metadata(path, {"units": ["nanometer"] * 3}, convention="zmeta", config=CONFIG)
    found = attributes_of(path)
    assert found["resolution"] == found["voxel_size"] == [9.8, 4, 4]
    assert found["offset"] == [98, 0, 0]
    array = ZarrArray.open_from_array_identifier(
        ArrayIdentifier(container=path.parent, dataset="raw"), world_unit="picometer", config=CONFIG
    )
    assert array.voxel_size == Coordinate(9800, 4000, 4000)
    assert array.convention == "zmeta@1.0"
    add_metadata(path, {"voxel_size": [19.6, 8, 8]}, config=CONFIG)
    assert attributes_of(path)["resolution"] == attributes_of(path)["voxel_size"] == [19.6, 8, 8]


def test_a_convention_without_payload_states_what_is_known_already(tmp_path: Path) -> None:
    path = make(tmp_path, {"axes": "zyx", "resolution": [40, 4, 4], "offset": [0, 8, 0]})
    add_metadata(path, {}, convention="funlib-persistence", config=CONFIG)
    assert attributes_of(path)["axis_names"] == ["z", "y", "x"]
    assert attributes_of(path)["voxel_size"] == [40, 4, 4]
    with pytest.raises(ConfigError, match="no such convention"):
        add_metadata(path, {}, convention="nobody", config=CONFIG)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_names_without_a_place_in_the_convention_go_where_the_container_keeps_them(tmp_path: Path, zarr_format: Any) -> None:
    path = make(tmp_path, {"resolution": [40, 4, 4]}, zarr_format=zarr_format)
    findings = add_metadata(path, {"axes": ["t", "y", "x"]}, config=CONFIG)
    assert "ZM205" not in {finding.code for finding in findings}
    assert read_metadata(path, config=CONFIG)[0].names == ("t", "y", "x")
    assert "offset" not in attributes_of(path), "nobody gave one"
    n5 = make_n5(tmp_path, {"resolution": [4, 4, 40]})
    with pytest.raises(MetadataError, match="no place for axis names"):
        add_metadata(n5, {"axes": ["z", "y", "x"]}, config=CONFIG)


def test_a_second_description_of_the_node_is_found(tmp_path: Path) -> None:
    path = make(tmp_path, {}, zarr_format=3)
    assert "ZM004" not in {finding.code for finding in read_metadata(path, config=CONFIG)[1]}
    (path / ".zarray").write_text("{}")
    findings = [finding for finding in read_metadata(path, config=CONFIG)[1] if finding.code == "ZM004"]
    assert [finding.file for finding in findings] == [str(path / ".zarray")]


def test_a_refusal_also_lists_what_does_not_fit_the_array(tmp_path: Path) -> None:
    path = make(tmp_path, {})
    with pytest.raises(MetadataError, match="refused") as error:
        add_metadata(path, {"axes": ["z", "y"], "units": ["nm"] * 3}, config=CONFIG)
    assert {finding.pointer for finding in error.value.findings} == {"/axes", "/units/0", "/units/1", "/units/2"}


def test_an_offset_of_zero_is_written_where_it_is_given(tmp_path: Path) -> None:
    path = make(tmp_path, {"resolution": [40, 4, 4]})
    add_metadata(path, {"voxel_size": [40, 8, 8]}, config=CONFIG)
    assert "offset" not in zarr.open_array(path).attrs, "nobody stated one"
    add_metadata(path, {"offset": [0, 0, 0]}, config=CONFIG)
    assert zarr.open_array(path).attrs.asdict() == {"resolution": [40, 8, 8], "offset": [0, 0, 0]}
