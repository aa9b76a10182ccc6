"""The attributes break the schema of their convention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.conventions.ome_ngff.detect import base_version
from zmeta.conventions.registry import BY_ID
from zmeta.schema.catalog import SchemaName
from zmeta.schema.validate import packaged_validator, validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import ArraySite, GroupSite
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.node import Node

#: Keys of OME-NGFF, each with the document that its schema describes.
_OME_DOCUMENTS = {"multiscales": "image", "plate": "plate", "well": "well", "image-label": "label"}


def check_array(site: ArraySite) -> Iterator[Finding]:
    """Judge the attributes by the schema of each convention that stands on the array itself."""
    node = site.node
    for claim in site.decoded.claims:
        row = BY_ID.get(claim.id)
        if row is None or not row.schema or row.names_only or row.on_group or row.evidence.isdisjoint(node.attributes):
            continue
        yield from _judge(node, row.schema)


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Judge the attributes by the schema of each document of a convention that the group is."""
    for schema in group_schemas(site.node):
        yield from _judge(site.node, schema)


def _judge(node: Node, schema: str) -> Iterator[Finding]:
    validator = packaged_validator(schema)
    if not validator.is_valid(node.attributes):
        label, at = str(SchemaName(*schema.split("/"))), node.attributes_pointer
        yield from validate(validator, node.attributes, code="ZM101", file=node.attributes_file, at=at, label=label)


def group_schemas(node: Node) -> list[str]:
    """Return the schemas that the attributes of a group must fit, by the keys that are there."""
    keys = node.attributes
    inner = keys.get("ome")
    if isinstance(inner, dict):
        version = _version(inner)
        return [f"ome-ngff/{version}/{name}" for key, name in _OME_DOCUMENTS.items() if key in inner] if version else []
    images = keys.get("multiscales")
    if isinstance(images, list) and any(_is_cosem(image) for image in images):
        return ["cosem/1/group"]
    if isinstance(images, dict):  # a layout of another convention that shares the name
        return []
    schemas = []
    for key, name in _OME_DOCUMENTS.items():
        if key in keys:
            version = _version_0_1_to_0_4(keys, key)
            schemas += [f"ome-ngff/{version}/{name}"] if version else []
    return schemas


def _is_cosem(image: JSONValue) -> bool:
    datasets = image.get("datasets") if isinstance(image, dict) else None
    entries = datasets if isinstance(datasets, list) else []
    return any(isinstance(e, dict) and "transform" in e and "coordinateTransformations" not in e for e in entries)


def _version(ome: JSONObject) -> str | None:
    """Return the version whose schema judges an `ome` object; None for one that is not known."""
    stated = ome.get("version")
    if not isinstance(stated, str):
        return "0.5"
    return "0.5" if base_version(stated) is not None else None


def _version_0_1_to_0_4(keys: JSONObject, key: str) -> str | None:
    """Return the version that the keys state, else the one that the content looks like; None for one that is not known."""
    value = keys[key]
    first = value[0] if isinstance(value, list) and value else value
    stated = first.get("version") if isinstance(first, dict) else None
    if stated is None and isinstance(first, dict):
        axes = first.get("axes")
        if isinstance(axes, list) and axes and all(isinstance(axis, str) for axis in axes):
            return "0.3"
        return "0.4"
    version = base_version(str(stated)) if isinstance(stated, str | float) else "0.4"
    return None if version == "0.5" and key != "multiscales" else "0.4" if version == "0.5" else version
