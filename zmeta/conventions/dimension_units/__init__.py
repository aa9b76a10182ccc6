"""neuroglancer's and tensorstore's `dimension_units`: one string per axis that holds voxel size and unit."""

from __future__ import annotations

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.dimension_units.codec import decode, detect, encode

VERSIONS = (
    ConventionVersion(
        "dimension-units",
        "1",
        "dimension_units: strings such as `8 nm`",
        "tensorstore (zarr3), neuroglancer, dacapo ≥ 0.2.1",
        "dimension-units/1/array",
        detect,
        decode,
        encode,
        evidence=frozenset({"dimension_units"}),
    ),
)
