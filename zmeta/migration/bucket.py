"""A run on an object store: files are made on the condition that they are absent, and one process holds a claim on it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from zmeta.errors import MigrationError
from zmeta.jsondoc import Limits
from zmeta.migration.claim import Claim, holder_of, is_free, name_of
from zmeta.migration.record import MOST_BYTES
from zmeta.stores.remote import store_of
from zmeta.stores.settle import only_while, raw_of, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.stores.base import Store

_LIMITS = Limits(MOST_BYTES)


class _Place(NamedTuple):
    store: Store
    key: str


@dataclass(frozen=True)
class Bucket:
    """A `Home` on an object store, with the store options that hold when it is made."""

    where: str
    _place: _Place = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find the store."""
        object.__setattr__(self, "_place", _Place(*store_of(self.where)))

    @property
    def name(self) -> str:
        """The id of the run."""
        return self.where.rpartition("/")[2]

    def file(self, name: str) -> str:
        """Return the URL of a file."""
        return f"{self.where}/{name}"

    def exists(self) -> bool:
        """Whether there is such a run."""
        return self.has("lock") or self.has("plan.json")

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._place.store.exists(self._key(name))

    def read(self, name: str, most: int) -> tuple[int, bytes] | None:
        """Return the size of a file and its first bytes, None where there is none."""
        raw = raw_of(self._place.store.read(self._key(name), _LIMITS))
        return None if raw is None else (len(raw), raw[:most])

    def publish(self, name: str, *parts: bytes) -> None:
        """Make a file; one that a process sent before it was killed, and that arrived since, is replaced."""
        raw = b"".join(parts)
        done, there = replace(self._place.store, self._key(name), None, raw, _LIMITS)
        if not done and not replace(self._place.store, self._key(name), there, raw, _LIMITS)[0]:
            found = f"{len(raw_of(there) or b'')} other bytes"
            raise MigrationError("another process has written a file of the run", where=self.file(name), found=found)

    def remove(self, name: str) -> None:
        """Remove a file."""
        while (there := self._place.store.read(self._key(name), _LIMITS)) is not None:  # a claim may be renewed meanwhile
            replace(self._place.store, self._key(name), there, None, _LIMITS)

    def discard(self) -> None:
        """Remove the run: first what makes it one, last the claim."""
        names = self._place.store.list_folder(self._place.key).files
        for name in sorted(names, key=lambda name: (name == "lock", name != "plan.json", name)):
            self.remove(name)

    @contextmanager
    def lock(self, *, new: bool = False, wait: bool = True) -> Iterator[None]:
        """Keep other processes off the run; each write within asks whether the claim holds still."""
        claim = Claim(self._place.store, self._key("lock"), self.where)
        claim.take(new=new, wait=wait)
        try:
            with only_while(claim.check):
                if not new:
                    self._try()
                yield
        finally:
            claim.release()

    def _try(self) -> None:
        """Make a file and remove it: how a store takes conditions is found out here once, and not beside a document.

        A process that is killed meanwhile leaves the object of that trial behind.
        """
        self.publish("trial")
        self.remove("trial")

    def holder(self) -> str:
        """Return who works on the run, empty where nobody does."""
        return holder_of(raw_of(self._place.store.read(self._key("lock"))))

    def waits_for(self) -> str:
        """Return whom `lock` watches before it takes the run over, empty for nobody."""
        raw = raw_of(self._place.store.read(self._key("lock")))
        return "" if is_free(raw) else name_of(raw)

    def _key(self, name: str) -> str:
        return f"{self._place.key}/{name}"
