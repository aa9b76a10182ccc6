"""What becomes of a group when its arrays are to be images of OME-NGFF: its content is upgraded, new images are listed."""

from __future__ import annotations

import os
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.site import level_names, open_below, refusal
from zmeta.conventions.ome_ngff.detect import find_level
from zmeta.errors import DocumentError, StoreError
from zmeta.finding import Finding
from zmeta.migration.images import Child, new_images, with_images
from zmeta.migration.translate import given_names
from zmeta.migration.upgrade import is_cosem, upgrade_group
from zmeta.pipeline import decode_node
from zmeta.schema.validate import packaged_validator
from zmeta.stores.registry import list_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping

    from zmeta.jsondoc import JSONObject
    from zmeta.migration.lone_images import Lone, LoneImages, NewImage
    from zmeta.migration.options import Options
    from zmeta.migration.unit import Unit
    from zmeta.nodes.node import Format, Node
    from zmeta.pipeline import Decoded
    from zmeta.steps.step import Kind

    Open = Callable[[str], Node | None]
    List = Callable[[str], Iterable[tuple[str, bool]]]


class ImageGroup(NamedTuple):
    """A group as it will be: its attributes, the folders of the arrays that its images list, and why others are not.

    `read` is what was read from arrays right below it, by their folders, and `lone` what becomes of those of a known kind;
    `written` is what is written for those that were known by their text.
    """

    attributes: JSONObject
    levels: frozenset[str] = frozenset()
    refused: Mapping[str, Finding] = MappingProxyType({})
    steps: tuple[str, ...] = ()
    kind: Kind = "lossless"
    findings: tuple[Finding, ...] = ()
    read: Mapping[str, Decoded] = MappingProxyType({})
    lone: Mapping[str, Lone] = MappingProxyType({})
    written: Mapping[str, tuple[Unit, ...]] = MappingProxyType({})


class _Look:
    """A look at the arrays right below a group that no image lists; of `by_text` formats they may be known by text."""

    def __init__(self, options: Options, lones: LoneImages, by_text: Collection[Format], list_: List) -> None:
        self._options = options
        self._list = list_
        self._lones = lones
        self._by_text = by_text
        self.read: dict[str, Decoded] = {}
        self.written: dict[str, tuple[Unit, ...]] = {}
        self._lone: dict[str, Lone] = {}

    def children(self, group: Node, open_: Open, listed: Container[str], cosem: Iterable[str]) -> Iterator[Child]:
        """Yield the arrays right below a group that state a voxel size and that no image lists: first those COSEM names."""
        try:
            found = list(self._list(group.path))
        except StoreError:  # said by the walk
            found = []
        links = {name for name, link in found if link}
        named = [name for name in cosem if "/" not in name and not refusal(name)]
        for name in dict.fromkeys([*named, *(name for name, _ in found)]):
            if name in links or name in listed:
                continue
            path = f"{group.path}{os.sep}{name}"
            known = self._known(group, name, path) if self._by_text else None
            if known is not None:
                yield known
                continue
            try:
                node = open_(path)
            except (DocumentError, StoreError):
                continue
            if node is None or node.kind != "array" or node.format == "n5":
                continue
            child = self._child(name, _inside(group, name, node))
            if child is not None:
                yield child

    def _known(self, group: Node, name: str, path: str) -> Child | None:
        """Return an array that is known by its text alone."""
        found = self._lones.follow(name, path, self._by_text)
        if found is None:
            return None
        self._lone[path], self.written[path] = found.lone, found.units
        return Child(name, path, partial(self._read_after_all, group, name, found), found.image)

    def _read_after_all(self, group: Node, name: str, found: NewImage) -> Decoded:
        path = f"{group.path}{os.sep}{name}"
        return self.read.get(path) or self._decode(_inside(group, name, found.node(path)))

    def sure(self, children: list[Child], images: list[JSONObject], attributes: JSONObject, version: str) -> dict[str, Lone]:
        """Return what becomes of arrays of known kinds, if a group with attributes fits its schema with all images.

        Images of one kind differ in their names, and in numbers of the same sort: the schema is shown one of each kind. The
        levels of a pyramid share a corner, so what becomes of them is what would become of each alone.
        """
        known = {id(child.image): self._lone[child.path] for child in children if child.image is not None}
        found = [known.get(id(image)) for image in images]
        first = {id(lone): image for lone, image in zip(reversed(found), reversed(images), strict=True)}
        shown = [image for lone, image in zip(found, images, strict=True) if lone is None or first[id(lone)] is image]
        fits = packaged_validator(f"ome-ngff/{version}/image").is_valid(with_images(attributes, shown, version))
        return self._lone if fits else {}

    def _child(self, name: str, node: Node) -> Child | None:
        lone = self._lones.find(name, node)
        if lone is not None:
            self._lone[node.path] = lone
            return Child(name, node.path, partial(self._decode, node), lone.image_of(name, node))
        decoded = self._decode(node)
        if decoded.metadata.voxel_size is None or decoded.errors or (find_level(node) is not None and not _is_cosem(node)):
            return None
        return Child(name, node.path, partial(self._decode, node))

    def again(self, child: Child) -> Child:
        """Return an array of a kind that was not known yet as one that is: the first one of each kind teaches nothing."""
        lone = self._lones.recall(child.node) if child.image is None else None
        if lone is None:
            return child
        self._lone[child.path] = lone
        return Child(child.name, child.path, child.decode, lone.image_of(child.name, child.node))

    def _decode(self, node: Node) -> Decoded:
        if node.path not in self.read:
            reading = self._options.config.for_path(node.path).reading()
            self.read[node.path] = decode_node(node, reading, given_names(node, self._options))
        return self.read[node.path]


def plan_image_group(
    group: Node,
    open_: Open,
    options: Options,
    lones: LoneImages,
    by_text: Collection[Format] = (),
    list_: List = list_folders,
) -> ImageGroup:
    """Return what a group of Zarr v2 or v3 becomes. Never raises on data.

    `list_` tells what stands in a folder, as `list_folders` does. `by_text` are the formats of arrays that may be known by
    their text, as nothing speaks of them.
    """
    if group.format == "n5":
        return ImageGroup(group.attributes)
    cosem = list(_cosem_images(group.attributes))
    unlisted = list(level_names({"multiscales": [*cosem]}))
    listed = dict(_listed(group, open_, unlisted))
    upgrade = upgrade_group(group, listed, options)
    if upgrade.blocked:
        return ImageGroup(group.attributes, findings=upgrade.findings)
    version = options.image_version
    attributes = upgrade.attributes
    steps = list(upgrade.steps)
    refused: dict[str, Finding] = {}
    look = _Look(options, lones, by_text, list_)
    lone: dict[str, Lone] = {}
    if version in ("0.4", "0.5"):
        children = [look.again(child) for child in list(look.children(group, open_, listed, unlisted))]
        if group.format == 3 and version == "0.4":
            refused = {child.name: _wrong_format(child) for child in children}
            children = []
        images, more = new_images(group, children, options.config.for_path(group.path).reading())
        refused |= more
        if images:
            attributes = _without_cosem(attributes, cosem, children)
            images = [_carried(image, cosem) for image in images] if cosem else images
            lone = look.sure(children, images, attributes, version)
            attributes = with_images(attributes, images, version)
            steps.append(f"list {', '.join(level_names({'multiscales': [*images]}))}")
    levels = frozenset([_below(group.path, name) for name in level_names(attributes) if not refusal(name)])
    reasons = {os.path.join(group.path, name): finding for name, finding in refused.items()}
    lone = {path: known for path, known in lone.items() if path in levels}
    written = {path: units for path, units in look.written.items() if path in lone}
    return ImageGroup(attributes, levels, reasons, tuple(steps), upgrade.kind, upgrade.findings, look.read, lone, written)


def _inside(group: Node, name: str, node: Node) -> Node:
    """Return an array with the groups above it."""
    return node._replace(ancestors=((group, name), *((outer, f"{below}/{name}") for outer, below in group.ancestors)))


def _below(folder: str, name: str) -> str:
    return os.path.join(folder, *name.split("/")) if "/" in name else folder + os.sep + name


def _wrong_format(child: Child) -> Finding:
    """OME-NGFF 0.4 MUST be Zarr v2 (its text, section 2), and no metadata can make an array of v3 one of v2."""
    hint = "migrate to ome-ngff@0.5"
    return Finding("ZM409", "OME-NGFF 0.4 has no place in Zarr v3", child.node.attributes_file, hint=hint)


def _listed(group: Node, open_: Open, unlisted: Container[str]) -> Iterator[tuple[str, Node]]:
    """Yield the arrays that the images of a group list, by path; those that cannot be read are told of where they stand.

    What is `unlisted` is named by COSEM alone.
    """
    for name in level_names(group.attributes):
        if refusal(name) or name in unlisted:
            continue
        try:
            node = open_below(group, name, open_)
        except (DocumentError, StoreError):
            continue
        if node is not None and node.kind == "array":
            yield name, node


def _is_cosem(node: Node) -> bool:
    level = find_level(node)
    return level is not None and is_cosem(level.image)


def _cosem_images(attributes: JSONObject) -> Iterator[JSONObject]:
    """Yield the lists of levels of COSEM, which stand where the images go."""
    images = attributes.get("multiscales")
    for image in images if isinstance(images, list) else ():
        if isinstance(image, dict) and is_cosem(image):
            yield image


def _without_cosem(attributes: JSONObject, cosem: Collection[JSONObject], children: list[Child]) -> JSONObject:
    """Take away the lists of levels of COSEM, if nothing else stands there, and they list none but these arrays."""
    images = attributes.get("multiscales")
    names = set(level_names(attributes))
    only = isinstance(images, list) and len(images) == len(cosem) and names <= {child.name for child in children}
    return {key: value for key, value in attributes.items() if key != "multiscales" or not only}


def _carried(image: JSONObject, cosem: Collection[JSONObject]) -> JSONObject:
    """Return an image with what the list of COSEM says of the same levels that it states no transforms by."""
    names = list(level_names({"multiscales": [image]}))
    for old in cosem:
        if list(level_names({"multiscales": [old]})) == names:
            kept = {key: value for key, value in old.items() if key not in _TRANSFORMED}
            return {**kept, **image, **kept}
    return image


#: What an image of OME-NGFF is transformed by.
_TRANSFORMED = frozenset({"axes", "datasets", "coordinateTransformations", "version"})
