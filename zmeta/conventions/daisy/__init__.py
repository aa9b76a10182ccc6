"""gunpowder, daisy and funlib.persistence up to 0.4: a voxel size and an offset, and nothing else."""

from __future__ import annotations

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.daisy.codec import decode_1, decode_2, detect_1, detect_2, encode_1, encode_2

VERSIONS = (
    ConventionVersion(
        "daisy",
        "2",
        "gunpowder snapshots: voxel_size and offset",
        "gunpowder ≥ 1.4.1 (Snapshot)",
        "daisy/2/array",
        detect_2,
        decode_2,
        encode_2,
        evidence=frozenset({"voxel_size"}),
    ),
    ConventionVersion(
        "daisy",
        "1",
        "gunpowder and daisy: resolution and offset",
        "gunpowder, daisy, funlib.persistence 0.1 to 0.4",
        "daisy/1/array",
        detect_1,
        decode_1,
        encode_1,
        evidence=frozenset({"resolution", "offset"}),
    ),
)
