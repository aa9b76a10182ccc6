"""What becomes of a group when its arrays are to be images of OME-NGFF: its content is upgraded, new images are listed."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.site import level_names, open_below, refusal
from zmeta.conventions.ome_ngff.detect import find_level
from zmeta.errors import DocumentError, StoreError
from zmeta.finding import Finding
from zmeta.migration.images import Child, new_images, with_images
from zmeta.migration.translate import given_names
from zmeta.migration.upgrade import upgrade_group
from zmeta.pipeline import decode_node
from zmeta.stores.registry import list_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from zmeta.jsondoc import JSONObject
    from zmeta.migration.options import Options
    from zmeta.nodes.node import Node
    from zmeta.steps.step import Kind

    Open = Callable[[str], Node | None]


class ImageGroup(NamedTuple):
    """A group as it will be: its attributes, the folders of the arrays that its images list, and why others are not."""

    attributes: JSONObject
    levels: frozenset[str] = frozenset()
    refused: Mapping[str, Finding] = MappingProxyType({})
    steps: tuple[str, ...] = ()
    kind: Kind = "lossless"
    findings: tuple[Finding, ...] = ()


def plan_image_group(group: Node, open_: Open, options: Options) -> ImageGroup:
    """Return what a group of Zarr v2 or v3 becomes. Never raises on data."""
    if group.format == "n5":
        return ImageGroup(group.attributes)
    listed = dict(_listed(group, open_))
    upgrade = upgrade_group(group, listed, options)
    if upgrade.blocked:
        return ImageGroup(group.attributes, findings=upgrade.findings)
    version = options.image_version
    attributes = upgrade.attributes
    steps = list(upgrade.steps)
    refused: dict[str, Finding] = {}
    if version in ("0.4", "0.5"):
        children = list(_children(group, open_, options, listed))
        if group.format == 3 and version == "0.4":
            refused = {child.name: _wrong_format(child) for child in children}
            children = []
        images, more = new_images(group, children, options.config.for_path(group.path).reading())
        refused |= more
        if images:
            attributes = with_images(_without_cosem(attributes, children), images, version)
            steps.append(f"list {', '.join(path for image in images for path in level_names({'multiscales': [image]}))}")
    levels = frozenset(os.path.join(group.path, *name.split("/")) for name in level_names(attributes) if not refusal(name))
    reasons = {os.path.join(group.path, name): finding for name, finding in refused.items()}
    return ImageGroup(attributes, levels, reasons, tuple(steps), upgrade.kind, upgrade.findings)


def _wrong_format(child: Child) -> Finding:
    """OME-NGFF 0.4 MUST be Zarr v2 (its text, section 2), and no metadata can make an array of v3 one of v2."""
    hint = "migrate to ome-ngff@0.5"
    return Finding("ZM409", "OME-NGFF 0.4 has no place in Zarr v3", child.decoded.node.attributes_file, hint=hint)


def _listed(group: Node, open_: Open) -> Iterator[tuple[str, Node]]:
    """Yield the arrays that the images of a group list, by path; those that cannot be read are told of where they stand."""
    for name in level_names(group.attributes):
        if refusal(name):
            continue
        try:
            node = open_below(group, name, open_)
        except (DocumentError, StoreError):
            continue
        if node is not None and node.kind == "array":
            yield name, node


def _children(group: Node, open_: Open, options: Options, listed: Mapping[str, Node]) -> Iterator[Child]:
    """Yield the arrays right below a group that state a voxel size and that no image lists."""
    try:
        names = [name for name, link in list_folders(group.path) if not link and name not in listed]
    except StoreError:  # said by the walk
        return
    for name in names:
        try:
            node = open_(os.path.join(group.path, name))
        except (DocumentError, StoreError):
            continue
        if node is None or node.kind != "array" or node.format == "n5":
            continue
        above = ((group, name), *((outer, f"{below}/{name}") for outer, below in group.ancestors))
        node = node._replace(ancestors=above)
        settings = options.config.for_path(node.path)
        decoded = decode_node(node, settings.reading(), given_names(node, options))
        if decoded.metadata.voxel_size is not None and not decoded.errors and (find_level(node) is None or _is_cosem(node)):
            yield Child(name, decoded)


def _is_cosem(node: Node) -> bool:
    level = find_level(node)
    return level is not None and "transform" in level.dataset(level.index)


def _without_cosem(attributes: JSONObject, children: list[Child]) -> JSONObject:
    """Take away the COSEM list of levels, which stands where the images go, if it lists none but these arrays."""
    names = set(level_names(attributes))
    cosem = names and names <= {child.name for child in children}
    return {key: value for key, value in attributes.items() if key != "multiscales" or not cosem}
