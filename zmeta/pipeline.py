"""The flow, one function per arrow: files → node → claims → canonical metadata. Start reading here.

    folder ──open_array_node──▶ Node ──claims──▶ Claim[] ──merge──▶ Metadata + Finding[]

Everything after the first arrow is pure. Writing is the mirror of it and stands in `nodes/write.py` and `add.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zmeta.conventions.base import Claim, Reading
from zmeta.conventions.merge import Given, merge
from zmeta.conventions.registry import claims
from zmeta.errors import MetadataError
from zmeta.finding import Finding, Severity

if TYPE_CHECKING:
    from zmeta.canonical.metadata import Metadata
    from zmeta.nodes.node import Node


class Decoded(NamedTuple):
    """What is known about one array: its node, what each convention says, and the one reading of it."""

    node: Node
    claims: tuple[Claim, ...]
    metadata: Metadata
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make the metadata unusable."""
        return tuple([finding for finding in self.findings if finding.severity == Severity.ERROR])

    def require(self) -> Metadata:
        """Return the metadata; raises `MetadataError` with everything that is wrong with it."""
        if self.errors:
            raise MetadataError(
                "the metadata of the array cannot be relied on",
                where=self.node.path,
                hint="mend the document, or overwrite the wrong keys with add_metadata",
                findings=self.errors,
            )
        return self.metadata


def decode_node(node: Node, reading: Reading | None = None, given: Given | None = None) -> Decoded:
    """Read the metadata of an array node. Never raises on data: what is wrong is among the findings."""
    reading = reading or Reading()
    found = tuple(claims(node, reading))
    if given is not None and given.names is not None and not any(_states_names(claim) for claim in found):
        # the sizes were put on axes by a guess about their names: once these are given, they tell where the sizes belong
        named = node._replace(dimension_names=list(given.names)) if len(given.names) == node.ndim else node
        found = tuple(claim for claim in claims(named, reading) if claim.convention != "xarray")
    metadata, findings = merge(node, found, reading, given)
    return Decoded(node, found, metadata, (*node.findings, *findings))


def _states_names(claim: Claim) -> bool:
    return claim.names is not None and "axes" not in claim.inferred
