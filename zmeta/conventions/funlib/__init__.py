"""funlib.persistence from 0.5 on. What its releases 0.1 to 0.4 write is `daisy@1`."""

from __future__ import annotations

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.funlib.codec import decode, detect_0_5, detect_0_6, encode_0_5, encode_0_6

VERSIONS = (
    ConventionVersion(
        "funlib-persistence",
        "0.6",
        "funlib.persistence: axis_names, types, units, voxel_size, offset",
        "funlib.persistence 0.6 and 0.7",
        "funlib-persistence/0.6/array",
        detect_0_6,
        decode,
        encode_0_6,
        evidence=frozenset({"axis_names", "voxel_size"}),
    ),
    ConventionVersion(
        "funlib-persistence",
        "0.5",
        "funlib.persistence: axis_names, units, voxel_size, offset",
        "funlib.persistence 0.5, dacapo ≥ 0.3.2",
        "funlib-persistence/0.5/array",
        detect_0_5,
        decode,
        encode_0_5,
        evidence=frozenset({"axis_names", "voxel_size"}),
    ),
)
