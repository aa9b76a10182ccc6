"""Findings as JUnit XML: each file with findings is a test, which fails if one of them is an error.

The counts stand first in the document, so the tests are spooled to a temporary file until the end.
"""

from __future__ import annotations

from html import escape
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from zmeta.finding import Severity
from zmeta.report.words import one_line, place, words

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.finding import Finding
    from zmeta.report.base import Summary

_IN_MEMORY = 1024 * 1024


class JunitReporter:
    """One test suite. Errors are the failure of their test; warnings and notes are its output."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._cases = _spool()
        self._output = _spool()  # of the test that is being written: it stands behind the failure
        self._file: str | None = None
        self._failing = False
        self._tests = 0
        self._failures = 0

    def add(self, finding: Finding) -> None:
        """Spool the finding, in a new test if the file is another."""
        if self._file != finding.file:
            self._end_case()
            self._begin_case(finding.file or ".")
            self._file = finding.file
        what = f"{finding.severity} {finding.code}: {words(finding)}"
        line = _xml(f"{place(finding)}: {what}" if finding.line else what)
        if finding.severity < Severity.ERROR:
            self._output.write(f"{line}\n")
            return
        if not self._failing:
            self._failing = True
            self._failures += 1
            self._cases.write(f'<failure type="{finding.code}" message="{_xml(words(finding))}">')
        self._cases.write(f"{line}\n")

    def close(self, summary: Summary) -> None:
        """Write the whole report."""
        self._end_case()
        if summary.interrupted or not self._tests:
            self._begin_case("zmeta check")
            if summary.interrupted:
                self._cases.write('<error type="interrupted" message="not everything was looked at"/>')
            self._end_case()
        name = 'name="zmeta check"'
        counts = f'tests="{self._tests}" failures="{self._failures}" errors="{int(summary.interrupted)}"'
        time = f'time="{summary.seconds:.3f}"'
        self._stream.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {name} {counts} {time}>\n')
        self._stream.write(f'<testsuite {name} {counts} skipped="0" {time}>\n')
        with self._cases, self._output:
            self._cases.seek(0)
            copyfileobj(self._cases, self._stream)
        self._stream.write(f"<system-out>{_xml(str(summary))}</system-out>\n</testsuite>\n</testsuites>\n")

    def _begin_case(self, name: str) -> None:
        self._tests += 1
        self._cases.write(f'<testcase classname="zmeta.check" name="{_xml(name)}" time="0">')

    def _end_case(self) -> None:
        if not self._tests:
            return
        if self._failing:
            self._cases.write("</failure>")
        if self._output.tell():
            self._cases.write("<system-out>")
            self._output.seek(0)
            copyfileobj(self._output, self._cases)
            self._cases.write("</system-out>")
            self._output.seek(0)
            self._output.truncate()
        self._cases.write("</testcase>\n")
        self._failing = False


def _spool() -> SpooledTemporaryFile[str]:
    return SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="ascii", newline="")


def _xml(text: str) -> str:
    """Escape for a text or an attribute, in ASCII; what XML has no way to write becomes a visible escape."""
    return escape(one_line(text)).encode("ascii", "xmlcharrefreplace").decode()
