"""A finding in words, and text made harmless: what all formats for people share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.finding import Finding


def words(finding: Finding, *, hint: bool = True) -> str:
    """Return what is wrong, what was expected and found, where in the document, and what to do; as it is, not escaped."""
    sides = (("expected", finding.expected), ("found", finding.found))
    compared = ", ".join(f"{side} {value}" for side, value in sides if value)
    text = finding.message + (f" ({compared})" if compared else "")
    text += f" [{finding.pointer}]" if finding.pointer else ""
    return text + (f"; {finding.hint}" if hint and finding.hint else "")


def place(finding: Finding) -> str:
    """Return `path:line:column`, as far as it is known; not escaped."""
    known = (number for number in (finding.line, finding.column if finding.line else 0) if number)
    return ":".join((finding.file, *map(str, known)))


def one_line(text: str, stream: TextIO | None = None) -> str:
    """Escape what could draw on a terminal or end a line, and what a stream cannot encode: names come from hostile input."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    encoding = stream.encoding if stream else None
    return text if text.isascii() or not encoding else text.encode(encoding, "backslashreplace").decode(encoding)


def code_span(text: str) -> str:
    """Return text as code in Markdown, which ends at a run of backticks that the text does not hold."""
    fence = "`" * (longest_ticks(text) + 1)
    return f"{fence} {text} {fence}"


def longest_ticks(text: str) -> int:
    """Return the length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)
