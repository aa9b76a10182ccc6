"""zarr-python 3: bare arrays in both formats, `dimension_names`, sharding, and inline consolidated metadata."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import zarr

from _rows import Rows


def main(out: Path) -> None:
    rows = Rows(out)
    none: dict[str, Any] = {"convention": None, "convention_version": None}
    root = zarr.create_group(out / "v3.zarr", attributes={"title": "a plate of cells"})
    root.create_array("raw", shape=(20, 60, 40), chunks=(10, 30, 20), dtype="uint8")
    rows.add("v3.zarr", "raw", zarr_format=3, **none, shape=(20, 60, 40), dtype="uint8", note="no attributes and no names")
    root.create_array("vol/sharded", shape=(32, 64, 64), chunks=(8, 16, 16), shards=(16, 32, 32), dtype="uint16")
    rows.add("v3.zarr", "vol/sharded", zarr_format=3, **none, shape=(32, 64, 64), dtype="uint16", note="sharded")
    root.create_array(
        "vol/fortran",
        shape=(20, 30),
        chunks=(10, 30),
        dtype="float32",
        fill_value=float("nan"),
        order="F",
        filters=[zarr.codecs.TransposeCodec(order=(1, 0))],
        attributes={"stain": "DAPI", "gain": 0.36},
    )
    rows.add(
        "v3.zarr",
        "vol/fortran",
        zarr_format=3,
        **none,
        shape=(20, 30),
        dtype="float32",
        note="transposed, NaN as fill value, foreign attributes",
    )
    root.create_array(
        "named", shape=(3, 20, 60, 40), chunks=(3, 10, 30, 20), dtype="uint8", dimension_names=("c", "z", "y", "x")
    )
    rows.add(
        "v3.zarr",
        "named",
        zarr_format=3,
        convention="xarray",
        convention_version="3",
        shape=(3, 20, 60, 40),
        dtype="uint8",
        axes=("c", "z", "y", "x"),
        note="only dimension_names",
    )
    root.create_array("partly", shape=(5, 60, 40), chunks=(5, 30, 20), dtype="uint8", dimension_names=(None, "y", "x"))
    rows.add(
        "v3.zarr",
        "partly",
        zarr_format=3,
        convention="xarray",
        convention_version="3",
        shape=(5, 60, 40),
        dtype="uint8",
        axes=(None, "y", "x"),
        note="the first of three dimension_names is null",
    )
    zarr.consolidate_metadata(out / "v3.zarr")

    old = zarr.create_group(out / "v2.zarr", zarr_format=2)
    old.create_array(
        "raw", shape=(20, 60, 40), chunks=(10, 30, 20), dtype="uint8", chunk_key_encoding={"name": "v2", "separator": "/"}
    )
    rows.add(
        "v2.zarr", "raw", zarr_format=2, **none, shape=(20, 60, 40), dtype="uint8", note="format 2 written by zarr-python 3"
    )
    old.create_array(
        "foreign", shape=(7, 9), chunks=(7, 9), dtype="int64", attributes={"author": "Müller", "nested": {"a": [1, None]}}
    )
    rows.add(
        "v2.zarr", "foreign", zarr_format=2, **none, shape=(7, 9), dtype="int64", note="format 2 with foreign attributes"
    )
    zarr.create_array(out / "single.zarr", shape=(12, 8), chunks=(6, 8), dtype="complex64")
    rows.add("single.zarr", "", zarr_format=3, **none, shape=(12, 8), dtype="complex64", note="the container is the array")
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
