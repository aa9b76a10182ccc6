"""Forms: what the documents of one writer have in common, word for word, and the holes in which they differ.

A text that fits a form is JSON, and is parsed to what the text was that the form was made from but for the values in the
holes: these are whole values of JSON again, each of the kind that stood there, and no hole holds a key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Numbers are of so few digits that a float holds the whole ones exactly, and without an exponent.
_SPACE, _DIGITS = rb"[ \t\r\n]*+", rb"(?!0[0-9])[0-9]{1,15}+"
WHOLE = rb"-?" + _DIGITS
_NUMBER = WHOLE + rb"(?:\.[0-9]{1,17}+)?+"
#: The kinds of holes. A string is of printable ASCII, without escapes.
STRING = re.compile(rb'"[ !#-\[\]-~]*+"')
NUMBER = re.compile(_NUMBER)


def list_of(count: int, *, whole: bool = False, signed: bool = False) -> re.Pattern[bytes]:
    """Return the pattern of a list of so many numbers: any, or whole ones, or whole ones from zero on."""
    item = _NUMBER if not whole else (b"-?" if signed else b"") + _DIGITS
    rest = rb"(?:%b,%b%b){%d}" % (_SPACE, _SPACE, item, count - 1)
    return re.compile(rb"\[%b%b%b%b\]" % (_SPACE, item, rest, _SPACE))


class Hole(NamedTuple):
    """Where in the text of a document a value stands, what may stand in its place, and whether that is of interest."""

    start: int
    end: int
    pattern: re.Pattern[bytes]
    told: bool = False


class Form:
    """The text of one document, or of several one behind the other, with holes."""

    __slots__ = ("_first", "_pattern", "_rest")

    def __init__(self, text: bytes, holes: Iterable[Hole]) -> None:
        """Cut the holes out of a text."""
        cut = sorted(holes)
        ends = [hole.start for hole in cut[1:]] + [len(text)]
        self._first = text[: cut[0].start] if cut else text
        self._rest = [(hole.pattern, hole.told, text[hole.end : end]) for hole, end in zip(cut, ends, strict=True)
                      ] if cut else []  # fmt: skip
        self._pattern: re.Pattern[bytes] | None = None

    def match(self, text: bytes) -> list[bytes] | None:
        """Return what stands in the holes that are told of; None for a text that does not fit."""
        if len(text) < _DENSE * len(self._rest):
            matched = (self._pattern or self._compiled()).fullmatch(text)
            return None if matched is None else [*matched.groups()]
        first = self._first
        if not text.startswith(first):
            return None
        told = []
        end = len(first)
        for pattern, is_told, piece in self._rest:
            found = pattern.match(text, end)
            if found is None:
                return None
            end = found.end()
            if not text.startswith(piece, end):
                return None
            if is_told:
                told.append(found[0])
            end += len(piece)
        return told if end == len(text) else None

    def _compiled(self) -> re.Pattern[bytes]:
        """Return all of the form as one pattern; to make it takes a millisecond for a kilobyte."""
        parts = [re.escape(self._first)]
        for pattern, is_told, piece in self._rest:
            parts += [b"(%b)" % pattern.pattern if is_told else b"(?:%b)" % pattern.pattern, re.escape(piece)]
        self._pattern = re.compile(b"".join(parts))
        return self._pattern

    @property
    def count(self) -> int:
        """The number of holes."""
        return len(self._rest)

    def fill(self, values: Iterable[bytes]) -> bytes:
        """Return the text with values in all holes, in their order."""
        filled = (value + piece for value, (_, _, piece) in zip(values, self._rest, strict=True))
        return b"".join((self._first, *filled))


#: Characters for each hole, up to which one pattern for all of a text is faster than piece by piece.
_DENSE = 150


def numbers(holes: list[bytes]) -> list[float] | None:
    """Return the numbers of some lists, one behind the other; None where a literal of many digits is not that of its float.

    >>> numbers([b"[1, 0.25]", b"[3]"]), numbers([b"[0.1000000000000000055]"])
    ([1.0, 0.25, 3.0], None)
    """
    literals = b",".join(holes).translate(None, b" \t\r\n[]").split(b",")
    values = list(map(float, literals))
    if max(map(len, literals)) > _FEW:
        for literal, value in zip(literals, values, strict=True):
            if len(literal) > _FEW and repr(value).encode() != literal:
                return None
    return values


#: Characters of a literal, up to which no two that differ in value stand for one float: 15 digits and the point.
_FEW = 16
