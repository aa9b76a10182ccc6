"""COSEM and neuroglancer pyramids in N5, written from the models of cellmap-schemas."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from cellmap_schemas.multiscale import cosem, neuroglancer_n5

from _rows import Rows, corner

SHAPES = ((24, 64, 48), (12, 32, 24), (6, 16, 12))
NM = ("nanometer",) * 3
ZYX = ("z", "y", "x")


def cosem_group(order: str, scales: list[tuple[float, ...]], translates: list[tuple[float, ...]]) -> Any:
    turn = slice(None, None, -1 if order == "F" else 1)
    transforms = [
        cosem.STTransform(order=order, axes=ZYX[turn], units=("nm",) * 3, scale=scale[turn], translate=translate[turn])
        for scale, translate in zip(scales, translates)
    ]
    arrays = [np.zeros(shape, dtype="uint8") for shape in SHAPES]
    return cosem.Group.from_arrays(
        arrays=arrays, paths=["s0", "s1", "s2"], transforms=transforms, chunks=(6, 16, 12), name="em"
    )


def main(out: Path) -> None:
    rows = Rows(out)
    scales: list[tuple[float, ...]] = [(5.24, 4.0, 3.5), (10.48, 8.0, 7.0), (20.96, 16.0, 14.0)]
    first = (100.0, 0.0, -12.25)
    translates: list[tuple[float, ...]] = [first, (102.62, 2.0, -10.5), (107.86, 6.0, -7.0)]
    stores = (
        ("cosem.n5", zarr.N5FSStore(str(out / "cosem.n5")), "n5", "C"),
        ("cosem_f.n5", zarr.N5FSStore(str(out / "cosem_f.n5")), "n5", "F"),
    )
    for container, store, zarr_format, order in stores:
        zarr.open_group(store, mode="a")
        cosem_group(order, scales, translates).to_zarr(store, "em/fibsem")
        for level, (shape, scale) in enumerate(zip(SHAPES, scales)):
            rows.add(
                container,
                f"em/fibsem/s{level}",
                zarr_format=zarr_format,
                convention="cosem",
                convention_version="1",
                shape=shape,
                dtype="uint8",
                axes=ZYX,
                units=NM,
                voxel_size=scale,
                offset=corner(first, scales[0]),
                note=f"level {level}, order {order}; translate is a centre, all levels share one corner",
            )

    store = zarr.N5FSStore(str(out / "neuroglancer.n5"))
    zarr.open_group(store, mode="a")
    group = neuroglancer_n5.Group.from_arrays(
        arrays=[np.zeros(shape, dtype="uint16") for shape in SHAPES],
        paths=["s0", "s1", "s2"],
        axes=ZYX,
        units=("nm",) * 3,
        scales=scales,
        chunks=(6, 16, 12),
        dimension_order="C",
    )
    group.to_zarr(store, "em")
    for level, (shape, scale) in enumerate(zip(SHAPES, scales)):
        rows.add(
            "neuroglancer.n5",
            f"em/s{level}",
            zarr_format="n5",
            convention="neuroglancer-n5",
            convention_version="1",
            shape=shape,
            dtype="uint16",
            axes=ZYX,
            units=NM,
            voxel_size=scale,
            note=f"level {level}: the group names axes and units, the array holds its own `pixelResolution`, x first",
        )
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
