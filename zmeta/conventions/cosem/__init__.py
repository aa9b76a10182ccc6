"""COSEM and CellMap (OpenOrganelle): an object `transform` on the array, a copy on the group."""

from __future__ import annotations

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.cosem.codec import decode, detect, encode

VERSIONS = (
    ConventionVersion(
        "cosem",
        "1",
        "COSEM: transform with axes, units, scale and translate",
        "fibsem-tools, cellmap-schemas, OpenOrganelle",
        "cosem/1/array",
        detect,
        decode,
        encode,
        evidence=frozenset({"transform", "multiscales"}),
    ),
)
