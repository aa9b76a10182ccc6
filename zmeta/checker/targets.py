"""From what a user names to folders to walk: containers, nodes, single documents, globs, zip archives."""

from __future__ import annotations

import os
from glob import glob
from typing import TYPE_CHECKING, NamedTuple

from zmeta.errors import NodeNotFoundError
from zmeta.nodes.node import DOCUMENTS, absolute, list_children
from zmeta.stores.registry import is_zip

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Documents that name their node; a user, or pre-commit, may name one of them.
DOCUMENT_NAMES = frozenset({*DOCUMENTS, ".zattrs", ".zmetadata"})


class Target(NamedTuple):
    """A folder, and whether what is below it is looked at too."""

    path: str
    below: bool


def find_targets(paths: Iterable[str | os.PathLike[str]]) -> list[Target]:
    """Return the folders that paths stand for, each once; raises `NodeNotFoundError` for a path that leads to nothing."""
    targets: dict[str, Target] = {}
    for path in paths:
        for target in _find(os.fspath(path)):
            known = targets.get(target.path)
            if known is None or not known.below:
                targets[target.path] = target
    whole = [target.path for target in targets.values() if target.below]
    return [
        target
        for target in targets.values()
        if not any(target.path.startswith(other.rstrip(os.sep) + os.sep) for other in whole)
    ]


def _find(path: str) -> list[Target]:
    if "://" in path:
        hint = "only local folders and zip archives are checked"
        raise NodeNotFoundError("a URL cannot be checked yet", where=path, hint=hint)
    if "\0" in path:
        raise NodeNotFoundError("the path is not valid", where=path)
    if not os.path.lexists(path) and any(sign in path for sign in "*?["):
        found = sorted(glob(path, recursive=True))
        if not found:
            raise NodeNotFoundError("nothing fits the glob", where=path, hint="check the pattern, and the working directory")
        return [
            target for name in found if os.path.isdir(name) or _is_document(name) or is_zip(name) for target in _find(name)
        ]
    whole = absolute(path)
    if _is_document(path) and not os.path.isdir(path):
        if not os.path.lexists(path):
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
    except NodeNotFoundError:
        return ""
    return f"name a node, such as {', '.join(names)}" if names else ""
