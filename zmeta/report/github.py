"""Findings as annotations of GitHub Actions: workflow commands in the log, and a table in the summary of the step.

GitHub shows ten annotations of a kind for a step. What is beyond that is listed as plain lines.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from zmeta.finding import Finding, Severity
from zmeta.report.words import one_line, place, words

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.report.base import Summary

_SHOWN = 10
_LISTED = 1000
_SUMMARY_BYTES = 1024 * 1024
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


class GithubReporter:
    """A workflow command for each of the first findings of a severity, a plain line for the others."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown: Counter[Severity] = Counter()
        self._counts: Counter[tuple[Severity, str]] = Counter()
        self._listed = 0

    def add(self, finding: Finding) -> None:
        """Write the finding, if GitHub would show it or the list is still short."""
        self._counts[finding.severity, finding.code] += 1
        if self._shown[finding.severity] < _SHOWN:
            self._shown[finding.severity] += 1
            self._stream.write(f"{self._command(finding)}\n")
        elif self._listed < _LISTED:
            self._listed += 1
            self._stream.write(f"{self._plain(finding)}\n")

    def close(self, summary: Summary) -> None:
        """Write how many are not listed and the counts, and append a table to the summary of the step."""
        hidden = self._counts.total() - self._shown.total() - self._listed
        if hidden:
            self._stream.write(f"and {hidden:,} more: see the summary for their codes, another format for all\n")
        self._stream.write(f"{summary}\n")
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if path:
            self._append(path, self._table(summary).encode())

    def _command(self, finding: Finding) -> str:
        properties = {
            "file": one_line(finding.file, self._stream),
            "line": str(finding.line or ""),
            "col": str((finding.line and finding.column) or ""),
            "title": f"{finding.code}: {finding.title}",
        }
        stated = ",".join(f"{name}={_escape_property(text)}" for name, text in properties.items() if text)
        return f"::{_COMMANDS[finding.severity]} {stated}::{_escape_data(one_line(words(finding), self._stream))}"

    def _plain(self, finding: Finding) -> str:
        """Return a line that no runner takes for a command: not `::` at its start, nor `##[` anywhere."""
        where = f" {place(finding)}" if finding.file else ""
        text = f"{finding.severity} {finding.code}{where}: {words(finding)}"
        return one_line(text, self._stream).replace("#", "\\x23")

    def _table(self, summary: Summary) -> str:
        lines = ["", f"### zmeta check: {summary}", ""]
        if self._counts:
            lines += ["| code | severity | findings | |", "|---|---|--:|---|"]
        for (severity, code), count in sorted(self._counts.items(), key=lambda row: (-row[0][0], -row[1], row[0][1])):
            example = Finding(code, "")
            lines.append(f"| [{code}]({example.url}) | {severity} | {count:,} | {example.title} |")
        return "\n".join([*lines, "", ""])

    def _append(self, path: str, table: bytes) -> None:
        """Append to the file, unless GitHub would then drop all that stands in it."""
        try:
            with open(path, "ab") as file:
                if file.seek(0, os.SEEK_END) + len(table) <= _SUMMARY_BYTES:
                    file.write(table)
                    return
            reason = "it would be too long for GitHub"
        except OSError as error:
            reason = one_line(error.strerror or str(error), self._stream)
        self._stream.write(f"no summary of the step: {reason}\n")


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
