"""Creating arrays: right in every convention and format, opened where it is the same, and never half-made."""

from __future__ import annotations

import builtins
import errno
import io
import json
import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import zarr
from funlib.geometry import Coordinate, Roi
from hypothesis import given, settings
from hypothesis import strategies as st

from zmeta import (
    ArrayExistsError,
    ArrayIdentifier,
    Config,
    ConfigError,
    GeometryError,
    MetadataError,
    NodeNotFoundError,
    NotOnGridError,
    Profile,
    StoreError,
    ZarrArray,
    ZarrArrayConfig,
)
from zmeta.array import create as create_module
from zmeta.array import make
from zmeta.canonical.world import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Format = Literal[2, 3]
FORMATS: list[Format] = [2, 3]
CONVENTIONS = ["zmeta", "ome-ngff", "daisy", "dacapo", "funlib-persistence", "cosem", "dimension-units"]

ROI = Roi((400, 0, -80), (400, 80, 80))
SIZE = Coordinate(40, 4, 4)


def create(container: Path, dataset: str = "volumes/raw", **changes: Any) -> ZarrArray:
    """Create the array of these tests, with other arguments where they are given."""
    arguments: dict[str, Any] = {
        "axes": ["z", "y", "x"],
        "roi": ROI,
        "num_channels": None,
        "voxel_size": SIZE,
        "dtype": "uint8",
    }
    return ZarrArray.create_from_array_identifier(
        ArrayIdentifier(container=container, dataset=dataset), **(arguments | changes)
    )


def tree(folder: Path) -> dict[str, tuple[bytes, int] | None]:
    """Return every file below a folder with its bytes and time, and every folder."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def documents(folder: Path) -> dict[str, Any]:
    """Return every JSON document below a folder."""
    names = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
    return {str(p.relative_to(folder)): json.loads(p.read_bytes()) for p in folder.rglob("*") if p.name in names}


# --- what is made, in every convention and format -----------------------------------------------------------------------


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(
    ("axes", "channels"), [("zyx", None), ("czyx", 2), ("yx", None), ("tzyx", None), ("tczyx", 2), ("zyxc", 3)]
)
def test_what_is_created_reads_back(
    tmp_path: Path, convention: str, zarr_format: Format, axes: str, channels: int | None
) -> None:
    if (convention, axes) == ("ome-ngff", "zyxc"):
        pytest.skip("OME-NGFF wants the axes of space last")
    physical = [name for name in axes if name != "c"]
    size = Coordinate({"t": 20, "z": 40, "y": 4, "x": 8}[name] for name in physical)
    shape = Coordinate({"t": 3, "z": 5, "y": 6, "x": 7}[name] for name in physical)
    begin = size * 0 if convention == "dimension-units" else Coordinate((100, -80, 12, 4)[-len(physical) :])
    roi = Roi(begin, shape * size)
    container = tmp_path / "c.zarr"
    array = create(
        container,
        axes=[*axes],
        roi=roi,
        num_channels=channels,
        voxel_size=size,
        dtype="int16",
        zarr_format=zarr_format,
        convention=convention,
        attributes={"stain": {"name": "OTO"}},
    )
    extents = iter(shape)
    expected_shape = tuple(channels if channels and name == "c" else int(next(extents)) for name in axes)
    for opened in (array, ZarrArray.open_from_array_identifier(ArrayIdentifier(container=container, dataset="volumes/raw"))):
        assert (opened.roi, opened.voxel_size, opened.shape) == (roi, size, expected_shape)
        assert (opened.dtype, opened.num_channels, opened.dims) == (np.dtype("int16"), channels, len(physical))
        assert str(opened.convention).split("@")[0] == convention
        assert opened.attrs["stain"] == {"name": "OTO"}
        assert opened.axes == [*axes]
        assert opened.spatial_axes == physical

    by_zarr = zarr.open_array(container / "volumes/raw", mode="r")
    assert (by_zarr.shape, by_zarr.dtype, by_zarr.metadata.zarr_format) == (expected_shape, np.dtype("int16"), zarr_format)
    assert by_zarr.attrs["stain"] == {"name": "OTO"}
    group = zarr.open_group(container, mode="r")
    assert group.metadata.zarr_format == zarr_format
    assert {name for name, _ in group.members(max_depth=None)} == {"volumes", "volumes/raw"}

    block = np.arange(math.prod(expected_shape), dtype="int16").reshape(expected_shape)
    array[roi] = block
    np.testing.assert_array_equal(zarr.open_array(container / "volumes/raw", mode="r")[...], block)


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("convention", ["zmeta", "ome-ngff", "dacapo", "funlib-persistence", "cosem"])
@pytest.mark.parametrize(
    ("units", "size", "begin", "exact"),
    [
        ("nanometer", (40, 4, 4), (400, 0, -80), ["40", "4", "4"]),
        ("micrometer", (360, 4, 4), (360, 0, -80), ["0.36", "0.004", "0.004"]),
        ("angstrom", (40, 4, 4), (400, 0, -80), ["400", "40", "40"]),
        ("meter", (1, 1, 1), (1, 2, 3), ["1e-9", "1e-9", "1e-9"]),
        (["micrometer", "nanometer", "picometer"], (40, 4, 4), (400, 0, -80), ["0.04", "4", "4000"]),
    ],
)
def test_numbers_are_written_in_the_units_asked_for(
    tmp_path: Path,
    convention: str,
    zarr_format: Format,
    units: str | list[str],
    size: tuple[int, ...],
    begin: tuple[int, ...],
    exact: list[str],
) -> None:
    roi = Roi(begin, Coordinate(size) * 5)
    array = create(
        tmp_path / "c.zarr", roi=roi, voxel_size=size, units=units, convention=convention, zarr_format=zarr_format
    )
    assert array.units == ([units] * 3 if isinstance(units, str) else units)
    assert array.metadata.voxel_size == tuple(map(Fraction, exact))
    assert (array.roi, array.voxel_size) == (roi, size)


def test_what_is_not_whole_in_world_units_is_kept_exactly(tmp_path: Path) -> None:
    array = create(tmp_path, "a", roi=Roi((0, 0, 0), (98, 40, 40)), voxel_size=[9.8, 4, np.float64(4)], units="nanometer")
    assert array.metadata.voxel_size == (Fraction("9.8"), Fraction(4), Fraction(4))
    assert array.shape == (10, 10, 10)
    with pytest.raises(NotOnGridError, match='world_unit="angstrom"'):
        array.voxel_size  # noqa: B018
    same = create(tmp_path, "a", roi=Roi((0, 0, 0), (98, 40, 40)), voxel_size=[9.8, 4, 4], units="nanometer")
    assert same.metadata == array.metadata


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_more_digits_than_a_float_holds_are_kept(tmp_path: Path, zarr_format: Format) -> None:
    size = 12345678901234567891
    array = create(
        tmp_path, "a", axes=["x"], roi=Roi((size,), (2 * size,)), voxel_size=(size,), units="meter", zarr_format=zarr_format
    )
    assert array.metadata.voxel_size == (Fraction(size, 10**9),)
    assert (array.roi.begin[0], array.roi.shape[0]) == (size, 2 * size)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_ome_ngff_stands_on_the_group(tmp_path: Path, zarr_format: Format) -> None:
    create(tmp_path / "c.zarr", "em/s0", convention="ome-ngff", units="micrometer", zarr_format=zarr_format)
    if zarr_format == 3:
        ome = json.loads((tmp_path / "c.zarr/em/zarr.json").read_text())["attributes"]["ome"]
        image = ome["multiscales"][0]
        assert ome["version"] == "0.5"
    else:
        image = json.loads((tmp_path / "c.zarr/em/.zattrs").read_text())["multiscales"][0]
        assert image["version"] == "0.4"
    assert image["axes"] == [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    assert image["datasets"] == [
        {
            "path": "s0",
            "coordinateTransformations": [
                {"type": "scale", "scale": [0.04, 0.004, 0.004]},
                {"type": "translation", "translation": [0.4, 0, -0.08]},
            ],
        }
    ]
    assert "multiscales" not in zarr.open_array(tmp_path / "c.zarr/em/s0", mode="r").attrs


def test_ome_ngff_needs_a_group(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match="no group above it"):
        create(tmp_path / "c.zarr", "", convention="ome-ngff")
    assert not (tmp_path / "c.zarr").exists()


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_an_array_can_be_the_container(tmp_path: Path, zarr_format: Format) -> None:
    array = create(tmp_path / "deep/a.zarr", "", zarr_format=zarr_format)
    assert array.roi == ROI
    assert set(documents(tmp_path)) == (
        {"deep/a.zarr/zarr.json"} if zarr_format == 3 else {"deep/a.zarr/.zarray", "deep/a.zarr/.zattrs"}
    )


def test_mirrors_of_the_config_are_written_in_world_units(tmp_path: Path) -> None:
    config, roi = Config(mirror=("daisy",)), Roi((0, 0, 0), (400, 80, 80))
    array = create(tmp_path, "a", roi=roi, units="micrometer", config=config)
    attributes = zarr.open_array(tmp_path / "a", mode="r").attrs
    assert (attributes["voxel_size"], attributes["resolution"]) == ([0.04, 0.004, 0.004], [40, 4, 4])
    assert (array.convention, array.roi) == ("zmeta@1.0", roi)
    assert create(tmp_path, "b", units="nanometer", config=config).roi == ROI
    with pytest.raises(
        MetadataError, match="need the key `offset`"
    ):  # both keep it in the key `offset`, which cannot be in two units
        create(tmp_path, "c", units="micrometer", config=config)
    assert not (tmp_path / "c").exists()


def test_the_config_chooses_convention_and_world_unit(tmp_path: Path) -> None:
    config = Config(convention="daisy", world_unit=("micrometer",))
    array = create(tmp_path, "a", config=config)
    assert (array.convention, array.roi) == ("daisy@1", ROI)
    assert zarr.open_array(tmp_path / "a", mode="r").attrs.asdict() == {"resolution": [40, 4, 4], "offset": [400, 0, -80]}
    finer = create(tmp_path, "b", units="micrometer", config=Config(world_unit=("picometer",)))
    assert finer.metadata.voxel_size == (Fraction("0.00004"), Fraction("0.000004"), Fraction("0.000004"))


@pytest.mark.parametrize(
    ("convention", "zarr_format", "error", "message"),
    [
        ("nifti", 3, ConfigError, "no such convention"),
        ("xarray", 3, ConfigError, "no such convention"),
        ("ome-ngff@0.4", 3, MetadataError, r"ome-ngff@0\.4 is not what"),
        ("ome-ngff@0.5", 2, MetadataError, r"ome-ngff@0\.5 is not what"),
        ("dimension-units", 3, MetadataError, "no place for an offset"),
    ],
)
def test_a_convention_that_cannot_be_written_is_refused(
    tmp_path: Path, convention: str, zarr_format: Format, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        create(tmp_path / "c.zarr", convention=convention, zarr_format=zarr_format)
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("convention", "found"),
    [("zmeta@1.0", "zmeta@1.0"), ("ome-ngff@0.5", "ome-ngff@0.5"), ("dacapo@0.2.0", "dacapo@0.2.0"), ("daisy@2", "daisy@2")],
)
def test_a_version_can_be_named(tmp_path: Path, convention: str, found: str) -> None:
    assert create(tmp_path / "c.zarr", convention=convention).convention == found


# --- arguments as people write them -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "channels", "expected"),
    [
        (["c", "z", "y", "x"], None, ["z", "y", "x"]),  # as in dacapo
        (["z", "y", "x"], 2, ["c", "z", "y", "x"]),
        (["z", "y", "x"], 1, ["c", "z", "y", "x"]),
        (["z", "y", "x", "c"], np.int64(2), ["z", "y", "x", "c"]),
        (["c^", "z", "y", "x"], np.uint8(2), ["c", "z", "y", "x"]),
        ("zyx", None, ["z", "y", "x"]),
        (("channels", "z", "y", "x"), 2, ["channels", "z", "y", "x"]),
        (["Z", "Y", "X"], None, ["Z", "Y", "X"]),
        (["d0", "d1", "d2"], None, ["d0", "d1", "d2"]),
    ],
)
def test_axes_and_channels(tmp_path: Path, axes: Any, channels: Any, expected: list[str]) -> None:
    array = create(tmp_path, "a", axes=axes, num_channels=channels)
    assert array.axes == expected
    assert array.num_channels == channels
    assert type(array.num_channels) is (int if channels is not None else type(None))
    assert (array.roi, array.dims) == (ROI, 3)


def test_numpy_numbers_and_plain_paths_will_do(tmp_path: Path) -> None:
    where = SimpleNamespace(container=str(tmp_path / "c.zarr"), dataset="a/b")  # dacapo's LocalArrayIdentifier is alike
    array = ZarrArray.create_from_array_identifier(
        where,
        ["z", "y", "x"],
        Roi(np.array([400, 0, -80]), tuple(np.int32(extent) for extent in (400, 80, 80))),
        None,
        np.array([40, 4, 4]),  # type: ignore[arg-type]
        np.float32,
        np.array([80, 8, 8]),  # type: ignore[arg-type]
        "the name",
    )
    assert (array.roi, array.voxel_size, array.data.chunks, array.name) == (ROI, SIZE, (2, 2, 2), "the name")


@pytest.mark.parametrize(
    ("write_size", "chunks"),
    [
        ((40, 4, 4), (1, 1, 1)),
        ((80, 40, 16), (2, 10, 4)),
        (Coordinate(4000, 4000, 4000), (10, 20, 20)),  # larger than the array
        ([120.0, 8.0, 12.0], (3, 2, 3)),
    ],
)
def test_the_write_size_is_the_chunk_in_world_units(tmp_path: Path, write_size: Any, chunks: tuple[int, ...]) -> None:
    assert create(tmp_path, "a", write_size=write_size).data.chunks == chunks
    assert create(tmp_path, "c", write_size=write_size, num_channels=5).data.chunks == (5, *chunks)


@settings(max_examples=30)
@given(
    shape=st.lists(st.integers(1, 10**6), min_size=1, max_size=4),
    channels=st.one_of(st.none(), st.integers(1, 200)),
    dtype=st.sampled_from(["uint8", "uint16", "float32", "float64"]),
)
def test_chunks_are_of_about_5_mb_by_default(shape: list[int], channels: int | None, dtype: str) -> None:
    size = (Fraction(2),) * len(shape)
    request = create_module.CreateRequest(
        "c", "a", tuple("tzyx"[-len(shape) :]), Roi((0,) * len(shape), Coordinate(shape) * 2), channels, size,
        np.dtype(dtype), None, False, None, None, None, {}, (),
    )  # fmt: skip
    metadata = create_module._metadata(request, World())
    full = create_module._shape(request, metadata)
    chunks = create_module._chunks(request, metadata, full)
    assert len(chunks) == len(full)
    assert all(1 <= chunk <= extent for chunk, extent in zip(chunks, full, strict=True))
    found, all_of_it = (math.prod(extents) * np.dtype(dtype).itemsize for extents in (chunks, full))
    assert found <= create_module.CHUNK_BYTES
    assert found >= min(all_of_it, create_module.CHUNK_BYTES // 3)
    if channels is not None:
        assert chunks[0] == channels


BAD_ARGUMENTS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"dtype": "nope"}, TypeError, "nope"),
    ({"dtype": object}, StoreError, "zarr cannot create the array"),
    ({"units": "nm"}, GeometryError, "write 'nanometer'"),
    ({"units": "second"}, GeometryError, "no axis is of the kind"),
    ({"units": ""}, GeometryError, "does not fit|no axis"),
    ({"units": ["nanometer", "nanometer"]}, GeometryError, "units do not fit the axes"),
    ({"units": ["nanometer", "second", "nanometer"]}, GeometryError, "a unit of space"),
    ({"units": "inch"}, MetadataError, "without a finite decimal"),
    ({"voxel_size": (40, 4)}, GeometryError, "do not agree"),
    ({"voxel_size": (0, 4, 4)}, GeometryError, "must be positive"),
    ({"voxel_size": (40, -4, 4)}, GeometryError, "must be positive"),
    ({"voxel_size": (40, "4", 4)}, GeometryError, "numbers are expected"),
    ({"voxel_size": (40, float("nan"), 4)}, GeometryError, "numbers are expected"),
    ({"voxel_size": 4}, GeometryError, "numbers are expected"),
    ({"voxel_size": (40, 4, 12)}, GeometryError, "(?s)whole number of voxels on axis x.*7 voxels are 84"),
    ({"roi": Roi((0, 0), (80, 80))}, GeometryError, "do not agree"),
    ({"roi": Roi((0, 0, 0), (0, 80, 80))}, GeometryError, "not empty"),
    ({"roi": Roi((None, 0, 0), (None, 80, 80))}, GeometryError, "bounded"),
    ({"roi": ((0, 0, 0), (80, 80, 80))}, GeometryError, "bounded"),
    ({"axes": ["z", "y", "y"]}, GeometryError, "differ from each other"),
    ({"axes": ["z", "y", "x", "s"]}, GeometryError, "extent of an axis is not given"),
    ({"axes": ["c", "channel", "z", "y", "x"], "num_channels": 2}, GeometryError, "more than one channel axis"),
    ({"axes": ["c"], "roi": Roi((), ()), "voxel_size": (), "num_channels": 2}, GeometryError, "bounded|do not agree"),
    ({"num_channels": 0}, GeometryError, "must be 1 or more"),
    ({"num_channels": 2.5}, GeometryError, "must be 1 or more"),
    ({"num_channels": True}, GeometryError, "must be 1 or more"),
    ({"write_size": (80, 8)}, GeometryError, "wrong number of dimensions"),
    ({"write_size": (80, 8.9, 8)}, GeometryError, "(?s)not a multiple of the voxel size.*8.9"),
    ({"write_size": (20, 4, 4)}, GeometryError, "not a multiple of the voxel size"),
    ({"write_size": (0, 4, 4)}, GeometryError, "not a multiple of the voxel size"),
    ({"zarr_format": 4}, ConfigError, "2 or 3"),
    ({"attributes": {"a": {1, 2}}}, MetadataError, "cannot be stored as JSON"),
    ({"attributes": {"a": float("nan")}}, MetadataError, "NaN"),
    ({"attributes": {"voxel_size": [4, 4, 4]}}, MetadataError, "no custom attribute"),
    ({"attributes": {"axes": ["z", "y", "x"], "offset": [0, 0, 0]}}, MetadataError, "(?s)`offset` is no|`axes` is no"),
    ({"attributes": {"resolution": [40, 4, 5]}}, MetadataError, "voxel size is"),
    ({"attributes": {"resolution": "40"}}, MetadataError, "resolution"),
    ({"profiles": (Profile("lab", "1.0", {"required": ["stain"]}),)}, MetadataError, "stain"),
    ({"world_unit": "nm"}, ConfigError, "world unit is not known"),
]


@pytest.mark.parametrize("there", ["nothing", "a container", "the array, to be overwritten"])
@pytest.mark.parametrize(("changes", "error", "message"), BAD_ARGUMENTS, ids=[str(case[0])[:60] for case in BAD_ARGUMENTS])
def test_what_is_wrong_is_refused_and_leaves_no_trace(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str, there: str
) -> None:
    container = tmp_path / "c.zarr"
    if there != "nothing":
        create(container, "other" if there == "a container" else "volumes/raw")[ROI] = 7
    before = tree(tmp_path)
    with pytest.raises(error, match=message):
        create(container, **changes, overwrite=there.startswith("the array"))
    assert tree(tmp_path) == before


def test_profiles_are_satisfied(tmp_path: Path) -> None:
    profile = Profile("lab", "1.0", {"required": ["stain"], "properties": {"stain": {"enum": ["OTO", "HE"]}}}, match=("*",))
    with pytest.raises(MetadataError, match="ZM102"):
        create(tmp_path, "a", profiles=[profile], attributes={"stain": "ink"})
    assert not (tmp_path / "a").exists()
    assert create(tmp_path, "a", profiles=[profile], attributes={"stain": "HE"}).attrs["stain"] == "HE"
    with pytest.raises(MetadataError, match="ZM102"):
        create(tmp_path, "b", config=Config(profiles=(profile,)))


def test_a_misspelt_key_is_refused_as_in_add_metadata(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match="ZM104"):
        create(tmp_path, "a", attributes={"voxelsize": [40, 4, 4]})


# --- where something is already -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("convention", CONVENTIONS[:-1])
def test_the_same_array_is_opened_with_its_data(tmp_path: Path, convention: str, zarr_format: Format) -> None:
    attributes = {"stain": "OTO", "gain": np.float32(0.1), "place": ("Bern", 7), "none": None}
    again: dict[str, Any] = {"convention": convention, "attributes": attributes, "dtype": ">u2", "num_channels": 2}
    create(tmp_path, zarr_format=zarr_format, **again)[ROI] = 300
    before = tree(tmp_path)
    for changes in (again, again | {"attributes": {}}, again | {"convention": None, "write_size": (40, 40, 40)}):
        array = create(tmp_path, **changes)
        assert (array.data[...] == 300).all()
    assert create(tmp_path, zarr_format=zarr_format, **again).roi == ROI
    assert tree(tmp_path) == before


def test_units_and_world_units_are_compared_by_value(tmp_path: Path) -> None:
    create(tmp_path, "a", units="micrometer")[ROI] = 7
    assert (create(tmp_path, "a").data[...] == 7).all()  # no unit asked for: the same size in world units
    finer = create(tmp_path, "a", roi=ROI * 1000, voxel_size=SIZE * 1000, world_unit="picometer")
    assert (finer.roi, finer.voxel_size) == (ROI * 1000, SIZE * 1000)
    with pytest.raises(ArrayExistsError, match="units: asked for"):
        create(tmp_path, "a", units="nanometer")


def test_every_difference_is_listed(tmp_path: Path) -> None:
    create(tmp_path, "a", attributes={"stain": "OTO", "gain": 2}, units="nanometer")[ROI] = 7
    before = tree(tmp_path)
    with pytest.raises(ArrayExistsError, match="another array stands there") as caught:
        create(
            tmp_path,
            "a",
            axes=["z", "y", "x"][::-1],
            roi=Roi((80, 0, 0), (80, 80, 80)),
            voxel_size=(8, 4, 4),
            num_channels=2,
            dtype="float32",
            units="micrometer",
            convention="daisy",
            attributes={"stain": "HE", "gain": 2, "new": 1},
        )
    text = str(caught.value)
    for part in (
        "shape",
        "axes",
        "voxel_size",
        "offset",
        "units",
        "dtype",
        "convention",
        "attributes.stain",
        "attributes.new",
    ):
        assert f"{part}: asked for" in text
    assert "attributes.gain" not in text
    assert "overwrite=True" in caught.value.hint
    assert isinstance(caught.value, FileExistsError)
    assert tree(tmp_path) == before


def test_an_array_without_metadata_is_not_the_same(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a", shape=(10, 20, 20), dtype="uint8")
    with pytest.raises(ArrayExistsError, match="voxel_size: asked for"):
        create(tmp_path, "a")


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("convention", CONVENTIONS[:-1])
def test_overwrite_replaces(tmp_path: Path, convention: str, zarr_format: Format) -> None:
    create(tmp_path / "c.zarr", zarr_format=zarr_format, convention=convention, attributes={"old": 1})[ROI] = 7
    roi = Roi((0, 4, 8), (80, 40, 40))
    array = create(
        tmp_path / "c.zarr", roi=roi, dtype="float32", convention=convention, overwrite=True, attributes={"new": 1}
    )
    assert (array.roi, array.dtype, array.shape) == (roi, np.dtype("float32"), (2, 10, 10))
    assert array.data.metadata.zarr_format == zarr_format
    assert not array.data[...].any()
    assert "old" not in array.attrs
    assert {path.name for path in (tmp_path / "c.zarr/volumes").iterdir()} <= {"raw", "zarr.json", ".zgroup", ".zattrs"}


def test_an_array_at_the_root_keeps_its_format(tmp_path: Path) -> None:
    create(tmp_path / "a.zarr", "", zarr_format=2)
    assert create(tmp_path / "a.zarr", "", overwrite=True, dtype="int8").data.metadata.zarr_format == 2
    assert create(tmp_path / "a.zarr", "", overwrite=True, zarr_format=3).data.metadata.zarr_format == 3
    assert not (tmp_path / "a.zarr/.zarray").exists()


def test_overwriting_a_link_leaves_what_it_points_to(tmp_path: Path) -> None:
    create(tmp_path / "c.zarr", "original")[ROI] = 7
    original = tree(tmp_path / "c.zarr/original")
    os.symlink("original", tmp_path / "c.zarr/link")
    create(tmp_path / "c.zarr", "link", overwrite=True)
    assert not (tmp_path / "c.zarr/link").is_symlink()
    assert tree(tmp_path / "c.zarr/original") == original


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_the_format_is_that_of_the_container(tmp_path: Path, zarr_format: Format) -> None:
    zarr.create_group(tmp_path / "c.zarr", zarr_format=zarr_format, attributes={"kept": [1]})
    array = create(tmp_path / "c.zarr")
    assert array.data.metadata.zarr_format == zarr_format
    assert zarr.open_group(tmp_path / "c.zarr", mode="r").attrs.asdict() == {"kept": [1]}
    other = 5 - zarr_format
    before = tree(tmp_path)
    with pytest.raises(StoreError, match=f"the container is Zarr v{zarr_format}"):
        create(tmp_path / "c.zarr", "new", zarr_format=other)
    with pytest.raises(ArrayExistsError, match=f"zarr_format: asked for {other}, there is {zarr_format}"):
        create(tmp_path / "c.zarr", zarr_format=other)
    assert tree(tmp_path) == before


def _group(path: Path) -> None:
    zarr.create_group(path)


def _file(path: Path) -> None:
    path.write_text("x")


def _folder_with_a_file(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("x")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("put", "message"),
    [(_group, "a group stands"), (_file, "something else stands"), (_folder_with_a_file, "something else stands")],
)
def test_what_is_no_array_is_never_replaced(
    tmp_path: Path, put: Callable[[Path], None], message: str, overwrite: bool
) -> None:
    put(tmp_path / "a")
    before = tree(tmp_path)
    with pytest.raises(ArrayExistsError, match=message):
        create(tmp_path, "a", overwrite=overwrite)
    assert tree(tmp_path) == before


def test_the_chunks_of_an_array_are_never_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create(tmp_path, "a", zarr_format=2)
    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, lambda path, name=name: pytest.fail(f"{name} of {path}"))
    assert create(tmp_path, "a").roi == ROI


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "c.zarr/volumes/raw").mkdir(parents=True)
    assert create(tmp_path / "c.zarr").roi == ROI
    assert {name for name, _ in zarr.open_group(tmp_path / "c.zarr", mode="r").members(max_depth=None)} == {
        "volumes",
        "volumes/raw",
    }


@pytest.mark.parametrize(
    ("container", "dataset", "error", "message"),
    [
        ("c.zarr", "a/b", NodeNotFoundError, "cannot hold another array"),
        ("c.zarr", "file/b", StoreError, "a file stands in the way"),
        ("c.zarr/file", "b", StoreError, "a file stands in the way"),
        ("c.zarr", "../b", NodeNotFoundError, "leaves its container"),
        ("c.zarr/file/deeper", "b", StoreError, "cannot create the array"),
    ],
)
def test_places_that_cannot_be(tmp_path: Path, container: str, dataset: str, error: type[Exception], message: str) -> None:
    create(tmp_path / "c.zarr", "a")
    (tmp_path / "c.zarr/file").write_text("x")
    before = tree(tmp_path)
    with pytest.raises(error, match=message):
        create(tmp_path / container, dataset)
    assert tree(tmp_path) == before


# --- consolidated copies ------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Consolidated metadata:UserWarning")
@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("convention", ["zmeta", "ome-ngff"])
def test_consolidated_copies_list_the_new_array(tmp_path: Path, zarr_format: Format, convention: str) -> None:
    container = tmp_path / "c.zarr"
    create(container, "first", zarr_format=zarr_format)
    zarr.consolidate_metadata(container)
    create(container, "deep/er/raw", convention=convention, attributes={"a": 1})
    create(container, "first", roi=Roi((0, 0, 0), (80, 80, 80)), overwrite=True)

    group = zarr.open_consolidated(container)
    listed = dict(group.members(max_depth=None))
    assert set(listed) == {"first", "deep", "deep/er", "deep/er/raw"}
    assert listed["first"].shape == (2, 20, 20)  # type: ignore[union-attr]
    assert listed["deep/er/raw"].attrs["a"] == 1
    plainly = zarr.open_group(container, mode="r", use_consolidated=False)
    for name, node in plainly.members(max_depth=None):
        assert node.attrs.asdict() == listed[name].attrs.asdict()
    if convention == "ome-ngff":
        assert listed["deep/er"].attrs.asdict().keys() & {"ome", "multiscales"}
    assert create(container, "deep/er/raw").roi == ROI


def test_a_consolidated_copy_that_is_not_json_is_left_alone(tmp_path: Path) -> None:
    container = tmp_path / "c.zarr"
    create(container, "first", zarr_format=2)
    copy = {"metadata": {".zgroup": {"zarr_format": 2}, "first/.zattrs": {"a": float("nan")}}, "zarr_consolidated_format": 1}
    (container / ".zmetadata").write_text(json.dumps(copy))
    before = tree(tmp_path)
    with pytest.raises(StoreError, match="consolidated copy cannot be kept true"):
        create(container, "second")
    assert tree(tmp_path) == before


# --- failures on the way ------------------------------------------------------------------------------------------------


class Trap:
    """Lets one call of a function fail: the n-th that names a path below a folder."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, place: int) -> None:
        self.folder, self.left, self.sprung = str(folder), place, ""
        for module, name in (
            (os, "mkdir"),
            (os, "rename"),
            (os, "replace"),
            (os, "open"),
            (os, "write"),
            (os, "fsync"),
            (os, "rmdir"),
            (os, "unlink"),
            (os, "listdir"),
            (io, "open"),
            (builtins, "open"),
        ):
            patch.setattr(module, name, self._trapped(name, getattr(module, name)))

    def _trapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            by_handle = name in ("write", "fsync")
            if not self.sprung and (by_handle or str(args[0] if args else "").startswith(self.folder)):
                self.left -= 1
                if self.left < 0:
                    self.sprung = f"{name} {args[0]}"
                    raise OSError(errno.ENOSPC, "No space left on device", None if by_handle else args[0])
            return function(*args, **kwargs)

        return call


def _nothing(container: Path) -> None:
    container.mkdir()


def _container(container: Path) -> None:
    create(container, "other", attributes={"a": 1})


def _array(container: Path) -> None:
    create(container, dtype="float32")[ROI] = 7


def _ome_array(container: Path) -> None:
    create(container, convention="ome-ngff", dtype="float32", zarr_format=2)[ROI] = 7
    zarr.consolidate_metadata(container)


SCENES: list[tuple[str, Callable[[Path], None], dict[str, Any]]] = [
    ("new container v3", _nothing, {}),
    ("new container v2, ome-ngff", _nothing, {"zarr_format": 2, "convention": "ome-ngff"}),
    ("new groups", _container, {"dataset": "a/b/c/raw", "convention": "ome-ngff"}),
    ("overwrite", _array, {"overwrite": True}),
    (
        "overwrite, ome-ngff v2, consolidated",
        _ome_array,
        {"overwrite": True, "convention": "ome-ngff", "voxel_size": (80, 8, 8)},
    ),
]


@pytest.mark.parametrize(("scene", "prepare", "arguments"), SCENES, ids=[scene[0] for scene in SCENES])
def test_a_failure_at_any_step_leaves_the_tree_as_it_was(
    tmp_path: Path, scene: str, prepare: Callable[[Path], None], arguments: dict[str, Any]
) -> None:
    prepare(tmp_path / "template")
    failed = set()
    for place in count():
        container = tmp_path / f"{place}.zarr"
        shutil.copytree(tmp_path / "template", container)
        before = {name: kept and kept[0] for name, kept in tree(container).items()}
        with pytest.MonkeyPatch.context() as patch:
            trap = Trap(patch, container, place)
            try:
                created = create(container, **arguments)
            except StoreError:
                created = None
        after = {name: kept and kept[0] for name, kept in tree(container).items()}
        if created is None and after != before:  # all was done, and the array could not be read once more to be returned
            assert trap.sprung.startswith("open"), trap.sprung
            assert trap.sprung.endswith(("raw/zarr.json", "raw/.zarray", "raw/.zattrs")), trap.sprung
            assert ZarrArray(array_config_of(container, arguments)).roi == ROI, trap.sprung
        elif created is None:
            failed.add(trap.sprung.split()[0])
        else:  # nothing was left to trap, or what failed was no more than cleaning up
            created.refresh()  # what could not be read just now were the groups above
            assert created.roi == ROI
            created[ROI] = np.ones(created.shape, created.dtype)
            if trap.sprung:
                assert trap.sprung.split()[0] not in ("replace", "rename", "write"), trap.sprung
            else:
                assert not [name for name in tree(container) if ".zmeta-" in name]
        shutil.rmtree(container)
        if not trap.sprung:
            break
    assert failed >= {"mkdir", "replace", "open"}


def array_config_of(container: Path, arguments: dict[str, Any]) -> ZarrArrayConfig:
    return ZarrArrayConfig(file_name=container, dataset=arguments.get("dataset", "volumes/raw"), mode="r")


def test_folders_above_a_container_are_taken_away_again(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="zarr cannot create the array"):
        create(tmp_path / "deep/er/a.zarr", "", dtype=object)
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("step", ["_make_groups", "_make_beside", "_rename", "_edit_groups"])
@pytest.mark.parametrize("exception", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_interruption_leaves_the_tree_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, exception: type[BaseException], overwrite: bool
) -> None:
    create(tmp_path / "c.zarr", "volumes/raw" if overwrite else "other")[ROI] = 7
    before = tree(tmp_path)
    function = getattr(make, step)

    def interrupted(*args: Any, **kwargs: Any) -> None:
        if step in ("_make_groups", "_make_beside"):
            function(*args, **kwargs)
        raise exception("now")

    monkeypatch.setattr(make, step, interrupted)
    with pytest.raises(exception, match="now"):
        create(tmp_path / "c.zarr", overwrite=overwrite, convention="ome-ngff")
    assert tree(tmp_path) == before


# --- several at once ----------------------------------------------------------------------------------------------------


def _meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen after all was judged and before the array is put in its place."""
    function = make._make_beside

    def beside(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(make, "_make_beside", function)
        act()
        function(*args, **kwargs)

    monkeypatch.setattr(make, "_make_beside", beside)


def test_the_same_array_made_meanwhile_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def act() -> None:
        create(tmp_path / "c.zarr")[ROI] = 7

    _meanwhile(monkeypatch, act)
    assert (create(tmp_path / "c.zarr").data[...] == 7).all()
    assert not [name for name in tree(tmp_path) if ".zmeta-" in name]


def test_another_array_made_meanwhile_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def act() -> None:
        create(tmp_path / "c.zarr", dtype="float32")[ROI] = 7

    _meanwhile(monkeypatch, act)
    with pytest.raises(ArrayExistsError, match="dtype: asked for uint8, there is float32"):
        create(tmp_path / "c.zarr")
    assert np.all(np.asarray(zarr.open_array(tmp_path / "c.zarr/volumes/raw", mode="r")[...]) == 7)
    assert not [name for name in tree(tmp_path) if ".zmeta-" in name]


def test_an_array_made_meanwhile_is_not_what_was_to_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _meanwhile(monkeypatch, lambda: create(tmp_path / "c.zarr"))
    with pytest.raises(ArrayExistsError, match="somebody else made something in the place"):
        create(tmp_path / "c.zarr", overwrite=True, dtype="int8")
    assert create(tmp_path / "c.zarr").roi == ROI


def test_an_image_listed_meanwhile_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _meanwhile(monkeypatch, lambda: create(tmp_path / "c.zarr", "em/s0", convention="ome-ngff"))
    with pytest.raises(StoreError, match="changed by somebody else"):
        create(tmp_path / "c.zarr", "em/other", convention="ome-ngff")
    assert ZarrArray.open_from_array_identifier(ArrayIdentifier(container=tmp_path / "c.zarr", dataset="em/s0")).roi == ROI
    assert not (tmp_path / "c.zarr/em/other").exists()


@pytest.mark.parametrize("names", [["raw"] * 6, [f"labels/{index}" for index in range(6)]], ids=["one array", "six arrays"])
def test_workers_may_create_at_the_same_time(tmp_path: Path, names: list[str]) -> None:
    def work(name: str) -> Roi:
        return create(tmp_path / "c.zarr", name).roi

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(work, names)) == [ROI] * len(names)
    assert {name for name, _ in zarr.open_group(tmp_path / "c.zarr", mode="r").members(max_depth=None)} == {
        *names,
        *(["labels"] if "labels/0" in names else []),
    }
    assert not [name for name in tree(tmp_path) if ".zmeta-" in name]
