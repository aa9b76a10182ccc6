"""From files to a `Node`: which container format, array or group, shape, attributes, and the groups above.

The format is told by the documents that are there, never by the suffix of a path. No folder is listed.
"""

from __future__ import annotations

import os
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from zmeta.errors import DocumentError, NodeNotFoundError, NodeTypeError, StoreError
from zmeta.finding import Finding
from zmeta.jsondoc import LIMITS, describe, parse_json, pointer
from zmeta.stores.local import signature_of
from zmeta.stores.paths import is_url, normal_url, parent, split_url
from zmeta.stores.registry import exists, is_zip, list_folders, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from zmeta.jsondoc import JSONObject, JSONValue, Limits

#: 2 and 3 are the Zarr formats, "n5" is N5.
Format = Literal[2, 3, "n5"]

#: Keys of an N5 `attributes.json` that describe the array and may never be user attributes.
N5_RESERVED = frozenset({"n5", "dimensions", "blockSize", "dataType", "compression", "compressionType"})

#: A folder with one of these suffixes is taken as the root of a container when ancestors are looked for.
CONTAINER_SUFFIXES = (".zarr", ".n5", ".zr", ".zr3", ".ome")

_ATTRIBUTES_FILE: dict[Format, str] = {2: ".zattrs", 3: "zarr.json", "n5": "attributes.json"}
_FORMAT_NAMES: dict[Format, str] = {2: "Zarr v2", 3: "Zarr v3", "n5": "N5"}


class Document(NamedTuple):
    """One JSON file as it was read. `data` belongs to whoever reads it, and nobody changes it."""

    file: str
    raw: bytes
    data: JSONObject


class Node(NamedTuple):
    """An array or a group.

    Attributes
    ----------
    path : str
        Folder of the node.
    format : 2, 3 or "n5"
        Container format.
    kind : "array" or "group"
    documents : mapping of str to Document
        What was read, by file name.
    attributes : dict
        The user attributes; in N5 without the names that it reserves.
    shape : tuple of int
        In C order, also for N5; empty for a group.
    dtype : str
        As numpy calls it where it is a plain type, else as the document writes it.
    dimension_names : list or None
        As Zarr v3 writes it.
    ancestors : tuple of (Node, str)
        The groups above, nearest first, each with the path from it to this node.
    findings : tuple of Finding
        What was wrong with the bytes.
    """

    path: str
    format: Format
    kind: Literal["array", "group"]
    documents: Mapping[str, Document]
    attributes: JSONObject
    shape: tuple[int, ...] = ()
    dtype: str = ""
    dimension_names: JSONValue = None
    ancestors: tuple[tuple[Node, str], ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def format_name(self) -> str:
        """The format for people."""
        return _FORMAT_NAMES[self.format]

    @property
    def attributes_file(self) -> str:
        """The document that holds the user attributes (it may not exist yet)."""
        return os.path.join(self.path, _ATTRIBUTES_FILE[self.format])

    @property
    def attributes_pointer(self) -> str:
        """JSON pointer from the document to the user attributes."""
        return "/attributes" if self.format == 3 else ""

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def with_attributes(self, attributes: JSONObject) -> Node:
        """Return the node as it would be with other attributes."""
        return self._replace(attributes=attributes)


def open_node(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None, *, fresh: bool = False) -> Node:
    """Read the node in a folder, and the groups above it up to the root of its container.

    Parameters
    ----------
    path : path
        Folder of an array or group.
    root : path, optional
        Folder of the container. Without it, the groups above are followed while they are there.
    fresh : bool
        Read the documents of groups again even where they look unchanged.

    Raises
    ------
    NodeNotFoundError
        There is no Zarr or N5 node.
    DocumentError, StoreError
        A document of the node is broken or cannot be read.
    """
    folder = absolute(path)
    node = read_node(folder)
    if node is None:
        raise _not_found(folder)
    ancestors, findings = read_ancestors(folder, node.format, root, fresh=fresh)
    return node._replace(ancestors=ancestors, findings=(*node.findings, *findings)) if ancestors or findings else node


def read_ancestors(
    folder: str,
    first: Format,
    root: str | os.PathLike[str] | None = None,
    *,
    fresh: bool = False,
    limits: Limits = LIMITS,
) -> tuple[tuple[tuple[Node, str], ...], tuple[Finding, ...]]:
    """Return the groups above a folder, nearest first, each with the path from it, and a finding for each broken one."""
    ancestors: list[tuple[Node, str]] = []
    findings: list[Finding] = []
    top = None if root is None else absolute(root)
    if top == folder:  # the array itself was named as the container: what is above may still list it
        root = top = None
    for above in _folders_above(folder, top):
        try:
            group = read_node(above, first, cached=not fresh, limits=limits)
        except (DocumentError, StoreError) as error:
            findings.append(error.finding()._replace(code="ZM005"))
            continue
        if group is not None and group.kind == "group":
            ancestors.append((group, folder[len(above) :].strip(os.sep).replace(os.sep, "/")))
        elif group is None and root is None and not _inside_container(above):
            break
    return tuple(ancestors), tuple(findings)


def open_array_node(
    path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None, *, fresh: bool = False
) -> Node:
    """Read an array, as `open_node`; raises `NodeTypeError` for a group."""
    node = open_node(path, root, fresh=fresh)
    if node.kind != "array":
        try:
            children = list(islice(list_children(node.path), 8))
        except StoreError:
            children = []
        hint = f"name an array below it: {', '.join(children)}" if children else "name an array"
        raise NodeTypeError(
            "this is a group, not an array", where=node.path, expected="an array", found="a group", hint=hint
        )
    return node


_POSIX = os.name == "posix"
_normal = lru_cache(maxsize=4096)(os.path.normpath)


def absolute(path: str | os.PathLike[str]) -> str:
    """Return a path as `os.path.abspath` does, at the cost of a look-up where it was seen before."""
    text = path if type(path) is str else os.fspath(path)
    if "://" in text and is_url(text):
        return normal_url(text)
    return _normal(text) if _POSIX and text.startswith("/") else os.path.abspath(text)


def join_dataset(container: str | os.PathLike[str], dataset: str | None) -> str:
    """Return the folder of a dataset in a container; raises `NodeNotFoundError` for a path that climbs out of it."""
    root = absolute(container)
    parts = [part for part in (dataset or "").replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in (dataset or ""):
        raise NodeNotFoundError("the dataset's path leaves its container", where=f"{root}: {dataset!r}", hint="remove `..`")
    return "/".join([root, *parts]) if is_url(root) else os.path.join(root, *parts)


def _folders_above(folder: str, root: str | None) -> Iterator[str]:
    while folder != root:
        if is_url(folder) and folder.endswith(CONTAINER_SUFFIXES) and not _inside_container(folder):
            return  # what is above a container may be closed to those who may read it
        above = parent(folder)
        if above == folder:
            return
        folder = above
        yield folder


def _inside_container(folder: str) -> bool:
    """Whether a folder above still looks like a container: some writers leave out the documents of groups in between."""
    above = split_url(parent(folder))[1].split("/") if is_url(folder) else os.path.dirname(folder).split(os.sep)
    return any(part.endswith(CONTAINER_SUFFIXES) for part in above)


def _not_found(folder: str) -> NodeNotFoundError:
    if not is_url(folder) and not os.path.isdir(folder) and not is_zip(folder):
        scheme = ":/" in folder.replace(os.sep, "/")
        hint = "a URL has two slashes, and a Path takes one of them: hand over text" if scheme else "check the path"
        return NodeNotFoundError("there is no such folder", where=folder, hint=hint)
    try:
        children = list(islice(list_children(folder), 8))
    except StoreError:  # such as HTTP, which has no listing
        children = []
    return NodeNotFoundError(
        "this folder is not a Zarr or N5 node",
        where=folder,
        expected="zarr.json, .zarray, .zgroup or attributes.json",
        hint=f"name a node below it: {', '.join(children)}" if children else "",
    )


def read_node(
    folder: str,
    first: Format | None = None,
    *,
    cached: bool = False,
    limits: Limits = LIMITS,
    parsed: Parsed | None = None,
    given: Mapping[str, bytes | None] | None = None,
) -> Node | None:
    """Read one node without what is above it; None where there is none.

    `first` is the format to look for first; with `cached` a document that has not changed since is not read again,
    and with `parsed` one with the same bytes is not parsed again (so nobody may change what comes out). `given` are
    documents that were read just now, by name, None for one that is not there. Raises `DocumentError` where a document is
    broken and `StoreError` where it cannot be read.
    """
    how = _How(cached, limits, parsed, given or {})
    for read_as in _READERS[first or 3]:
        node = read_as(folder, how)
        if node is not None:
            return node
    return None


class Parsed:
    """Small documents by their bytes: nodes of one kind are often described word for word alike.

    A document is kept from the second time on that it is seen, so that those that all differ cost nothing to remember.
    """

    _MOST_KEPT, _MOST_SEEN, _LARGEST = 512, 4096, 16384

    def __init__(self) -> None:
        self._kept: dict[bytes, JSONObject] = {}
        self._seen: set[int] = set()

    def parse(self, raw: bytes, file: str, limits: Limits) -> tuple[JSONObject, tuple[Finding, ...]]:
        """Parse as `parse_json` does, or return what the same bytes were parsed to; nobody may change it."""
        known = self._kept.get(raw)
        if known is not None:
            return known, ()
        data, findings = parse_json(raw, file, limits)
        mark = hash(raw)
        if mark in self._seen and not findings and len(raw) <= self._LARGEST:
            if len(self._kept) >= self._MOST_KEPT:
                self._kept.clear()
            self._kept[raw] = data
        elif len(self._seen) >= self._MOST_SEEN:
            self._seen.clear()
        self._seen.add(mark)
        return data, findings


class _How(NamedTuple):
    """How documents are read: whether unchanged ones are taken from memory, their limits, what was parsed or read before."""

    cached: bool = False
    limits: Limits = LIMITS
    parsed: Parsed | None = None
    given: Mapping[str, bytes | None] = MappingProxyType({})


def _read(folder: str, name: str, how: _How) -> tuple[Document, tuple[Finding, ...]] | None:
    file = folder + os.sep + name
    signature = signature_of(file) if how.cached else None
    if signature is not None:
        known = _KNOWN.get(file)
        if known is not None and known[0] == signature:
            return known[1]
    raw = how.given[name] if name in how.given else read(file, how.limits)
    if raw is None:
        return None
    if how.parsed is None:
        data, findings = parse_json(raw, file, how.limits)
    else:
        data, findings = how.parsed.parse(raw, file, how.limits)
    document = Document(file, raw, data), findings
    if signature is not None:
        if "consolidated_metadata" in data:  # a copy of all that is below, which is read where it stands
            document = Document(file, b"", {key: data[key] for key in data if key != "consolidated_metadata"}), findings
        if len(_KNOWN) >= _KNOWN_COUNT:
            _KNOWN.clear()
            _KNOWN_GROUPS.clear()
        _KNOWN[file] = signature, document
    return document


#: Documents of groups that were read before: one group stands above many arrays, and may hold a large consolidated copy.
_KNOWN: dict[str, tuple[tuple[int, ...], tuple[Document, tuple[Finding, ...]]]] = {}
_KNOWN_GROUPS: dict[str, Node] = {}
_KNOWN_COUNT = 256


def _read_v3(folder: str, how: _How) -> Node | None:
    found = _read(folder, "zarr.json", how)
    if found is None:
        return None
    document, findings = found
    known = _KNOWN_GROUPS.get(folder)
    if known is not None and known.documents["zarr.json"] is document:
        return known
    data = document.data
    kind = data.get("node_type")
    _expect(document, "zarr_format", data.get("zarr_format"), 3)
    attributes = _attributes(document, data.get("attributes", {}), "attributes")
    documents = {"zarr.json": document}
    if kind == "group":
        group = Node(folder, 3, "group", documents, attributes, findings=findings)
        if how.cached:
            _KNOWN_GROUPS[folder] = group
        return group
    if kind != "array":
        raise _wrong(document, "node_type", '"array" or "group"', kind)
    return Node(
        folder,
        3,
        "array",
        documents,
        attributes,
        _shape(document, "shape", data.get("shape")),
        _dtype(data.get("data_type")),
        data.get("dimension_names"),
        findings=findings,
    )


def _read_v2(folder: str, how: _How) -> Node | None:
    kind: Literal["array", "group"] = "array"
    found = _read(folder, ".zarray", how)
    if found is None:
        kind, found = "group", _read(folder, ".zgroup", how)
    if found is None:
        return None
    document, findings = found
    name = ".zarray" if kind == "array" else ".zgroup"
    number = document.data.get("zarr_format")
    _expect(document, "zarr_format", 2 if number == "2" else number, 2)  # WebKnossos writes the string "2"
    documents = {name: document}
    attributes: JSONObject = {}
    extra = _read(folder, ".zattrs", how)
    if extra is not None:
        documents[".zattrs"], more = extra
        attributes, findings = documents[".zattrs"].data, findings + more
    if kind == "group":
        return Node(folder, 2, "group", documents, attributes, findings=findings)
    shape = _shape(document, "shape", document.data.get("shape"))
    dtype = _dtype(document.data.get("dtype"))
    return Node(folder, 2, "array", documents, attributes, shape, dtype, findings=findings)


def _read_n5(folder: str, how: _How) -> Node | None:
    found = _read(folder, "attributes.json", how)
    if found is None:
        return None
    document, findings = found
    data = document.data
    attributes = {key: value for key, value in data.items() if key not in N5_RESERVED}
    documents = {"attributes.json": document}
    if not {"dimensions", "blockSize", "dataType"} <= data.keys():
        return Node(folder, "n5", "group", documents, attributes, findings=findings)
    shape = _shape(document, "dimensions", data["dimensions"])[::-1]
    dtype = _dtype(data["dataType"])
    return Node(folder, "n5", "array", documents, attributes, shape, dtype, findings=findings)


_READERS: dict[Format, tuple[Callable[[str, _How], Node | None], ...]] = {
    3: (_read_v3, _read_v2, _read_n5),
    2: (_read_v2, _read_v3, _read_n5),
    "n5": (_read_n5, _read_v3, _read_v2),
}


def _attributes(document: Document, value: JSONValue, key: str) -> JSONObject:
    if not isinstance(value, dict):
        raise _wrong(document, key, "an object {…}", value)
    return value


def _dtype(value: JSONValue) -> str:
    """Return a data type as numpy calls it, where it is a plain one; else as the document writes it."""
    if not isinstance(value, str):
        return describe(value)
    kind, size = value[1:2], value[2:]
    if value[:1] in "<>|" and kind in _KINDS and size.isascii() and size.isdigit() and len(size) < 3:
        return _KINDS[kind] if kind == "b" else f"{_KINDS[kind]}{8 * int(size)}"
    return value


#: Kinds of the type strings of Zarr v2, such as `<u2`.
_KINDS = {"b": "bool", "u": "uint", "i": "int", "f": "float", "c": "complex"}


def _shape(document: Document, key: str, value: JSONValue) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > 64:
        raise _wrong(document, key, "a list of at most 64 whole numbers", value)
    sizes = [size for size in value if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**63]
    if len(sizes) != len(value):
        raise _wrong(document, key, "whole numbers, zero or more", value)
    return tuple(sizes)


def _expect(document: Document, key: str, found: JSONValue, expected: int) -> None:
    if isinstance(found, bool) or found != expected:
        raise _wrong(document, key, str(expected), found)


def _wrong(document: Document, key: str, expected: str, found: JSONValue) -> DocumentError:
    what = f"`{key}` is wrong in the document of the node"
    error = DocumentError(what, where=document.file, expected=expected, found=describe(found))
    error.code, error.pointer = "ZM006", pointer(key)
    return error


#: What stands beside a node where it was converted in place; the format on the left is the one that is read.
TWINS: dict[tuple[Format, str], tuple[str, ...]] = {
    (3, "array"): (".zarray",), (3, "group"): (".zgroup",), (2, "array"): ("attributes.json",),
    (2, "group"): ("attributes.json",), ("n5", "array"): (), ("n5", "group"): (),
}  # fmt: skip


def find_twins(node: Node) -> tuple[Finding, ...]:
    """Return a finding for every document of another format that stands beside those of a node: readers differ on it."""
    foreign = TWINS[node.format, node.kind]
    found = [name for name in foreign if exists(node.path + os.sep + name)]
    if not found:
        return ()
    message = f"the node is read as {node.format_name}, and a document of another format stands beside"
    hint = "remove the one that is out of date"
    return tuple(Finding("ZM004", message, os.path.join(node.path, name), hint=hint) for name in found)


def has_document(folder: str) -> bool:
    """Whether a folder is a node, be it one whose document is broken."""
    return any(exists(folder + os.sep + name) for name in DOCUMENTS)


def list_children(folder: str, *, nodes_only: bool = True) -> Iterator[str]:
    """Yield the names of the nodes (or of all folders) directly below a group, sorted. Never called on an array."""
    for name, _ in list_folders(folder):
        if not nodes_only or has_document(folder + os.sep + name):
            yield name


#: The documents that make a folder a node.
DOCUMENTS = ("zarr.json", ".zarray", ".zgroup", "attributes.json")
