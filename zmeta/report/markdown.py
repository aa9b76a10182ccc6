"""Findings as Markdown for a comment on a pull request: a table of codes, then lists that fold.

What comes from data stands in code, which neither Markdown nor GitHub and GitLab read: no markup, link, mention or issue.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from zmeta.finding import Finding, Severity
from zmeta.report.words import code_span, one_line, words

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.report.base import Summary

_LISTED = 200
_CHARACTERS = 50_000  # of the lists; GitHub refuses a comment of more than 65,536


class MarkdownReporter:
    """A headline, a table by code, the first findings by file, and how many more there are."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._counts: Counter[tuple[Severity, str]] = Counter()
        self._files: dict[str, list[str]] = {}
        self._listed = 0
        self._room = _CHARACTERS

    def add(self, finding: Finding) -> None:
        """Count the finding, and keep its line if the list is still short."""
        self._counts[finding.severity, finding.code] += 1
        if self._listed == _LISTED:
            return
        head, line = self._head(finding.file), self._line(finding)
        size = len(line) + (0 if finding.file in self._files else len(head))
        if size <= self._room:
            self._room -= size
            self._listed += 1
            self._files.setdefault(finding.file, [head]).append(line)

    def close(self, summary: Summary) -> None:
        """Write the whole report."""
        self._stream.write(f"### zmeta check: {summary}\n")
        if self._counts:
            self._stream.write("\n| code | severity | findings | |\n|---|---|--:|---|\n")
        for (severity, code), count in sorted(self._counts.items(), key=lambda row: (-row[0][0], -row[1], row[0][1])):
            example = Finding(code, "")
            self._stream.write(f"| [{code}]({example.url}) | {severity} | {count:,} | {example.title} |\n")
        for lines in self._files.values():
            self._stream.write("".join([*lines, "\n</details>\n"]))
        hidden = self._counts.total() - self._listed
        if hidden:
            self._stream.write(f"\nand {hidden:,} more\n")

    def _head(self, file: str) -> str:
        name = escape(one_line(file or ".", self._stream))
        return f"\n<details><summary><code>{name}</code></summary>\n\n"

    def _line(self, finding: Finding) -> str:
        where = f", line {finding.line}" if finding.line else ""
        text = code_span(one_line(words(finding), self._stream))
        return f"- {finding.severity} [{finding.code}]({finding.url}){where}: {text}\n"
