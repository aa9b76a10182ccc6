"""Images and containers of one writer are described alike but for their numbers: what is found out about one holds for all.

    folder ──texts──▶ Stencil known? ──▶ units, as the walk over it would give them
                      else ──twins──▶ perhaps a Stencil

Only what stands alone is told so: a group that holds its levels, or arrays that each say all of themselves, and nothing
else, and above it nothing that speaks of it. Everything else takes the long way.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from zmeta.nodes.node import TWINS, read_node
from zmeta.stores.registry import list_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zmeta.migration.stencil import Stencil
    from zmeta.migration.unit import Unit
    from zmeta.nodes.node import Format
    from zmeta.nodes.texts import Text, Texts

    Learn = Callable[[str, Mapping[str, Text]], Stencil | None]

#: Images that are learnt from at once, and after how many of them once more: a tree whose images all differ teaches nothing.
_FIRST, _EVERY = 16, 32
#: How often images whose documents differ in their numbers alone are learnt from in vain.
_TRIES = 2
_MOST_KEPT, _MOST_NODES = 16, 64
#: Containers of a kind that come by before one is learnt from: that takes as long as to plan some dozens of them.
_OFTEN, _MOST_SEEN = 32, 4096
#: After so many groups in a row that are like none, only one in some is looked into.
_MANY, _STEP = 128, 7
#: What may not stand beside the documents of a node, by the first of them.
_ALONE: dict[str, tuple[str, ...]] = {
    ".zarray": TWINS[2, "array"],
    ".zgroup": (*TWINS[2, "group"], ".zmetadata"),
    "attributes.json": (),
    "zarr.json": (*TWINS[3, "array"], *TWINS[3, "group"], "attributes.json", ".zmetadata"),
}


class Planned(NamedTuple):
    """What becomes of some nodes, how many they are, the format of the first as it is, and whether it keeps a copy."""

    units: tuple[Unit, ...]
    arrays: int
    groups: int = 0
    format: Format = 2
    has_copy: bool = False


class Images:
    """Plans images that are like one that was seen, by their text alone; `learn` finds out how."""

    def __init__(self, learn: Learn, texts: Texts) -> None:
        self._learn, self._texts = learn, texts
        self._known: list[Stencil] = []
        self._asked = self._learned = 0
        self._failed: dict[int, int] = {}
        self._vain = 0

    def follow(self, path: str, text: Text) -> Planned | None:
        """Return what becomes of the image in a folder with a document; None for the long way. Raises `ZmetaError`."""
        self._asked += 1
        if text.names[0] == ".zgroup":
            text = self._texts.with_copy(path, text)
        planned = self._find(path, text)
        if planned is None and self._learned < _FIRST + self._asked // _EVERY:
            mark = self._mark(path, text)
            if mark is not None and self._failed.get(mark, 0) < _TRIES:
                self._learned += 1
                self._keep(path, text)
                planned = self._find(path, text)
                self._failed[mark] = self._failed.get(mark, 0) + (planned is None)
        self._vain = 0 if planned is not None else self._vain + 1
        return planned

    def _mark(self, _path: str, text: Text, /) -> int | None:
        """Return what groups have in common that are learnt from in vain; None where one is not to be learnt from."""
        return text.mark

    def _find(self, path: str, text: Text) -> Planned | None:
        """Return what becomes of an image that fits a stencil."""
        joined = text.joined
        below: dict[str, Text] = {}
        for index, stencil in enumerate(self._known):
            holes = stencil.form.match(joined) if stencil.names == text.names else None
            if holes is None:
                continue
            raws = [*text.raws]
            for name, names, form in stencil.nodes:
                if name not in below:
                    below[name] = self._texts.read(path + os.sep + name, names)
                node = below[name]
                more = form.match(node.joined) if node.names == names else None
                if more is None:
                    break
                holes += more
                raws += node.raws
            else:
                units = stencil.fill(path, raws, holes) if self._stands_alone(path, stencil) else None
                if units is None:
                    continue
                if index:
                    self._known.insert(0, self._known.pop(index))
                groups = 1 + len(stencil.nodes) - stencil.arrays
                has_copy = ".zmetadata" in text.names or b'"consolidated_metadata"' in text.raws[0]
                return Planned(units, stencil.arrays, groups, 3 if text.names[0] == "zarr.json" else 2, has_copy)
        return None

    def _stands_alone(self, path: str, stencil: Stencil) -> bool:
        """Whether an image holds its levels and nothing else, and nothing stands beside the documents."""
        alone = self._texts.stands_alone
        beside = _ALONE[stencil.names[0]]
        if not alone(path, beside if ".zmetadata" not in stencil.names else TWINS[2, "group"]):
            return False
        for folder, names in stencil.listings:
            if tuple(list_folders(f"{path}{os.sep}{folder}".rstrip(os.sep))) != names:
                return False
        return all(alone(path + os.sep + name, _ALONE[documents[0]]) for name, documents, _ in stencil.nodes)

    def _keep(self, path: str, text: Text) -> None:
        """Learn the stencil of a group, if there is one, and keep it."""
        folders = {"": text}
        pending = [""]
        while pending:
            folder = pending.pop()
            place = os.path.join(path, folder).rstrip(os.sep)
            node = read_node(place, given=folders[folder].given)
            for name, is_link in list_folders(place) if node is not None and node.kind == "group" else ():
                below = f"{folder}/{name}".lstrip("/")
                folders[below] = self._texts.read(os.path.join(path, below))
                if is_link or not folders[below].names or len(folders) > _MOST_NODES:
                    return
                pending.append(below)
        folders = {folder: folders[folder] for folder in sorted(folders, key=lambda folder: folder.split("/"))}
        stencil = self._learn(path, folders)
        if stencil is not None and self._stands_alone(path, stencil):
            self._known.insert(0, stencil)
            del self._known[_MOST_KEPT:]


class Containers(Images):
    """Plans groups that say nothing, with the arrays in them, once those that hold the same names were seen often enough."""

    def __init__(self, learn: Learn, texts: Texts) -> None:
        super().__init__(learn, texts)
        self._seen: dict[int, int] = {}

    def _mark(self, path: str, text: Text, /) -> int | None:
        if self._vain > _MANY and self._vain % _STEP:  # to list a folder once more takes time
            return None
        names = tuple(list_folders(path))
        if not 0 < len(names) < _MOST_NODES:
            return None
        mark = hash((text.mark, names))
        count = self._seen.pop(mark, 0) + 1
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[mark] = count
        return None if count % _OFTEN else mark
