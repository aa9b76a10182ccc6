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
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from zmeta.jsondoc import Limits

#: The groups above a folder, nearest first, each with the path from it.
Ancestors = tuple[tuple[Node, str], ...]
#: Groups above a folder that are told of: a tower of thousands would take cubic time, and no convention looks so far up.
MOST_ABOVE = 100
_N5_ARRAY = re.compile(rb'"(?:dimensions|blockSize|dataType)"\s*:')
_V3_GROUP = re.compile(rb'"node_type"\s*:\s*"group"')


class Place(NamedTuple):
    """A folder to be looked at: its path, and the groups above it.

    `above` are the groups above, nearest first, each with the path from it to the folder, or, where a `name` is given, to
    the folder that holds it under that name: so all that a group holds share one list. `link` is where a link out of the
    tree leads, as long as it is not decided whether to follow it; `passed` are folders below, which were reached by other
    links already.
    """

    path: str
    above: Ancestors = ()
    name: str = ""
    link: str = ""
    passed: tuple[str, ...] = ()

    @property
    def ancestors(self) -> Ancestors:
        """The groups above, nearest first, each with the path from it."""
        name = self.name
        if not name:
            return self.above
        return tuple([(node, f"{below}/{name}" if below else name) for node, below in self.above])


class Visit(NamedTuple):
    """One node as it was found; `error` instead of `node` where it cannot be read, and neither where a folder is no node.

    Neither, and numbers of `arrays` and `groups`, where nodes were found in which there is nothing to look at.
    """

    place: Place
    node: Node | None
    error: DocumentError | StoreError | None = None
    arrays: int = 0
    groups: int = 0


class Links:
    """Where links lead: below `roots`, which are walked anyway, or elsewhere, where each folder is walked once."""

    def __init__(self, roots: Iterable[str] = ()) -> None:
        self.roots = frozenset(roots)
        self._above = {above for root in self.roots for above in _with_above(root)}
        self._followed: list[str] = []
        self._walked = set(self.roots)

    @property
    def any_followed(self) -> bool:
        """Whether a link was followed so far."""
        return bool(self._followed)

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
    also ends after `most` folders. `skim` is asked first whether a folder is an array in which there is nothing to look at
    (then it returns no names) or such a group with such arrays (then it returns their names); None for all others.
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
        skim: Callable[[Place], Sequence[str] | None] | None = None,
    ) -> None:
        self.pending = places[::-1]
        self._most = most
        self._links = links
        self._roots = links or roots or Links(os.path.realpath(place.path) for place in places)
        self._open = open_ or (lambda path: read_node(path, limits=limits))
        self._limits = limits
        self._skim = skim or (lambda _: None)

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
            names = self._skim(place)
            if names is not None and (not names or self._pass(place, names)):
                yield Visit(place, None, None, len(names), 1) if names else Visit(place, None, None, 1)
                continue
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
                yield Visit(place, node._replace(ancestors=place.ancestors) if place.above else node)
            else:
                node = node._replace(ancestors=place.ancestors) if place.above else node
                yield Visit(place, node)
                yield from self._list(place, node)

    def _pass(self, place: Place, names: Sequence[str]) -> bool:
        """Put on the list what stands in a group beside some folders; False where one of these is none, or is a link."""
        if place.passed:
            return False
        try:
            found = list(list_folders(place.path))
            others = [entry for entry in found if entry[1] or entry[0] not in names]
            if len(found) - len(others) != len(names):
                return False
            if others:
                group = self._open(place.path)
                self._put(place, group._replace(ancestors=place.ancestors) if group is not None else None, others)
        except (DocumentError, StoreError):
            return False
        return True

    def _list(self, place: Place, group: Node | None) -> Iterator[Visit]:
        """Put the folders below a group on the list of what is to be looked at."""
        try:
            found = list(list_folders(place.path))
        except StoreError as error:
            yield Visit(place, None, error)
        else:
            self._put(place, group, found)

    def _put(self, place: Place, group: Node | None, found: list[tuple[str, bool]]) -> None:
        above = place.ancestors if group is None else ((group, ""), *place.ancestors)[:MOST_ABOVE]
        here = os.path.realpath(place.path) if place.passed else ""
        for name, is_link in reversed(found):
            path = place.path + os.sep + name
            link = os.path.realpath(path) if is_link else ""
            if (link and not self._roots.leads_out(link)) or (here and here + os.sep + name in place.passed):
                continue
            self.pending.append(Place(path, above, name, link, place.passed))


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
