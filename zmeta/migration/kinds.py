"""What was learnt about kinds of things that a plan meets again and again, each told by the bytes that it depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Learnt = TypeVar("Learnt")

_MOST_KEPT, _MOST_SEEN = 512, 4096


class Kinds(Generic[Learnt]):
    """Learns about a kind when it is seen for the second time: those that are alone of their kind cost nothing. Bounded."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Learnt | None]] = {}
        self._seen: set[int] = set()

    def recall(self, kind: bytes) -> Learnt | None:
        """Return what was learnt about a kind so far; None where that is nothing."""
        return self._known.get(kind, (None,))[0]

    def find(self, kind: bytes, learn: Callable[[], Learnt | None]) -> Learnt | None:
        """Return what is known about a kind; None where that is nothing."""
        known = self._known.get(kind)
        if known is not None:
            return known[0]
        mark = hash(kind)
        if mark not in self._seen:
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen.add(mark)
            return None
        learnt = learn()
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[kind] = (learnt,)
        return learnt
