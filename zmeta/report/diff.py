"""A document before and after as a unified diff: the lines that people review."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A diff takes more than linear time, and nobody reads one that is longer.
MOST_LINES = 4000


def diff_document(file: str, before: bytes | None, after: bytes | None) -> Iterator[str]:
    r"""Yield the lines of a diff; of a document that goes or that is very long, only what happens to it.

    >>> print(*diff_document("a/.zattrs", b'{"a": 1}', b'{"a": 2}'), sep="\n")
    --- a/.zattrs
    +++ a/.zattrs
    @@ -1 +1 @@
    -{"a": 1}
    +{"a": 2}
    """
    if before == after:
        return
    if after is None:
        yield f"--- {file}"
        yield "+++ /dev/null"
        return
    old, new = _lines(before), _lines(after)
    if len(old) + len(new) > MOST_LINES:
        yield f"--- {file if before is not None else '/dev/null'}"
        yield f"+++ {file}"
        yield f"@@ {len(old)} lines become {len(new)} @@"
        return
    origin = file if before is not None else "/dev/null"
    yield from unified_diff(old, new, origin, file, n=2, lineterm="")


def _lines(data: bytes | None) -> list[str]:
    return [] if data is None else data.decode("utf-8", "backslashreplace").splitlines()
