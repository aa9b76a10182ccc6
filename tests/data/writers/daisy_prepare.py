"""Arrays made by `prepare_ds` as daisy had it before it moved to funlib.persistence."""

from __future__ import annotations

import sys
from pathlib import Path

import daisy

from _rows import Rows

VOXEL = (40, 4, 4)
OFFSET = (400, 800, 1200)
SHAPE = (20, 60, 40)


def main(out: Path) -> None:
    rows = Rows(out)
    size = tuple(voxels * voxel for voxels, voxel in zip(SHAPE, VOXEL))
    roi = daisy.Roi(OFFSET, size)
    for container, zarr_format in (("a.zarr", 2), ("a.n5", "n5")):
        order = "reversed by the writer" if zarr_format == "n5" else "in C order"
        for node, channels, dtype in (("volumes/raw", None, "uint8"), ("volumes/affs", 3, "float32")):
            options = {} if channels is None else {"num_channels": channels}
            daisy.prepare_ds(
                str(out / container),
                node,
                roi,
                daisy.Coordinate(VOXEL),
                dtype,
                write_size=daisy.Coordinate((400, 80, 80)),
                **options,
            )
            rows.add(
                container,
                node,
                zarr_format=zarr_format,
                convention="daisy",
                convention_version="1",
                shape=SHAPE if channels is None else (channels, *SHAPE),
                dtype=dtype,
                voxel_size=VOXEL,
                offset=OFFSET,
                note=f"daisy.prepare_ds, {'no' if channels is None else channels} channels, values {order}",
            )
    daisy.prepare_ds(
        str(out / "a.zarr"),
        "coarse",
        daisy.Roi((-70, 0, 24), (700, 300, 480)),
        daisy.Coordinate((35, 6, 12)),
        "uint64",
        write_size=daisy.Coordinate((350, 60, 120)),
    )
    rows.add(
        "a.zarr",
        "coarse",
        zarr_format=2,
        convention="daisy",
        convention_version="1",
        shape=(20, 50, 40),
        dtype="uint64",
        voxel_size=(35, 6, 12),
        offset=(-70, 0, 24),
        note="three different sizes and a negative offset",
    )
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
