"""All findings and the summary in one JSON document, written finding by finding. Other JSON formats write with its parts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from zmeta.finding import Finding
    from zmeta.report.base import Summary


class JsonReporter:
    """`{"findings": [...], "summary": {...}}`, one finding on a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._findings = JsonArray(stream, '{"findings": ')

    def add(self, finding: Finding) -> None:
        """Write the finding."""
        self._findings.add(finding_json(finding))

    def close(self, summary: Summary) -> None:
        """Write the summary and the end of the document."""
        self._findings.close()
        self._stream.write(f', "summary": {dump_ascii(summary_json(summary))}}}\n')


class JsonArray:
    """An array that is written item by item, one on a line; nothing is written before the first."""

    def __init__(self, stream: TextIO, head: str = "") -> None:
        self._stream = stream
        self._before = f"{head}["

    def add(self, item: Mapping[str, object]) -> None:
        """Write an item."""
        self._stream.write(f"{self._before}\n{dump_ascii(item)}")
        self._before = ","

    def close(self) -> None:
        """Write the end."""
        self._stream.write("\n]" if self._before == "," else f"{self._before}]")


def finding_json(finding: Finding) -> dict[str, object]:
    """Return all that a machine may want to know about a finding."""
    known = finding.as_dict() | {"title": finding.title, "url": finding.url, "fingerprint": finding.fingerprint}
    return known if finding.fix is None else known | {"fix": str(finding.fix)}


def summary_json(summary: Summary) -> dict[str, object]:
    """Return the summary as plain JSON."""
    return vars(summary) | {"codes": dict(summary.codes)}


def dump_ascii(value: Mapping[str, object]) -> str:
    r"""Return JSON that every stream can encode and every parser reads.

    Half of a surrogate pair, as in a file name that is not UTF-8, becomes the text `\udcff`: a strict parser would refuse
    the whole document because of it.
    """
    text = json.dumps(value)
    if "\\ud" in text:  # a half, or a whole pair, which is as good as any character
        halves = re.compile(r"[\ud800-\udfff]")
        whole = halves.sub(lambda half: rf"\\u{ord(half[0]):04x}", json.dumps(value, ensure_ascii=False))
        text = json.dumps(json.loads(whole))
    return text
