"""The x-first N5 attributes that viewers read: N5 viewer's, and the larger set of neuroglancer and tensorstore."""

from __future__ import annotations

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.n5_viewer.codec import decode, detect_neuroglancer, detect_viewer, encode_neuroglancer, encode_viewer

VERSIONS = (
    ConventionVersion(
        "neuroglancer-n5",
        "1",
        "neuroglancer N5: axes, units, resolution, scales",
        "tensorstore (n5), neuroglancer users, cellmap-schemas groups",
        "neuroglancer-n5/1/array",
        detect_neuroglancer,
        decode,
        encode_neuroglancer,
        evidence=frozenset({"axes"}),
    ),
    ConventionVersion(
        "n5-viewer",
        "1",
        "N5 viewer: pixelResolution and downsamplingFactors",
        "n5-viewer, n5-ij, n5-spark, BigDataViewer tools",
        "n5-viewer/1/array",
        detect_viewer,
        decode,
        encode_viewer,
        evidence=frozenset({"pixelResolution", "downsamplingFactors"}),
    ),
)
