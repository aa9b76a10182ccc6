"""Dimension names: xarray's attribute in Zarr v2, the field of the array document in Zarr v3."""

from __future__ import annotations

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.xarray.codec import decode_2, decode_3, detect_2, detect_3, encode_2, encode_3

VERSIONS = (
    ConventionVersion(
        "xarray",
        "3",
        "dimension_names of Zarr v3",
        "xarray, zarr-python 3, tensorstore",
        "xarray/3/array",
        detect_3,
        decode_3,
        encode_3,
        names_only=True,
        evidence=frozenset({"dimension_names"}),
    ),
    ConventionVersion(
        "xarray",
        "2",
        "_ARRAY_DIMENSIONS of xarray",
        "xarray, OME-NGFF 0.3 writers, dacapo",
        "xarray/2/array",
        detect_2,
        decode_2,
        encode_2,
        names_only=True,
        evidence=frozenset({"_ARRAY_DIMENSIONS"}),
    ),
)
