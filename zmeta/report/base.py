"""What every report format is fed: findings one by one, then the summary. Their words are in `words.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zmeta.finding import Finding


@dataclass(frozen=True)
class Summary:
    """What a run of `check` looked at and found.

    Attributes
    ----------
    arrays, groups : int
        Nodes that were judged.
    errors, warnings, notes : int
        Findings that are reported.
    known : int
        Findings that the baseline knows; they are not reported.
    fixed : int
        Findings that `--fix` mended; they are not reported.
    failed : bool
        Whether a finding reaches the severity that fails the run.
    interrupted : bool
        Whether the run was stopped before its end.
    seconds : float
    codes : mapping of str to int
        Findings that are reported, by code.
    """

    arrays: int = 0
    groups: int = 0
    errors: int = 0
    warnings: int = 0
    notes: int = 0
    known: int = 0
    fixed: int = 0
    failed: bool = False
    interrupted: bool = False
    seconds: float = 0.0
    codes: Mapping[str, int] = field(default_factory=dict)

    @property
    def findings(self) -> int:
        """Findings that are reported."""
        return self.errors + self.warnings + self.notes

    def __str__(self) -> str:
        def count(number: int, noun: str) -> str:
            return f"{number:,} {noun}{'' if number == 1 else 's'}"

        looked_at = f"{count(self.arrays, 'array')} and {count(self.groups, 'group')}"
        found = ", ".join(
            count(number, noun)
            for number, noun in ((self.errors, "error"), (self.warnings, "warning"), (self.notes, "note"))
            if number
        )
        text = f"{found or 'nothing wrong'} in {looked_at}"
        text += f"; {self.known:,} more known to the baseline" if self.known else ""
        text += f"; {self.fixed:,} mended" if self.fixed else ""
        return text + (" (interrupted: not everything was looked at)" if self.interrupted else "")


class Reporter(Protocol):
    """One format. Made with a stream; `add` is called for each finding in order, `close` once, also after Ctrl-C."""

    def add(self, finding: Finding) -> None:
        """Report one finding."""
        ...

    def close(self, summary: Summary) -> None:
        """Finish the report."""
        ...
