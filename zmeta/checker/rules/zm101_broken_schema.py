"""The attributes break the schema of their convention.

## What it finds

Attributes that do not fit the JSON Schema of the convention and version that they are written in: OME-NGFF images,
plates, wells and labels, COSEM, daisy, dacapo, funlib.persistence, N5 viewer, neuroglancer, `dimension_units`, zmeta,
and the list `zarr_conventions` itself. Where a rule says more about the same value, only that rule speaks.

## Why it matters

The schemas hold what the text of a convention demands. Where the published schema of OME-NGFF and its text differ, the
text is followed: a level, for instance, must have one scale, and at most one translation after it. Readers rely on that
in different ways, so a document that opens in one of them fails in the next.

## Example

iohub up to 0.2 wrote an identity where a scale must stand:

```json
{"coordinateTransformations": [{"type": "identity"}]}
```

```text
em.zarr/.zattrs:61:19: error ZM101: ome-ngff/image@0.4: `type` is wrong (expected "scale", found "identity")
[/multiscales/0/coordinateTransformations/0/type]
```

## What to do

Write what is expected at the pointer. `zmeta schema show ome-ngff/image@0.4` prints the schema that the message names.
Here the list of the image can go, since an identity says nothing:

```json
{"coordinateTransformations": []}
```
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zmeta.conventions.ome_ngff.detect import base_version
from zmeta.conventions.registry import BY_ID
from zmeta.conventions.zmeta.codec import find_entry
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
        found = _judge(node, row.schema)
        if row.convention == "zmeta" and find_entry(node) is None:  # which ZM405 notes
            undeclared = f"{node.attributes_pointer}/zarr_conventions"
            found = (finding for finding in found if finding.pointer != undeclared)
        yield from found


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Judge the attributes by the schema of each document of a convention that the group is."""
    for schema in group_schemas(site.node):
        yield from _judge(site.node, schema)


def _judge(node: Node, schema: str) -> Iterator[Finding]:
    validator = packaged_validator(schema)
    if not validator.is_valid(node.attributes):
        label, at = str(SchemaName(*schema.split("/"))), node.attributes_pointer
        found = validate(validator, node.attributes, code="ZM101", file=node.attributes_file, at=at, label=label)
        # a transformation of another type lacks what this type has: that follows, and is not said as well
        other = {f.pointer[:-5] for f in found if f.found and _OF_ANOTHER_TYPE.fullmatch(f.pointer)}
        yield from (finding for finding in found if finding.found or finding.pointer.rpartition("/")[0] not in other)


_OF_ANOTHER_TYPE = re.compile(r".*/coordinateTransformations/\d+/type")


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
    """Return the version that the keys state, unless the content is plainly of another one; None for one not known."""
    value = keys[key]
    first = value[0] if isinstance(value, list) and value else value
    stated = first.get("version") if isinstance(first, dict) else None
    content = _content(first) if key == "multiscales" and isinstance(first, dict) else "0.4"
    if stated is None:
        return content
    version = base_version(str(stated)) if isinstance(stated, str | float) else "0.4"
    if key != "multiscales" or version is None:
        return None if version == "0.5" else version
    if version == "0.5":
        return "0.4"
    return content if (content, version) in _MISFITS else version


#: Content that is read as another version than the stated one (ZM403): that version's schema says the least about it.
_MISFITS = {("0.3", "0.4"), ("0.4", "0.1"), ("0.4", "0.2"), ("0.4", "0.3")}


def _content(image: JSONObject) -> str:
    """Return the version that an image looks like, as the reading of its levels tells it."""
    axes, datasets = image.get("axes"), image.get("datasets")
    levels = [entry for entry in (datasets if isinstance(datasets, list) else ()) if isinstance(entry, dict)]
    if any("coordinateTransformations" in entry for entry in (image, *levels)):
        return "0.4"
    if isinstance(axes, list):
        return "0.4" if any(isinstance(axis, dict) for axis in axes) else "0.3"
    return "0.2"
