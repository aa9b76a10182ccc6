"""The canonical layout on disk: flat keys that the tools of this field read, declared in `zarr_conventions`."""

from __future__ import annotations

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.zmeta.codec import decode, detect, encode

VERSIONS = (
    ConventionVersion(
        "zmeta",
        "1.0",
        "zmeta 1.0: axes, types, units, voxel_size and offset, declared",
        "zmeta",
        "zmeta/1.0/array",
        detect,
        decode,
        encode,
        evidence=frozenset({"zarr_conventions", "axes"}),
    ),
)
