"""funlib.persistence ≥ 0.5: C order in every container, N5 included; a name ending in `^` is a channel axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.conventions.base import Edit, encode_numbers, is_list_of_strings, require_geometry, require_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import Draft, Reading
    from zmeta.nodes.node import Node


def _detect(node: Node) -> bool:
    keys = node.attributes
    return "axis_names" in keys or ("voxel_size" in keys and "axes" not in keys and bool(keys.keys() & {"units", "types"}))


def detect_0_6(node: Node) -> bool:
    """The keys of 0.5 and `types`."""
    return _detect(node) and "types" in node.attributes


def detect_0_5(node: Node) -> bool:
    """`axis_names`, or `voxel_size` with `units`, and no `types`."""
    return _detect(node) and "types" not in node.attributes


def decode(draft: Draft) -> None:
    """Serve 0.5 and 0.6. Lists may be full length: entries for channel axes are left out, as the library does."""
    node = draft.node
    keys = node.attributes
    if "axis_names" in keys and not draft.parse_names(keys["axis_names"], "axis_names"):
        return
    types = keys.get("types")
    if types is not None:
        if not isinstance(types, list) or len(types) != node.ndim or not is_list_of_strings(types):
            draft.note("ZM201", "`types` must be a string per axis", "types", expected=f"{node.ndim} strings", found=types)
            return
        draft.types = tuple(map(str, types))
        draft.source("types", "types")
    elif draft.types is not None:
        _types_by_count(draft)
    if "units" in keys:
        draft.take_units(keys["units"], "units")
    draft.take_geometry(("voxel_size",), keys.get("voxel_size"), ("offset",), keys.get("offset"))


def _types_by_count(draft: Draft) -> None:
    """Without `types`, a name without `^` is a physical axis if as many values are given as there are such names."""
    marked = [("^" in str(name)) for name in _raw_names(draft.node)]
    physical = marked.count(False)
    lists = [draft.node.attributes.get(key) for key in ("voxel_size", "offset", "units")]
    if draft.types is not None and any(isinstance(values, list) and len(values) == physical for values in lists):
        kinds = zip(draft.types, marked, strict=True)
        draft.types = tuple("channel" if mark else kind or "space" for kind, mark in kinds)
        draft.infer("types", "understood from `^` in the axis names, as the library does")


def _raw_names(node: Node) -> list[object]:
    names = node.attributes.get("axis_names")
    return list(names) if isinstance(names, list) else []


def encode_0_6(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write all five keys."""
    edit = _encode(metadata, node)
    edit.set["types"] = [kind or "channel" for kind in metadata.types]
    edit.set["axis_names"] = list(require_names(metadata, "funlib-persistence", node))
    yield edit


def encode_0_5(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write four keys; a channel axis is marked by `^`."""
    yield _encode(metadata, node)


def _encode(metadata: Metadata, node: Node) -> Edit:
    names = require_names(metadata, "funlib-persistence", node)
    sizes, corner = require_geometry(metadata, "funlib-persistence", node)
    return Edit(
        node,
        {
            "axis_names": [name if axis.physical else name + "^" for name, axis in zip(names, metadata.axes, strict=True)],
            "units": [unit or "" for unit in metadata.units],
            "voxel_size": encode_numbers(sizes, "funlib-persistence", node),
            "offset": encode_numbers(corner, "funlib-persistence", node),
        },
    )
