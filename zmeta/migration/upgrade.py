"""Steps applied to the attributes of one node: of a group to a version of OME-NGFF, of any to one of the user's profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.rules.zm211_wrong_axes import wrong_axes
from zmeta.errors import NoPathError
from zmeta.finding import Finding, Severity
from zmeta.jsondoc import pointer
from zmeta.steps.ome_ngff.parts import KEYS, PIXEL_SCALE, group_version, iter_parts
from zmeta.steps.step import Site, StepBlockedError, weakest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from zmeta.conventions.base import ConventionVersion
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.migration.options import Options
    from zmeta.nodes.node import Node
    from zmeta.steps.step import Kind, Step


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
        steps = options.graph.path("ome-ngff", version, target)
    except NoPathError as error:
        hint = "name a newer version" if version > target else ""
        found = Finding("ZM409", str(error.what), group.attributes_file, hint=hint, level=Severity.ERROR)
        return Upgrade(attributes, findings=(found,))
    agreed = options.allow_loss | ({PIXEL_SCALE} if options.pixel_scale else set())
    done = _walk(steps, Site(group, arrays, agreed, options.config.for_path(group.path).reading()), options)
    if done.blocked or not done.steps or target < "0.4":
        return done
    wrong = tuple(_misplaced(group, done.attributes))
    if version < "0.4" and wrong:
        return Upgrade(attributes, done.steps, done.kind, wrong)
    told = tuple(finding._replace(level=Severity.WARNING) for finding in wrong)  # it was as wrong before
    return done._replace(findings=told)


def _misplaced(group: Node, attributes: JSONObject) -> Iterator[Finding]:
    """Yield what is wrong with the axes of images as they will be, by the rule that new ones are held to as well."""
    ome = attributes.get("ome")
    images = (ome if isinstance(ome, dict) else attributes).get("multiscales")
    for index, image in enumerate(images if isinstance(images, list) else ()):
        listed = image.get("axes") if isinstance(image, dict) else None
        axes = [axis for axis in listed if isinstance(axis, dict)] if isinstance(listed, list) else []
        for problem in wrong_axes([str(axis.get("type") or "") for axis in axes]) if axes else ():
            place = group.attributes_pointer + pointer("multiscales", index, "axes")
            names = ", ".join(str(axis.get("name")) for axis in axes)
            hint = "correct the order if it was written down wrong; else the data must be transposed"
            yield Finding("ZM211", problem, group.attributes_file, place, found=names, hint=hint)


def upgrade_profiles(node: Node, options: Options) -> Upgrade:
    """Bring what a node says in the user's profiles to their newest version, or to the one that is asked for."""
    result = Upgrade(node.attributes)
    site = Site(node, {}, options.allow_loss, options.config.for_path(node.path).reading())
    for subject in options.profiles:
        finders = (step.find_version for step in options.graph.steps if step.subject == subject)
        version = next((found for find in finders if find and (found := find(result.attributes)) is not None), None)
        if version is None:
            continue
        target = options.target.partition("@")[2] if options.is_profile else ""
        try:
            steps = options.graph.path(subject, version, target or options.graph.head(subject))
        except NoPathError as error:
            problem = Finding("ZM404", f"profile {subject}: {error.what}", node.attributes_file, hint=error.hint)
            return Upgrade(node.attributes, findings=(problem,))
        done = _walk(steps, site._replace(node=node.with_attributes(result.attributes)), options)
        if done.blocked:
            return done._replace(attributes=node.attributes)
        result = Upgrade(done.attributes, result.steps + done.steps, weakest(result.kind, done.kind))
    return result


def upgrade_array(node: Node, row: ConventionVersion, to: ConventionVersion, options: Options) -> Upgrade | None:
    """Bring an array from one version of a convention to another by steps; None where no steps lead there."""
    try:
        steps = options.graph.path(row.convention, row.version, to.version)
    except NoPathError:
        return None
    return _walk(steps, Site(node, {}, options.allow_loss, options.config.for_path(node.path).reading()), options)


def _walk(steps: Iterable[Step], site: Site, options: Options) -> Upgrade:
    """Do one step after the other; what blocks one blocks all."""
    attributes = site.node.attributes
    done: list[str] = []
    kind: Kind = "lossless"
    for step in steps:
        try:
            attributes = step.transform(attributes, site)
        except StepBlockedError as error:
            return Upgrade(site.node.attributes, (*done, step.id), step.kind, tuple(error.findings))
        done.append(step.id)
        kind = weakest(kind, _kind(step.kind, options))
    return Upgrade(attributes, tuple(done), kind)


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
    if isinstance(images, list) and any(is_cosem(image) for image in images):
        return False
    labels = attributes.get("labels")
    named = isinstance(labels, list) and all(isinstance(name, str) for name in labels)
    return bool(next(iter_parts(attributes), None)) or named or "bioformats2raw.layout" in attributes.keys() & set(KEYS)


def is_cosem(image: JSONValue) -> bool:
    """Whether what stands where images do is the list of levels of COSEM."""
    datasets = image.get("datasets") if isinstance(image, dict) else None
    return isinstance(datasets, list) and any(
        isinstance(item, dict) and "transform" in item and "coordinateTransformations" not in item for item in datasets
    )
