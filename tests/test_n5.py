"""N5: metadata without tensorstore; with it, pixels in C order, read and written by ROI."""

from __future__ import annotations

import builtins
import json
import pickle
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from funlib.geometry import Coordinate, Roi

from zmeta import (
    ArrayIdentifier,
    MissingExtraError,
    NotWritableError,
    StoreError,
    ZarrArray,
    ZarrArrayConfig,
    add_metadata,
)
from zmeta.array.n5 import N5Pixels
from zmeta.nodes.node import open_array_node

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAMES = {2: "yx", 3: "zyx", 4: "czyx"}


def store_of(path: Path) -> Any:
    """Return the array as tensorstore opens it by itself: x first."""
    tensorstore = pytest.importorskip("tensorstore")
    return tensorstore.open({"driver": "n5", "kvstore": {"driver": "file", "path": str(path)}}, open=True).result()


def make_n5(path: Path, shape: tuple[int, ...], dtype: str = "uint16", compression: str = "gzip") -> NDArray[Any]:
    """Write an N5 array with tensorstore; return its values in C order."""
    tensorstore = pytest.importorskip("tensorstore")
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": str(path)},
        "metadata": {"compression": {"type": compression}, "blockSize": [4] * len(shape)},
    }
    store = tensorstore.open(spec, create=True, dtype=dtype, shape=shape[::-1]).result()
    store[...].write(values.T).result()
    return values


def open_n5(path: Path, mode: str = "a") -> ZarrArray:
    config = ZarrArrayConfig.model_validate({"file_name": path.parent, "dataset": path.name, "mode": mode})
    return ZarrArray(config)


@pytest.fixture
def raw(tmp_path: Path) -> tuple[Path, NDArray[Any]]:
    """A 4 × 5 × 6 array (z, y, x) of 40 × 4 × 2 nm at (400, -8, 6)."""
    path = tmp_path / "c.n5" / "raw"
    values = make_n5(path, (4, 5, 6))
    core = {"axes": [*"zyx"], "units": ["nanometer"] * 3, "voxel_size": [40, 4, 2], "offset": [400, -8, 6]}
    add_metadata(path, core)
    return path, values


# --- pixels by ROI --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ndim", [2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "float32", "float64"])
def test_pixels_are_read_and_written_in_c_order(tmp_path: Path, ndim: int, dtype: str) -> None:
    path = tmp_path / "c.n5" / "a"
    shape = (3, 7, 5, 6)[-ndim:]
    values = make_n5(path, shape, dtype)
    physical = min(ndim, 3)
    size, begin = Coordinate((40, 8, 2)[-physical:]), Coordinate((400, -16, 6)[-physical:])
    core = {"axes": [*NAMES[ndim]], "units": ["nanometer"] * physical, "voxel_size": size, "offset": begin}
    add_metadata(path, core)

    array = open_n5(path)
    assert (array.convention, array.axes, array.shape) == ("cosem@1", [*NAMES[ndim]], shape)
    assert (array.dtype, array.num_channels) == (np.dtype(dtype), 3 if ndim == 4 else None)
    assert array.roi == Roi(begin, Coordinate(shape[-physical:]) * size)
    inner = (slice(1, 3),) * physical
    where: Any = (..., *inner)
    part = Roi(begin + size, size * 2)
    np.testing.assert_array_equal(array[array.roi], values)
    np.testing.assert_array_equal(array[part], values[where])

    block = (values[where] + 1).astype(dtype)
    array[part] = block
    expected = values.copy()
    expected[where] = block
    np.testing.assert_array_equal(store_of(path).read().result().T, expected)
    np.testing.assert_array_equal(open_n5(path)[array.roi], expected)


def test_metadata_is_written_where_n5_readers_look(raw: tuple[Path, NDArray[Any]]) -> None:
    path, values = raw
    document = json.loads((path / "attributes.json").read_text())
    assert document["dimensions"] == [6, 5, 4]  # what N5 keeps for itself is as it was
    assert document["transform"]["order"] == "C"
    assert document["transform"]["axes"] == ["z", "y", "x"]
    assert document["transform"]["scale"] == [40, 4, 2]
    assert document["transform"]["translate"] == [420, -6, 7]  # centres
    assert document["pixelResolution"] == {"dimensions": [2, 4, 40], "unit": "nm"}
    np.testing.assert_array_equal(store_of(path).read().result().T, values)  # and tensorstore still opens it


def test_to_ndarray_reaches_out(raw: tuple[Path, NDArray[Any]]) -> None:
    path, values = raw
    array = open_n5(path)
    block = array.to_ndarray(array.roi.grow(Coordinate(40, 4, 2), Coordinate(0, 0, 0)), fill_value=9)
    assert block.shape == (5, 6, 7)
    assert (block[0] == 9).all()
    np.testing.assert_array_equal(block[1:, 1:, 1:], values)


def test_a_number_is_written_as_numpy_does(raw: tuple[Path, NDArray[Any]]) -> None:
    path, _ = raw
    array = open_n5(path)
    array[array.roi] = 7
    assert (store_of(path).read().result() == 7).all()
    with pytest.raises(OverflowError, match="out of bounds for uint16"):
        array[array.roi] = 70000


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        np.int64(2),
        slice(None),
        slice(1, 100),
        slice(-2, None),
        slice(None, None, 2),
        slice(None, None, -1),
        slice(3, 0, -2),
        slice(3, 1),
        ...,
        (..., 0),
        (1, ...),
        (1, 2, 3),
        (-1, -2, -3),
        (slice(1, 3), 2, slice(None, None, -2)),
        (slice(1, 3), ..., slice(0, 1)),
        [0, 2],
        (slice(None), [1, 2]),
    ],
    ids=repr,
)
def test_it_is_indexed_as_numpy(raw: tuple[Path, NDArray[Any]], key: Any) -> None:
    path, values = raw
    pixels = open_n5(path).data
    np.testing.assert_array_equal(pixels[key], values[key])
    assert np.shape(pixels[key]) == np.shape(values[key])
    pixels[key] = np.full(np.shape(values[key]), 77)
    expected = values.copy()
    expected[key] = 77
    np.testing.assert_array_equal(np.asarray(pixels), expected)


@pytest.mark.parametrize("key", [4, -5, (0, 0, 0, 0), (0, ..., 0, 0, 0)])
def test_indices_out_of_bounds_are_refused(raw: tuple[Path, NDArray[Any]], key: Any) -> None:
    with pytest.raises(IndexError, match=r"out of bounds|indices for 3 dimensions"):
        open_n5(raw[0]).data[key]


def test_it_looks_like_an_array(raw: tuple[Path, NDArray[Any]]) -> None:
    pixels = open_n5(raw[0]).data
    assert (pixels.shape, pixels.dtype, pixels.ndim, pixels.chunks) == ((4, 5, 6), np.dtype("uint16"), 3, (4, 4, 4))
    assert np.asarray(pixels, dtype="float32").dtype == np.float32
    assert repr(pixels) == "<N5Pixels shape=(4, 5, 6) dtype=uint16>"
    assert isinstance(pixels[0, 0, 0], np.uint16)


def test_read_only_cannot_be_written(raw: tuple[Path, NDArray[Any]]) -> None:
    path, values = raw
    array = open_n5(path, "r")
    with pytest.raises(NotWritableError, match="opened read-only"):
        array.data[...] = 0
    with pytest.raises(NotWritableError, match="opened read-only"):
        array[array.roi] = 0
    np.testing.assert_array_equal(array[array.roi], values)


def test_it_can_be_sent_to_another_process(raw: tuple[Path, NDArray[Any]]) -> None:
    array = open_n5(raw[0])
    array.data  # noqa: B018 - opened, so that what is sent has pixels
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(array))[array.roi], raw[1])


@pytest.mark.parametrize(
    "attributes",
    [
        {"resolution": [2, 4, 40], "offset": [6, -8, 400]},  # daisy, 3 entries for 4 dimensions
        {"axes": ["x", "y", "z", "c^"], "resolution": [2, 4, 40], "offset": [6, -8, 400]},  # dacapo
    ],
)
def test_pixels_are_read_that_tensorstore_alone_refuses(tmp_path: Path, attributes: dict[str, Any]) -> None:
    path = tmp_path / "c.n5" / "a"
    values = make_n5(path, (2, 4, 5, 6))
    document = json.loads((path / "attributes.json").read_text())
    (path / "attributes.json").write_text(json.dumps(document | attributes))
    with pytest.raises(ValueError, match="FAILED_PRECONDITION"):
        store_of(path)
    array = open_n5(path)
    assert array.roi == Roi((400, -8, 6), (160, 20, 12))
    np.testing.assert_array_equal(array[Roi((440, -4, 8), (80, 8, 4))], values[:, 1:3, 1:3, 1:3])


@pytest.mark.parametrize("compression", ["raw", "gzip", "bzip2", "xz"])
def test_the_old_name_of_the_compression_is_read(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "c.n5" / "a"
    values = make_n5(path, (5, 6), compression=compression)
    document = json.loads((path / "attributes.json").read_text())
    document["compressionType"] = document.pop("compression")["type"]
    (path / "attributes.json").write_text(json.dumps(document))
    np.testing.assert_array_equal(open_n5(path).data[...], values)


def test_what_tensorstore_cannot_open_is_a_store_error(raw: tuple[Path, NDArray[Any]]) -> None:
    path, _ = raw
    document = json.loads((path / "attributes.json").read_text())
    (path / "attributes.json").write_text(json.dumps(document | {"compression": {"type": "odd"}}))
    array = open_n5(path)
    assert array.voxel_size == (40, 4, 2)
    with pytest.raises(StoreError, match="tensorstore cannot open") as caught:
        array.data  # noqa: B018
    assert caught.value.where == str(path)


# --- without tensorstore --------------------------------------------------------------------------------------------


def test_metadata_needs_no_extra(raw: tuple[Path, NDArray[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = raw
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    array = open_n5(path)
    assert (array.voxel_size, array.roi) == ((40, 4, 2), Roi((400, -8, 6), (160, 20, 12)))
    assert (array.dtype, array.shape, array.units) == (np.dtype("uint16"), (4, 5, 6), ["nanometer"] * 3)
    array.attrs["stain"] = "OTO"
    assert open_n5(path).attrs["stain"] == "OTO"
    assert "40 × 4 × 2 nanometer" in repr(array)
    for read in (
        lambda: array.data,
        lambda: array[array.roi],
        array.to_ndarray,
        lambda: N5Pixels(array.node, writable=False),
    ):
        with pytest.raises(MissingExtraError, match="zmeta\\[n5\\]") as caught:
            read()
        assert isinstance(caught.value, ImportError)
        assert caught.value.where == str(path)


def test_metadata_does_not_import_tensorstore(raw: tuple[Path, NDArray[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "tensorstore":
            raise AssertionError(f"{name} was imported")
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    array = ZarrArray.open_from_array_identifier(ArrayIdentifier(container=raw[0].parent, dataset="raw"))
    assert array.voxel_size == (40, 4, 2)
    with pytest.raises(AssertionError, match="tensorstore was imported"):
        array.data  # noqa: B018 - the trap works


# --- creating -------------------------------------------------------------------------------------------------------


def test_arrays_are_not_created_in_n5(raw: tuple[Path, NDArray[Any]]) -> None:
    path, values = raw
    container = path.parent
    (container / "attributes.json").write_text('{"n5": "2.0.0"}')
    before = {p: p.read_bytes() for p in container.rglob("*") if p.is_file()}
    for dataset, overwrite in (("other", False), ("raw", True)):
        with pytest.raises(StoreError, match="not created in N5"):
            ZarrArray.create_from_array_identifier(
                ArrayIdentifier(container=container, dataset=dataset),
                [*"zyx"],
                Roi((400, -8, 6), (160, 20, 12)),
                None,
                Coordinate(40, 4, 2),
                "uint16",
                overwrite=overwrite,
            )
    (container / "attributes.json").unlink()  # a container that does not say so: the array does
    del before[container / "attributes.json"]
    with pytest.raises(StoreError, match="not created in N5"):
        ZarrArray.create_from_array_identifier(
            ArrayIdentifier(container=container, dataset="raw"),
            [*"zyx"],
            Roi((0, 0, 0), (40, 4, 2)),
            None,
            Coordinate(40, 4, 2),
            "uint16",
            overwrite=True,
        )
    assert {p: p.read_bytes() for p in container.rglob("*") if p.is_file()} == before
    np.testing.assert_array_equal(open_n5(path).data[...], values)


def test_an_n5_array_that_is_there_is_opened(raw: tuple[Path, NDArray[Any]]) -> None:
    path, values = raw
    (path.parent / "attributes.json").write_text('{"n5": "2.0.0"}')
    array = ZarrArray.create_from_array_identifier(
        ArrayIdentifier(container=path.parent, dataset="raw"),
        [*"zyx"],
        Roi((400, -8, 6), (160, 20, 12)),
        None,
        Coordinate(40, 4, 2),
        "uint16",
        units="nanometer",
    )
    np.testing.assert_array_equal(array.data[...], values)
    with pytest.raises(FileExistsError, match="dtype: asked for uint8, there is uint16"):
        ZarrArray.create_from_array_identifier(
            ArrayIdentifier(container=path.parent, dataset="raw"),
            [*"zyx"],
            Roi((400, -8, 6), (160, 20, 12)),
            None,
            Coordinate(40, 4, 2),
            "uint8",
        )


def test_a_node_without_pixels_is_not_touched(raw: tuple[Path, NDArray[Any]]) -> None:
    path, _ = raw
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in path.rglob("*") if p.is_file()}
    array = open_n5(path)
    assert array.roi.shape == (160, 20, 12)
    array[array.roi]
    open_array_node(path)
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in path.rglob("*") if p.is_file()} == before
