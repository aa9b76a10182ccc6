"""Steps applied to the attributes of one group: from the version of OME-NGFF that they are at to the one asked for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from zmeta.errors import NoPathError
from zmeta.finding import Finding, Severity
from zmeta.jsondoc import pointer
from zmeta.migrate.graph import Graph
from zmeta.migrate.step import Site, StepBlockedError
from zmeta.migrate.steps.ome_ngff.parts import KEYS, PIXEL_SCALE, group_version, iter_parts
from zmeta.migrate.steps.registry import STEPS
from zmeta.migrate.unit import weakest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.migrate.options import Options
    from zmeta.migrate.unit import Kind
    from zmeta.nodes.node import Node


class Upgrade(NamedTuple):
    """Attributes as they will be, and the steps that lead there; with an error among the findings, as they are."""

    attributes: JSONObject
    steps: tuple[str, ...] = ()
    kind: Kind = "lossless"
    findings: tuple[Finding, ...] = ()

    @property
    def blocked(self) -> bool:
        """Whether the way to the version is blocked."""
        return any(finding.severity == Severity.ERROR for finding in self.findings)


@lru_cache(maxsize=1)
def packaged_graph() -> Graph:
    """Return the graph of the steps that zmeta knows itself."""
    return Graph(STEPS)


def upgrade_group(group: Node, arrays: Mapping[str, Node], options: Options) -> Upgrade:
    """Bring what a group says in OME-NGFF to the version that is asked for; what says nothing stays as it is."""
    attributes = group.attributes
    if not _speaks_ome(attributes):
        return Upgrade(attributes)
    version = group_version(attributes) or _unstated(attributes)
    target = options.image_version
    if version is None:
        message = "ome-ngff: the version is not one that can be migrated"
        place = group.attributes_pointer + pointer("ome", "version")
        return Upgrade(attributes, findings=(Finding("ZM404", message, group.attributes_file, place, f"{target} or older"),))
    try:
        steps = packaged_graph().path("ome-ngff", version, target)
    except NoPathError as error:
        hint = "name a newer version" if version > target else ""
        found = Finding("ZM409", str(error.what), group.attributes_file, hint=hint, level=Severity.ERROR)
        return Upgrade(attributes, findings=(found,))
    agreed = options.allow_loss | ({PIXEL_SCALE} if options.pixel_scale else set())
    site = Site(group, arrays, agreed, options.config.for_path(group.path).reading())
    done: list[str] = []
    for step in steps:
        try:
            attributes = step.transform(attributes, site)
        except StepBlockedError as error:
            return Upgrade(group.attributes, (*done, step.id), step.kind, tuple(error.findings))
        done.append(step.id)
    return Upgrade(attributes, tuple(done), weakest(*(_kind(step.kind, options) for step in steps)))


def _unstated(attributes: JSONObject) -> str | None:
    """Return the version of content that states none, such as a list of labels, by where it stands."""
    ome = attributes.get("ome")
    if not isinstance(ome, dict):
        return "0.4"
    return "0.5" if "version" not in ome else None


def _kind(kind: Kind, options: Options) -> Kind:
    """A step that may need a decision needed none where the user gave none."""
    return "lossless" if kind == "manual" and not options.pixel_scale else kind


def _speaks_ome(attributes: JSONObject) -> bool:
    """Whether a group speaks OME-NGFF: its keys have other meanings elsewhere."""
    if isinstance(attributes.get("ome"), dict):
        return True
    images = attributes.get("multiscales")
    if isinstance(images, list) and any(_is_cosem(image) for image in images):
        return False
    labels = attributes.get("labels")
    named = isinstance(labels, list) and all(isinstance(name, str) for name in labels)
    return bool(next(iter_parts(attributes), None)) or named or "bioformats2raw.layout" in attributes.keys() & set(KEYS)


def _is_cosem(image: JSONValue) -> bool:
    datasets = image.get("datasets") if isinstance(image, dict) else None
    return isinstance(datasets, list) and any(
        isinstance(item, dict) and "transform" in item and "coordinateTransformations" not in item for item in datasets
    )
