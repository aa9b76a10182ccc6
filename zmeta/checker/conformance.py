"""Valid or not, by the MUSTs of a convention and version: a JSON file of attributes, a document, or a whole hierarchy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zmeta.checker.judge import Judge
from zmeta.checker.rules.registry import breaks_must
from zmeta.checker.runner import Run
from zmeta.checker.targets import DOCUMENT_NAMES
from zmeta.config import Config
from zmeta.errors import ZmetaError
from zmeta.jsondoc import JSONObject, parse_json
from zmeta.nodes.node import Document, Node
from zmeta.nodes.walk import Place, Visit
from zmeta.stores.local import read_file

if TYPE_CHECKING:
    from zmeta.finding import Finding

#: What needs the arrays themselves, which a file of attributes does not have.
_NEEDS_ARRAYS = frozenset({"ZM412"})


def judge_path(path: str) -> tuple[bool, str]:
    """Return whether no MUST is broken at a path, and the first things that break one. Never raises on data."""
    broken: list[Finding] = []

    def add(finding: Finding) -> None:
        if len(broken) < 20 and breaks_must(finding):
            broken.append(finding)

    try:
        if os.path.isfile(path) and os.path.basename(path) not in DOCUMENT_NAMES and not path.endswith(".zip"):
            for finding in judge_attributes(path):
                add(finding)
        else:
            Run(Config()).run([path], add)
    except ZmetaError as error:
        return False, " ".join(str(error).split())
    return not broken, "; ".join(str(finding) for finding in broken)


def judge_attributes(path: str) -> list[Finding]:
    """Judge a JSON file as the attributes of a group; one that holds a whole `zarr.json` gives those in it."""
    raw = read_file(os.path.abspath(path))
    if raw is None:
        raise ZmetaError("there is no such file", where=path)
    data, findings = parse_json(raw, path)
    attributes: JSONObject = data
    inner = data.get("attributes")
    whole = isinstance(inner, dict) and data.get("zarr_format") == 3
    if whole and isinstance(inner, dict):
        attributes = inner
    format_: int = 3 if whole or "ome" in attributes else 2
    node = _group(os.path.abspath(path), raw, attributes, format_)
    judge = Judge(Config())
    judged = judge.judge(Visit(Place(node.path), node._replace(findings=findings)))
    return [finding for finding in judged if finding.code not in _NEEDS_ARRAYS]


def _group(path: str, raw: bytes, attributes: JSONObject, format_: int) -> Node:
    """Return a group with some attributes, in a folder that does not exist."""
    if format_ == 3:
        data: JSONObject = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        documents = {"zarr.json": Document(path + "/zarr.json", raw, data)}
        return Node(path, 3, "group", documents, attributes)
    documents = {".zgroup": Document(path + "/.zgroup", raw, {"zarr_format": 2}),
                 ".zattrs": Document(path + "/.zattrs", raw, attributes)}  # fmt: skip
    return Node(path, 2, "group", documents, attributes)
