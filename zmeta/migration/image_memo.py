"""Images of one writer are described alike but for their numbers: what was found out about one holds for the others.

    folder ──texts──▶ Stencil known? ──▶ units, as the walk over the image would give them
                      else ──twins──▶ perhaps a Stencil

Only an image that stands alone is told so: a group that holds its levels and nothing else, without a consolidated copy, and
above it nothing that speaks of it. Everything else takes the long way.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.site import level_names
from zmeta.migration.twins import learn
from zmeta.nodes.node import TWINS, read_node
from zmeta.stores.registry import list_folders

if TYPE_CHECKING:
    from zmeta.migration.stencil import Stencil
    from zmeta.migration.twins import Plan
    from zmeta.migration.unit import Unit
    from zmeta.nodes.node import Format
    from zmeta.nodes.texts import Text, Texts

#: Images that are learnt from at once, and after how many of them once more: a tree whose images all differ teaches nothing.
_FIRST, _EVERY = 16, 32
_MOST_KEPT = 16
#: What may not stand beside the documents of a node, by the first of them.
_ALONE: dict[str, tuple[str, ...]] = {
    ".zarray": TWINS[2, "array"],
    ".zgroup": (*TWINS[2, "group"], ".zmetadata"),
    "zarr.json": (*TWINS[3, "array"], *TWINS[3, "group"], "attributes.json", ".zmetadata"),
}


class Planned(NamedTuple):
    """What becomes of some nodes, how many they are, and the format of the first as it is, where that matters."""

    units: tuple[Unit, ...]
    arrays: int
    groups: int = 0
    format: Format = 2


class Images:
    """Plans images that are like one that was seen, by their text alone; `plan` is the long way."""

    def __init__(self, plan: Plan, texts: Texts) -> None:
        self._plan, self._texts = plan, texts
        self._known: list[Stencil] = []
        self._asked = self._learned = 0

    def follow(self, path: str, text: Text) -> Planned | None:
        """Return what becomes of the image in a folder with a document; None for the long way. Raises `ZmetaError`."""
        self._asked += 1
        planned = self._find(path, text)
        if planned is None and self._learned < _FIRST + self._asked // _EVERY:
            self._learned += 1
            self._learn(path, text)
            planned = self._find(path, text)
        return planned

    def _find(self, path: str, text: Text) -> Planned | None:
        """Return what becomes of an image that fits a stencil."""
        joined = text.joined
        levels: dict[str, Text] = {}
        for index, stencil in enumerate(self._known):
            holes = stencil.form.match(joined) if stencil.names == text.names else None
            if holes is None:
                continue
            raws = [*text.raws]
            for name, names, form in stencil.levels:
                if name not in levels:
                    levels[name] = self._texts.read(path + os.sep + name)
                level = levels[name]
                more = form.match(level.joined) if level.names == names else None
                if more is None:
                    break
                holes += more
                raws += level.raws
            else:
                units = stencil.fill(path, raws, holes) if self._stands_alone(path, stencil) else None
                if units is None:
                    return None
                if index:
                    self._known.insert(0, self._known.pop(index))
                return Planned(units, len(stencil.levels), 1, 3 if text.names[0] == "zarr.json" else 2)
        return None

    def _stands_alone(self, path: str, stencil: Stencil) -> bool:
        """Whether a group holds its levels and nothing else, and nothing stands beside the documents."""
        alone = self._texts.stands_alone
        if not alone(path, _ALONE[stencil.names[0]]) or [*list_folders(path)] != _folders([n for n, *_ in stencil.levels]):
            return False
        return all(alone(path + os.sep + name, _ALONE[names[0]]) for name, names, _ in stencil.levels)

    def _learn(self, path: str, text: Text) -> None:
        """Keep the stencil of an image, if there is one."""
        group = read_node(path, given=text.given)
        names = [] if group is None else list(level_names(group.attributes))
        if not names or [*list_folders(path)] != _folders(names):
            return
        folders = {"": text} | {name: self._texts.read(path + os.sep + name) for name in names}
        stencil = learn(path, folders, self._plan) if all(found.names for found in folders.values()) else None
        if stencil is not None:
            self._known.insert(0, stencil)
            del self._known[_MOST_KEPT:]


def _folders(names: list[str]) -> list[tuple[str, bool]]:
    """Return the folders of a group that holds its levels and nothing else, as they are listed: none is a link."""
    return [(name, False) for name in sorted(names)]
