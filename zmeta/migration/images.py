"""Arrays without an image become images of OME-NGFF: one for each array of a group, or one for all levels of a pyramid."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from zmeta.checker.rules.zm211_wrong_axes import wrong_axes
from zmeta.conventions.ome_ngff.encode import encode_image
from zmeta.errors import EncodeError
from zmeta.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import Reading
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.node import Node
    from zmeta.pipeline import Decoded

#: Names of the levels of a pyramid: s0, s1, … or 0, 1, … or scale0, scale1, …
_LEVEL = re.compile(r"(.*?)(\d{1,4})")


@dataclass(slots=True)
class Child:
    """An array right below a group: its name and folder, what is read from it when that is asked for, its image if known."""

    name: str
    path: str
    decode: Callable[[], Decoded]
    image: JSONObject | None = None

    @property
    def node(self) -> Node:
        """The array as it was read."""
        return self.decode().node

    @property
    def metadata(self) -> Metadata:
        """Its canonical metadata."""
        return self.decode().metadata


def new_images(group: Node, children: Iterable[Child], reading: Reading) -> tuple[list[JSONObject], dict[str, Finding]]:
    """Return the images of arrays that none lists, and what stands against those that cannot be one, by name."""
    refused: dict[str, Finding] = {}
    fitting = []
    for child in children:
        if child.image is not None:
            fitting.append(child)
            continue
        problems = [*wrong_axes([axis.type or "" for axis in child.metadata.axes]), *_unnamed(child.metadata)]
        if problems:
            message = f"OME-NGFF cannot hold the array: {problems[0]}"
            refused[child.name] = Finding("ZM409", message, child.node.attributes_file)
        else:
            fitting.append(child)
    images = []
    for levels in _pyramids(fitting):
        if len(levels) == 1 and levels[0].image is not None:
            images.append(levels[0].image)
            continue
        try:
            image = encode_image([(level.name, level.metadata) for level in levels], group, reading)
        except EncodeError as error:
            refused |= {level.name: error.findings[0] for level in levels}
        else:
            images.append({"name": levels[0].name, **image} if len(levels) == 1 else image)
    return images, refused


def _unnamed(metadata: Metadata) -> Iterator[str]:
    if not all(metadata.names):
        yield "an axis has no name"
    if not all(metadata.types):
        yield "an axis has no type"


def _pyramids(children: list[Child]) -> Iterator[list[Child]]:
    """Yield the arrays of a group as pyramids: those that are levels of one, fine to coarse, else each alone."""
    by_prefix: dict[str, list[tuple[int, Child]]] = {}
    for child in children:
        prefix, number = level_of(child.name)
        by_prefix.setdefault(prefix, []).append((number, child))
    for numbered in by_prefix.values():
        levels = [child for _, child in sorted(numbered, key=lambda pair: pair[0])]
        if len(levels) > 1 and all(_is_level(levels[0], fine, coarse) for fine, coarse in pairwise(levels)):
            yield levels
        else:
            yield from ([level] for level in levels)


def level_of(name: str) -> tuple[str, int]:
    """Return how all levels of a pyramid are called with which an array may be one, and its number among them.

    >>> level_of("scale10"), level_of("raw")
    (('scale', 10), ('raw', 0))
    """
    match = _LEVEL.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, 0)


def _is_level(first: Child, fine: Child, coarse: Child) -> bool:
    """Whether one array is the next level: same axes and corner, its voxel as much larger as the array is smaller."""
    base, one, other = (child.metadata.axes for child in (first, fine, coarse))
    if len(base) != len(other) or first.node.dtype != coarse.node.dtype:
        return False
    if any(replace(a, voxel_size=None) != replace(b, voxel_size=None) for a, b in zip(base, other, strict=True)):
        return False
    grown = False
    shapes = zip(fine.node.shape, coarse.node.shape, strict=True)
    for (before, after), a, b in zip(shapes, one, other, strict=True):
        ratio = Fraction(1) if a.voxel_size is None or b.voxel_size is None else b.voxel_size / a.voxel_size
        grown = grown or ratio > 1
        if ratio < 1 or abs(Fraction(before) / ratio - after) >= 1:
            return False
    return grown


def with_images(attributes: JSONObject, images: list[JSONObject], version: str) -> JSONObject:
    """Return the attributes of a group with images added to those that it lists; before 0.5 each says its version."""
    if version == "0.5":
        inner = attributes.get("ome")
        ome: Mapping[str, JSONValue] = inner if isinstance(inner, dict) else {"version": "0.5"}
        return {**attributes, "ome": {**ome, "multiscales": [*_listed(ome), *images]}}
    new = [image if "version" in image else {"version": version, **image} for image in images]
    return {**attributes, "multiscales": [*_listed(attributes), *new]}


def _listed(holder: Mapping[str, JSONValue]) -> list[JSONValue]:
    images = holder.get("multiscales")
    return images if isinstance(images, list) else []
