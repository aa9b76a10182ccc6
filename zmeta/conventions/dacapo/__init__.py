"""dacapo's `ZarrArray` up to 0.3.0; later releases delegate to funlib.persistence."""

from __future__ import annotations

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.dacapo.codec import (
    decode,
    detect_0_1,
    detect_0_2_0,
    detect_0_2_1,
    encode_0_1,
    encode_0_2_0,
    encode_0_2_1,
)

VERSIONS = (
    ConventionVersion(
        "dacapo",
        "0.2.1",
        "dacapo: axes, resolution, offset, dimension_units",
        "dacapo 0.2.1 and 0.3.0",
        "dacapo/0.2.1/array",
        detect_0_2_1,
        decode,
        encode_0_2_1,
        evidence=frozenset({"axes"}),
    ),
    ConventionVersion(
        "dacapo",
        "0.2.0",
        "dacapo: axes, resolution, offset",
        "dacapo up to 0.2.0",
        "dacapo/0.2.0/array",
        detect_0_2_0,
        decode,
        encode_0_2_0,
        evidence=frozenset({"axes"}),
    ),
    ConventionVersion(
        "dacapo",
        "0.1",
        "dacapo: axes as one string",
        "scripts around dacapo",
        "dacapo/0.1/array",
        detect_0_1,
        decode,
        encode_0_1,
        evidence=frozenset({"axes"}),
    ),
)
