"""The unit is not a listed name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.canonical.units import long_name
from zmeta.finding import Fix

if TYPE_CHECKING:
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONValue


def fix(finding: Finding, value: JSONValue) -> Fix | None:
    """Write the long name, where the convention asks for it and the spelling has one meaning."""
    if not finding.expected or not isinstance(value, str) or long_name(value) != finding.expected:
        return None
    return Fix("set", finding.pointer, finding.expected)
