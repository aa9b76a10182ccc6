"""The crawler: every node below a folder, depth first, in the order of the names.

The folder of an array is never listed, loops of links end, and a node that cannot be read is yielded as what is wrong
with it. Nothing is kept of what has been passed.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from zmeta.errors import DocumentError, StoreError
from zmeta.jsondoc import LIMITS
from zmeta.nodes.node import Node, read_node
from zmeta.stores.registry import list_folders, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from zmeta.jsondoc import Limits

#: The groups above a folder, nearest first, each with the path from it.
Ancestors = tuple[tuple[Node, str], ...]
_N5_ARRAY = re.compile(rb'"(?:dimensions|blockSize|dataType)"\s*:')
_V3_GROUP = re.compile(rb'"node_type"\s*:\s*"group"')


class Place(NamedTuple):
    """A folder to be looked at: its path, and the groups above it."""

    path: str
    ancestors: Ancestors = ()


class Visit(NamedTuple):
    """One node as it was found; `error` instead of `node` where it cannot be read, and neither where a folder is no node."""

    place: Place
    node: Node | None
    error: DocumentError | StoreError | None = None


class Walk:
    """A walk over the nodes below some folders.

    `open_` reads a node; `pending` holds what is still to be looked at, last first, so that a walk can be cut in two.
    """

    def __init__(
        self,
        places: list[Place],
        open_: Callable[[str], Node | None] | None = None,
        *,
        roots: Iterable[str] = (),
        limits: Limits = LIMITS,
    ) -> None:
        self.pending = places[::-1]
        self.roots = list(roots)
        self._open = open_ or (lambda path: read_node(path, limits=limits))
        self._limits = limits

    def __iter__(self) -> Iterator[Visit]:
        while self.pending:
            place = self.pending.pop()
            try:
                node = self._open(place.path)
            except (DocumentError, StoreError) as error:
                yield Visit(place, None, error)
                if isinstance(error, DocumentError) and _is_group(place.path, error.where, self._limits):
                    yield from self._list(place, None)
                continue
            if node is None:
                yield Visit(place, None)
                yield from self._list(place, None)
            elif node.kind == "array":
                yield Visit(place, node._replace(ancestors=place.ancestors) if place.ancestors else node)
            else:
                node = node._replace(ancestors=place.ancestors) if place.ancestors else node
                yield Visit(place, node)
                yield from self._list(place, node)

    def _list(self, place: Place, group: Node | None) -> Iterator[Visit]:
        """Put the folders below a group on the list of what is to be looked at."""
        try:
            found = list(list_folders(place.path))
        except StoreError as error:
            yield Visit(place, None, error)
            return
        above = place.ancestors
        for name, is_link in reversed(found):
            path = place.path + os.sep + name
            if is_link and self._is_known(path):
                continue
            ancestors: Ancestors = tuple([(node, f"{below}/{name}") for node, below in above]) if above else ()
            if group is not None:
                ancestors = ((group, name), *ancestors)
            self.pending.append(Place(path, ancestors))

    def _is_known(self, link: str) -> bool:
        """Whether a link leads to a folder that the walk passes anyway; else the folder is one more root of it."""
        target = os.path.realpath(link)
        for root in self.roots:
            if target == root or (target + os.sep).startswith(root + os.sep):
                below = target[len(root) :].split(os.sep)
                if not any(part.startswith(".") for part in below):
                    return True
            if (root + os.sep).startswith(target + os.sep):  # a link to a folder above: a loop
                return True
        self.roots.append(target)
        return False


def _is_group(folder: str, file: str, limits: Limits) -> bool:
    """Whether a node whose document is broken is a group all the same; where nobody can tell, it is not listed."""
    name = os.path.basename(file)
    if name in (".zgroup", ".zarray"):
        return name == ".zgroup"
    try:
        if name == ".zattrs":
            return read(os.path.join(folder, ".zarray"), limits) is None
        raw = read(file, limits) or b""
    except (DocumentError, StoreError):
        return False
    if name == "zarr.json":
        return _V3_GROUP.search(raw) is not None
    return bool(raw.strip()) and _N5_ARRAY.search(raw) is None
