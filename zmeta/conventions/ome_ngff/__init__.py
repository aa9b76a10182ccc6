"""OME-NGFF: the scale of an array stands on the group above, per level and per image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.ome_ngff.decode import decode_0_1_to_0_2, decode_0_3, decode_0_4_on, decode_unknown
from zmeta.conventions.ome_ngff.detect import is_version
from zmeta.conventions.ome_ngff.encode import encode_0_3, encode_0_4_on

if TYPE_CHECKING:
    from zmeta.conventions.base import Decode, Encode


def _row(version: str, title: str, decode: Decode, encode: Encode | None) -> ConventionVersion:
    return ConventionVersion(
        "ome-ngff",
        version,
        title,
        "ome-zarr-py, bioformats2raw, ngff-zarr, iohub, ngio, WebKnossos and many more",
        f"ome-ngff/{version}/image",
        is_version(version),
        decode,
        encode,
        on_group=True,
        names_only=version in ("0.1", "0.2", "0.3"),
        evidence=frozenset({"ome", "multiscales"}),
    )


VERSIONS = (
    _row("0.5", "OME-NGFF 0.5: `ome` in Zarr v3", decode_0_4_on, encode_0_4_on),
    _row("0.4", "OME-NGFF 0.4: axes with types and units, scale and translation", decode_0_4_on, encode_0_4_on),
    _row("0.3", "OME-NGFF 0.3: axis names", decode_0_3, encode_0_3),
    _row("0.2", "OME-NGFF 0.2: five axes, nested chunks", decode_0_1_to_0_2, None),
    _row("0.1", "OME-NGFF 0.1: five axes", decode_0_1_to_0_2, None),
    ConventionVersion(
        "ome-ngff",
        "unknown",
        "OME-NGFF of a version that is not released, such as the drafts of 0.6",
        "",
        "",
        is_version(None),
        decode_unknown,
        None,
        on_group=True,
        evidence=frozenset({"ome", "multiscales"}),
    ),
)
