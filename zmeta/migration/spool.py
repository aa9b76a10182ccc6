"""Units on disk while they cannot be passed on: a plan may have any number of them, and memory stays flat."""

from __future__ import annotations

import pickle
import tempfile
from array import array
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from zmeta.migration.unit import Unit


class Spool:
    """Takes units, and gives them back any number of times, in their order."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`
        self._places = array("Q")
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, unit: Unit) -> None:
        """Take a unit."""
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
        return map(self._read, self._places)

    def backwards(self) -> Iterator[Unit]:
        """Yield the units from the last to the first."""
        return map(self._read, reversed(self._places))

    def _read(self, place: int) -> Unit:
        self._file.seek(place)
        unit: Unit = pickle.load(self._file)  # noqa: S301 - this process wrote it into a file without a name
        return unit
