"""Findings as a Code Quality report of GitLab, shown in merge requests."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

from zmeta.finding import Severity
from zmeta.report.json_ import JsonArray
from zmeta.report.words import words

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.finding import Finding
    from zmeta.report.base import Summary

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


class GitlabReporter:
    """A JSON array of issues."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._issues = JsonArray(stream)
        self._file: str | None = None
        self._seen: Counter[str] = Counter()

    def add(self, finding: Finding) -> None:
        """Write the finding."""
        self._issues.add(
            {
                "description": f"{finding.code}: {words(finding)}",
                "check_name": finding.code,
                "fingerprint": self._unique(finding),
                "severity": _SEVERITIES[finding.severity],
                "location": {"path": finding.file or ".", "lines": {"begin": max(finding.line, 1)}},
            }
        )

    def close(self, summary: Summary) -> None:  # noqa: ARG002  the format has no place for it
        """Write the end of the array."""
        self._issues.close()
        self._stream.write("\n")

    def _unique(self, finding: Finding) -> str:
        """Return a fingerprint that no other issue has: GitLab takes two that are alike for one.

        Fingerprints cover the file, and findings come file by file, so that only those of one file are kept.
        """
        if finding.file != self._file:
            self._file = finding.file
            self._seen.clear()
        fingerprint = finding.fingerprint
        self._seen[fingerprint] += 1
        again = self._seen[fingerprint]
        return fingerprint if again == 1 else sha256(f"{fingerprint} {again}".encode()).hexdigest()[: len(fingerprint)]
