"""Legacy attributes upgraded in memory, through the steps of a migration, for a reader that never writes.

As far as the steps lead: one that is blocked, or that needs another Zarr format, leaves the attributes at its version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zmeta.conventions.ome_ngff.detect import find_level
from zmeta.errors import StepBlockedError
from zmeta.pipeline import decode_node
from zmeta.steps.load import load_graph
from zmeta.steps.ome_ngff.parts import group_version
from zmeta.steps.step import Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from zmeta.config import Config
    from zmeta.conventions.base import Claim, Reading
    from zmeta.conventions.merge import Given
    from zmeta.jsondoc import JSONObject
    from zmeta.nodes.node import Node
    from zmeta.pipeline import Decoded
    from zmeta.steps.graph import Graph


class Upgraded(NamedTuple):
    """An array with the attributes, its own and those of the image that lists it, as its conventions write them today."""

    node: Node
    steps: tuple[str, ...] = ()


def upgrade_decoded(decoded: Decoded, reading: Reading, given: Given | None, config: Config) -> Upgraded:
    """Return an array as it was read, upgraded; as it is where that would change what is read from it."""
    upgraded = upgrade_in_memory(decoded.node, decoded.claims, reading, load_graph(config))
    if upgraded.steps:
        after = decode_node(upgraded.node, reading, given)
        if not after.errors and after.metadata == decoded.metadata:
            return upgraded
    return Upgraded(decoded.node)


def upgrade_in_memory(node: Node, claims: Iterable[Claim], reading: Reading, graph: Graph) -> Upgraded:
    """Return an array upgraded by the steps of the conventions that it speaks, and of the profiles that it states."""
    attributes, done = node.attributes, []
    for claim in claims:
        if claim.version is not None and claim.convention != "ome-ngff":
            attributes, steps = _walk(graph, claim.convention, claim.version, attributes, Site(node, {}, reading=reading))
            done += steps
    for subject in dict.fromkeys(step.subject for step in graph.steps if step.find_version is not None):
        version = graph.version_of(subject, attributes)
        if version is not None:
            site = Site(node.with_attributes(attributes), {}, reading=reading)
            attributes, steps = _walk(graph, subject, version, attributes, site)
            done += steps
    node = node.with_attributes(attributes) if done else node
    node, steps = _upgrade_image(node, reading, graph)
    return Upgraded(node, (*done, *steps))


def _upgrade_image(node: Node, reading: Reading, graph: Graph) -> tuple[Node, list[str]]:
    """Upgrade the group whose image lists an array."""
    level = find_level(node)
    version = None if level is None else group_version(level.group.attributes)
    if level is None or version is None:
        return node, []
    group = level.group
    arrays: Mapping[str, Node] = {below: node for above, below in node.ancestors if above.path == group.path}
    attributes, steps = _walk(graph, "ome-ngff", version, group.attributes, Site(group, arrays, reading=reading))
    if not steps:
        return node, []
    changed = group.with_attributes(attributes)
    above = tuple((changed if other.path == group.path else other, below) for other, below in node.ancestors)
    return node._replace(ancestors=above), steps


def _walk(graph: Graph, subject: str, version: str, attributes: JSONObject, site: Site) -> tuple[JSONObject, list[str]]:
    done: list[str] = []
    while (step := graph.next(subject, version)) is not None and step.needs in (None, site.node.format):
        try:
            attributes = step.transform(attributes, site)
        except StepBlockedError:
            break
        version = step.after
        done.append(step.id)
    return attributes, done
