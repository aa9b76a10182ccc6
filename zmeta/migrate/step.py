"""A step: one version of a convention, or of a profile, to the next. A file with an id, a from, a to, and a pure function."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from zmeta.errors import ZmetaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zmeta.jsondoc import JSONObject
    from zmeta.migrate.unit import Kind
    from zmeta.nodes.node import Node


class Site(NamedTuple):
    """Where a step works: the node whose attributes change, and the arrays that these list, by the path they are listed at.

    `agreed` are the words by which the user agreed to what a step cannot decide, such as a key that may be lost.
    """

    node: Node
    arrays: Mapping[str, Node]
    agreed: frozenset[str] = frozenset()


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
    """

    id: str
    subject: str
    before: str
    after: str
    kind: Kind
    transform: Transform = field(compare=False)
    needs: int | None = None
    summary: str = ""


class StepBlockedError(ZmetaError, ValueError):
    """A step cannot go on without losing or inventing something; `findings` say what."""
