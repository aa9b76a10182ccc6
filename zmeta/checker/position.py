"""Where in its file a finding stands: looked up only where there is something to report."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from zmeta.errors import DocumentError, StoreError
from zmeta.jsondoc import locate
from zmeta.stores.registry import read

if TYPE_CHECKING:
    from zmeta.finding import Finding
    from zmeta.jsondoc import Limits
    from zmeta.nodes.node import Node


def place(findings: list[Finding], node: Node, limits: Limits) -> list[Finding]:
    """Return findings with line and column, sorted by their place; one about a whole node stands in its main document."""
    by_file: dict[str, list[Finding]] = {}
    for finding in findings:
        file = main_document(node) if finding.file in ("", node.path) else finding.file
        by_file.setdefault(file, []).append(finding if finding.file == file else replace(finding, file=file))
    placed: list[Finding] = []
    for file, group in by_file.items():
        text = _text(file, node, limits)
        places = locate(text, {finding.pointer for finding in group if not finding.line}) if text else {}
        for index, finding in enumerate(group):
            if not finding.line and finding.pointer in places:
                line, column = places[finding.pointer]
                group[index] = replace(finding, line=line, column=column)
        placed += sorted(group, key=lambda finding: (finding.line, finding.column, finding.code))
    return placed


def main_document(node: Node) -> str:
    """Return the document of a node that a finding about all of it is shown in."""
    names = list(node.documents)
    attributes = os.path.basename(node.attributes_file)
    name = attributes if attributes in names or not names else names[0]
    return os.path.join(node.path, name)


def _text(file: str, node: Node, limits: Limits) -> str:
    for place_ in (node, *(group for group, _ in node.ancestors)):
        for document in place_.documents.values():
            if document.file == file and document.raw:
                return document.raw.decode("utf-8", "replace")
    try:
        raw = read(file, limits)
    except (DocumentError, StoreError):
        return ""
    return "" if raw is None else raw.decode("utf-8", "replace")
