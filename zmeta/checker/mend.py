"""`--fix`: loss-free changes to documents, written as `add_metadata` writes: atomically, consolidated copies included."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zmeta.add import plan_changes
from zmeta.checker.rules.registry import FIXES
from zmeta.conventions.base import Edit
from zmeta.finding import Fix
from zmeta.jsondoc import parse_pointer, replace_at
from zmeta.nodes.node import open_node
from zmeta.nodes.write import Change, update
from zmeta.stores.registry import is_zip, read

if TYPE_CHECKING:
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONValue
    from zmeta.nodes.node import Node

#: A byte-order mark is taken off the bytes; nothing else about them changes.
_MARKED = "ZM003"
_MARK = b"\xef\xbb\xbf"


def can_mend(finding: Finding) -> bool:
    """Whether findings of this code can be mended at all."""
    return finding.code in FIXES or finding.code == _MARKED


def mend(finding: Finding) -> Fix | None:
    """Mend a finding in its file and return what was done; None where nothing can be, or where somebody else did.

    Raises `StoreError`, `ConflictError` and `MetadataError` where the document cannot be written.
    """
    if not can_mend(finding) or is_zip(finding.file):
        return None
    folder = os.path.dirname(finding.file)

    def compute() -> tuple[list[Change], Fix | None]:
        if finding.code == _MARKED:
            raw = read(finding.file) or b""
            changes = [Change(finding.file, raw, raw.removeprefix(_MARK))] if raw.startswith(_MARK) else []
            return changes, Fix("rewrite", "", changes[0].new) if changes else None
        node = open_node(folder, fresh=True)
        found = _fix(finding, node)
        changes = [] if found is None else plan_changes(node, [found[1]])
        return changes, found[0] if found is not None and changes else None

    try:
        return update(compute)
    except (KeyError, IndexError):
        return None


def _fix(finding: Finding, node: Node) -> tuple[Fix, Edit] | None:
    """Return the fix and the edit of the node that makes it."""
    at = node.attributes_pointer
    if finding.file != node.attributes_file or not finding.pointer.startswith(at + "/"):
        return None
    path = parse_pointer(finding.pointer[len(at) :], node.attributes)
    if path is None:
        return None
    holder = _value(node.attributes, path[:-1])
    is_key = finding.code == "ZM104"
    fix = FIXES[finding.code](finding, holder if is_key else _value(node.attributes, path))
    if fix is None:
        return None
    changed: JSONValue
    if fix.action == "rename" and isinstance(holder, dict):
        renamed: JSONValue = {str(fix.value) if key == path[-1] else key: value for key, value in holder.items()}
        changed = replace_at(node.attributes, path[:-1], renamed)
    else:
        changed = replace_at(node.attributes, path, fix.value)  # type: ignore[arg-type]
    top = str(path[0])
    return (fix, Edit(node, {top: changed[top]})) if isinstance(changed, dict) and len(path) > 1 else None


def _value(value: JSONValue, path: tuple[str | int, ...]) -> JSONValue:
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value[part]
        if isinstance(value, list) and isinstance(part, int):
            value = value[part]
    return value
