"""Where in its file a finding stands: looked up only where there is something to report."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING

from zmeta.errors import DocumentError, StoreError
from zmeta.stores.registry import read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zmeta.finding import Finding
    from zmeta.jsondoc import Limits
    from zmeta.nodes.node import Node


def place(findings: list[Finding], node: Node, limits: Limits) -> list[Finding]:
    """Return findings with line and column, sorted by their place; one about a whole node stands in its main document."""
    by_file: dict[str, list[Finding]] = {}
    for finding in findings:
        file = main_document(node) if finding.file in ("", node.path) else finding.file
        by_file.setdefault(file, []).append(finding if finding.file == file else finding._replace(file=file))
    placed: list[Finding] = []
    for file, group in by_file.items():
        text = _text(file, node, limits)
        places = locate(text, {finding.pointer for finding in group if not finding.line}) if text else {}
        for index, finding in enumerate(group):
            if not finding.line and finding.pointer in places:
                line, column = places[finding.pointer]
                group[index] = finding._replace(line=line, column=column)
        placed += sorted(group, key=lambda finding: (finding.line, finding.column, finding.code))
    return placed


def place_alone(finding: Finding, limits: Limits) -> Finding:
    """Return a finding about a value of a document that made no node, with line and column."""
    if finding.line or not finding.pointer:
        return finding
    try:
        raw = read(finding.file, limits)
    except (DocumentError, StoreError):
        return finding
    if raw is None:
        return finding
    line, column = locate(raw.decode("utf-8", "replace"), [finding.pointer])[finding.pointer]
    return finding._replace(line=line, column=column)


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


# --- from a pointer to a place in the text ----------------------------------------------------------------------------


def locate(text: str, pointers: Iterable[str]) -> dict[str, tuple[int, int]]:
    r"""Return line and column (from 1, in characters) of the values that JSON pointers lead to, in one pass.

    A pointer to what is not there, or behind a place where the text is broken, gets that of the nearest value above it.

    >>> locate('{"a": [1,\n {"b": 2}]}', ["", "/a/1/b", "/a/1/c"])
    {'': (1, 1), '/a/1/b': (2, 8), '/a/1/c': (2, 2)}
    """
    bom = text.startswith("\ufeff")  # no editor shows it
    start = _skip(text, int(bom))
    root = _Wanted(start)
    found = {pointer: root.at(pointer) for pointer in pointers}
    try:
        if root.below:
            _find(text, start, root)
    except (ValueError, RecursionError):  # a document that is told to be broken already
        pass
    root.settle()
    places: dict[int, tuple[int, int]] = {}
    line, line_start, before = 1, int(bom), 0
    for index in sorted({wanted.index for wanted in found.values()}):
        line += text.count("\n", before, index)
        line_start = max(line_start, text.rfind("\n", before, index) + 1)
        before = index
        places[index] = line, index - line_start + 1
    return {pointer: places[wanted.index] for pointer, wanted in found.items()}


def spans(text: str, pointers: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return where in a text without fault the values that JSON pointers lead to begin and end; absent ones are left out.

    >>> spans('{"a": [1, 20]}', ["/a", "/a/1", "/b"])
    {'/a': (6, 13), '/a/1': (10, 12)}
    """
    root = _Wanted()
    found = {pointer: root.at(pointer) for pointer in pointers}
    _find(text, _skip(text, 0), root)
    return {pointer: (wanted.index, wanted.end) for pointer, wanted in found.items() if wanted.index >= 0}


@dataclass(slots=True)
class _Wanted:
    """A value whose place is wanted, or one on the way to such: where it is (-1: not met), and those below by name."""

    index: int = -1
    end: int = -1
    below: dict[str, _Wanted] = field(default_factory=dict)

    def at(self, pointer: str) -> _Wanted:
        """Return what a pointer leads to, put there where it is new."""
        wanted = self
        for part in pointer.split("/")[1:]:
            wanted = wanted.below.setdefault(part.replace("~1", "/").replace("~0", "~"), _Wanted())
        return wanted

    def settle(self) -> None:
        """Give what was not met the place of what is above it."""
        pending = [self]
        while pending:
            above = pending.pop()
            for wanted in above.below.values():
                wanted.index = above.index if wanted.index < 0 else wanted.index
                pending.append(wanted)


_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = JSONDecoder()


def _skip(text: str, index: int) -> int:
    match = _SPACE.match(text, index)
    return index if match is None else match.end()


def _find(text: str, index: int, wanted: _Wanted | None) -> int:
    """Note the places of what stands at or below a value; return the end of the value."""
    if wanted is not None:
        wanted.index = index
    if wanted is None or not wanted.below or text[index : index + 1] not in ("{", "["):
        end: int = _PLAIN.raw_decode(text, index)[1]
    else:
        end = _find_below(text, index, wanted)
    if wanted is not None:
        wanted.end = end
    return end


def _find_below(text: str, index: int, wanted: _Wanted) -> int:
    is_object = text[index] == "{"
    position, count = _skip(text, index + 1), 0
    while text[position : position + 1] not in ("}", "]"):
        name = str(count)
        if is_object:
            name, position = scanstring(text, position + 1)
            position = _skip(text, _skip(text, position) + 1)
        position = _skip(text, _find(text, position, wanted.below.get(name)))
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        count += 1
    return position + 1
