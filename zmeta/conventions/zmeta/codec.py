"""zmeta 1.0: identity is declared by a fixed uuid in `zarr_conventions` (the Zarr Conventions framework)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.conventions.base import Edit, encode_numbers, is_list_of_strings, no_place, require_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import Draft, Reading
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.node import Node

#: Fixed once and for ever: an entry of `zarr_conventions` with this uuid declares the layout.
UUID = "15cb68dc-be15-4be5-97f6-9fa7d4985563"
SCHEMA_URL = "https://zmeta.github.io/zmeta/schemas/zmeta/1.0/array.schema.json"

#: The entry that zmeta writes.
ENTRY: JSONObject = {
    "uuid": UUID,
    "name": "zmeta",
    "schema_url": SCHEMA_URL,
    "spec_url": "https://zmeta.github.io/zmeta/conventions/zmeta/",
    "description": "Axes, voxel size, units and offset of an array",
}

KEYS = ("axes", "types", "units", "voxel_size", "offset")


def find_entry(node: Node) -> tuple[int, JSONObject] | None:
    """Return the entry that declares the layout, with its index."""
    entries = node.attributes.get("zarr_conventions")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict) and entry.get("uuid") == UUID:
            return index, entry
    return None


def detect(node: Node) -> bool:
    """Declared, or the same keys without a declaration and without those of another layout.

    Not in N5, where `axes` and `units` mean something else to its readers.
    """
    if node.format == "n5":
        return False
    if find_entry(node) is not None:
        return True
    keys = node.attributes
    return is_list_of_strings(keys.get("axes")) and "voxel_size" in keys and "axis_names" not in keys


def decode(draft: Draft) -> None:
    """Read the flat keys; lists of units, voxel sizes and offsets have one value per physical axis."""
    keys = draft.node.attributes
    declared = find_entry(draft.node)
    if declared is None:
        hint = "any write through zmeta declares it"
        draft.note("ZM405", "the keys of the layout are there, its entry in `zarr_conventions` is not", hint=hint)
    elif declared[1].get("schema_url", SCHEMA_URL) != SCHEMA_URL:
        index, entry = declared
        path = ("zarr_conventions", index, "schema_url")
        draft.note("ZM404", "the version is not known", *path, expected=SCHEMA_URL, found=entry["schema_url"])
        return
    if "axes" not in keys:
        draft.note("ZM202", "`axes` is missing", "axes", expected="a list of axis names")
        return
    if not draft.parse_names(keys["axes"], "axes"):
        return
    _decode_types(draft, keys.get("types"))
    if "units" in keys:
        draft.take_units(keys["units"], "units", long_only=True)
    draft.take_geometry(("voxel_size",), keys.get("voxel_size"), ("offset",), keys.get("offset"))


def _decode_types(draft: Draft, types: JSONValue) -> None:
    if types is None:
        return
    if not isinstance(types, list) or len(types) != draft.node.ndim:
        draft.note("ZM201", "`types` must have one entry per axis", "types", found=types)
    elif not all(isinstance(kind, str) and kind for kind in types):
        draft.note("ZM202", "`types` must be strings", "types", found=types)
    else:
        draft.types = tuple(str(kind) for kind in types)
        draft.source("types", "types")


def encode(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write all keys and the declaration; other entries of `zarr_conventions` stay as they are."""
    if node.format == "n5":
        raise no_place("zmeta", "anything in N5 (its readers take `axes` and `units` for something else)", node, "use cosem")
    names = require_names(metadata, "zmeta", node)
    types = [kind for kind in metadata.types if kind]
    if len(types) != len(names):
        raise no_place("zmeta", "axes without a type", node, "give types, one per axis")
    entries = node.attributes.get("zarr_conventions")
    before = entries if isinstance(entries, list) else []
    keys: JSONObject = {
        "axes": list(names),
        "types": list(types),
        "zarr_conventions": before if find_entry(node) else [*before, ENTRY],
    }
    if any(metadata.units):
        keys["units"] = [unit or "" for unit in metadata.units]
    if metadata.voxel_size is not None:
        keys["voxel_size"] = encode_numbers(metadata.voxel_size, "zmeta", node)
    if metadata.offset is not None:
        keys["offset"] = encode_numbers(metadata.offset, "zmeta", node)
    yield Edit(node, keys, frozenset(KEYS) - keys.keys(), list(names) if node.format == 3 else None)
