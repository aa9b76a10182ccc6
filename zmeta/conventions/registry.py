"""The one list of conventions, in the order of precedence, and the merge of what several say about one array.

What a convention further up *states* wins; what only a habit fills in gives way to a statement further down. Where two
statements differ, nothing is chosen: that is an error that shows both.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from zmeta.conventions import cosem, dacapo, daisy, dimension_units, funlib, n5_viewer, ome_ngff, recognised, xarray, zmeta

if TYPE_CHECKING:
    from zmeta.conventions.base import Claim, ConventionVersion, Reading
    from zmeta.nodes.node import Node

#: All versions of all conventions, strongest first: declared, then the group that lists the array, then the array's keys.
VERSIONS: tuple[ConventionVersion, ...] = (
    *zmeta.VERSIONS,
    *ome_ngff.VERSIONS,
    *cosem.VERSIONS,
    *funlib.VERSIONS,
    *daisy.VERSIONS[:1],
    *n5_viewer.VERSIONS,
    *dacapo.VERSIONS,
    *daisy.VERSIONS[1:],
    *dimension_units.VERSIONS,
    *xarray.VERSIONS,
    *recognised.VERSIONS,
)

BY_ID: dict[str, ConventionVersion] = {row.id: row for row in VERSIONS}


def detect(node: Node, extra: tuple[ConventionVersion, ...] = ()) -> list[ConventionVersion]:
    """Return the versions that an array speaks, strongest first, `extra` ones before ours. Never raises on data."""
    keys = set(node.attributes)
    for group, _ in node.ancestors:
        keys.update(group.attributes)
    if node.dimension_names is not None:
        keys.add("dimension_names")
    ours = _candidates(frozenset(keys & EVIDENCE))
    rows = (*(row for row in extra if not row.evidence.isdisjoint(keys)), *ours) if extra else ours
    return [row for row in rows if row.detect(node)]


#: Keys without any of which, on an array or above it, no convention is there.
EVIDENCE = frozenset().union(*(row.evidence for row in VERSIONS))


@lru_cache(maxsize=1024)
def _candidates(keys: frozenset[str]) -> tuple[ConventionVersion, ...]:
    """The versions that could be there, by the keys that are."""
    return tuple(row for row in VERSIONS if not row.evidence.isdisjoint(keys))


def claims(node: Node, reading: Reading) -> list[Claim]:
    """Return what every convention that is there says about an array, strongest first."""
    return [row.claim(node, reading) for row in detect(node, reading.conventions)]


def find_row(ident: str | None, reading: Reading) -> ConventionVersion | None:
    """Return the version that is called `name@version`, ours or the user's; None where there is none."""
    return next((row for row in reading.conventions if row.id == ident), BY_ID.get(ident or ""))
