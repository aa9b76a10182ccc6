"""Find the image that lists an array as a level, and the version that its content is written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.node import Node

#: Versions that can be decoded.
KNOWN = ("0.1", "0.2", "0.3", "0.4", "0.5")


@dataclass(frozen=True, slots=True)
class Level:
    """Where an array stands in an image: its group, the path of the image in the attributes, the index of the level."""

    array: Node
    group: Node
    path: tuple[str | int, ...]
    image: JSONObject
    index: int
    stated: JSONValue

    @property
    def outer(self) -> JSONValue:
        """The transformations of the image; none where they are spatialdata's alternatives towards named systems."""
        transforms = self.image.get("coordinateTransformations")
        if isinstance(transforms, list) and any(isinstance(item, dict) and "input" in item for item in transforms):
            return []
        return [] if transforms is None else transforms

    @property
    def datasets(self) -> list[JSONValue]:
        """The list of levels."""
        datasets = self.image.get("datasets")
        return datasets if isinstance(datasets, list) else []

    def dataset(self, index: int) -> JSONObject:
        """One level."""
        dataset = self.datasets[index]
        return dataset if isinstance(dataset, dict) else {}

    @property
    def version(self) -> str | None:
        """The version that the content is written in; None for one that cannot be decoded.

        The stated one where the content can be it, else what the content looks like.
        """
        stated = stated_version(self)
        content = content_version(self)
        if stated is not None and base_version(stated) is None:
            return None
        known = None if stated is None else base_version(stated)
        without_axes = ("0.1", "0.2")
        same = known == content or (known in without_axes and content in without_axes)
        return known if same else content


def clean_path(path: str) -> str:
    """Return a relative path without empty and `.` parts; a path that climbs stays as it is and matches nothing."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))


#: The array that was asked for last, and its level: every version of the convention asks in turn.
_LAST: list[tuple[Node | None, Level | None]] = [(None, None)]


def find_level(node: Node) -> Level | None:
    """Return the level that an array is, as the nearest group above that lists it says."""
    last, level = _LAST[0]
    if last is not node:
        level = _find_level(node)
        _LAST[0] = node, level
    return level


def _find_level(node: Node) -> Level | None:
    for group, below in node.ancestors:
        if "ome" in group.attributes or "multiscales" in group.attributes:
            place = _places(group).get(below)
            if place is not None:
                path, image, index, stated = place
                return Level(node, group, path, image, index, stated)
    return None


#: Where a level stands: the path of its image, the image, the index of the level, the version stated around it.
_Place = tuple[tuple["str | int", ...], "JSONObject", int, "JSONValue"]
#: The attributes that were asked for last, and where in them each level stands: every level of a group asks, and in a
#: migration of the group as it is and as it will be by turns.
_LAST_PLACES: list[tuple[JSONObject, dict[str, _Place]]] = []
_MOST_PLACES = 4


def _places(group: Node) -> dict[str, _Place]:
    """Return where each path below a group is named first."""
    for attributes, known in _LAST_PLACES:
        if attributes is group.attributes:
            return known
    places: dict[str, _Place] = {}
    for path, images, stated in _images(group):
        for number, image in enumerate(images):
            datasets = image.get("datasets") if isinstance(image, dict) else None
            for index, dataset in enumerate(datasets if isinstance(datasets, list) else ()):
                name = dataset.get("path") if isinstance(dataset, dict) else None
                if isinstance(name, str) and not name.startswith("/") and isinstance(image, dict):
                    places.setdefault(clean_path(name), ((*path, number), image, index, stated))
    _LAST_PLACES.insert(0, (group.attributes, places))
    del _LAST_PLACES[_MOST_PLACES:]
    return places


def _images(group: Node) -> list[tuple[tuple[str, ...], list[JSONValue], JSONValue]]:
    """Return the places of `multiscales` in a group, strongest first, each with the version stated around it."""
    found: list[tuple[tuple[str, ...], list[JSONValue], JSONValue]] = []
    ome = group.attributes.get("ome")
    if isinstance(ome, dict):
        images = ome.get("multiscales")
        if isinstance(images, list):
            found.append((("ome", "multiscales"), images, ome.get("version")))
    images = group.attributes.get("multiscales")
    if isinstance(images, list):
        found.append((("multiscales",), images, None))
    return found


def stated_version(level: Level) -> str | None:
    """Return the version that the document states, as text (0.4 is seen as a number too)."""
    stated = level.stated if level.stated is not None else level.image.get("version")
    return None if stated is None or isinstance(stated, bool | dict | list) else str(stated)


def base_version(stated: str) -> str | None:
    """Return the known version that a stated one is, development suffixes cut; None for an unknown one.

    >>> base_version("0.4"), base_version("0.5-dev-spatialdata"), base_version("0.6rc0")
    ('0.4', '0.5', None)
    """
    base = stated.partition("-")[0]
    return base if base in KNOWN else None


def content_version(level: Level) -> str | None:
    """Return the version that the content looks like: the keys decide, where they stand tells 0.4 from 0.5."""
    image = level.image
    if "coordinateSystems" in image:
        return None
    axes = image.get("axes")
    transforms = "coordinateTransformations" in image or "coordinateTransformations" in level.dataset(level.index)
    if transforms or (isinstance(axes, list) and any(isinstance(axis, dict) for axis in axes)):
        return "0.5" if level.path[0] == "ome" else "0.4"
    if isinstance(axes, list):
        return "0.3"
    array = level.array.documents.get(".zarray")
    nested = array is None or array.data.get("dimension_separator") == "/"
    return "0.2" if nested else "0.1"


#: The level that was asked for last, and its version: every version of the convention asks in turn.
_LAST_VERSION: list[tuple[Level | None, str | None]] = [(None, None)]


def _version(level: Level) -> str | None:
    last, version = _LAST_VERSION[0]
    if last is not level:
        version = level.version
        _LAST_VERSION[0] = level, version
    return version


def is_version(version: str | None) -> Callable[[Node], bool]:
    """Return the detector of one version; None stands for every version that cannot be decoded."""

    def detect(node: Node) -> bool:
        level = find_level(node)
        if level is None or _version(level) != version:
            return False
        dataset = level.dataset(level.index)
        return "transform" not in dataset or "coordinateTransformations" in dataset

    return detect
