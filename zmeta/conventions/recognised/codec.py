"""Known layouts without a decoder, each with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from zmeta.conventions.base import Draft
    from zmeta.nodes.node import Node

#: Name, version, title, writers, why it is not decoded.
TABLE = (
    ("paintera", "1", "Paintera", "Paintera", "its `resolution` and `offset` have no defined unit and anchor"),
    ("n5-canonical", "1", "n5-universe canonical", "n5-ij", "its `spatialTransform` may be any affine transformation"),
    ("n5-imagej", "1", "ImageJ legacy", "n5-ij", "its `xOrigin` may be a count of pixels"),
    ("bdv-n5", "1", "BigDataViewer N5", "BigDataViewer", "the calibration stands in the XML beside it"),
    ("ilastik", "1", "ilastik exports", "ilastik", "its `axistags` do not state a voxel size that can be relied on"),
    ("spatial", "0.1", "Zarr Conventions: spatial", "GeoZarr writers", "it describes x and y of geographic rasters"),
)

#: The key without which a layout is not there.
EVIDENCE = {
    "paintera": "painteraData",
    "n5-canonical": "spatialTransform",
    "n5-imagej": "pixelWidth",
    "bdv-n5": "multiScale",
    "ilastik": "axistags",
    "spatial": "zarr_conventions",
}

_SPATIAL_UUID = "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4"


def _declares_spatial(node: Node) -> bool:
    entries = node.attributes.get("zarr_conventions")
    return isinstance(entries, list) and any(isinstance(e, dict) and e.get("uuid") == _SPATIAL_UUID for e in entries)


def _on_node_or_parents(key: str) -> Callable[[Node], bool]:
    def detect(node: Node) -> bool:
        return key in node.attributes or any(key in group.attributes for group, _ in node.ancestors[:2])

    return detect


_DETECT: dict[str, Callable[[Node], bool]] = {
    "paintera": _on_node_or_parents("painteraData"),
    "n5-canonical": lambda node: "spatialTransform" in node.attributes,
    "n5-imagej": lambda node: "pixelWidth" in node.attributes,
    "bdv-n5": lambda node: (
        node.format == "n5" and _on_node_or_parents("multiScale")(node) and not _on_node_or_parents("painteraData")(node)
    ),
    "ilastik": lambda node: "axistags" in node.attributes,
    "spatial": _declares_spatial,
}


def detects(name: str) -> Callable[[Node], bool]:
    """Return the detector of one layout."""
    return _DETECT[name]


def decode(draft: Draft) -> None:
    """State the reason, and nothing else."""
    title, why = next((row[2], row[4]) for row in TABLE if row[0] == draft.convention)
    draft.note(
        "ZM402", f"recognised as {title}, which is not decoded: {why}", hint="pass default_voxel_size, or add metadata"
    )
