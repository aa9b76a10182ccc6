"""From a node as it is and as it will be to the documents that change; consolidated copies are kept true."""

from __future__ import annotations

import marshal
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from zmeta.jsondoc import LIMITS, Limits, dump_json, parse_json
from zmeta.migration.kinds import Kinds
from zmeta.nodes.to_v3 import consolidated_v3, convert_array, convert_group, with_consolidated
from zmeta.nodes.write import Change
from zmeta.stores.registry import read

if TYPE_CHECKING:
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.node import Node

#: For documents that are made here of some that were read: these may be a little larger and deeper.
_NO_LIMITS = Limits(sys.maxsize, sys.maxsize)
#: How a document is laid out that replaces none: as zarr-python writes its kind.
_NEW_V3, _NEW = b'{\n  "a": 1\n}', b'{\n    "a": 1\n}'


class Written(NamedTuple):
    """What is written for one node: documents made or replaced, then those that go; `document` is the main one."""

    create: tuple[Change, ...] = ()
    remove: tuple[Change, ...] = ()
    document: JSONObject | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All of it, in the order of writing."""
        return self.create + self.remove


def _dump(data: JSONObject, raw: bytes | None, new: bytes = _NEW) -> bytes:
    """Serialise a document in the layout of the one that it replaces; raises `ValueError` on NaN."""
    return dump_json(data, new if raw is None else raw)


def rewritten(node: Node, after: Node) -> Written:
    """Return the changes that make an array say what it will say, in the format that it will have; raises `ValueError`."""
    return converted(node, after) if after.format != node.format else edited(node, after)


# --- in the format that the node has ------------------------------------------------------------------------------------


def edited(node: Node, after: Node, copy: Copy | None = None) -> Written:
    """Return the changes that make a node say what it will say; with `copy` that one is brought up to date too.

    Raises `ValueError` where a document holds what is no JSON.
    """
    file = node.attributes_file
    known = node.documents.get(file[len(node.path) :].lstrip(os.sep))
    raw = None if known is None else known.raw
    changed = after.attributes != node.attributes or after.dimension_names != node.dimension_names
    document = _edited_document(node, after, {} if known is None else known.data)
    create = []
    if node.format == 2 and node.kind == "group" and ".zgroup" not in node.documents:
        create.append(Change(os.path.join(node.path, ".zgroup"), None, _dump({"zarr_format": 2}, None)))
    if copy is not None and node.format == 2:
        create.append(Change(copy.file, copy.raw, _dump(copy.content(), copy.raw)))
    elif copy is not None:
        document = copy.content(document)
    if changed or (copy is not None and node.format == 3):
        create.append(Change(file, raw, _dump(document, raw, _NEW_V3 if node.format == 3 else _NEW)))
    return Written(tuple(create), document=document)


def _edited_document(node: Node, after: Node, data: JSONObject) -> JSONObject:
    """Return the document that holds a node's attributes, with its other keys and their order kept."""
    if node.format == 2:
        return after.attributes
    if node.format == 3:
        names: JSONObject = {}
        if after.dimension_names != node.dimension_names:
            names = {"dimension_names": after.dimension_names}
        return {**data, **names, "attributes": after.attributes}
    kept = {key: value for key, value in data.items() if key not in node.attributes or key in after.attributes}
    return kept | after.attributes


# --- from Zarr v2 to Zarr v3 --------------------------------------------------------------------------------------------


def converted(node: Node, after: Node, copy: Copy | None = None) -> Written:
    """Return the Zarr v3 document that a node of Zarr v2 gets, and the documents that then go; findings where it cannot.

    Raises `ValueError` where a document holds what is no JSON.
    """
    array = node.documents.get(".zarray")
    if array is not None:
        names = after.dimension_names if isinstance(after.dimension_names, list) else None
        conversion = convert_array(array.data, after.attributes, [name if isinstance(name, str) else None for name in names]
                                   if names else None)  # fmt: skip
    else:
        group = node.documents.get(".zgroup")
        conversion = convert_group(after.attributes, None if group is None else group.data)
    document = conversion.document
    if document is None:
        return Written(findings=tuple(_placed(conversion.findings, node)))
    if copy is not None:
        document = with_consolidated(document, consolidated_v3(copy.documents))
    new = _dump(document, None, _NEW_V3) if array is None else _dump_array(document)
    create = (Change(f"{node.path}{os.sep}zarr.json", None, new),)
    gone = [Change(found.file, found.raw, None) for found in node.documents.values()]
    if copy is not None:
        gone.insert(0, Change(copy.file, copy.raw, None))
    return Written(create, tuple(gone), document, tuple(_placed(conversion.findings, node)))


def _dump_array(document: JSONObject) -> bytes:
    """Serialise the new document of an array: most are alike but for shape and chunks."""
    shape, chunks = _grid(document)
    try:
        kind = marshal.dumps([item for item in document.items() if item[0] not in _GRID], 2)
    except ValueError:  # a number that keeps its literal
        kind = b""
    if not kind or len(kind) > _LARGEST or not shape:
        return _dump(document, None, _NEW_V3)
    parts = _TEXTS.find(kind, lambda: _learn_text(document))
    return _dump(document, None, _NEW_V3) if parts is None else _with_grid(parts, shape, chunks)


#: Documents of arrays as text without shape and chunks.
_TEXTS: Kinds[tuple[bytes, bytes, bytes]] = Kinds()
_LARGEST = 16384
_GRID = ("shape", "chunk_grid")
_MARK = "the numbers of an array"


def _grid(document: Any) -> tuple[Any, Any]:
    return document["shape"], document["chunk_grid"]["configuration"]["chunk_shape"]


def _learn_text(document: JSONObject) -> tuple[bytes, bytes, bytes] | None:
    """Return the text of a document around its shape and its chunks; None where they cannot be told from the rest."""
    grid: JSONValue = {"name": "regular", "configuration": {"chunk_shape": _MARK}}
    parts = _dump({**document, "shape": _MARK, "chunk_grid": grid}, None, _NEW_V3).split(f'"{_MARK}"'.encode())
    found = parts[0], parts[1], parts[2]
    same = _with_grid(found, *_grid(document)) == _dump(document, None, _NEW_V3)
    return found if same else None


def _with_grid(parts: tuple[bytes, bytes, bytes], shape: Any, chunks: Any) -> bytes:
    numbers = (",\n    ".join(map(repr, shape)), ",\n        ".join(map(repr, chunks)))
    return b"%b[\n    %b\n  ]%b[\n        %b\n      ]%b" % (
        parts[0], numbers[0].encode(), parts[1], numbers[1].encode(), parts[2],
    )  # fmt: skip


def _placed(findings: tuple[Finding, ...], node: Node) -> list[Finding]:
    return [found if found.file else found._replace(file=node.path) for found in findings]


# --- consolidated copies --------------------------------------------------------------------------------------------------


class Copy:
    """The copy that a group keeps of the documents below it, brought to what they will say as a walk goes on."""

    def __init__(self, group: Node, file: str, raw: bytes, data: JSONObject, metadata: JSONObject) -> None:
        self.group = group
        self.file = file
        self.raw = raw
        self.changed = False
        #: Zarr v3 documents of what is converted, or was before, by path below the group.
        self.documents: dict[str, JSONObject] = {}
        self._data = data
        self._metadata = dict(metadata)

    def put(self, node: Node, after: Node, document: JSONObject | None) -> None:
        """Take over what a node at or below the group will say, if the copy holds it at all."""
        below = self._below(node.path)
        if self.group.format == 2 and after.format == 3:
            if document is not None and below:
                self.documents[below] = document
        elif node.format == self.group.format == 2:
            self._put_attributes(below, after.attributes)
        elif node.format == self.group.format == 3 and document is not None:
            self._put_document(below, document)

    def take(self, change: Change) -> None:
        """Take over a document that is written at or below the group, as `put` does; those of other copies are none."""
        folder, _, name = change.file.rpartition(os.sep)
        if change.new is None or name not in ("zarr.json", ".zattrs"):
            return
        below, data = self._below(folder), parse_json(change.new, change.file, _NO_LIMITS)[0]
        if name == "zarr.json" and self.group.format == 2:
            self.documents[below] = data
        elif name == "zarr.json":
            self._put_document(below, data)
        elif self.group.format == 2:
            self._put_attributes(below, data)

    def _below(self, folder: str) -> str:
        return folder[len(self.group.path) :].strip(os.sep).replace(os.sep, "/")

    def _put_attributes(self, below: str, attributes: JSONObject) -> None:
        prefix = f"{below}/".lstrip("/")
        if prefix + ".zarray" in self._metadata or prefix + ".zgroup" in self._metadata:
            self._metadata[prefix + ".zattrs"] = attributes
            self.changed = True

    def _put_document(self, below: str, document: JSONObject) -> None:
        entry = self._metadata.get(below)
        if isinstance(entry, dict):
            self._metadata[below] = {**entry, **{key: document[key] for key in document if key != "consolidated_metadata"}}
            self.changed = True

    def content(self, document: JSONObject | None = None) -> JSONObject:
        """Return the document that holds the copy as it will be; of Zarr v3 it is that of the group, as given."""
        data = self._data if document is None else document
        if self.group.format == 2:
            return {**data, "metadata": self._metadata}
        inner = data.get("consolidated_metadata")
        return {**data, "consolidated_metadata": {**(inner if isinstance(inner, dict) else {}), "metadata": self._metadata}}


def find_copy(group: Node, limits: Limits = LIMITS, given: bytes | None = None) -> Copy | None:
    """Return the consolidated copy that a group keeps; of Zarr v2 it may be `given`, as it was read.

    Raises `DocumentError` or `StoreError` where it cannot be read.
    """
    if group.format == 3:
        document = group.documents["zarr.json"]
        inner = document.data.get("consolidated_metadata")
        metadata = inner.get("metadata") if isinstance(inner, dict) else None
        return Copy(group, document.file, document.raw, document.data, metadata) if isinstance(metadata, dict) else None
    file = os.path.join(group.path, ".zmetadata")
    raw = (given or read(file, limits)) if group.format == 2 else None
    if raw is None:
        return None
    data = parse_json(raw, file, limits)[0]
    metadata = data.get("metadata")
    return Copy(group, file, raw, data, metadata if isinstance(metadata, dict) else {})
