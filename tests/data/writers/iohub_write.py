"""A single field of view and a small plate made by iohub (OME-NGFF 0.4 with upper-case axis names)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from iohub.ngff import TransformationMeta, open_ome_zarr

from _rows import Rows

AXES = ("T", "C", "Z", "Y", "X")
TYPES = ("time", "channel", "space", "space", "space")
UNITS = ("second", None, "micrometer", "micrometer", "micrometer")
SHAPE = (2, 2, 6, 32, 24)


def main(out: Path) -> None:
    rows = Rows(out)
    facts = {
        "zarr_format": 2,
        "convention": "ome-ngff",
        "convention_version": "0.4",
        "dtype": "uint16",
        "axes": AXES,
        "types": TYPES,
        "units": UNITS,
    }
    data = np.zeros(SHAPE, dtype="uint16")
    with open_ome_zarr(out / "fov.zarr", layout="fov", mode="w", channel_names=["DAPI", "GFP"]) as fov:
        fov.create_image(
            "0",
            data,
            transform=[
                TransformationMeta(type="scale", scale=[1.0, 1.0, 1.25, 0.36, 0.36]),
                TransformationMeta(type="translation", translation=[0.0, 0.0, 10.0, -3.6, 7.2]),
            ],
        )
    rows.add(
        "fov.zarr",
        "0",
        **facts,
        shape=SHAPE,
        voxel_size=(1, 1.25, 0.36, 0.36),
        offset=(0, 10, -3.6, 7.2),
        note="units left to the writer's defaults; an identity transform on the multiscale",
    )
    with open_ome_zarr(out / "pyramid.zarr", layout="fov", mode="w", channel_names=["DAPI", "GFP"]) as fov:
        fov.create_image("0", data, transform=[TransformationMeta(type="scale", scale=[1.0, 1.0, 1.25, 0.36, 0.36])])
        fov.initialize_pyramid(2)
    for level, (shape, voxel) in enumerate(((SHAPE, (1, 1.25, 0.36, 0.36)), ((2, 2, 3, 16, 12), (1, 2.5, 0.72, 0.72)))):
        rows.add(
            "pyramid.zarr",
            str(level),
            **facts,
            shape=shape,
            voxel_size=voxel,
            note=f"level {level} of initialize_pyramid, scales only",
        )
    with open_ome_zarr(out / "plate.zarr", layout="hcs", mode="w", channel_names=["DAPI", "GFP"]) as plate:
        for row, column, field in (("A", "1", "0"), ("A", "1", "1"), ("B", "3", "0")):
            plate.create_position(row, column, field).create_image("0", data)
            rows.add(
                "plate.zarr",
                f"{row}/{column}/{field}/0",
                **facts,
                shape=SHAPE,
                note="no transform asked for: the writer stores identity transforms",
            )
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
