"""Units while they cannot be passed on: a plan may have any number of them, so all but a few are put on disk."""

from __future__ import annotations

import pickle
import tempfile
from array import array
from itertools import chain
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from zmeta.migration.unit import Unit


#: Units that are kept in memory: most containers have no more.
_FEW = 64


class Spool:
    """Takes units, and gives them back any number of times, in their order."""

    def __init__(self) -> None:
        self._first: list[Unit] = []
        self._file: IO[bytes] | None = None
        self._places = array("Q")
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, unit: Unit) -> None:
        """Take a unit."""
        if len(self._first) < _FEW:
            self._first.append(unit)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`
        self._file.seek(self._end)
        self._places.append(self._end)
        pickle.dump(unit, self._file, pickle.HIGHEST_PROTOCOL)
        self._end = self._file.tell()

    def passing(self, units: Iterable[Unit], kept: Callable[[Unit], bool]) -> Iterator[Unit]:
        """Take those that are to be kept, and pass the others on."""
        for unit in units:
            if kept(unit):
                self.add(unit)
            else:
                yield unit

    def __iter__(self) -> Iterator[Unit]:
        return chain(self._first, self._later(self._places))

    def backwards(self) -> Iterator[Unit]:
        """Yield the units from the last to the first."""
        return chain(self._later(reversed(self._places)), reversed(self._first))

    def _later(self, places: Iterable[int]) -> Iterator[Unit]:
        """Yield the units that are on disk."""
        if self._file is not None:
            for place in places:
                self._file.seek(place)
                yield pickle.load(self._file)  # noqa: S301 - this process wrote it into a file without a name
