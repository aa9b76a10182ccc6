"""A key looks like a misspelt one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.finding import Fix

if TYPE_CHECKING:
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONValue

#: Keys of OME-NGFF that are seen misspelt, and what they stand for.
RENAMED = {"units": "unit", "axis": "axes"}


def fix(finding: Finding, parent: JSONValue) -> Fix | None:
    """Rename the key, where the right one is not there as well."""
    head, _, key = finding.pointer.rpartition("/")
    right = RENAMED.get(key)
    if right is None or not isinstance(parent, dict) or right in parent or not head:
        return None
    return Fix("rename", finding.pointer, right)
