"""Valid or not, by the MUSTs of a convention and version: a JSON file of attributes, a document, or a whole hierarchy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zmeta.checker.judge import Judge
from zmeta.checker.position import locate
from zmeta.checker.rules.registry import MUST, breaks_must
from zmeta.checker.runner import Run
from zmeta.checker.targets import DOCUMENT_NAMES, find_targets
from zmeta.config import Config
from zmeta.conventions.ome_ngff.detect import base_version
from zmeta.errors import ZmetaError
from zmeta.finding import Finding
from zmeta.jsondoc import JSONObject, describe, parse_json, pointer
from zmeta.nodes.node import N5_RESERVED, Document, Node
from zmeta.nodes.walk import Links, Place, Visit, Walk
from zmeta.stores.local import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.jsondoc import JSONValue

#: What is asked for here alone: a finding that is no MUST must not stand in the place of one about the same value.
_HIERARCHY = Config(select=tuple(sorted(MUST)))
#: The same without what needs the arrays themselves, which a file of attributes does not have.
_ATTRIBUTES = Config(select=tuple(sorted(MUST - {"ZM412"})))
#: Keys that make a group one of OME-NGFF, and those of them that state the version of the document themselves.
_DOCUMENTS = ("multiscales", "plate", "well", "image-label", "labels", "series", "bioformats2raw.layout")
_VERSIONED = ("plate", "well", "image-label")
_MOST_TOLD = 20


def judge_path(path: str) -> tuple[bool, str]:
    """Return whether no MUST is broken at a path, and the first things that break one. Never raises on data."""
    broken: list[Finding] = []

    def add(finding: Finding) -> None:
        if len(broken) < _MOST_TOLD and breaks_must(finding):
            broken.append(finding)

    try:
        if os.path.isfile(path) and not path.endswith(".zip") and not _is_document(path):
            for finding in judge_attributes(path):
                add(finding)
        else:
            for finding in _iter_misplaced(path):
                add(finding)
            if Run(_HIERARCHY).run([path], add).interrupted:
                raise KeyboardInterrupt
    except ZmetaError as error:
        return False, " ".join(str(error).split())
    return not broken, "; ".join(str(finding) for finding in broken)


def _is_document(path: str) -> bool:
    """Whether a file describes a node; a file of attributes may be called as the document of N5 is."""
    name = os.path.basename(path)
    if name != "attributes.json":
        return name in DOCUMENT_NAMES
    return not N5_RESERVED.isdisjoint(parse_json(read_file(os.path.abspath(path)) or b"", path)[0])


def judge_attributes(path: str) -> list[Finding]:
    """Return what breaks a MUST in a JSON file: the attributes of a group of OME-NGFF, or a whole `zarr.json` with them."""
    raw = read_file(os.path.abspath(path))
    if raw is None:
        raise ZmetaError("there is no such file", where=path)
    data, findings = parse_json(raw, path)
    attributes: JSONObject = data
    inner = data.get("attributes")
    whole = isinstance(inner, dict) and data.get("zarr_format") == 3
    if whole and isinstance(inner, dict):
        attributes = inner
    node = _group(os.path.abspath(path), raw, attributes, 3 if whole or "ome" in attributes else 2)
    judge = Judge(_ATTRIBUTES)
    judged = judge.judge(Visit(Place(node.path), node._replace(findings=findings)))
    misplaced = list(_misplaced(node))
    if not misplaced and not any(key in _holder(attributes) for key in _DOCUMENTS):
        misplaced = [_finding(node, "ZM101", "there is no image, plate, well or label of OME-NGFF")]
    found = [*misplaced, *judged]
    if not whole:
        found = [finding._replace(pointer=finding.pointer.removeprefix(node.attributes_pointer)) for finding in found]
    found = [finding for finding in found if breaks_must(finding)][:_MOST_TOLD]
    places = locate(raw.decode("utf-8", "replace"), {finding.pointer for finding in found})
    return [f._replace(file=path, line=places[f.pointer][0], column=places[f.pointer][1]) for f in found]


def _group(path: str, raw: bytes, attributes: JSONObject, format_: int) -> Node:
    """Return a group with some attributes, in a folder that does not exist."""
    if format_ == 3:
        data: JSONObject = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        documents = {"zarr.json": Document(path + "/zarr.json", raw, data)}
        return Node(path, 3, "group", documents, attributes)
    documents = {".zgroup": Document(path + "/.zgroup", raw, {"zarr_format": 2}),
                 ".zattrs": Document(path + "/.zattrs", raw, attributes)}  # fmt: skip
    return Node(path, 2, "group", documents, attributes)


# --- what keeps metadata from being read as OME-NGFF at all -----------------------------------------------------------


def _iter_misplaced(path: str) -> Iterator[Finding]:
    """Judge where the metadata of all groups at and below a path stands; what cannot be read is told by the run."""
    for target in find_targets([path], _HIERARCHY.limits):
        walk = Walk([Place(target.path)], links=Links((os.path.realpath(target.path),)), limits=_HIERARCHY.limits)
        for visit in walk:
            if visit.node is not None and visit.node.kind == "group":
                yield from _misplaced(visit.node)
            if not target.below:
                break


def _misplaced(node: Node) -> Iterator[Finding]:
    """Find metadata that is none: not in the place, or in no version, that a reader looks for. `check` is silent on it.

    For other conventions share the names of its keys, and a version that is not known may be a later one.
    """
    keys = node.attributes
    if "ome" in keys and not isinstance(keys["ome"], dict):
        yield _finding(node, "ZM101", "`ome` must be an object", "ome")
        return
    holder = _holder(keys)
    path = ("ome",) if holder is not keys else ()
    images = holder.get("multiscales")
    if "multiscales" in holder and not isinstance(images, list):
        yield _finding(node, "ZM101", "`multiscales` must be a list", *path, "multiscales")
    for index, image in enumerate(images if isinstance(images, list) else ()):
        axes = image.get("axes") if isinstance(image, dict) else None
        if axes is not None and not isinstance(axes, list):  # a later version than those without axes
            yield _finding(node, "ZM101", "`axes` must be a list", *path, "multiscales", index, "axes")
        if not path and isinstance(image, dict):
            yield from _unknown(node, image.get("version"), "multiscales", index, "version")
            yield from _outside(node, image.get("version"), "multiscales", index, "version")
    if path:
        outside = [key for key in _DOCUMENTS if key in keys]
        if outside and not any(key in holder for key in _DOCUMENTS):
            yield _finding(node, "ZM101", f"`{outside[0]}` must stand in `ome`", outside[0])
        yield from _unknown(node, holder.get("version"), *path, "version")
        return
    if any(key in keys for key in _DOCUMENTS):
        yield from _outside(node, keys.get("version"), "version")
    for key in _VERSIONED:
        value = keys.get(key)
        if isinstance(value, dict):
            yield from _unknown(node, value.get("version"), key, "version")
            yield from _outside(node, value.get("version"), key, "version")


def _holder(attributes: JSONObject) -> JSONObject:
    inner = attributes.get("ome")
    return inner if isinstance(inner, dict) else attributes


def _unknown(node: Node, stated: JSONValue, *path: str | int) -> Iterator[Finding]:
    if isinstance(stated, str) and base_version(stated) is None:
        yield _finding(node, "ZM404", f"the version {describe(stated)} is not known", *path)


def _outside(node: Node, stated: JSONValue, *path: str | int) -> Iterator[Finding]:
    if isinstance(stated, str) and base_version(stated) == "0.5":
        yield _finding(node, "ZM101", "the metadata of this version must stand in `ome`", *path)


def _finding(node: Node, code: str, message: str, *path: str | int) -> Finding:
    return Finding(code, message, node.attributes_file, node.attributes_pointer + pointer(*path))
