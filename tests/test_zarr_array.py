"""`ZarrArray`: what it says of an array, pixels by ROI, attributes that are validated, and opening that never writes."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from funlib.geometry import Coordinate, Roi
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from zmeta import (
    ArrayIdentifier,
    Config,
    ConfigError,
    DocumentError,
    GeometryError,
    MetadataError,
    MissingMetadataError,
    NodeNotFoundError,
    NodeTypeError,
    NotOnGridError,
    NotWritableError,
    Profile,
    StoreError,
    ZarrArray,
    ZarrArrayConfig,
    add_metadata,
    read_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DAISY = {"resolution": [40, 4, 4], "offset": [400, 0, -80]}
ROI = Roi((400, 0, -80), (160, 20, 24))


def make(
    folder: Path, attributes: dict[str, Any], shape: tuple[int, ...] = (4, 5, 6), zarr_format: int = 3, **options: Any
) -> NDArray[Any]:
    """Write a Zarr array with attributes; return its values."""
    values = np.arange(np.prod(shape), dtype="int32").reshape(shape)
    array = zarr.create_array(
        folder,
        shape=shape,
        dtype=values.dtype,
        chunks=tuple(max(1, extent // 2) for extent in shape),
        attributes=attributes,
        zarr_format=zarr_format,  # type: ignore[arg-type]
        **options,
    )
    array[...] = values
    return values


def opened(folder: Path, *, options: dict[str, Any] | None = None, **fields: Any) -> ZarrArray:
    """Open the array in a folder; `fields` are of the config, `options` of the constructor."""
    return ZarrArray(ZarrArrayConfig(file_name=folder, **fields), **(options or {}))


def tree(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def daisy(tmp_path: Path) -> Path:
    """A 4 × 5 × 6 array of `DAISY`."""
    make(tmp_path / "c.zarr", DAISY)
    return tmp_path / "c.zarr"


# --- what it is -----------------------------------------------------------------------------------------------------

ZMETA = {"axes": ["t", "c", "z", "y", "x"], "voxel_size": [20, 40, 4, 4], "offset": [0, 400, 0, -80]}
ARRAYS: list[tuple[dict[str, Any], tuple[int, ...], dict[str, Any]]] = [
    (DAISY, (4, 5, 6), {"axes": ["z", "y", "x"], "dims": 3, "num_channels": None, "voxel_size": (40, 4, 4), "roi": ROI}),
    (DAISY, (2, 4, 5, 6), {"axes": ["c", "z", "y", "x"], "spatial_axes": ["z", "y", "x"], "num_channels": 2, "roi": ROI}),
    (
        {**DAISY, "axes": ["z", "y", "x", "c"]},
        (4, 5, 6, 3),
        {"axes": ["z", "y", "x", "c"], "spatial_axes": ["z", "y", "x"], "num_channels": 3, "roi": ROI, "dims": 3},
    ),
    (
        {**ZMETA, "units": ["millisecond", "nanometer", "nanometer", "nanometer"]},
        (3, 2, 4, 5, 6),
        {
            "axes": ["t", "c", "z", "y", "x"],
            "spatial_axes": ["t", "z", "y", "x"],
            "dims": 4,
            "num_channels": 2,
            "units": ["millisecond", "nanometer", "nanometer", "nanometer"],
            "voxel_size": (20, 40, 4, 4),
            "roi": Roi((0, 400, 0, -80), (60, 160, 20, 24)),
        },
    ),
    (
        {"axes": ["y", "x"], "voxel_size": [0.36, 0.36], "offset": [-0.72, 1.08], "units": ["micrometer"] * 2},
        (5, 6),
        {"voxel_size": (360, 360), "roi": Roi((-720, 1080), (1800, 2160)), "units": ["micrometer"] * 2, "dims": 2},
    ),
]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(("attributes", "shape", "expected"), ARRAYS)
def test_what_an_array_is(
    tmp_path: Path, attributes: dict[str, Any], shape: tuple[int, ...], expected: dict[str, Any], zarr_format: int
) -> None:
    make(tmp_path / "a", attributes, shape, zarr_format)
    array = opened(tmp_path / "a", name="raw", mode="r")
    assert {key: getattr(array, key) for key in expected} == expected
    assert (array.name, array.shape, array.dtype) == ("raw", shape, np.dtype("int32"))
    assert isinstance(array.voxel_size, Coordinate)
    assert all(type(number) is int for number in (*array.voxel_size, *array.roi.begin, *array.roi.shape))
    assert array.data.shape == shape
    assert array.metadata == read_metadata(tmp_path / "a")[0]


def test_the_metadata_is_exact(tmp_path: Path) -> None:
    core = {"axes": ["y", "x"], "units": ["nanometer"] * 2, "voxel_size": [9.8, 3.24], "offset": [0.1, 0]}
    make(tmp_path / "a", core, (5, 6))
    metadata = opened(tmp_path / "a").metadata
    assert metadata.voxel_size == (Fraction("9.8"), Fraction("3.24"))
    assert metadata.offset == (Fraction("0.1"), Fraction(0))


def test_every_roi_is_fresh(daisy: Path) -> None:
    array = opened(daisy)
    roi = array.roi
    roi.shape = Coordinate(1, 1, 1)
    roi.offset = Coordinate(7, 7, 7)
    assert array.roi == ROI
    assert array.roi is not array.roi


def test_an_array_that_states_nothing_says_so(tmp_path: Path) -> None:
    make(tmp_path / "a", {})
    array = opened(tmp_path / "a")
    assert (array.convention, array.num_channels, array.shape) == (None, None, (4, 5, 6))
    for name in ("voxel_size", "roi", "axes", "spatial_axes"):
        with pytest.raises(MissingMetadataError, match="states no"):
            getattr(array, name)
    assert "absent" in repr(array)


def test_what_cannot_be_relied_on_is_not_handed_out(tmp_path: Path) -> None:
    make(tmp_path / "a", {"resolution": [40, 0, 4], "offset": [0, 0, 0]})
    array = opened(tmp_path / "a")
    assert [finding.code for finding in array.findings if finding.severity == 2] == ["ZM301"]
    for name in ("voxel_size", "roi", "axes", "metadata"):
        with pytest.raises(MetadataError, match="cannot be relied on"):
            getattr(array, name)
    assert "ZM301" in repr(array)
    assert array.data.shape == (4, 5, 6)  # the pixels are there all the same
    array.attrs["voxel_size"] = [40, 4, 4]
    assert (array.voxel_size, array.attrs["resolution"]) == ((40, 4, 4), [40, 4, 4])


# --- opening --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "identifier",
    [
        lambda folder: ArrayIdentifier(container=folder / "c.zarr", dataset="deep/raw"),
        lambda folder: ArrayIdentifier(container=str(folder / "c.zarr"), dataset="/deep//raw/"),
        lambda folder: ArrayIdentifier(container=folder / "c.zarr/deep/raw"),
        lambda folder: SimpleNamespace(container=folder / "c.zarr", dataset="deep/raw"),
        lambda folder: SimpleNamespace(container=str(folder / "c.zarr"), dataset="deep/raw", extra=1),
    ],
)
def test_whatever_has_a_container_and_a_dataset_names_an_array(tmp_path: Path, identifier: Callable[[Path], Any]) -> None:
    make(tmp_path / "c.zarr/deep/raw", DAISY)
    array = ZarrArray.open_from_array_identifier(identifier(tmp_path), "the name", mode="r")
    assert (array.roi, array.name, array.mode) == (ROI, "the name", "r")


def test_relative_paths_stay_with_the_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "a", DAISY)
    monkeypatch.chdir(tmp_path)
    array = opened(Path("a"))
    monkeypatch.chdir("/")
    array.refresh()
    assert array[array.roi].shape == (4, 5, 6)


@pytest.mark.parametrize(
    ("dataset", "error", "message"),
    [
        ("nothing", NodeNotFoundError, "no such folder"),
        ("group", NodeTypeError, "a group, not an array"),
        ("../c.zarr/raw", NodeNotFoundError, "leaves its container"),
        ("broken", DocumentError, "not JSON"),
    ],
)
def test_what_is_no_array_is_not_opened_and_nothing_is_made(
    tmp_path: Path, dataset: str, error: type[Exception], message: str
) -> None:
    make(tmp_path / "c.zarr/group/raw", DAISY)
    zarr.create_group(tmp_path / "c.zarr/group")
    (tmp_path / "c.zarr/broken").mkdir()
    (tmp_path / "c.zarr/broken/zarr.json").write_text('{"zarr_format": 3,')
    before = tree(tmp_path)
    with pytest.raises(error, match=message):
        opened(tmp_path / "c.zarr", dataset=dataset)
    assert tree(tmp_path) == before
    assert not (tmp_path / "c.zarr/nothing").exists()


@pytest.mark.parametrize("mode", ["r", "r+", "a"])
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("attributes", [DAISY, {}, {"resolution": [9.8, 0, "x"]}])
def test_opening_and_reading_never_write(tmp_path: Path, attributes: dict[str, Any], zarr_format: int, mode: str) -> None:
    make(tmp_path / "c.zarr/a", attributes, zarr_format=zarr_format)
    before = tree(tmp_path)
    array = opened(tmp_path / "c.zarr", dataset="a", mode=mode)
    repr(array), array._repr_html_(), array.findings, array.dtype, array.writable, dict(array.attrs), array.data[...]
    if attributes == DAISY:
        array[array.roi], array.to_ndarray()
    array.refresh()
    assert tree(tmp_path) == before


def test_reading_metadata_does_not_import_zarr(daisy: Path) -> None:
    code = f"""
import sys
from zmeta import ArrayIdentifier, ZarrArray
array = ZarrArray.open_from_array_identifier(ArrayIdentifier(container={str(daisy)!r}))
print(array.voxel_size, array.roi, array.axes, array.num_channels, array.shape, repr(array)[:9], dict(array.attrs))
assert not {{"zarr", "tensorstore", "numcodecs", "jsonschema"}} & set(sys.modules), sorted(sys.modules)
assert array.dtype == "int32" and "zarr" in sys.modules
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("(40, 4, 4) [400:560, 0:20, -80:-56]")


def test_a_file_that_zarr_cannot_open_is_a_store_error(daisy: Path) -> None:
    document = json.loads((daisy / "zarr.json").read_text())
    (daisy / "zarr.json").write_text(json.dumps(document | {"codecs": [{"name": "odd"}]}))
    array = opened(daisy)
    assert array.roi == ROI
    with pytest.raises(StoreError, match="zarr cannot open the array"):
        array.data  # noqa: B018


def test_it_can_be_sent_to_another_process(daisy: Path) -> None:
    array = opened(daisy, snap_to_grid=(80, 4, 4), mode="r", options={"world_unit": "picometer"})
    values = array.data[...]
    copy = pickle.loads(pickle.dumps(array))
    assert (copy.roi, copy.voxel_size, copy.mode) == (array.roi, array.voxel_size, "r")
    np.testing.assert_array_equal(copy.data[...], values)


def test_refresh_sees_what_others_wrote(daisy: Path) -> None:
    array = opened(daisy)
    assert array.voxel_size == (40, 4, 4)
    add_metadata(daisy, {"voxel_size": [80, 8, 8]})
    assert array.voxel_size == (40, 4, 4)
    array.refresh()
    assert (array.voxel_size, array.roi.shape) == ((80, 8, 8), (320, 40, 48))


# --- world units ----------------------------------------------------------------------------------------------------


def test_nothing_is_truncated(tmp_path: Path) -> None:
    core = {"axes": ["y", "x"], "units": ["nanometer"] * 2, "voxel_size": [9.8, 4], "offset": [0, 0]}
    make(tmp_path / "a", core, (5, 6))
    array = opened(tmp_path / "a")
    for read in (lambda: array.voxel_size, lambda: array.roi, lambda: array[Roi((0, 0), (4, 4))], array.to_ndarray):
        with pytest.raises(NotOnGridError, match=r'(?s)axis y .*9\.8 nanometer.*world_unit="angstrom"'):
            read()
    assert "9.8 × 4 nanometer" in repr(array)
    assert array.data.shape == (5, 6)
    finer = opened(tmp_path / "a", options={"world_unit": "picometer"})
    assert (finer.voxel_size, finer.roi) == ((9800, 4000), Roi((0, 0), (49000, 24000)))
    by_config = opened(tmp_path / "a", options={"config": Config(world_unit=("picometer",))})
    assert by_config.roi == finer.roi
    np.testing.assert_array_equal(finer[Roi((9800, 0), (9800, 8000))], finer.data[1:2, 0:2])
    with pytest.raises(ConfigError, match="world unit is not known"):
        opened(tmp_path / "a", options={"world_unit": "nm"})


def test_a_default_voxel_size_is_taken_only_where_none_is_stated(tmp_path: Path, daisy: Path) -> None:
    assert opened(daisy, options={"default_voxel_size": (1, 1, 1)}).voxel_size == (40, 4, 4)
    make(tmp_path / "bare", {})
    array = opened(tmp_path / "bare", options={"default_voxel_size": np.array([8, 8, 4])})
    assert (array.voxel_size, array.roi) == ((8, 8, 4), Roi((0, 0, 0), (32, 40, 24)))
    assert array.metadata.provenance["voxel_size"] == "given by the reader (default_voxel_size)"
    np.testing.assert_array_equal(array[Roi((8, 8, 4), (8, 16, 8))], array.data[1:2, 1:3, 1:3])
    assert "voxel_size" not in array.attrs
    with pytest.raises(NotOnGridError, match="is not a whole number"):
        opened(tmp_path / "bare", options={"default_voxel_size": (0.5, 1, 1)}).voxel_size  # noqa: B018
    with pytest.raises(MetadataError, match="default_voxel_size does not fit"):
        opened(tmp_path / "bare", options={"default_voxel_size": (1, 1, 1, 1, 1)}).voxel_size  # noqa: B018
    with pytest.raises(GeometryError, match="numbers are expected"):
        opened(tmp_path / "bare", options={"default_voxel_size": "444"})


def test_axes_may_be_given(tmp_path: Path) -> None:
    make(tmp_path / "a", DAISY, (4, 5, 6, 2))
    array = opened(tmp_path / "a", axes=["z", "y", "x", "c"], mode="r")
    assert (array.axes, array.num_channels) == (["z", "y", "x", "c"], 2)
    make(tmp_path / "bare", {}, (4, 5, 6, 2))
    array = opened(tmp_path / "bare", axes=["z", "y", "x", "c"], options={"default_voxel_size": (40, 4, 4)})
    assert (array.roi, array.num_channels) == (Roi((0, 0, 0), (160, 20, 24)), 2)
    with pytest.raises(MetadataError, match="the axes given do not fit"):
        opened(tmp_path / "bare", axes=["y", "x"]).axes  # noqa: B018


OME: dict[str, Any] = {
    "version": "0.5",
    "multiscales": [
        {
            "axes": [{"name": name, "type": "space", "unit": "nanometer"} for name in "yx"],
            "datasets": [
                {
                    "path": "s0",
                    "coordinateTransformations": [
                        {"type": "scale", "scale": [4, 4]},
                        {"type": "translation", "translation": [12, 22]},
                    ],
                }
            ],
        }
    ],
}


def test_the_anchor_of_ome_ngff_is_used_for_reading_and_for_writing(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "c.zarr", attributes={"ome": OME})
    make(tmp_path / "c.zarr/s0", {}, (5, 6))
    options = {"ome_anchor": "centre", "config": Config(overrides=((("*",), {"ome_anchor": "corner"}),))}
    corner = opened(tmp_path / "c.zarr", dataset="s0")
    centre = opened(tmp_path / "c.zarr", dataset="s0", options=options)
    assert (corner.roi.begin, centre.roi.begin) == ((12, 22), (10, 20))
    before = tree(tmp_path)
    centre.add_metadata({"offset": centre.roi.begin})
    assert tree(tmp_path) == before
    centre.add_metadata({"offset": [0, 0]})
    assert centre.roi.begin == (0, 0)
    corner.refresh()
    assert corner.roi.begin == (2, 2)
    with pytest.raises(ConfigError, match="ome_anchor"):
        opened(tmp_path / "c.zarr", dataset="s0", options={"ome_anchor": "center"})


# --- pixels ---------------------------------------------------------------------------------------------------------


@st.composite
def arrays_and_slices(draw: st.DrawFn) -> tuple[str, tuple[int, ...], list[int], list[int], tuple[slice, ...]]:
    """Axis names, shape, voxel size, offset and the slices of a part of the array."""
    names = draw(st.sampled_from(["x", "yx", "zyx", "czyx", "zyxc", "tzyx", "tczyx", "tyxc"]))
    shape = tuple(draw(st.integers(1, 6)) for _ in names)
    physical = [name for name in names if name != "c"]
    sizes = [draw(st.integers(1, 5000)) for _ in physical]
    offsets = [draw(st.integers(-(10**6), 10**6)) for _ in physical]
    slices = []
    for name, extent in zip(names, shape, strict=True):
        start = draw(st.integers(0, extent - 1))
        slices.append(slice(None) if name == "c" else slice(start, draw(st.integers(start + 1, extent))))
    return names, shape, sizes, offsets, tuple(slices)


def _to_roi(names: str, sizes: list[int], offsets: list[int], slices: tuple[slice, ...]) -> Roi:
    parts = [part for name, part in zip(names, slices, strict=True) if name != "c"]
    size = Coordinate(sizes)
    begin = Coordinate(part.start for part in parts) * size + Coordinate(offsets)
    return Roi(begin, Coordinate(part.stop - part.start for part in parts) * size)


@settings(max_examples=60)
@given(case=arrays_and_slices(), zarr_format=st.sampled_from([2, 3]))
def test_pixels_by_roi_are_those_that_zarr_slices(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[str, tuple[int, ...], list[int], list[int], tuple[slice, ...]],
    zarr_format: int,
) -> None:  # fmt: skip
    names, shape, sizes, offsets, slices = case
    folder = tmp_path_factory.mktemp("pixels") / "a"
    core = {"axes": [*names], "voxel_size": sizes, "offset": offsets}
    values = make(folder, core, shape, zarr_format)
    array = opened(folder)
    roi = _to_roi(names, sizes, offsets, slices)
    assert array.roi.contains(roi)
    np.testing.assert_array_equal(array[roi], zarr.open_array(folder, mode="r")[slices])
    np.testing.assert_array_equal(array[roi], values[slices])

    block = -values[slices] - 1
    array[roi] = block
    values[slices] = block
    np.testing.assert_array_equal(zarr.open_array(folder, mode="r")[...], values)

    grown = roi.grow(Coordinate(sizes), Coordinate(sizes) * 2)
    around = array.to_ndarray(grown, fill_value=7)
    padded = np.pad(values, [(0, 0) if name == "c" else (8, 8) for name in names], constant_values=7)
    places = tuple(
        part if name == "c" else slice(part.start + 7, part.stop + 10) for name, part in zip(names, slices, strict=True)
    )
    np.testing.assert_array_equal(around, padded[places])


def test_a_roi_that_does_not_fit_is_refused_with_the_one_that_does(daisy: Path) -> None:
    array = opened(daisy)
    for roi, message, suggestion in (
        (Roi((400, 1, -80), (40, 4, 4)), "not on the voxel grid", Roi((400, 0, -80), (40, 8, 4))),
        (Roi((400, 0, -80), (400, 20, 24)), "reaches out of the array", ROI),
    ):
        for act in (lambda roi=roi: array[roi], lambda roi=roi: array.__setitem__(roi, 1)):
            with pytest.raises(GeometryError, match=message) as caught:
                act()
            assert str(suggestion) in caught.value.hint
            assert caught.value.where == str(daisy)
        assert array[suggestion].shape
    with pytest.raises(GeometryError, match="not on the voxel grid"):
        array.to_ndarray(Roi((401, 0, 0), (40, 4, 4)))
    for odd in (0, slice(None), (slice(0, 1),) * 3, "x"):
        with pytest.raises(GeometryError, match="indexed by a Roi"):
            array[odd]
    np.testing.assert_array_equal(array.data[...], np.arange(120).reshape(4, 5, 6))


def test_blocks_must_fit(daisy: Path) -> None:
    array = opened(daisy)
    part = Roi((440, 4, -76), (80, 8, 8))
    for block in (np.zeros((2, 2)), np.zeros((2, 2, 3)), np.zeros((1, 2, 2, 2)), np.zeros((1, 1, 1))):
        with pytest.raises(GeometryError, match="does not fit the ROI") as caught:
            array[part] = block
        assert (caught.value.expected, caught.value.found) == ("(2, 2, 2)", str(block.shape))
    array[part] = [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert array[part].ravel().tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    array[part] = 9
    assert (array[part] == 9).all()
    array[part] = np.int32(8)
    assert (array[part] == 8).all()
    with pytest.raises(OverflowError, match=r"too large|out of bounds"):
        array[part] = 2**40
    assert (array.data[...] == 8).sum() == 8 + 1  # the block, and the voxel that held it before


def test_an_empty_roi_reads_nothing(daisy: Path) -> None:
    array = opened(daisy)
    assert array[Roi(ROI.begin, (0, 20, 24))].shape == (0, 5, 6)
    assert array.to_ndarray(Roi(ROI.begin, (0, 20, 24))).shape == (0, 5, 6)


def test_to_ndarray_outside_is_filled(daisy: Path) -> None:
    array = opened(daisy)
    np.testing.assert_array_equal(array.to_ndarray(), array.data[...])
    away = array.to_ndarray(Roi((4000, 0, 0), (40, 8, 12)), fill_value=-3)
    assert (away.shape, away.dtype, set(away.ravel().tolist())) == ((1, 2, 3), np.dtype("int32"), {-3})
    assert (array.to_ndarray(Roi((4000, 0, 0), (40, 8, 12))) == 0).all()


def test_snap_to_grid_shrinks_the_roi_as_in_dacapo(daisy: Path) -> None:
    array = opened(daisy, snap_to_grid=Coordinate(80, 8, 16))
    assert array.roi == Roi((400, 0, -80), (160, 16, 16))
    assert array.to_ndarray().shape == (4, 4, 4)
    np.testing.assert_array_equal(array[array.roi], array.data[:4, :4, :4])
    np.testing.assert_array_equal(array[ROI], array.data[...])  # the whole array can still be read
    assert opened(daisy, snap_to_grid=[240, 4, 4]).roi == Roi((480, 0, -80), (0, 20, 24))
    assert opened(daisy, snap_to_grid=[10000, 1, 1]).roi.empty
    other = opened(daisy, snap_to_grid=(8, 8))
    assert other.voxel_size == (40, 4, 4)
    with pytest.raises(GeometryError, match="snap_to_grid has the wrong number of dimensions"):
        other.roi  # noqa: B018
    assert "snap_to_grid has the wrong number" in repr(other)


# --- writing --------------------------------------------------------------------------------------------------------


def test_read_only_refuses_every_write(daisy: Path) -> None:
    array = opened(daisy, mode="r")
    before = tree(daisy)
    writes: list[Callable[[], object]] = [
        lambda: array.__setitem__(array.roi, 0),
        lambda: array.attrs.__setitem__("a", 1),
        lambda: array.attrs.__delitem__("offset"),
        lambda: array.attrs.update(a=1),
        array.attrs.clear,
        lambda: array.add_metadata({"a": 1}),
        lambda: add_metadata(array, {"a": 1}),
    ]
    assert not array.writable
    for write in writes:
        with pytest.raises(NotWritableError, match="opened read-only") as caught:
            write()
        assert isinstance(caught.value, PermissionError)
    with pytest.raises(ValueError, match="read-only"):
        array.data[...] = 0
    assert tree(daisy) == before


@pytest.mark.parametrize("protected", ["", "zarr.json"])
def test_writable_is_what_the_system_allows(daisy: Path, monkeypatch: pytest.MonkeyPatch, protected: str) -> None:
    assert opened(daisy, mode="r+").writable
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != daisy / protected and access(path, mode))
    assert not opened(daisy, mode="r+").writable


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_attributes_are_a_mapping_that_validates(tmp_path: Path, zarr_format: int) -> None:
    make(tmp_path / "a", {**DAISY, "nested": {"list": [1, 2]}}, zarr_format=zarr_format)
    array = opened(tmp_path / "a")
    assert dict(array.attrs) == {**DAISY, "nested": {"list": [1, 2]}} == array.attrs.asdict()
    array.attrs["nested"]["list"].append(3)  # a copy: nothing changes by looking
    array.attrs.asdict()["nested"] = 3
    assert array.attrs["nested"] == {"list": [1, 2]}

    array.attrs["stain"] = "OTO"
    array.attrs.update({"gain": np.float32(0.1), "place": Path("/x")}, more=(1, 2))
    del array.attrs["nested"]
    assert array.attrs.pop("more") == [1, 2]
    assert array.attrs.setdefault("stain", "HE") == "OTO"
    expected = {**DAISY, "stain": "OTO", "gain": 0.1, "place": "/x"}
    assert zarr.open_array(tmp_path / "a", mode="r").attrs.asdict() == expected == dict(array.attrs)
    assert (len(array.attrs), "stain" in array.attrs, array.attrs.get("none")) == (5, True, None)
    for missing in (lambda: array.attrs["none"], lambda: array.attrs.__delitem__("none")):
        with pytest.raises(KeyError, match="none"):
            missing()

    array.attrs["voxel_size"] = [80, 8, 8]  # written as the array writes it, and seen at once
    assert (array.voxel_size, array.attrs["resolution"]) == ((80, 8, 8), [80, 8, 8])
    before = tree(tmp_path)
    for key, value, message in (
        ("voxel_size", [80, 0, 8], "ZM103"),
        ("voxel_size", [80, 8], "ZM201"),
        ("resolution", ["80", "8", "8"], "ZM301"),
        ("voxelsize", [80, 8, 8], "looks like `voxel_size`"),
        ("bad", float("nan"), "ZM106"),
        ("bad", {1}, "ZM106"),
    ):
        with pytest.raises(MetadataError, match=message):
            array.attrs[key] = value
    with pytest.raises(MetadataError, match="ZM101"):
        del array.attrs["resolution"]
    assert tree(tmp_path) == before
    assert array.voxel_size == (80, 8, 8)

    array.attrs.clear()
    assert dict(array.attrs) == dict(zarr.open_array(tmp_path / "a", mode="r").attrs) == {}
    assert array.convention is None


def test_the_keys_of_its_convention_can_be_written_as_they_are(daisy: Path) -> None:
    array = opened(daisy)
    array.attrs["resolution"] = [80, 8, 8]
    assert array.voxel_size == (80, 8, 8)


def test_profiles_of_the_config_bind_attributes(daisy: Path) -> None:
    profile = Profile("lab", "1.0", {"properties": {"stain": {"enum": ["OTO"]}}}, match=("*",))
    array = opened(daisy, options={"config": Config(profiles=(profile,))})
    with pytest.raises(MetadataError, match="ZM102"):
        array.attrs["stain"] = "ink"
    array.attrs["stain"] = "OTO"
    with pytest.raises(MetadataError, match="ZM102"):
        opened(daisy).add_metadata({"stain": "ink"}, profiles=[profile])


# --- the pydantic models --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "w"},
        {"mode": None},
        {"file_name": None},
        {"file_name": 3},
        {"dataset": 3},
        {"name": 3},
        {"axes": "zyx"},
        {"axes": [1, 2]},
        {"voxel_size": (1, 1, 1)},
        {"snap_to_grid": (1.5, 1, 1)},
        {"snap_to_grid": (1.0, 1, 1)},
        {"snap_to_grid": (True, 1, 1)},
        {"snap_to_grid": (0, 1, 1)},
        {"snap_to_grid": (-1, 1, 1)},
        {"snap_to_grid": "111"},
        {"snap_to_grid": ()},
        {"snap_to_grid": Coordinate(None, 1, 1)},
    ],
    ids=str,
)
def test_the_config_is_strict(fields: dict[str, Any]) -> None:
    key = next(iter(fields))
    with pytest.raises(ValidationError, match=key):
        ZarrArrayConfig(**({"file_name": "a.zarr"} | fields))


@pytest.mark.parametrize("grid", [(80, 8, 8), [80, 8, 8], Coordinate(80, 8, 8), np.array([80, 8, 8]), (np.int16(80), 8, 8)])
def test_the_grid_may_be_any_whole_numbers(grid: Any) -> None:
    config = ZarrArrayConfig(file_name=Path("a.zarr"), snap_to_grid=grid)
    assert config.snap_to_grid == Coordinate(80, 8, 8)
    assert isinstance(config.snap_to_grid, Coordinate)
    assert ZarrArrayConfig.model_validate(config.model_dump()) == config
    assert ZarrArrayConfig.model_validate_json(config.model_dump_json()) == config


def test_config_and_identifier_are_frozen_values() -> None:
    config = ZarrArrayConfig(file_name=Path("a.zarr"), dataset="raw")
    assert (config.name, config.mode, config.axes, config.snap_to_grid) == ("", "a", None, None)
    identifier = ArrayIdentifier(container=Path("a.zarr"), dataset="raw")
    assert identifier == ArrayIdentifier(container=Path("a.zarr"), dataset="raw")
    assert len({identifier, ArrayIdentifier(container=Path("a.zarr"), dataset="raw")}) == 1
    for value, field in ((config, "mode"), (identifier, "dataset")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, field, "r")
    with pytest.raises(ValidationError, match="extra"):
        ArrayIdentifier(container=Path("a"), data_set="raw")  # type: ignore[call-arg]


# --- for people -----------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Gathers the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def test_repr_shows_what_matters(tmp_path: Path) -> None:
    core = {"axes": ["c", "y", "x"], "units": ["micrometer"] * 2, "voxel_size": [0.36, 0.004], "offset": [0, -0.4]}
    make(tmp_path / "a", core, (2, 5, 6), zarr_format=2)
    array = opened(tmp_path / "a", name="raw")
    roi = str(array.roi)
    for text in (repr(array), Page(array._repr_html_()).text):
        for part in (
            "c y x",
            "0.36 × 0.004 micrometer",
            roi,
            "nanometer",
            "2 × 5 × 6",
            "Zarr v2",
            str(array.convention),
        ):
            assert part in text, part


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a & <b>", "line\nbreak\x1b[31m", "</caption>\u202e"])
def test_repr_escapes_names(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name.replace("/", "∕")
    core = {"axes": [name, "y", "x"], "types": ["space"] * 3, "voxel_size": [1, 1, 1], "units": ["nanometer"] * 3}
    make(folder, core)
    array = opened(folder, name=name)
    for attributes in (core, {"resolution": [name, 1, 1], "offset": [0, 0, 0]}):
        document = json.loads((folder / "zarr.json").read_text())
        (folder / "zarr.json").write_text(json.dumps(document | {"attributes": attributes}))
        array.refresh()
        page = array._repr_html_()
        assert Page(page).tags <= {"table", "caption", "tr", "th", "td"}
        assert name not in page
        for text in (page, repr(array)):
            assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
        assert len(repr(array).splitlines()) <= 7
