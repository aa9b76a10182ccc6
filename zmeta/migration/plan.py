"""The plan of a migration: the units of all trees, streamed. Reads everything, writes nothing.

A container that goes from Zarr v2 to v3 goes as a whole or not at all: first every node gets its v3 document, children
before their groups, then the v2 documents go, the container's own first. So a reader finds a sound hierarchy at any moment.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

from zmeta.checker.targets import find_targets
from zmeta.errors import DocumentError, NodeNotFoundError, StoreError
from zmeta.finding import Finding, Severity
from zmeta.migration.documents import edited
from zmeta.migration.spool import Spool
from zmeta.migration.tree import Memo, Tally, TreePlan, unwritable
from zmeta.migration.unit import Need, Unit
from zmeta.nodes.node import CONTAINER_SUFFIXES, has_document, read_ancestors, read_node
from zmeta.nodes.walk import Links, Place
from zmeta.stores.registry import is_plain, is_zip, list_folders
from zmeta.stores.remote import crawling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zmeta.checker.targets import Target
    from zmeta.migration.documents import Copy
    from zmeta.migration.options import Options
    from zmeta.nodes.write import Change

#: What a unit is called that takes the Zarr v2 documents away.
REMOVAL = "remove the documents of Zarr v2"


def plan_units(paths: Iterable[str | os.PathLike[str]], options: Options, tally: Tally | None = None) -> Iterator[Unit]:
    """Yield what becomes of every node below some paths that changes, or that cannot; see `Unit`.

    Raises `NodeNotFoundError` for a path that leads to nothing, or to no node.
    """
    counted = Tally() if tally is None else tally
    paths, config = list(paths), options.config
    with crawling(paths, config.store_options, config.concurrency, config.limits):
        targets = find_targets(paths, config.limits)
        for unit in _plan_targets(targets, options, counted):
            counted.units += bool(unit.changes)
            counted.documents += len(unit.changes)
            counted.blocked += unit.blocked
            yield unit
    if not (counted.arrays or counted.groups or counted.blocked):
        where = ", ".join(target.path for target in targets)
        expected = "zarr.json, .zarray, .zgroup or attributes.json"
        raise NodeNotFoundError("there is no Zarr or N5 node here or below", where=where, expected=expected)


def _plan_targets(targets: list[Target], options: Options, tally: Tally) -> Iterator[Unit]:
    """Plan one target after the other, then the copies that groups above them keep, each once for all of them."""
    links = Links(os.path.realpath(target.path) for target in targets)
    memo = Memo(options)
    copies: dict[str, Copy | None] = {}
    for target in targets:
        yield from _plan_target(target, links, TreePlan(options, tally, memo, copies), memo, options, tally)
    for copy in copies.values():
        if copy is not None and copy.changed:
            try:
                changes = edited(copy.group, copy.group, copy).create
            except ValueError as error:
                yield Unit(copy.group.path, findings=(unwritable(copy.group, error),))
            else:
                yield Unit(copy.group.path, ("consolidated metadata",), changes=changes)


def _plan_target(target: Target, links: Links, tree: TreePlan, memo: Memo, options: Options, tally: Tally) -> Iterator[Unit]:
    if is_zip(target.path):
        message = "a zip archive is only read"
        hint = "unpack it, migrate the folder, and pack it again"
        yield Unit(target.path, findings=(_blocked(message, target.path, hint),))
        return
    ancestors, broken = read_ancestors(target.path, 3, limits=options.config.limits)
    if broken:
        yield Unit(target.path, findings=broken)
    place = Place(target.path, ancestors)
    if not options.needs_v3:
        yield from tree.plan(place, links, None if target.below else 1)
        return
    if any(group.format == 2 for group, _ in ancestors):
        message = "a part of a container cannot go to Zarr v3 alone: readers of the Zarr v2 groups above would lose it"
        hint = f"migrate the whole container: {[group for group, _ in ancestors if group.format == 2][-1].path}"
        yield Unit(target.path, findings=(_blocked(message, target.path, hint),))
        return
    for container in _containers(target.path, options):
        place = Place(container, ancestors if container == target.path else ())
        yield from _convert(place, links, TreePlan(options, tally, memo))


def _containers(folder: str, options: Options) -> Iterator[str]:
    """Yield the topmost nodes at or below a folder; what looks like a container is one, also without a document."""
    pending = [folder]
    while pending:
        path = pending.pop()
        try:
            if path.endswith(CONTAINER_SUFFIXES) or _is_node(path, options):
                yield path
            else:
                pending += [path + os.sep + name for name, link in reversed(list(list_folders(path))) if not link]
        except (DocumentError, StoreError):  # said by the walk, which begins there
            yield path


def _is_node(path: str, options: Options) -> bool:
    """Whether a folder is a node. Raises `DocumentError` and `StoreError`."""
    if is_plain(path):
        return has_document(path)
    return read_node(path, limits=options.config.limits) is not None  # where it takes as long to ask as to read


def _convert(place: Place, links: Links, tree: TreePlan) -> Iterator[Unit]:
    """Plan one container that ends as Zarr v3: what is blocked in it blocks all of it, if it is converted."""
    with Spool() as spool:
        blocked, removes = 0, False
        for planned in tree.plan(place, links):
            unit = _refuse_linked(planned, place.path) if links.any_followed else planned
            if unit.blocked:
                blocked += 1
                yield unit
            else:
                spool.add(unit)
                removes = removes or any(change.new is None for change in unit.changes)
        if blocked and removes:
            message = f"the container stays as it is: {blocked} of its nodes cannot go to Zarr v3 with it"
            hint = "mend these nodes, or agree to what they would lose, and plan again"
            yield Unit(place.path, findings=(_blocked(message, place.path, hint),))
            return
        if not removes:
            yield from spool
            return
        for unit in spool:
            yield unit._replace(changes=tuple([change for change in unit.changes if change.new is not None]))
        for unit in spool.backwards():
            yield from _removal(unit)


def _refuse_linked(unit: Unit, container: str) -> Unit:
    """Return a unit as it is, or blocked where a link leads to it: its own container would be left without it."""
    folders = dict.fromkeys([_folder(change) for change in unit.changes if change.new is None])
    sound: set[str] = set()
    linked = [folder for folder in folders if _is_linked(folder, container, sound)]
    message = "the node is reached by a link and belongs to another container, which would lose it"
    hint = "migrate the container that it belongs to, and put a copy in the place of the link"
    findings = tuple(_blocked(message, folder, hint) for folder in linked)
    return unit._replace(changes=(), findings=(*findings, *unit.findings)) if linked else unit


def _is_linked(folder: str, container: str, sound: set[str]) -> bool:
    """Whether a folder is a link, or one between it and its container; `sound` are those that were found to be none."""
    passed = []
    while len(folder) > len(container) and folder not in sound:
        if os.path.islink(folder):
            return True
        passed.append(folder)
        folder = folder.rpartition(os.sep)[0]
    sound.update(passed)
    return False


def _folder(change: Change) -> str:
    return change.file.rpartition(os.sep)[0]


def _removal(unit: Unit) -> Iterator[Unit]:
    """Yield the unit that takes old documents away, which needs the new ones to be there as planned.

    Those of an image go before those of its levels: who reads Zarr v2 alone must not find it without them.
    """
    gone = [change for change in unit.changes if change.new is None]
    if not gone:
        return
    gone.sort(key=lambda change: _folder(change) != unit.path)
    made = [Need(change.file, sha256(change.new).hexdigest()) for change in unit.changes if change.new is not None]
    yield Unit(unit.path, (REMOVAL,), changes=tuple(gone), needs=tuple(made), last=True)


def _blocked(message: str, path: str, hint: str) -> Finding:
    return Finding("ZM409", message, path, hint=hint, level=Severity.ERROR)
