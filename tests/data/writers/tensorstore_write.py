"""TensorStore: N5 and Zarr v3 with `dimension_units` and labels in the schema, Zarr v2 without."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tensorstore as ts

from _rows import Rows

SHAPE = (20, 60, 40)


def create(out: Path, driver: str, path: str, **options: Any) -> None:
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": str(out / path) + "/"}}
    ts.open(ts.Spec(spec), create=True, **options).result()


def main(out: Path) -> None:
    rows = Rows(out)
    nm = ("nanometer",) * 3
    domain = ts.IndexDomain(labels=["x", "y", "z"], shape=SHAPE[::-1])
    create(out, "n5", "a.n5/raw", dtype=ts.uint8, domain=domain, dimension_units=["4 nm", "5.24 nm", "40 nm"])
    rows.add(
        "a.n5",
        "raw",
        zarr_format="n5",
        convention="neuroglancer-n5",
        convention_version="1",
        shape=SHAPE,
        dtype="uint8",
        axes=("z", "y", "x"),
        units=nm,
        voxel_size=(40, 5.24, 4),
        note="labels and units given x first, as TensorStore shows N5",
    )
    domain = ts.IndexDomain(labels=["x", "y", "c", "t"], shape=(40, 60, 3, 5))
    create(out, "n5", "a.n5/movie", dtype=ts.uint16, domain=domain, dimension_units=["0.36 um", "0.36 um", "", "1.5 s"])
    rows.add(
        "a.n5",
        "movie",
        zarr_format="n5",
        convention="neuroglancer-n5",
        convention_version="1",
        shape=(5, 3, 60, 40),
        dtype="uint16",
        axes=("t", "c", "y", "x"),
        units=("second", None, "micrometer", "micrometer"),
        voxel_size=(1.5, 0.36, 0.36),
        note="a channel axis with the unit '' (step 1)",
    )
    create(out, "n5", "a.n5/bare", dtype=ts.float32, shape=(40, 60))
    rows.add(
        "a.n5",
        "bare",
        zarr_format="n5",
        convention=None,
        convention_version=None,
        shape=(60, 40),
        dtype="float32",
        note="neither labels nor units given",
    )

    domain = ts.IndexDomain(labels=["z", "y", "x"], shape=SHAPE)
    facts: dict[str, Any] = {"convention": "dimension-units", "convention_version": "1", "axes": ("z", "y", "x")}
    create(out, "zarr3", "v3.zarr/raw", dtype=ts.uint8, domain=domain, dimension_units=["40 nm", "5.24 nm", "4 nm"])
    rows.add(
        "v3.zarr",
        "raw",
        zarr_format=3,
        **facts,
        shape=SHAPE,
        dtype="uint8",
        units=nm,
        voxel_size=(40, 5.24, 4),
        note="size and unit in one string per axis",
    )
    domain = ts.IndexDomain(labels=["c", "z", "y", "x"], shape=(3, *SHAPE))
    create(
        out,
        "zarr3",
        "v3.zarr/channels",
        dtype=ts.int16,
        domain=domain,
        dimension_units=[None, "1.25 um", "0.36 um", "0.36 um"],
    )
    facts["axes"] = ("c", "z", "y", "x")
    rows.add(
        "v3.zarr",
        "channels",
        zarr_format=3,
        **facts,
        shape=(3, *SHAPE),
        dtype="int16",
        units=(None, "micrometer", "micrometer", "micrometer"),
        voxel_size=(1.25, 0.36, 0.36),
        note="no unit for the channel axis",
    )
    domain = ts.IndexDomain(labels=["z", "y", "x"], shape=SHAPE)
    create(out, "zarr3", "v3.zarr/named", dtype=ts.uint8, domain=domain)
    rows.add(
        "v3.zarr",
        "named",
        zarr_format=3,
        convention="xarray",
        convention_version="3",
        shape=SHAPE,
        dtype="uint8",
        axes=("z", "y", "x"),
        note="labels only: dimension_names without units",
    )
    create(out, "zarr", "v2.zarr/raw", dtype=ts.uint8, shape=SHAPE)
    rows.add(
        "v2.zarr",
        "raw",
        zarr_format=2,
        convention=None,
        convention_version=None,
        shape=SHAPE,
        dtype="uint8",
        note="TensorStore's v2 driver cannot store units: bare, no group documents",
    )
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
