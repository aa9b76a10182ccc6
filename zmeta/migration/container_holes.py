"""The holes of a container: groups that say nothing, and arrays that each say all of themselves, in their documents."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zmeta.checker.form import NUMBER
from zmeta.conventions.registry import detect
from zmeta.jsondoc import pointer
from zmeta.migration.image_holes import (
    Box,
    ImageHole,
    Sample,
    all_spots,
    extent_holes,
    groups_of,
    nodes_of,
    repeat,
    viewer_sizes,
)
from zmeta.migration.images import level_of
from zmeta.migration.memo import PLACED, PLAIN_ROWS, POSITIVE, READ, alike, factors_in, number_lists

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zmeta.migration.image_holes import Kind, Wanted
    from zmeta.nodes.node import Node
    from zmeta.nodes.texts import Text

#: Conventions by which an array says all of itself. Some depend on its name too, which all containers of a kind share.
_ROWS = PLAIN_ROWS - {"cosem@1"} | {"n5-viewer@1", "neuroglancer-n5@1"}
#: Keys that are read in a way of their own.
_KEYS = PLACED - {"pixelResolution", "downsamplingFactors"} | {"dimension_units", "transform"}


def read_container(path: str, folders: Mapping[str, Text], *, is_image: bool) -> Sample | None:
    """Return a container with its holes, one box for each array; None where it is none, or where something is unusual.

    Where arrays become images (`is_image`), no two may be called as levels of one.
    """
    nodes = dict(zip(folders, nodes_of(path, folders), strict=True))
    wanted: dict[tuple[str, str], Wanted] = {}
    boxes: list[Box] = []
    names: set[str] = set()
    for folder, node in nodes.items():
        if node.findings or (node.kind == "group" and not READ.isdisjoint(node.attributes)):
            return None
        if node.kind == "group":
            continue
        lists = _lists(node)
        above, _, name = folder.rpartition("/")
        name = f"{above}/{level_of(name)[0]}"
        if lists is None or (is_image and name in names and node.format != "n5"):
            return None
        names.add(name)
        image = len(boxes)
        same: dict[str, tuple[int, ...]] = {}
        if node.format == "n5":
            same = {kind: alike(numbers) for kind, (_, numbers) in lists.items()}
        boxes.append(Box(factors_in(node.attributes.get("downsamplingFactors", [])) or (), same))
        holes = wanted.setdefault((folder, os.path.basename(node.attributes_file)), {})
        for kind, (at, numbers) in lists.items():
            for axis in [axis for axis, number in enumerate(numbers) if number]:  # what is zero stays so
                holes[node.attributes_pointer + at + pointer(axis)] = ImageHole(kind, 0, axis, image), NUMBER
        wanted.setdefault((folder, folders[folder].names[0]), {}).update(extent_holes(node, 0, image))
    repeat(nodes, wanted)
    spots = all_spots(folders, wanted)
    return None if spots is None else Sample(folders, spots, groups_of(nodes), boxes=boxes)


def _lists(node: Node) -> dict[Kind, tuple[str, list[float]]] | None:
    """Return the size of a voxel and the corner, with where they stand; None for what is anything else, or said twice."""
    keys = node.attributes
    if not _KEYS.isdisjoint(keys) or not {row.id for row in detect(node)} <= _ROWS:
        return None
    if factors_in(keys.get("downsamplingFactors", [])) is None:
        return None
    found: dict[Kind, tuple[str, list[float]]] = {}
    for place, numbers in number_lists(keys).items():
        kind: Kind = "scale" if POSITIVE[place] else "translation"
        if kind in found:
            return None
        found[kind] = pointer(*place), numbers
    if "pixelResolution" in keys:
        viewer = viewer_sizes(node)
        if viewer is None or found:
            return None
        found["scale"] = viewer
    sizes, places = found.get("scale"), found.get("translation")
    fits = sizes is None or places is None or len(sizes[1]) == len(places[1])
    return found if fits else None
