"""The crawler: every node below a folder, depth first, in the order of the names.

The folder of an array is never listed, loops of links end, and a node that cannot be read is yielded as what is wrong
with it. Nothing is kept of what has been passed but where links have led.
"""

from __future__ import annotations

import os
import re
from bisect import bisect, insort
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
#: Groups above a folder that are told of: a tower of thousands would take cubic time, and no convention looks so far up.
MOST_ABOVE = 100
_N5_ARRAY = re.compile(rb'"(?:dimensions|blockSize|dataType)"\s*:')
_V3_GROUP = re.compile(rb'"node_type"\s*:\s*"group"')


class Place(NamedTuple):
    """A folder to be looked at: its path, and the groups above it.

    `link` is where a link out of the tree leads, as long as it is not decided whether to follow it; `passed` are folders
    below, which were reached by other links already.
    """

    path: str
    ancestors: Ancestors = ()
    link: str = ""
    passed: tuple[str, ...] = ()


class Visit(NamedTuple):
    """One node as it was found; `error` instead of `node` where it cannot be read, and neither where a folder is no node."""

    place: Place
    node: Node | None
    error: DocumentError | StoreError | None = None


class Links:
    """Where links lead: below `roots`, which are walked anyway, or elsewhere, where each folder is walked once."""

    def __init__(self, roots: Iterable[str] = ()) -> None:
        self.roots = frozenset(roots)
        self._above = {above for root in self.roots for above in _with_above(root)}
        self._followed: list[str] = []
        self._walked = set(self.roots)

    def leads_out(self, target: str) -> bool:
        """Whether a link leads neither into the tree, nor to a folder above it, which would be a loop."""
        return target not in self._above and not _is_below(target, self.roots)

    def follow(self, target: str) -> tuple[str, ...] | None:
        """Note that a link is followed, and return what was passed below its target; None where all of that was."""
        if not self.leads_out(target) or _is_below(target, self._walked):
            return None
        passed = self.passed(target)
        self._walked.add(target)
        insort(self._followed, target)
        return passed

    def passed(self, target: str) -> tuple[str, ...]:
        """Return the folders below a folder that links were followed to."""
        first = target.rstrip(os.sep) + os.sep
        start = bisect(self._followed, first)
        end = start
        while end < len(self._followed) and self._followed[end].startswith(first):
            end += 1
        return tuple(self._followed[start:end])


def _with_above(path: str) -> Iterator[str]:
    """Yield a folder and all that are above it."""
    while True:
        yield path
        above = os.path.dirname(path)
        if above == path:
            return
        path = above


def _is_below(path: str, folders: frozenset[str] | set[str]) -> bool:
    """Whether a walk over some folders passes a path: hidden folders are left out."""
    for above in _with_above(path):
        if above in folders:
            return True
        if os.path.basename(above).startswith("."):
            return False
    return False


class Walk:
    """A walk over the nodes below some folders.

    `open_` reads a node; `pending` holds what is still to be looked at, last first, so that a walk can be cut in two. Links
    below `roots` are left out; with `links` the others are followed, and without them the walk ends before the first one. It
    also ends after `most` folders.
    """

    def __init__(
        self,
        places: list[Place],
        open_: Callable[[str], Node | None] | None = None,
        *,
        links: Links | None = None,
        roots: Links | None = None,
        limits: Limits = LIMITS,
        most: int | None = None,
    ) -> None:
        self.pending = places[::-1]
        self._most = most
        self._links = links
        self._roots = links or roots or Links(os.path.realpath(place.path) for place in places)
        self._open = open_ or (lambda path: read_node(path, limits=limits))
        self._limits = limits

    def __iter__(self) -> Iterator[Visit]:
        count = 0
        while self.pending and count != self._most:
            count += 1
            place = self.pending.pop()
            if place.link:
                if self._links is None:
                    self.pending.append(place)
                    return
                passed = self._links.follow(place.link)
                if passed is None:
                    continue
                place = place._replace(link="", passed=passed)
            try:
                node = self._open(place.path)
            except (DocumentError, StoreError) as error:
                yield Visit(place, None, error)
                if isinstance(error, DocumentError) and is_group(place.path, error.where, self._limits):
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
        here = os.path.realpath(place.path) if place.passed else ""
        for name, is_link in reversed(found):
            path = place.path + os.sep + name
            link = os.path.realpath(path) if is_link else ""
            if (link and not self._roots.leads_out(link)) or (here and here + os.sep + name in place.passed):
                continue
            ancestors: Ancestors = tuple([(node, f"{below}/{name}") for node, below in above]) if above else ()
            if group is not None:
                ancestors = ((group, name), *ancestors)[:MOST_ABOVE]
            self.pending.append(Place(path, ancestors, link, place.passed))


def is_group(folder: str, file: str, limits: Limits) -> bool:
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
    return raw.rstrip().endswith(b"}") and _N5_ARRAY.search(raw) is None  # one that was cut off may have been an array
