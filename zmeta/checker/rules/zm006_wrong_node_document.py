"""The document of the node is not what Zarr or N5 ask for.

## What it finds

A `zarr.json`, `.zarray`, `.zgroup`, `attributes.json` or `.zmetadata` that breaks the schema of its format: a key is
missing, or a value is not what the format defines. User attributes are not looked at here.

## Why it matters

The specifications of Zarr v2, Zarr v3 and N5 say which keys a document must have and what their values are. Readers
refuse the array, or take a value for another one. Some tolerate what others refuse: WebKnossos wrote `"zarr_format":
"2"`, a text, which zarr-python 2.18 and 3.1 refuse.

## Example

```json
{"zarr_format": "2"}
```

```text
a.zarr/.zgroup:2:18: error ZM006: zarr/2/group: `zarr_format` is wrong (expected 2, found "2") [/zarr_format]
```

In N5, an attribute that is called like a key of the format overwrites that key: zarr-python's N5 store lets a user
write `dimensions`, which then is no shape any more.

## What to do

Correct the value. What a document should hold: `zmeta schema show zarr/array@3`, `zarr/group@2`, `n5/array@4.0`, and so
on.

```json
{"zarr_format": 2}
```
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING

from zmeta.nodes.node import N5_RESERVED
from zmeta.schema.validate import packaged_validator, validate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONObject
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


#: Keys that reading a node has judged already, that are judged elsewhere, or that are a copy of what stands below.
_JUDGED = frozenset({"shape", "attributes", "consolidated_metadata"})


def check_document(node: Node, sound: set[bytes]) -> Iterable[Finding]:
    """Judge the part of the document that belongs to the format; `sound` remembers what was found to be without fault."""
    name, schema = _DOCUMENTS[node.format, node.kind]
    document = node.documents[name]
    if node.format == "n5":
        rest = [(key, value) for key, value in document.data.items() if key in N5_RESERVED]
    else:
        rest = [(key, value) for key, value in document.data.items() if key not in _JUDGED]
    try:
        mark = marshal.dumps((schema, rest), 2)
    except ValueError:  # a number that keeps its literal
        mark = b""
    if mark in sound:
        return ()
    validator = packaged_validator(schema)
    data: JSONObject = dict(rest) | {key: value for key, value in document.data.items() if key == "shape"}
    if not validator.is_valid(data):
        return validate(validator, data, code="ZM006", file=document.file, label=schema)
    if mark:
        if len(sound) >= _MOST_KEPT:
            sound.clear()
        sound.add(mark)
    return ()


_MOST_KEPT = 4096
