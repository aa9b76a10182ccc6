"""The invariant: an array says exactly the same before and after, and every key that was not meant to change is there.

It is checked for every node of a plan, by decoding what would be written. What breaks it is never written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.add import check_profiles, check_schemas, inexact, says
from zmeta.conventions.base import Edit
from zmeta.finding import Finding
from zmeta.jsondoc import describe, pointer
from zmeta.steps.ome_ngff.parts import PIXEL_SCALE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zmeta.canonical.metadata import Metadata
    from zmeta.config import Config
    from zmeta.jsondoc import JSONObject
    from zmeta.nodes.node import Node
    from zmeta.pipeline import Decoded

#: Fields of an axis, by the word under which their loss is agreed to.
_FIELDS = {"axes": ("name",), "types": ("type",), "units": ("unit", "voxel_size", "offset"), "offset": ("offset",),
           PIXEL_SCALE: ("unit", "voxel_size", "offset")}  # fmt: skip


def check_same(wanted: Metadata, after: Decoded, allowed: frozenset[str] = frozenset()) -> list[Finding]:
    """Return a finding where axes, voxel size or offset differ from what they were, but for what may be lost."""
    free = {name for word in allowed for name in _FIELDS.get(word, ())}
    if says(after.metadata, wanted) or (free and _same_but(wanted, after.metadata, free)):
        return []
    return [inexact(wanted, after.metadata, after.node)]


def _same_but(wanted: Metadata, found: Metadata, free: set[str]) -> bool:
    names = {"name", "type", "unit", "voxel_size", "offset"} - free
    pairs = zip(wanted.axes, found.axes, strict=True)
    return all(getattr(one, name) == getattr(other, name) for one, other in pairs for name in names)


def check_kept(before: JSONObject, after: JSONObject, owned: Iterable[str], node: Node) -> list[Finding]:
    """Return a finding for every attribute that changed or is gone without being one of those that were meant to."""
    free = set(owned)
    return [
        Finding(
            "ZM409",
            "the migration would lose or change an attribute that it does not own",
            node.attributes_file,
            node.attributes_pointer + pointer(key),
            describe(value),
            describe(after[key]) if key in after else "nothing",
        )
        for key, value in before.items()
        if key not in free and (key not in after or (after[key] is not value and after[key] != value))  # NaN is not itself
    ]


def check_valid(after: Decoded, config: Config, before: Decoded) -> list[Finding]:
    """Return the errors of an array as it will be: when decoded, by the schemas of what changes, by profiles it fitted."""
    broken = {(f.code, f.pointer) for f in check_profiles(before, (), config)} if config.profiles else set()
    profiles = check_profiles(after, (), config) if config.profiles else []
    return [
        *after.errors,
        *check_schemas(after, _changed(before.node, after.node)),
        *(finding for finding in profiles if (finding.code, finding.pointer) not in broken),
    ]


def _changed(before: Node, after: Node) -> list[Edit]:
    """Return an array, and the groups above it, where their attributes change: what stands elsewhere was there before."""
    known = {node.path: node.attributes for node in (before, *(group for group, _ in before.ancestors))}
    nodes = (after, *(group for group, _ in after.ancestors))
    return [Edit(node) for node in nodes if node.path not in known or node.attributes != known[node.path]]
