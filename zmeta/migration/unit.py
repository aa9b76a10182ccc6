"""What a plan is made of: units, each with the documents that change together. A value, made without writing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zmeta.finding import Finding, Severity

if TYPE_CHECKING:
    from zmeta.nodes.write import Change
    from zmeta.steps.step import Kind


class Need(NamedTuple):
    """A document that must be as planned (SHA-256 of its bytes) before a unit may be written, or taken back."""

    file: str
    digest: str


class Unit(NamedTuple):
    """One node, or an image with its levels, and what becomes of its documents.

    Attributes
    ----------
    path : str
        Folder of the node.
    steps : tuple of str
        What is done, in order: ids of steps, and `daisy@1 → zmeta@1.0` for a translation.
    kind : "lossless", "lossy" or "manual"
        The weakest of the steps.
    changes : tuple of Change
        Documents before and after, in the order in which they are to be written; none where the unit is blocked.
    findings : tuple of Finding
        Errors are what blocks the unit; warnings and notes are worth knowing.
    needs : tuple of Need
        What must be there before anything of it is written.
    last : bool
        It is written after all units that are not last.
    """

    path: str
    steps: tuple[str, ...] = ()
    kind: Kind = "lossless"
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    needs: tuple[Need, ...] = ()
    last: bool = False

    @property
    def blocked(self) -> bool:
        """Whether something stands against it, so that nothing of it is written."""
        return bool(self.findings) and any(finding.severity == Severity.ERROR for finding in self.findings)
