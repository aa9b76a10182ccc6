"""What became of a document that was to be written, as a value: a batch goes on where one of them is a problem."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: Written now, found as it shall be, changed by others, refused by the system, or left as it is because of another document
#: of its unit.
State = Literal["written", "already", "conflict", "failed", "left"]


class Fate(NamedTuple):
    """What became of one document, and why."""

    state: State
    reason: str = ""


WRITTEN, ALREADY = Fate("written"), Fate("already")
