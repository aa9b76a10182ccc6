"""One JSON object on each line, at once: for programs that read along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.report.json_ import dump_ascii, finding_json, summary_json

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.finding import Finding
    from zmeta.report.base import Summary


class JsonLinesReporter:
    """Lines of the type "finding", and a last one of the type "summary"."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, finding: Finding) -> None:
        """Write the finding."""
        self._write({"type": "finding"} | finding_json(finding))

    def close(self, summary: Summary) -> None:
        """Write the summary."""
        self._write({"type": "summary"} | summary_json(summary))

    def _write(self, item: dict[str, object]) -> None:
        self._stream.write(f"{dump_ascii(item)}\n")
        self._stream.flush()
