"""A step: one version of a convention, or of a profile, to the next: an id, a from, a to, and a pure function."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from zmeta.conventions.base import Reading
from zmeta.errors import StepBlockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONObject
    from zmeta.nodes.node import Node


__all__ = ["Kind", "Site", "Step", "StepBlockedError", "Transform", "blocked", "weakest"]

#: Whether a change keeps everything, gives something up that was agreed to, or needs a decision of the user.
Kind = Literal["lossless", "lossy", "manual"]

_KINDS: tuple[Kind, ...] = ("lossless", "lossy", "manual")


def weakest(*kinds: Kind) -> Kind:
    """Return the kind of several changes together.

    >>> weakest("lossless", "lossy")
    'lossy'
    """
    return max(kinds, key=_KINDS.index, default="lossless")


class Site(NamedTuple):
    """Where a step works: the node whose attributes change, and the arrays that these list, by the path they are listed at.

    `agreed` are the words by which the user agreed to what a step cannot decide, such as a key that may be lost. `reading`
    is how values are read before and after, so that a step writes what is read as the same.
    """

    node: Node
    arrays: Mapping[str, Node]
    agreed: frozenset[str] = frozenset()
    reading: Reading = Reading()


class Transform(Protocol):
    """Attributes of one version to those of the next, as a new object; foreign keys come out as they went in."""

    def __call__(self, attributes: JSONObject, site: Site, /) -> JSONObject:
        """Raise `StepBlockedError` for what the next version cannot say."""
        ...


@dataclass(frozen=True)
class Step:
    """One version to the next.

    Attributes
    ----------
    id : str
        Unique, such as `ome-ngff-0.3-to-0.4`.
    subject : str
        The convention or the profile.
    before, after : str
        Versions of it.
    kind : "lossless", "lossy" or "manual"
    transform : callable
        Pure: attributes in, new attributes out.
    needs : 3 or None
        The Zarr format in which alone the next version exists; the documents are converted first.
    summary : str
        For people, one line.
    find_version : callable or None
        The version of a profile that attributes are at, or None; see `zmeta.steps.marks`. None for the step of a
        convention, whose versions are detected.
    """

    id: str
    subject: str
    before: str
    after: str
    kind: Kind
    transform: Transform = field(compare=False)
    needs: int | None = None
    summary: str = ""
    find_version: Callable[[JSONObject], str | None] | None = field(default=None, compare=False)


def blocked(what: str, site: Site, *findings: Finding) -> StepBlockedError:
    """Return the error of a step that cannot go on at a site."""
    return StepBlockedError(what, where=site.node.path, findings=findings)
