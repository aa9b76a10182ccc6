"""Values that no convention reads, and that are carried along as they are: where they stand, and what may stand there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zmeta.checker.form import STRING, WHOLE
from zmeta.jsondoc import pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.jsondoc import JSONValue

INT = re.compile(rb"(?!-0)" + WHOLE + rb"(?!\.)")
FLOAT = re.compile(WHOLE + rb"\.[0-9]{1,17}+")
_PATTERNS = {str: STRING, int: INT, float: FLOAT}
_SAMPLES = {STRING: b'"foreign %d"', INT: b"%d", FLOAT: b"%d.25"}
_MOST, _DEEPEST = 100, 8


def leaves(at: str, value: JSONValue, *, numbers_only: bool = False) -> Iterator[tuple[str, re.Pattern[bytes]]]:
    """Yield where strings and numbers in a value stand, which has the pointer `at`, with what may stand there.

    A number stays of its kind, since a schema may ask for whole ones. Nothing of a value of very many.
    """
    found: list[tuple[str, re.Pattern[bytes]]] = []
    pending = [(at, value, 0)]
    while pending:
        place, item, depth = pending.pop()
        if isinstance(item, dict) and depth < _DEEPEST:
            pending += [(place + pointer(key), below, depth + 1) for key, below in item.items() if key.isascii()]
        elif isinstance(item, list) and depth < _DEEPEST:
            pending += [(place + pointer(index), below, depth + 1) for index, below in enumerate(item)]
        elif type(item) in _PATTERNS and not (numbers_only and type(item) is str):
            found.append((place, _PATTERNS[type(item)]))
        if len(found) + len(pending) > _MOST:
            return
    yield from found


def another(pattern: re.Pattern[bytes], number: int) -> bytes:
    """Return what may stand where a pattern fits, another one for each number."""
    return _SAMPLES[pattern] % (20_000_003 + number)
