"""Findings as lines for people, one each; with colour and some air on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.finding import Severity
from zmeta.report.words import one_line, place, words

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.finding import Finding
    from zmeta.report.base import Summary

_BOLD, _DIM = "1", "2"
_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "36"}


class TextReporter:
    """`path:line:column: severity CODE: words`, without colour exactly one line for each finding."""

    def __init__(self, stream: TextIO, *, colour: bool = False) -> None:
        self._stream = stream
        self._colour = colour
        self._file: str | None = None

    def add(self, finding: Finding) -> None:
        """Write the finding."""
        self._stream.write(self._coloured(finding) if self._colour else f"{self._clean(_line(finding))}\n")

    def close(self, summary: Summary) -> None:
        """Write the counts and, on a terminal, where to read on."""
        if self._colour and self._file is not None:
            self._stream.write("\n")
        self._stream.write(f"{summary}\n")
        frequent = sorted(summary.codes, key=lambda code: (-summary.codes[code], code))[:2]
        if self._colour and frequent:
            self._stream.write(_sgr(f"zmeta explain {' or '.join(frequent)} tells more", _DIM) + "\n")

    def _coloured(self, finding: Finding) -> str:
        gap = "\n" if self._file not in (None, finding.file) else ""
        self._file = finding.file
        where = f"{_sgr(self._clean(place(finding)), _BOLD)}: " if finding.file else ""
        severity = _sgr(str(finding.severity), _COLOURS[finding.severity])
        text = f"{gap}{where}{severity} {_sgr(finding.code, _DIM)}: {self._clean(words(finding, hint=False))}\n"
        return text + (_sgr(f"  hint: {self._clean(finding.hint)}", _DIM) + "\n" if finding.hint else "")

    def _clean(self, text: str) -> str:
        return one_line(text, self._stream)


def _line(finding: Finding) -> str:
    where = f"{place(finding)}: " if finding.file else ""
    return f"{where}{finding.severity} {finding.code}: {words(finding)}"


def _sgr(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m"
