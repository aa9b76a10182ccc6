"""Arrays made by `ZarrArray.create_from_array_identifier` of dacapo-ml, into Zarr and N5."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from dacapo.experiments.datasplits.datasets.arrays import ZarrArray
from dacapo.store.array_store import LocalArrayIdentifier
from funlib.geometry import Coordinate, Roi

from _rows import Rows

VOXEL = (40, 4, 8)
OFFSET = (400, 800, 1200)
SHAPE = (20, 60, 40)
NM = ("nanometer",) * 3


def main(out: Path) -> None:
    rows = Rows(out)
    roi = Roi(OFFSET, Coordinate(SHAPE) * Coordinate(VOXEL))
    facts: dict[str, Any] = {"convention": "dacapo", "convention_version": "0.2.1", "voxel_size": VOXEL, "offset": OFFSET}
    cases = (
        ("raw", ["z", "y", "x"], None, np.uint8, "no channels"),
        ("affs", ["c", "z", "y", "x"], 3, np.float32, "three channels"),
        ("one", ["c", "z", "y", "x"], 1, np.uint8, "one channel asked for: the writer drops the axis"),
    )
    for container, zarr_format in (("a.zarr", 2), ("a.n5", "n5")):
        for node, axes, channels, dtype, note in cases:
            identifier = LocalArrayIdentifier(out / container, f"predictions/{node}")
            ZarrArray.create_from_array_identifier(identifier, axes, roi, channels, Coordinate(VOXEL), dtype)
            several = channels is not None and channels > 1
            misplaced = several and zarr_format == "n5"
            hint = "; dimension_units starts with the channel although the axes end with it" if misplaced else ""
            rows.add(
                container,
                f"predictions/{node}",
                zarr_format=zarr_format,
                **facts,
                shape=(channels, *SHAPE) if several else SHAPE,
                dtype=np.dtype(dtype).name,
                axes=("c", "z", "y", "x") if several else ("z", "y", "x"),
                units=(None, *NM) if several else NM,
                differs=("units",) if misplaced else (),
                note=f"{note}; nm is the writer's constant, not an argument{hint}",
            )
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
