"""What became of a document that was to be written, as a value: a batch goes on where one of them is a problem."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal, NamedTuple

#: Written now, found as it shall be, changed by others, refused by the system, or left as it is because of another document
#: of its unit.
State = Literal["written", "already", "conflict", "failed", "left"]


class Fate(NamedTuple):
    """What became of one document, and why."""

    state: State
    reason: str = ""


WRITTEN, ALREADY = Fate("written"), Fate("already")


def conflict_of(old: bytes | None, found: bytes | None) -> Fate:
    """Return the fate of a document that is not what was read."""
    if found is None:
        return Fate("conflict", "the document is not there any more")
    if old is None:
        return Fate("conflict", f"a document is there already (sha256 {sha256(found).hexdigest()[:12]})")
    digests = (sha256(raw).hexdigest()[:12] for raw in (old, found))
    return Fate("conflict", "somebody changed the document: sha256 {} expected, {} found".format(*digests))
