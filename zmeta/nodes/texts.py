"""The documents of nodes as text, read in the order in which `read_node` asks for them, and kept in case it follows."""

from __future__ import annotations

import os
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from zmeta.jsondoc import LIMITS
from zmeta.nodes.node import DOCUMENTS
from zmeta.stores.local import read_file
from zmeta.stores.registry import SEES_LINKS, exists, is_plain, may_exist, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zmeta.jsondoc import Limits


class Text(NamedTuple):
    """The names of the documents of a node, and what stands in them; no names where there is no node of Zarr."""

    names: tuple[str, ...] = ()
    raws: tuple[bytes, ...] = ()

    @property
    def joined(self) -> bytes:
        """The documents one behind the other; JSON holds no NUL."""
        return b"\0".join(self.raws)

    @property
    def mark(self) -> int:
        """What tells documents apart that differ in more than their numbers."""
        return hash(self.joined.translate(None, b"0123456789.-"))

    @property
    def given(self) -> dict[str, bytes | None]:
        """The documents by name, for `read_node`, which is to look for no others."""
        return {**_ABSENT, **dict(zip(self.names, self.raws, strict=True))}


class Texts:
    """Reads the documents of one node after the other, and keeps what was read in vain until it is asked for."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._last: tuple[str, ...] = ()
        self._given: dict[str, Text] = {}
        self._read_file: Callable[[str, Limits], bytes | None] = read
        self._may_exist: Callable[[str], bool] = may_exist
        self._exists: Callable[[str], bool] = exists

    def begin(self, folder: str) -> None:
        """Forget what was read, and go on with a folder and what is below it."""
        self._given.clear()
        self._read_file, self._may_exist, self._exists = _HERE if is_plain(folder) else (read, may_exist, exists)

    def given(self, folder: str) -> Mapping[str, bytes | None]:
        """Return the documents of a node that were read, by name; None for those that are not there."""
        text = self._given.pop(folder, None)
        return _NOTHING if text is None else text.given if text.names else _NO_NODE

    def read(self, folder: str, like: tuple[str, ...] = ()) -> Text:
        """Read the documents of a node, which are expected to be `like` some. Raises `DocumentError` and `StoreError`."""
        base = folder + os.sep
        self._given.pop(folder, None)
        read_file_, may_exist_, limits = self._read_file, self._may_exist, self._limits
        raw: bytes | None = None
        expected = like or self._last
        for name in DOCUMENTS:  # what is expected is read, what is not is looked for
            raw = read_file_(base + name, limits) if name in expected or may_exist_(base + name) else None
            if raw is not None:
                break
        if raw is None:
            text = Text()
        else:
            names = _NAMES[name]
            more = None
            if len(names) > 1 and (names[1] in expected or may_exist_(base + names[1])):
                more = read_file_(base + names[1], limits)
            text = Text(names[:1], (raw,)) if more is None else Text(names, (raw, more))
            if not like:
                self._last = text.names
        self._given[folder] = text
        return text

    def with_copy(self, folder: str, text: Text) -> Text:
        """Return the documents of a group of Zarr v2 with its consolidated copy, if it keeps one. Raises as `read`."""
        file = folder + os.sep + ".zmetadata"
        raw = self._read_file(file, self._limits) if self._may_exist(file) else None
        return text if raw is None else Text((*text.names, ".zmetadata"), (*text.raws, raw))

    def stands_alone(self, folder: str, names: tuple[str, ...]) -> bool:
        """Whether none of some documents stands in a folder."""
        return not [name for name in names if self._exists(folder + os.sep + name)]


_NOTHING: Mapping[str, bytes | None] = MappingProxyType({})
_NAMES = {
    "zarr.json": ("zarr.json",),
    ".zarray": (".zarray", ".zattrs"),
    ".zgroup": (".zgroup", ".zattrs"),
    "attributes.json": ("attributes.json",),
}
#: What is known of a folder in which no document was found.
_NO_NODE: Mapping[str, bytes | None] = MappingProxyType(dict.fromkeys(DOCUMENTS))
_ABSENT = dict.fromkeys((*_NAMES, ".zattrs"))


def _is_there(path: str) -> bool:
    return os.access(path, os.F_OK)


#: How plain files are read, and looked for, be they links that lead nowhere or not.
_HERE = read_file, (partial(os.access, mode=os.F_OK, follow_symlinks=False) if SEES_LINKS else os.path.lexists), _is_there
