"""Pyramids made by ngff-zarr: OME-NGFF 0.4, and 0.5 where zarr-python 3 is installed."""

from __future__ import annotations

import sys
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ngff_zarr as nz
import numpy as np
import zarr

from _rows import Rows, corner

LONG = {"t": "time", "c": "channel"}
OLD = int(version("ngff-zarr").split(".")[1]) < 20
METHOD = nz.Methods.DASK_IMAGE_GAUSSIAN if OLD else nz.Methods.ITKWASM_BIN_SHRINK

IMAGES: dict[str, dict[str, Any]] = {
    "em": {
        "dims": ("z", "y", "x"),
        "shape": (16, 64, 48),
        "dtype": "uint8",
        "factors": [{"z": 1, "y": 2, "x": 2}, {"z": 2, "y": 4, "x": 4}],
        "scale": {"z": 40.0, "y": 5.24, "x": 4.0},
        "translation": {"z": 400.0, "y": 802.62, "x": 1200.5},
        "units": {"z": "nanometer", "y": "nanometer", "x": "nanometer"},
        "note": "anisotropic with a translation per axis",
    },
    "movie": {
        "dims": ("t", "c", "z", "y", "x"),
        "shape": (3, 2, 8, 64, 48),
        "dtype": "uint16",
        "factors": [2],
        "scale": {"t": 1.5, "z": 1.25, "y": 0.36, "x": 0.36},
        "translation": {"t": 3.0, "z": 10.0, "y": -3.6, "x": 7.2},
        "units": {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"},
        "note": "five axes, with a start time",
    },
    "single": {
        "dims": ("y", "x"),
        "shape": (64, 48),
        "dtype": "float32",
        "factors": [],
        "scale": {"y": 0.36, "x": 0.36},
        "translation": {"y": 0.0, "x": 0.0},
        "units": {},
        "note": "one level, no units",
    },
}


def write(out: Path, rows: Rows, name: str, image: dict[str, Any], ome: str) -> None:
    container = f"{name}_{ome}.zarr"
    units = {"axes_units": image["units"]} if image["units"] else {}
    data = nz.to_ngff_image(
        np.zeros(image["shape"], dtype=image["dtype"]),
        dims=list(image["dims"]),
        scale=image["scale"],
        translation=image["translation"],
        name=name,
        **units,
    )
    multiscales = nz.to_multiscales(data, scale_factors=image["factors"], method=METHOD, chunks=32)
    nz.to_ngff_zarr(str(out / container), multiscales, version=ome)

    physical = [dim for dim in image["dims"] if dim != "c"]
    base = [image["scale"][dim] for dim in physical]
    first = corner([image["translation"].get(dim, 0) for dim in physical], base)
    levels = [{}, *(dict.fromkeys("zyx", factor) if isinstance(factor, int) else factor for factor in image["factors"])]
    for level, factors in enumerate(levels):
        shape = [extent // factors.get(dim, 1) for dim, extent in zip(image["dims"], image["shape"])]
        voxel = [float(Decimal(str(size)) * factors.get(dim, 1)) for dim, size in zip(physical, base)]
        lost = OLD and level > 0 and "t" in image["dims"]
        note = "; the writer loses time's scale and translation (both become 1.0)" if lost else ""
        rows.add(
            container,
            f"scale{level}/{name}",
            zarr_format=2 if ome == "0.4" else 3,
            convention="ome-ngff",
            convention_version=ome,
            shape=shape,
            dtype=image["dtype"],
            axes=image["dims"],
            types=[LONG.get(dim, "space") for dim in image["dims"]],
            units=[image["units"].get(dim) for dim in image["dims"]] if units else None,
            voxel_size=voxel,
            offset=first,
            settings={"ome_anchor": "centre"},
            note=f"level {level}: {image['note']}{note}",
            differs=("voxel_size", "offset") if lost else (),
        )


def main(out: Path) -> None:
    rows = Rows(out)
    versions = ("0.4", "0.5") if int(zarr.__version__.split(".")[0]) >= 3 else ("0.4",)
    for ome in versions:
        for name, image in IMAGES.items():
            write(out, rows, name, image, ome)
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
