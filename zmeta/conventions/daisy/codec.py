"""daisy: `offset` is the corner of voxel 0 in world units; values are C order in Zarr; `resolution` is x-first in N5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.canonical.numbers_ import parse_numbers
from zmeta.conventions.base import Edit, encode_numbers, encode_unit_beside, require_geometry, take_unit_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import Draft, Reading
    from zmeta.jsondoc import JSONObject
    from zmeta.nodes.node import Node

#: Groups of these layouts use `resolution` and `offset` in another sense.
_FOREIGN = frozenset({"painteraData", "multiScale", "spatialTransform", "axistags", "pixelWidth"})


def detect_1(node: Node) -> bool:
    """`resolution`, or a lone `offset`; not where `axes` make it dacapo's or neuroglancer's."""
    keys = node.attributes
    above = [group.attributes for group, _ in node.ancestors[:2]]
    if not _FOREIGN.isdisjoint(keys) or any("painteraData" in group or "multiScale" in group for group in above):
        return False
    if "resolution" in keys:
        return "axes" not in keys or "voxel_size" in keys
    if "offset" in keys:
        return not keys.keys() & {"voxel_size", "axes", "axis_names"}
    return _from_parent(node) is not None


def _from_parent(node: Node) -> Node | None:
    """funlib.persistence 0.3 and 0.4 also read both keys from the group above."""
    if not node.ancestors or node.ancestors[0][0].path.rpartition("/")[0] == node.path:
        return None
    parent = node.ancestors[0][0]
    keys = parent.attributes
    foreign = keys.keys() & {*_FOREIGN, "axes", "units", "scales", "pixelResolution", "multiscales"}
    own = node.attributes.keys() & {"voxel_size", "axis_names", "transform", "pixelResolution", "downsamplingFactors"}
    return parent if "resolution" in keys and "offset" in keys and not foreign and not own else None


def decode_1(draft: Draft) -> None:
    """Reverse in N5: gunpowder, daisy and funlib.persistence ≤ 0.4 did so since their first N5 release."""
    node = draft.node
    source = node
    if "resolution" not in node.attributes and "offset" not in node.attributes:
        source = _from_parent(node) or node
        draft.note("ZM408", "`resolution` and `offset` stand on the group above", "resolution", node=source)
    keys = source.attributes
    reverse = node.format == "n5"
    factors = parse_numbers(keys.get("downsamplingFactors"))
    if factors is not None and any(factor != 1 for factor in factors):
        hint = "readers differ on whether `resolution` is that of s0: state it as pixelResolution, or remove the factors"
        path = ("downsamplingFactors",)
        draft.note(
            "ZM308", "factors stand beside `resolution`", *path, node=source, found=keys["downsamplingFactors"], hint=hint
        )
        return
    draft.take_geometry(
        ("resolution",), keys.get("resolution"), ("offset",), keys.get("offset"), node=source, reverse=reverse
    )
    take_unit_beside(draft, source, reverse=reverse)
    if reverse and _direction_matters(draft):
        message = "values are read x-first, as gunpowder and daisy write them in N5; scripts may have written z-first"
        draft.note("ZM309", message, "resolution", node=source, found=keys.get("resolution"))


def _direction_matters(draft: Draft) -> bool:
    lists = [value for value in (draft.voxel_size, draft.offset) if value is not None]
    stated = [[number for number in value if number is not None] for value in lists]
    return any(value != value[::-1] for value in stated)


def encode_1(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write `resolution` and `offset`."""
    return _encode(metadata, node, "resolution", reverse=node.format == "n5")


def detect_2(node: Node) -> bool:
    """`voxel_size` without any of the keys that funlib.persistence ≥ 0.5 and zmeta write beside it."""
    keys = node.attributes
    return "voxel_size" in keys and not keys.keys() & {"axis_names", "types", "units", "axes"}


def decode_2(draft: Draft) -> None:
    """Read `voxel_size` and `offset`, never reversed."""
    keys = draft.node.attributes
    draft.take_geometry(("voxel_size",), keys.get("voxel_size"), ("offset",), keys.get("offset"))
    take_unit_beside(draft, draft.node, reverse=False)


def encode_2(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write `voxel_size` and `offset`."""
    return _encode(metadata, node, "voxel_size", reverse=False)


def _encode(metadata: Metadata, node: Node, size_key: str, *, reverse: bool) -> Iterator[Edit]:
    units = encode_unit_beside(metadata, node, "daisy", reverse=reverse)
    sizes, corner = require_geometry(metadata, "daisy", node)
    step = -1 if reverse else 1
    keys: JSONObject = {size_key: encode_numbers(sizes[::step], "daisy", node), **units}
    if metadata.offset is not None:
        keys["offset"] = encode_numbers(corner[::step], "daisy", node)
    yield Edit(node, keys)
