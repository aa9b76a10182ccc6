"""Findings: what is wrong with a document, as plain frozen values. A finding never stops anything by itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple

#: The pages of the documentation; each code has one below `rules/`.
DOCS = "https://zmeta.github.io/zmeta/"


class Severity(IntEnum):
    """How bad a finding is; errors make metadata unusable, warnings make it doubtful, notes explain a reading."""

    NOTE = 0
    WARNING = 1
    ERROR = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Fix:
    """A change to the document of a finding that loses nothing: `set` a value, `rename` a key, or `rewrite` the bytes.

    Attributes
    ----------
    action : "set", "rename" or "rewrite"
    pointer : str
        Where in the document; of the key that is renamed. Not used by `rewrite`.
    value : JSON, str or bytes
        The new value, the new key, or the whole new document.
    """

    action: str
    pointer: str
    value: object

    def __str__(self) -> str:
        if self.action == "rewrite":
            return "rewrite the document"
        verb = "rename" if self.action == "rename" else "set"
        return f"{verb} {self.pointer} to {self.value!r}"


class Finding(NamedTuple):
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
    level : Severity or None
        Severity that the settings give it; None for that of the code.
    fix : Fix or None
        A loss-free change that mends it.
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
    level: Severity | None = None
    fix: Fix | None = None

    @property
    def severity(self) -> Severity:
        """Severity that the settings give the finding, else that of its code."""
        return CODES[self.code][0] if self.level is None else self.level

    @property
    def title(self) -> str:
        """What the code stands for."""
        return CODES[self.code][1]

    @property
    def url(self) -> str:
        """The page of the documentation about the code."""
        return f"{DOCS}rules/{self.code}/"

    @property
    def fingerprint(self) -> str:
        """Identity of the finding for baselines: code, file, pointer and words, without the position in the file."""
        parts = (self.code, self.file.replace("\\", "/"), self.pointer, self.message, self.found)
        return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]

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
        text += f" [{place.strip()}]" if place else ""
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
    "ZM006": (_E, "the document of the node is not what Zarr or N5 ask for"),
    "ZM007": (_E, "a document or folder cannot be read"),
    "ZM008": (_E, "the document is larger than the limit"),
    "ZM009": (_E, "the document is nested deeper than the limit"),
    # ZM1: the shape of the JSON
    "ZM101": (_E, "the attributes break the schema of their convention"),
    "ZM102": (_E, "the attributes break a profile"),
    "ZM103": (_E, "the payload is not valid"),
    "ZM104": (_E, "a key looks like a misspelt one"),
    "ZM105": (_E, "the name is reserved by the container"),
    "ZM106": (_E, "the value cannot be stored as JSON"),
    "ZM107": (_W, "a custom key looks like a misspelt one"),
    "ZM108": (_N, "an entry of zarr_conventions is not known"),
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
    "ZM210": (_W, "the units of the space axes differ"),
    "ZM211": (_E, "the axes are not in a number or an order that OME-NGFF allows"),
    "ZM212": (_E, "the dimension names of the array are not the axes of its image"),
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
    "ZM311": (_E, "the voxel size of a pyramid level does not fit its shape"),
    "ZM312": (_E, "the voxel size of a pyramid level is a thousand times off"),
    "ZM313": (_W, "the voxel size was likely never set"),
    "ZM314": (_E, "the levels of a pyramid are not ordered from fine to coarse"),
    "ZM315": (_N, "a pyramid level has no half-voxel shift"),
    "ZM316": (_W, "some levels of a pyramid have the half-voxel shift and others not"),
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
    "ZM411": (_E, "one of two values is the other with its fraction cut off"),
    "ZM412": (_E, "a path leads to nothing"),
    "ZM413": (_E, "a path is absolute or leaves its group"),
    "ZM414": (_W, "consolidated metadata is stale"),
    "ZM415": (_N, "the convention has a successor"),
    "ZM416": (_E, "a label image does not fit its image"),
    "ZM417": (_E, "a plate or well contradicts itself"),
    "ZM418": (_E, "the versions within an OME-Zarr hierarchy differ"),
    "ZM419": (_W, "a label image is not listed"),
    "ZM420": (_E, "the document has no form in Zarr v3"),
    "ZM421": (_W, "a part of the document is not known to every reader of Zarr v3"),
    "ZM422": (_N, "a part of the document is stated differently in Zarr v3"),
    # ZM5: between arrays, where the settings ask for it
    "ZM501": (_W, "an array reaches outside the one that it belongs to"),
    "ZM502": (_W, "the voxel sizes of two arrays do not divide each other"),
}
