"""Progress on a terminal: one line of standard error, drawn a few times a second and wiped at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID


class _Line:
    """A line that is silent for the first half second."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @property
    def _seconds(self) -> float:
        return max(time.monotonic() - self._start, 1e-9)

    def _columns(self) -> tuple[ProgressColumn, ...]:
        return ()

    def _draw(self, text: str, done: int | None = None, total: int | None = None) -> None:
        if self._progress is None:
            if self._seconds < 0.5:
                return
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(*self._columns(), console=Console(stderr=True), transient=True, refresh_per_second=8)
            self._task = self._progress.add_task("", total=total)
            self._progress.start()
        if self._task is not None:
            self._progress.update(self._task, description=text, completed=done)

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class Display(_Line):
    """Shows how many nodes were looked at, how fast, and what was found."""

    def show(self, arrays: int, groups: int, findings: int, what: str = "findings") -> None:
        """Draw the counts; arrays below zero end the display."""
        if arrays < 0:
            self._stop()
            return
        rate = (arrays + groups) / self._seconds
        self._draw(f"{arrays:,} arrays, {groups:,} groups, {findings:,} {what}, {rate:,.0f} nodes/s")

    def _columns(self) -> tuple[ProgressColumn, ...]:
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        return SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()


class Bar(_Line):
    """Shows how much of a known amount is done, how fast, and how long it will take."""

    def show(self, done: int, total: int) -> None:
        """Draw the state."""
        self._draw(f"{done:,} of {total:,} documents, {done / self._seconds:,.0f} documents/s", done, total)

    def _columns(self) -> tuple[ProgressColumn, ...]:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

        text = TextColumn("{task.description}", markup=False)
        return BarColumn(), text, TextColumn("left"), TimeRemainingColumn()
