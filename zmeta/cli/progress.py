"""Progress on a terminal: counts and rate on one line of standard error, drawn a few times a second and wiped at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Display:
    """Shows how many nodes were looked at, how fast, and what was found; silent for the first half second."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def show(self, arrays: int, groups: int, findings: int) -> None:
        """Draw the counts; arrays below zero end the display."""
        if arrays < 0:
            self._stop()
            return
        seconds = time.monotonic() - self._start
        if self._progress is None:
            if seconds < 0.5:
                return
            self._begin()
        if self._progress is not None and self._task is not None:
            rate = (arrays + groups) / seconds
            text = f"{arrays:,} arrays, {groups:,} groups, {findings:,} findings, {rate:,.0f} nodes/s"
            self._progress.update(self._task, description=text)

    def _begin(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=8)
        self._task = self._progress.add_task("", total=None)
        self._progress.start()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class Bar:
    """Shows how much of a known amount is done, how fast, and how long it will take; silent for the first half second."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def show(self, done: int, total: int) -> None:
        """Draw the state; it is wiped when all is done."""
        seconds = time.monotonic() - self._start
        if self._progress is None and seconds >= 0.5 and done < total:
            self._begin(total)
        if self._progress is not None and self._task is not None:
            text = f"{done:,} of {total:,} documents, {done / max(seconds, 1e-9):,.0f} documents/s"
            self._progress.update(self._task, completed=done, description=text)

    def _begin(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), TextColumn("{task.description}", markup=False), TextColumn("left"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=8)
        self._task = self._progress.add_task("", total=total)
        self._progress.start()
