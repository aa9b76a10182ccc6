"""The document of the node is not what Zarr or N5 ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.schema.validate import packaged_validator, validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.finding import Finding
    from zmeta.nodes.node import Node

#: Document and schema, by format and kind of the node.
_DOCUMENTS = {
    (2, "array"): (".zarray", "zarr/2/array"),
    (2, "group"): (".zgroup", "zarr/2/group"),
    (3, "array"): ("zarr.json", "zarr/3/array"),
    (3, "group"): ("zarr.json", "zarr/3/group"),
    ("n5", "array"): ("attributes.json", "n5/4.0/array"),
    ("n5", "group"): ("attributes.json", "n5/4.0/group"),
}


def check_document(node: Node) -> Iterator[Finding]:
    """Judge the part of the document that belongs to the format."""
    name, schema = _DOCUMENTS[node.format, node.kind]
    document = node.documents[name]
    validator = packaged_validator(schema)
    data = document.data
    if "consolidated_metadata" in data:  # a copy of what stands below, which is compared with it, and may be huge
        data = {**data, "consolidated_metadata": None}
    if not validator.is_valid(data):
        yield from validate(validator, data, code="ZM006", file=document.file, label=schema)
