"""zarr-python 2: bare arrays, and N5 trees whose attributes follow the layouts of Java tools and of neuroglancer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import zarr
from numcodecs import GZip

from _rows import Rows

NM = ("nanometer",) * 3
ZYX = ("z", "y", "x")
SPACE = ("space",) * 3


def array(
    group: Any, node: str, shape: tuple[int, ...], attributes: dict[str, Any], dtype: str = "uint8", **options: Any
) -> None:
    chunks = tuple(min(extent, 16) for extent in shape)
    created = group.create_dataset(node, shape=shape, chunks=chunks, dtype=dtype, compressor=GZip(5), **options)
    if attributes:
        created.attrs.update(attributes)


def bare(out: Path, rows: Rows) -> None:
    """No convention at all, in the shapes that a v2 document can take."""
    none: dict[str, Any] = {"convention": None, "convention_version": None}
    root = zarr.open_group(zarr.DirectoryStore(str(out / "bare.zarr")), mode="w")
    array(root, "raw", (20, 60, 40), {})
    rows.add(
        "bare.zarr", "raw", zarr_format=2, **none, shape=(20, 60, 40), dtype="uint8", note="no attributes document at all"
    )
    array(
        root,
        "fortran",
        (20, 60),
        {"comment": "acquired 2024", "note": float("nan")},
        dtype=">f8",
        order="F",
        dimension_separator="/",
    )
    rows.add(
        "bare.zarr",
        "fortran",
        zarr_format=2,
        **none,
        shape=(20, 60),
        dtype="float64",
        note="order F, big-endian, nested chunk keys, and a bare NaN token among foreign attributes",
    )
    array(root, "scalar", (), {}, dtype="int32")
    rows.add("bare.zarr", "scalar", zarr_format=2, **none, shape=(), dtype="int32", note="an array without dimensions")
    array(root, "deep/er/labels", (5, 6, 7, 8), {}, dtype="uint64", fill_value=None)
    rows.add("bare.zarr", "deep/er/labels", zarr_format=2, **none, shape=(5, 6, 7, 8), dtype="uint64", note="no fill value")
    zarr.consolidate_metadata(root.store)

    for container, store in (
        ("bare.n5", zarr.N5Store(str(out / "bare.n5"))),
        ("barefs.n5", zarr.N5FSStore(str(out / "barefs.n5"))),
    ):
        root = zarr.open_group(store, mode="w")
        array(root, "vol/raw", (20, 60, 40), {}, dtype="uint16")
        rows.add(
            container,
            "vol/raw",
            zarr_format="n5",
            **none,
            shape=(20, 60, 40),
            dtype="uint16",
            note=f"{type(store).__name__}, no attributes",
        )


def n5_viewer(out: Path, rows: Rows) -> None:
    """`pixelResolution` (of level 0) with `downsamplingFactors`, both x first."""
    viewer: dict[str, Any] = {"zarr_format": "n5", "convention": "n5-viewer", "convention_version": "1", "dtype": "uint8"}
    root = zarr.open_group(zarr.N5Store(str(out / "viewer.n5")), mode="w")
    base = {"unit": "nm", "dimensions": [4.0, 4.5, 40.0]}
    levels = (
        ((20, 96, 64), (1, 1, 1), (40.0, 4.5, 4.0)),
        ((20, 48, 32), (2, 2, 1), (40.0, 9.0, 8.0)),
        ((10, 24, 16), (4, 4, 2), (80.0, 18.0, 16.0)),
    )
    for number, (shape, factors, voxel) in enumerate(levels):
        attributes: dict[str, Any] = {"pixelResolution": base}
        if number:
            attributes["downsamplingFactors"] = list(factors)
        array(root, f"em/s{number}", shape, attributes)
        rows.add(
            "viewer.n5",
            f"em/s{number}",
            **viewer,
            shape=shape,
            units=NM,
            voxel_size=voxel,
            note=f"level {number}: size of level 0 times factors {list(factors)}, both x first",
        )
    group = {"unit": "um", "dimensions": [0.36, 0.36, 1.25]}
    root.require_group("old").attrs.update({"scales": [[1, 1, 1], [2, 2, 1]], "pixelResolution": group})
    for number, (shape, voxel) in enumerate((((10, 64, 48), (1.25, 0.36, 0.36)), ((10, 32, 24), (1.25, 0.72, 0.72)))):
        array(root, f"old/s{number}", shape, {})
        rows.add(
            "viewer.n5",
            f"old/s{number}",
            **viewer,
            shape=shape,
            units=("micrometer",) * 3,
            voxel_size=voxel,
            note=f"level {number}: bare arrays below a group with the deprecated `scales` and one `pixelResolution`",
        )
    array(root, "single", (12, 30, 20), {"pixelResolution": {"unit": "nm", "dimensions": [5.24, 4.0, 10.48]}})
    rows.add(
        "viewer.n5",
        "single",
        **viewer,
        shape=(12, 30, 20),
        units=NM,
        voxel_size=(10.48, 4.0, 5.24),
        note="one array with fractional sizes, x first",
    )


def neuroglancer(out: Path, rows: Rows) -> None:
    """`axes`, `units`, `resolution` on a group, x first, inherited by the arrays below."""
    root = zarr.open_group(zarr.N5FSStore(str(out / "neuroglancer.n5")), mode="w")
    root.require_group("em").attrs.update(
        {
            "axes": ["x", "y", "z"],
            "units": ["nm", "nm", "nm"],
            "resolution": [5, 6, 25],
            "downsamplingFactors": [[1, 1, 1], [2, 2, 1]],
        }
    )
    for number, (shape, voxel) in enumerate((((10, 48, 64), (25, 6, 5)), ((10, 24, 32), (25, 12, 10)))):
        array(root, f"em/s{number}", shape, {})
        rows.add(
            "neuroglancer.n5",
            f"em/s{number}",
            zarr_format="n5",
            convention="neuroglancer-n5",
            convention_version="1",
            shape=shape,
            dtype="uint8",
            axes=ZYX,
            units=NM,
            voxel_size=voxel,
            note=f"level {number}: everything stated on the group, x first",
        )
    array(
        root,
        "movie",
        (6, 2, 10, 48, 64),
        {"axes": ["x", "y", "z", "c^", "t"], "units": ["um", "um", "um", "", "s"], "resolution": [0.36, 0.36, 1.5, 1, 0.5]},
    )
    rows.add(
        "neuroglancer.n5",
        "movie",
        zarr_format="n5",
        convention="neuroglancer-n5",
        convention_version="1",
        shape=(6, 2, 10, 48, 64),
        dtype="uint8",
        axes=("t", "c", "z", "y", "x"),
        units=("second", None, "micrometer", "micrometer", "micrometer"),
        voxel_size=(0.5, 1.5, 0.36, 0.36),
        note='a channel axis, stored as "c^" with step 1 and no unit, between space and time',
    )


def cosem(out: Path, rows: Rows) -> None:
    """`transform` on arrays: once with its order stated, once F-ordered, once by the default (C)."""
    root = zarr.open_group(zarr.N5Store(str(out / "cosem.n5")), mode="w")
    facts: dict[str, Any] = {"zarr_format": "n5", "convention": "cosem", "convention_version": "1", "dtype": "uint8"}
    transform: dict[str, Any] = {
        "axes": ["z", "y", "x"],
        "units": ["nm"] * 3,
        "scale": [5.24, 4.0, 3.5],
        "translate": [100.0, 0.0, -12.25],
    }
    pixels = {"unit": "nm", "dimensions": [3.5, 4.0, 5.24]}
    geometry: dict[str, Any] = {
        "shape": (20, 60, 40),
        "axes": ZYX,
        "units": NM,
        "voxel_size": (5.24, 4.0, 3.5),
        "offset": (97.38, -2.0, -14.0),
    }
    array(root, "plain", (20, 60, 40), {"transform": transform})
    rows.add(
        "cosem.n5",
        "plain",
        **facts,
        **geometry,
        note="`transform` without an order: C by default, even in N5; translate is a centre",
    )
    array(root, "stated", (20, 60, 40), {"transform": {"order": "C", **transform}, "pixelResolution": pixels})
    rows.add("cosem.n5", "stated", **facts, **geometry, note="order C stated, with the reversed `pixelResolution` beside it")
    reverse = {key: value[::-1] for key, value in transform.items()}
    array(root, "fortran", (20, 60, 40), {"transform": {"order": "F", **reverse}, "pixelResolution": pixels})
    rows.add("cosem.n5", "fortran", **facts, **geometry, note="order F: every list of the transform is x first")


def main(out: Path) -> None:
    rows = Rows(out)
    for write in (bare, n5_viewer, neuroglancer, cosem):
        write(out, rows)
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
