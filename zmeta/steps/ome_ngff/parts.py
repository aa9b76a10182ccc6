"""The parts of OME-NGFF group attributes that have a version of their own up to 0.4: images, plate, well, label, omero.

One group may hold several, and a step changes each part that is at its version. What is at the next one already stays, so
that a step may be done twice; what is at another is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from zmeta.conventions.ome_ngff.detect import base_version, clean_path
from zmeta.finding import Finding
from zmeta.jsondoc import describe, pointer
from zmeta.steps.step import blocked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.node import Node
    from zmeta.steps.step import Site

#: What OME-NGFF keeps in the attributes of a group, up to 0.4 at the top.
KEYS = ("multiscales", "omero", "labels", "image-label", "plate", "well", "bioformats2raw.layout", "series")
#: Parts with a version, and whether it is stated anew where it is missing.
_STATED = {"multiscales": True, "plate": True, "well": True, "image-label": False, "omero": False}
#: The word by which a user agrees to scales that count pixels, without a unit, where no voxel size is stated.
PIXEL_SCALE = "pixel-scale"
#: Versions whose images look alike.
_WITHOUT_AXES = ("0.1", "0.2")


class Place(NamedTuple):
    """A part, where it stands in the attributes, and the site of the step with the attributes as they are before it."""

    path: tuple[str | int, ...]
    site: Site
    attributes: JSONObject

    def finding(
        self, code: str, message: str, *more: str | int, expected: str = "", found: str = "", hint: str = ""
    ) -> Finding:
        """Return a finding about something in the part."""
        node = self.site.node
        place = node.attributes_pointer + pointer(*self.path, *more)
        return Finding(code, f"ome-ngff: {message}", node.attributes_file, place, expected, found, hint)


class Part(Protocol):
    """One part of a version, as a part of the next; its `version` is seen to by the caller."""

    def __call__(self, part: JSONObject, place: Place, /) -> JSONObject:
        """Change."""
        ...


def upgrade(attributes: JSONObject, site: Site, before: str, after: str, changes: Mapping[str, Part]) -> JSONObject:
    """Return attributes whose parts of one version are at the next; `changes` has a function for a part that differs.

    Raises `StepBlockedError` for a part of a version that is neither.
    """
    result = dict(attributes)
    for key in _STATED:
        value = attributes.get(key)
        if key == "multiscales" and isinstance(value, list):
            images = list(value)
            for index, image in enumerate(images):
                if isinstance(image, dict):
                    images[index] = _upgraded(image, Place((key, index), site, attributes), before, after, changes)
            result[key] = images
        elif key != "multiscales" and isinstance(value, dict):
            result[key] = _upgraded(value, Place((key,), site, attributes), before, after, changes)
    return result


def _upgraded(part: JSONObject, place: Place, before: str, after: str, changes: Mapping[str, Part]) -> JSONObject:
    key = str(place.path[0])
    version = part_version(key, part)
    stated = text_version(part.get("version"))
    if version == after and stated is not None and base_version(stated) == after:
        return part
    if version not in (None, before, after) or (stated is not None and base_version(stated) is None):
        finding = place.finding("ZM418", f"a part is not at {before}", "version", expected=before, found=str(stated))
        raise blocked(f"the attributes are not those of {before}", place.site, finding)
    change = changes.get(key) if version != after else None
    changed = part if change is None else change(part, place)
    return {**changed, "version": after} if _STATED[key] or "version" in part else changed


def text_version(value: JSONValue) -> str | None:
    """Return a stated version as text; 0.4 is seen as a number too."""
    return None if value is None or isinstance(value, bool | dict | list) else str(value)


def part_version(key: str, part: JSONObject) -> str | None:
    """Return the version of a part as detection reads it: what is stated where the content can be it, else the content's.

    None where neither says it.
    """
    stated = text_version(part.get("version"))
    known = None if stated is None else base_version(stated)
    if key != "multiscales":
        return known
    axes, datasets = part.get("axes"), part.get("datasets")
    transforms = any(
        isinstance(item, dict) and "coordinateTransformations" in item
        for item in (part, *(datasets if isinstance(datasets, list) else ()))
    )
    if transforms or (isinstance(axes, list) and any(isinstance(axis, dict) for axis in axes)):
        return "0.5" if known == "0.5" else "0.4"
    if isinstance(axes, list):
        return "0.3"
    return known if known in _WITHOUT_AXES else None


def group_version(attributes: JSONObject) -> str | None:
    """Return the version that the attributes of a group are at; None where they do not say, as a list of labels does not.

    >>> group_version({"multiscales": [{"version": 0.3, "axes": ["y", "x"], "datasets": []}]})
    '0.3'
    """
    ome = attributes.get("ome")
    if isinstance(ome, dict) and not attributes.keys() & set(KEYS):
        stated = text_version(ome.get("version"))
        return None if stated is None else base_version(stated)
    for key, part in iter_parts(attributes):
        version = part_version(key, part)
        if version is not None:
            return version
    return None


def iter_parts(attributes: JSONObject) -> Iterator[tuple[str, JSONObject]]:
    """Yield the parts at the top of attributes, the images first."""
    for key in _STATED:
        value = attributes.get(key)
        for part in value if isinstance(value, list) and key == "multiscales" else (value,):
            if isinstance(part, dict):
                yield key, part


def level_arrays(image: JSONObject, place: Place) -> list[tuple[str, Node | None]]:
    """Return the paths of the levels of an image, each with its array below the group as it is; None for one not there."""
    datasets = image.get("datasets")
    paths = [item.get("path") if isinstance(item, dict) else None for item in datasets] if isinstance(datasets, list) else []
    arrays, group = place.site.arrays, place.site.node.with_attributes(place.attributes)
    found: list[tuple[str, Node | None]] = []
    for path in map(_text, paths):
        array = arrays.get(path, arrays.get(clean_path(path)))
        found.append((path, None if array is None else _below(group, array, clean_path(path))))
    return found


def _below(group: Node, array: Node, path: str) -> Node:
    """Return an array as it stands below a group; an earlier step may have changed the group since it was read."""
    others = [(above, below) for above, below in array.ancestors if above.path != group.path]
    nearer = [(above, below) for above, below in others if len(above.path) > len(group.path)]
    return array._replace(ancestors=(*nearer, (group, path), *others[len(nearer) :]))


def _text(value: JSONValue) -> str:
    return value if isinstance(value, str) else describe(value)


def axis_names(image: JSONObject) -> list[str] | None:
    """Return the names of the axes of an image, objects (0.4 on) or strings (0.3); None where they are not all named."""
    axes = image.get("axes")
    names = [axis.get("name") if isinstance(axis, dict) else axis for axis in axes] if isinstance(axes, list) else []
    texts = [name for name in names if isinstance(name, str) and name]
    return texts if texts and len(texts) == len(names) else None


def level_axis_names(attributes: JSONObject) -> dict[str, list[str]]:
    """Return for each level that group attributes list the names of its axes: what its array is to be told.

    >>> level_axis_names({"ome": {"multiscales": [{"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "s0"}]}]}})
    {'s0': ['y', 'x']}
    """
    ome = attributes.get("ome")
    images = (ome if isinstance(ome, dict) else attributes).get("multiscales")
    found: dict[str, list[str]] = {}
    for image in images if isinstance(images, list) else ():
        names = axis_names(image) if isinstance(image, dict) else None
        datasets = image.get("datasets") if isinstance(image, dict) else None
        for dataset in datasets if isinstance(datasets, list) else ():
            path = dataset.get("path") if isinstance(dataset, dict) else None
            if names is not None and isinstance(path, str):
                found.setdefault(clean_path(path), names)
    return found
