"""From what a user names to folders to walk: containers, nodes, single documents, globs, zip archives."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from zmeta.errors import DocumentError, NodeNotFoundError, StoreError
from zmeta.jsondoc import LIMITS
from zmeta.nodes.node import DOCUMENTS, absolute, list_children, read_node
from zmeta.nodes.walk import Links, Place, Walk, is_group
from zmeta.stores.local import failed
from zmeta.stores.paths import is_url, parent
from zmeta.stores.registry import is_zip, list_folders
from zmeta.stores.remote import expect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zmeta.jsondoc import Limits

#: Documents that name their node; a user, or pre-commit, may name one of them.
DOCUMENT_NAMES = frozenset({*DOCUMENTS, ".zattrs", ".zmetadata"})
_MAGIC = re.compile(r"[*?\[]")


class Target(NamedTuple):
    """A folder, and whether what is below it is looked at too."""

    path: str
    below: bool


def find_targets(paths: Iterable[str | os.PathLike[str]], limits: Limits = LIMITS) -> list[Target]:
    """Return the folders that paths stand for, each once; raises `NodeNotFoundError` for a path that leads to nothing."""
    targets: dict[str, Target] = {}
    for path in paths:
        for target in _find(os.fspath(path), limits):
            real = target.path if is_url(target.path) else os.path.realpath(target.path)
            known = targets.get(real)
            if known is None:
                targets[real] = target
            elif target.below and not known.below:
                targets[real] = known._replace(below=True)
    whole = {real for real, target in targets.items() if target.below}
    return [target for real, target in targets.items() if not _is_passed(real, whole)]


def _is_passed(path: str, whole: set[str]) -> bool:
    """Whether a walk over some folders comes by a path; it leaves out hidden folders."""
    while not os.path.basename(path).startswith("."):
        above = os.path.dirname(path)
        if above in whole:
            return True
        if above == path:
            return False
        path = above
    return False


def _find(path: str, limits: Limits) -> list[Target]:
    if is_url(path):
        whole = absolute(path)
        if is_url(whole):
            target = Target(parent(whole), below=False) if _is_document(whole) else Target(whole, below=True)
            if target.below:
                expect(target.path)
            with suppress(DocumentError):  # which is a finding; a store that fails is not
                read_node(target.path, limits=limits)
            return [target]
        path = whole
    if not path or "\0" in path:
        raise NodeNotFoundError("the path is not valid", where=path or "''", hint="check the path")
    if not os.path.lexists(path) and _MAGIC.search(path):
        found = [name for name in iter_glob(path, limits) if os.path.isdir(name) or _is_document(name) or is_zip(name)]
        if not found:
            raise NodeNotFoundError("nothing fits the glob", where=path, hint="check the pattern, and the working directory")
        return [target for name in found for target in _find(name, limits)]
    whole = absolute(path)
    if _is_document(path) and not os.path.isdir(path):
        if not os.path.lexists(path) and not is_zip(whole):
            raise NodeNotFoundError("there is no such document", where=path, hint="check the path")
        return [Target(os.path.dirname(whole), below=False)]
    if os.path.isdir(path) or is_zip(whole):
        return [Target(whole, below=True)]
    if os.path.lexists(path):
        expected = ", ".join(sorted(DOCUMENT_NAMES))
        raise NodeNotFoundError("this file is no metadata document", where=path, expected=expected, hint=_beside(path))
    raise NodeNotFoundError("there is no such file or folder", where=path, hint="check the path")


def _is_document(path: str) -> bool:
    return os.path.basename(path) in DOCUMENT_NAMES


def _beside(path: str) -> str:
    try:
        names = list(list_children(os.path.dirname(absolute(path))))[:5]
    except (NodeNotFoundError, StoreError):
        return ""
    return f"name a node, such as {', '.join(names)}" if names else ""


# --- globs ------------------------------------------------------------------------------------------------------------


def iter_glob(pattern: str, limits: Limits = LIMITS) -> Iterator[str]:
    """Yield what fits a pattern, each once, sorted within each folder.

    As `glob.glob`, but `**` follows no link twice, and the folder of an array, which may hold millions of chunks, is not
    listed: of what is in there only the documents can fit. Raises `StoreError` where a folder cannot be listed.
    """
    parts = [part for part in pattern.split(os.sep) if part]
    first = os.sep if pattern.startswith(os.sep) else ""
    yield from dict.fromkeys(_expand(first, parts, limits))


def _expand(folder: str, parts: list[str], limits: Limits) -> Iterator[str]:
    if not parts:
        yield folder
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        for below in _walk(folder, limits) if rest else (folder or os.curdir,):  # a folder stands for all that is below it
            yield from _expand(below, rest, limits)
    elif not _MAGIC.search(part):
        path = os.path.join(folder, part)
        if rest or os.path.lexists(path) or is_zip(path):
            yield from _expand(path, rest, limits)
    else:
        for name in _names(folder, limits):
            if fnmatchcase(name, part) and (name[0] != "." or part[0] == "."):
                yield from _expand(os.path.join(folder, name), rest, limits)


def _walk(folder: str, limits: Limits) -> Iterator[str]:
    """Yield a folder and all below it that are nodes, or groups of nodes."""
    if os.path.isdir(folder or os.curdir) or is_zip(folder):
        start = folder or os.curdir
        for visit in Walk([Place(start)], links=Links((os.path.realpath(start),)), limits=limits):
            path = visit.place.path
            yield path if folder else os.path.normpath(path)


def _names(folder: str, limits: Limits) -> list[str]:
    """Return what stands in a folder, sorted; in that of an array the documents alone."""
    here = folder or os.curdir
    if is_zip(here):
        return [name for name, _ in list_folders(here)]
    if not os.path.isdir(here):
        return []
    if _is_array(here, limits):
        return sorted(name for name in DOCUMENT_NAMES if os.path.lexists(os.path.join(here, name)))
    try:
        return sorted(os.listdir(here))
    except OSError as error:
        raise failed("list", here, error) from None


def _is_array(folder: str, limits: Limits) -> bool:
    try:
        node = read_node(folder, limits=limits)
    except DocumentError as error:
        return not is_group(folder, error.where, limits)
    except StoreError:
        return True
    return node is not None and node.kind == "array"
