"""A value is not a finite number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zmeta.finding import Fix
from zmeta.jsondoc import ExactFloat

if TYPE_CHECKING:
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONValue

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,40})(?P<rest>\.[0-9]{1,40})?")


def fix(finding: Finding, value: JSONValue) -> Fix | None:
    """Take the quotes off a plain decimal, digit for digit."""
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is None or not isinstance(value, str):
        return None
    return Fix("set", finding.pointer, ExactFloat(value) if match["rest"] else int(value))
