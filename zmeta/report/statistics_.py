"""`--statistics`: how often each code was found, and the summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.finding import CODES

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.finding import Finding
    from zmeta.report.base import Summary


class StatisticsReporter:
    """Counts instead of findings, the most frequent first."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, finding: Finding) -> None:
        """Pass over a finding: the summary has the counts."""

    def close(self, summary: Summary) -> None:
        """Print the table."""
        for code, count in sorted(summary.codes.items(), key=lambda entry: (-entry[1], entry[0])):
            severity, title = CODES[code]
            self._stream.write(f"{count:>8,}  {code}  {severity!s:<8} {title}\n")
        self._stream.write(f"{summary}\n")
