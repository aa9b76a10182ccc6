"""Findings: what is wrong with a document, as plain frozen values. A finding never stops anything by itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How bad a finding is; errors make metadata unusable, warnings make it doubtful, notes explain a reading."""

    NOTE = 0
    WARNING = 1
    ERROR = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing, about one place in one document.

    Attributes
    ----------
    code : str
        Stable code, see `CODES`; never reused.
    message : str
        What is wrong, in one sentence.
    file : str
        The document, or the node's folder where no single document is meant.
    pointer : str
        JSON pointer (RFC 6901) into the document; `""` is the whole document.
    expected, found, hint : str
        What should stand there, what does, and what to do about it.
    line, column : int
        Position in the file, 1-based; 0 where it is not known.
    """

    code: str
    message: str
    file: str = ""
    pointer: str = ""
    expected: str = ""
    found: str = ""
    hint: str = ""
    line: int = 0
    column: int = 0

    @property
    def severity(self) -> Severity:
        """Severity of the code."""
        return CODES[self.code][0]

    @property
    def title(self) -> str:
        """What the code stands for."""
        return CODES[self.code][1]

    def as_dict(self) -> dict[str, object]:
        """Return the finding as plain JSON, with empty fields left out."""
        fields = ("message", "file", "pointer", "expected", "found", "hint", "line", "column")
        values = {name: getattr(self, name) for name in fields}
        return {"code": self.code, "severity": str(self.severity)} | {k: v for k, v in values.items() if v}

    def __str__(self) -> str:
        place = self.file + (f":{self.line}:{self.column}" if self.line else "")
        place += f" {self.pointer}" if self.pointer else ""
        text = f"{self.severity} {self.code}: {self.message}"
        text += f" (expected {self.expected})" if self.expected else ""
        text += f" (found {self.found})" if self.found else ""
        text += f" [{place}]" if place else ""
        text += f"; {self.hint}" if self.hint else ""
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


_N, _W, _E = Severity.NOTE, Severity.WARNING, Severity.ERROR

#: Every code with its severity and title. Append only; a retired code is never used again.
CODES: dict[str, tuple[Severity, str]] = {
    # ZM0: the bytes and the node documents
    "ZM001": (_E, "the document cannot be read as JSON"),
    "ZM002": (_W, "NaN or Infinity tokens are not JSON"),
    "ZM003": (_W, "the document begins with a byte-order mark"),
    "ZM004": (_W, "a second document describes the same node"),
    "ZM005": (_W, "a document above the node cannot be read"),
    # ZM1: the shape of the JSON
    "ZM101": (_E, "the attributes break the schema of their convention"),
    "ZM102": (_E, "the attributes break a profile"),
    "ZM103": (_E, "the payload is not valid"),
    "ZM104": (_E, "a key looks like a misspelt one"),
    "ZM105": (_E, "the name is reserved by the container"),
    "ZM106": (_E, "the value cannot be stored as JSON"),
    # ZM2: axes and units
    "ZM201": (_E, "a list does not fit the number of axes"),
    "ZM202": (_E, "axis names are wrong"),
    "ZM203": (_E, "the unit does not fit the type of its axis"),
    "ZM204": (_W, "the unit is not a listed name"),
    "ZM205": (_N, "axis names are not stated and are taken from the habit of the convention"),
    "ZM206": (_W, "axis names or types are a guess"),
    "ZM207": (_N, "no unit is stated"),
    "ZM208": (_E, "the unit cannot be used"),
    "ZM209": (_W, "one unit stands for all axes"),
    # ZM3: sizes and places
    "ZM301": (_E, "a value is not a positive finite number"),
    "ZM302": (_E, "a value is not a finite number"),
    "ZM303": (_N, "no origin is stated"),
    "ZM304": (_W, "a pyramid level does not share the corner of level 0"),
    "ZM305": (_E, "a transformation cannot be read as voxel size and offset"),
    "ZM306": (_E, "the order of the values cannot be told"),
    "ZM307": (_W, "readers of this convention truncate the value"),
    "ZM308": (_E, "the scale of a pyramid level is not stated"),
    "ZM309": (_N, "the reading of the values rests on a setting or a habit"),
    "ZM310": (_W, "an identity is stated in the place of a scale"),
    # ZM4: conventions
    "ZM401": (_E, "two conventions contradict each other"),
    "ZM402": (_W, "a convention is recognised but cannot be decoded"),
    "ZM403": (_W, "the stated version does not fit the content"),
    "ZM404": (_E, "the version of the convention is not known"),
    "ZM405": (_N, "the convention is not declared"),
    "ZM406": (_W, "two copies of the same metadata differ"),
    "ZM407": (_W, "the metadata of the group does not fit the array"),
    "ZM408": (_W, "the value stands on the group above"),
    "ZM409": (_E, "the convention has no place for the value"),
    "ZM410": (_W, "the file and the reader name the axes differently"),
}
