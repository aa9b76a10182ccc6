"""The plan of a migration for people: per node what is done, what stands against it, and the diff of each document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.finding import Finding, Severity
from zmeta.report.diff import diff_document
from zmeta.report.words import code_span, longest_ticks, one_line, words

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.migration.unit import Unit

_BOLD, _DIM, _RED, _GREEN, _YELLOW, _CYAN = "1", "2", "31", "32", "33", "36"
_COLOURS = {Severity.ERROR: _RED, Severity.WARNING: _YELLOW, Severity.NOTE: _CYAN}
_SIGNS = {"+": _GREEN, "-": _RED, "@": _CYAN}


class PlanText:
    """A headline per node, findings below it, then the diffs; with `diffs` off the headlines alone."""

    def __init__(self, stream: TextIO, *, colour: bool = False, diffs: bool = True, base: str = "") -> None:
        self._stream = stream
        self._colour = colour
        self._diffs = diffs
        self._base = base

    def add(self, unit: Unit) -> None:
        """Write what becomes of one node."""
        what = ", ".join(unit.steps) or "nothing"
        kind = "" if unit.kind == "lossless" else f" ({unit.kind})"
        head = f"{self._clean(self._shown(unit.path))}: "
        state = self._sgr("blocked", _RED) + (f": {what}" if unit.steps else "") if unit.blocked else what + kind
        self._line(self._sgr(head, _BOLD) + state)
        for finding in unit.findings:
            self._line(f"  {self._finding(finding)}")
        for change in unit.changes if self._diffs else ():
            for line in diff_document(self._shown(change.file), change.old, change.new):
                self._line(self._sgr(self._clean(line), _SIGNS.get(line[:1], "")))

    def _finding(self, finding: Finding) -> str:
        severity = self._sgr(str(finding.severity), _COLOURS[finding.severity])
        return f"{severity} {finding.code}: {self._clean(words(finding))}"

    def _shown(self, path: str) -> str:
        return path.removeprefix(self._base) or path

    def _line(self, text: str) -> None:
        self._stream.write(text + "\n")

    def _clean(self, text: str) -> str:
        return one_line(text, self._stream)

    def _sgr(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour and style and text else text


class PlanMarkdown:
    """The same for a pull request: a heading per node, findings as a list, diffs in code that nothing can break out of."""

    def __init__(self, stream: TextIO, *, base: str = "") -> None:
        self._stream = stream
        self._base = base

    def add(self, unit: Unit) -> None:
        """Write what becomes of one node."""
        what = ", ".join(unit.steps) or "nothing"
        state = "**blocked**" if unit.blocked else f"{what} ({unit.kind})"
        head = code_span(one_line(unit.path.removeprefix(self._base) or unit.path, self._stream))
        self._stream.write(f"\n### {head}\n\n{state}\n\n")
        for finding in unit.findings:
            text = code_span(one_line(words(finding), self._stream))
            self._stream.write(f"- {finding.severity} [{finding.code}]({finding.url}): {text}\n")
        lines = [
            one_line(line, self._stream)
            for change in unit.changes
            for line in diff_document(change.file.removeprefix(self._base), change.old, change.new)
        ]
        if lines:
            fence = "`" * max(3, 1 + max(map(longest_ticks, lines)))
            self._stream.write("\n".join([f"\n{fence}diff", *lines, fence, ""]))
