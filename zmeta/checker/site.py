"""What a rule is shown: an array with its reading, or a group with the pyramids that it lists."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from zmeta.conventions.ome_ngff.detect import clean_path
from zmeta.errors import DocumentError, StoreError
from zmeta.finding import Finding
from zmeta.jsondoc import describe, pointer
from zmeta.nodes.node import Node
from zmeta.pipeline import Decoded, decode_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zmeta.config import Config
    from zmeta.conventions.base import Reading
    from zmeta.jsondoc import JSONObject, JSONValue

    Open = Callable[[str], Node | None]

Path = tuple["str | int", ...]


class ArraySite(NamedTuple):
    """An array, what was read from it, and the settings for it."""

    node: Node
    decoded: Decoded
    config: Config


class Level(NamedTuple):
    """One level that a group lists, by its number in the list.

    `name` is the path that the group states, `path` where that stands in the attributes; `node` is None where nothing is
    there, where it is `broken`, or where `refused` says why it was not looked for. `decoded` is the reading of the level.
    """

    number: int
    name: str
    path: Path
    node: Node | None = None
    decoded: Decoded | None = None
    refused: str = ""
    broken: bool = False


class Pyramid(NamedTuple):
    """An image of several levels: its convention, where it stands in the attributes of its group, and the levels."""

    convention: str
    path: Path
    image: JSONObject
    levels: tuple[Level, ...]

    @property
    def arrays(self) -> Iterator[tuple[Level, Node, Decoded]]:
        """The levels that are there and can be read."""
        for level in self.levels:
            if level.node is not None and level.node.kind == "array" and level.decoded is not None:
                yield level, level.node, level.decoded


class GroupSite(NamedTuple):
    """A group, the pyramids that it lists, and a way to open other nodes of the tree by their path."""

    node: Node
    pyramids: tuple[Pyramid, ...]
    open: Open
    config: Config

    def finding(  # noqa: D102 - as `finding_in`
        self, code: str, message: str, *path: str | int, expected: str = "", found: object = None, hint: str = ""
    ) -> Finding:
        return finding_in(self.node, code, message, *path, expected=expected, found=found, hint=hint)

    @property
    def ome(self) -> tuple[Path, JSONObject]:
        """The object that holds the keys of OME-NGFF, and its path in the attributes."""
        inner = self.node.attributes.get("ome")
        return (("ome",), inner) if isinstance(inner, dict) else ((), self.node.attributes)


def finding_in(
    node: Node, code: str, message: str, *path: str | int, expected: str = "", found: object = None, hint: str = ""
) -> Finding:
    """Return a finding at a path in the attributes of a node."""
    text = "" if found is None else describe(found)
    return Finding(code, message, node.attributes_file, node.attributes_pointer + pointer(*path), expected, text, hint)


@lru_cache(maxsize=1024)
def refusal(name: str) -> str:
    """Return why a path that a document states is not followed; empty for one that stays below its group.

    >>> refusal("s0"), refusal("../s0"), refusal("/s0")
    ('', 'it leaves the group', 'it is absolute')
    """
    if name.startswith(("/", "\\")) or name[1:3] in (":\\", ":/") or "://" in name:
        return "it is absolute"
    if ".." in name.replace("\\", "/").split("/"):
        return "it leaves the group"
    return "it names no folder" if "\0" in name or not clean_path(name) else ""


def open_below(group: Node, below: str, open_: Open) -> Node | None:
    """Return the node at a path below a group, with the groups above it; None where there is none.

    Raises `DocumentError` and `StoreError` where it cannot be read.
    """
    node: Node | None = group
    ancestors = group.ancestors
    path = group.path
    for name in clean_path(below).split("/"):
        ancestors = tuple((above, f"{rest}/{name}") for above, rest in ancestors)
        if node is not None:
            ancestors = ((node, name), *ancestors)
        path = os.path.join(path, name)
        node = open_(path)
    return None if node is None else node._replace(ancestors=ancestors)


def level_names(attributes: JSONObject) -> Iterator[str]:
    """Yield the paths of all levels that the attributes of a group state."""
    inner = attributes.get("ome")
    for images in (attributes.get("multiscales"), inner.get("multiscales") if isinstance(inner, dict) else None):
        for image in images if isinstance(images, list) else ():
            datasets = image.get("datasets") if isinstance(image, dict) else None
            for entry in datasets if isinstance(datasets, list) else ():
                name = entry.get("path") if isinstance(entry, dict) else None
                if isinstance(name, str):
                    yield name


def find_pyramids(group: Node, open_: Open, reading: Reading) -> Iterator[Pyramid]:
    """Yield the pyramids that a group lists: those of OME-NGFF and COSEM by path, those of N5 viewers by name."""
    keys = group.attributes
    inner = keys.get("ome")
    places: list[tuple[Path, JSONValue]] = [(("multiscales",), keys.get("multiscales"))]
    if isinstance(inner, dict):
        places.insert(0, (("ome", "multiscales"), inner.get("multiscales")))
    found = False
    for path, images in places:
        for number, image in enumerate(images if isinstance(images, list) else ()):
            datasets = image.get("datasets") if isinstance(image, dict) else None
            if isinstance(image, dict) and isinstance(datasets, list):
                found = True
                yield _listed(group, (*path, number), image, datasets, open_, reading)
    factors = keys.get("scales", keys.get("downsamplingFactors"))
    if not found and isinstance(factors, list) and factors and isinstance(factors[0], list):
        levels = (_level(group, index, f"s{index}", (), open_, reading, 0) for index in range(min(len(factors), 64)))
        yield Pyramid("n5-viewer", (), {}, tuple(level for level in levels if level.node is not None))


def _listed(group: Node, path: Path, image: JSONObject, datasets: list[JSONValue], open_: Open, reading: Reading) -> Pyramid:
    cosem = any(isinstance(entry, dict) and "transform" in entry and "coordinateTransformations" not in entry
                for entry in datasets)  # fmt: skip
    axes = image.get("axes")
    count = len(axes) if isinstance(axes, list) and not cosem else 0
    levels = []
    for index, entry in enumerate(datasets):
        name = entry.get("path") if isinstance(entry, dict) else None
        if isinstance(name, str):
            levels.append(_level(group, index, name, (*path, "datasets", index, "path"), open_, reading, count))
    return Pyramid("cosem" if cosem else "ome-ngff", path, image, tuple(levels))


def _level(group: Node, index: int, name: str, path: Path, open_: Open, reading: Reading, count: int) -> Level:
    """Open and read a level; the transformations of one that is not there are read for an array of `count` axes."""
    refused = refusal(name)
    if refused:
        return Level(index, name, path, refused=refused)
    try:
        node = open_below(group, name, open_)
    except (DocumentError, StoreError):  # said where the level itself is visited
        return Level(index, name, path, broken=True)
    if node is not None and node.kind == "array":
        return Level(index, name, path, node, decode_node(node, reading))
    if node is None and count:
        below = clean_path(name)
        ancestors = ((group, below), *((above, f"{rest}/{below}") for above, rest in group.ancestors))
        ghost = Node(os.path.join(group.path, below), group.format, "array", {}, {}, (1,) * count, ancestors=ancestors)
        return Level(index, name, path, None, decode_node(ghost, reading))
    return Level(index, name, path, node)
