"""Arrays made by gunpowder's `ZarrWrite` (into Zarr and N5) and `Snapshot`, with and without channels."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gunpowder as gp
import numpy as np

from _rows import Rows

VERSION = tuple(int(part) for part in version("gunpowder").split("."))

VOXEL = (35, 6, 12)
OFFSET = (700, 1536, 960)
SHAPE = (12, 50, 40)

RAW, AFFS, FLAT = gp.ArrayKey("RAW"), gp.ArrayKey("AFFS"), gp.ArrayKey("FLAT")
CHANNELS: dict[Any, int | None] = {RAW: None, AFFS: 3}
DTYPES = {RAW: "uint8", AFFS: "float32"}


class Source(gp.BatchProvider):
    """Constant arrays over the whole region, and one array without a place in space."""

    def setup(self) -> None:
        size = gp.Coordinate(SHAPE) * gp.Coordinate(VOXEL)
        for key in CHANNELS:
            self.provides(key, gp.ArraySpec(roi=gp.Roi(OFFSET, size), voxel_size=gp.Coordinate(VOXEL)))
        self.provides(FLAT, gp.ArraySpec(nonspatial=True))

    def provide(self, request: Any) -> Any:
        batch = gp.Batch()
        for key, spec in request.array_specs.items():
            provided = self.spec[key].copy()
            if key == FLAT:
                batch[key] = gp.Array(np.zeros(5, dtype="int64"), provided)
                continue
            provided.roi = spec.roi
            voxels = tuple(spec.roi.shape / provided.voxel_size)
            channels = CHANNELS[key]
            shape = voxels if channels is None else (channels, *voxels)
            batch[key] = gp.Array(np.ones(shape, dtype=DTYPES[key]), provided)
        return batch


def main(out: Path) -> None:
    rows = Rows(out)
    names = {RAW: "volumes/raw", AFFS: "volumes/affs"}
    size = gp.Coordinate(SHAPE) * gp.Coordinate(VOXEL)
    request = gp.BatchRequest()
    for key in names:
        request[key] = gp.ArraySpec(roi=gp.Roi(OFFSET, size))
    chunk = gp.BatchRequest()
    for key in names:
        chunk[key] = gp.ArraySpec(roi=gp.Roi(OFFSET, gp.Coordinate(6, 25, 20) * gp.Coordinate(VOXEL)))

    for container in ("a.zarr", "a.n5"):
        pipeline = Source() + gp.ZarrWrite(names, str(out), container) + gp.Scan(chunk)
        with gp.build(pipeline):
            pipeline.request_batch(gp.BatchRequest())
    request[FLAT] = gp.ArraySpec(nonspatial=True)
    snapshot = gp.Snapshot(
        {**names, FLAT: "flat"}, output_dir=str(out), output_filename="snapshot.zarr", store_value_range=True
    )
    pipeline = Source() + snapshot
    with gp.build(pipeline):
        pipeline.request_batch(request)

    newer = VERSION >= (1, 4, 1)
    for key, node in names.items():
        channels = CHANNELS[key]
        shape = SHAPE if channels is None else (channels, *SHAPE)
        what: dict[str, Any] = {
            "shape": shape,
            "dtype": DTYPES[key],
            "voxel_size": VOXEL,
            "offset": OFFSET,
            "convention": "daisy",
        }
        rows.add("a.zarr", node, zarr_format=2, convention_version="1", **what, note="ZarrWrite, values in C order")
        rows.add(
            "a.n5", node, zarr_format="n5", convention_version="1", **what, note="ZarrWrite, values reversed by the writer"
        )
        rows.add(
            "snapshot.zarr",
            node,
            zarr_format=2,
            convention_version="2" if newer else "1",
            **what,
            note=f"Snapshot, the size under `{'voxel_size' if newer else 'resolution'}`, with a value_range",
        )
    rows.add(
        "snapshot.zarr",
        "flat",
        zarr_format=2,
        convention=None,
        convention_version=None,
        shape=(5,),
        dtype="int64",
        note="Snapshot of an array without a place in space: only a value_range",
    )
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
