"""What became of a document that was to be written with many others."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: What became of a document: written now, found as it shall be, changed by others, refused by the system, or left as it is
#: because of another document of its unit.
State = Literal["written", "already", "conflict", "failed", "left"]


class Fate(NamedTuple):
    """What became of one document, and why."""

    state: State
    reason: str = ""
