"""Consolidated metadata is stale.

## What it finds

Consolidated metadata (`.zmetadata`, or `consolidated_metadata` of a group in Zarr v3) that says something else than the
documents below it, holds nodes that are not there any more, or lacks nodes that are. The order of keys does not matter.

## Why it matters

The copy is read in place of the documents: xarray and zarr open it first. A change to a document is not seen until the
copy is made again, and a change made through the copy's readers may be lost. zmeta reads the documents, and writes
both.

## Example

The copy still holds `[0, 0, 8]`; `.zattrs` of the array:

```json
{"resolution": [40, 4, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/raw/.zattrs:7:13: warning ZM414: the consolidated copy in .zmetadata of a.zarr says something else (expected
[0, 0, 0], found [0, 0, 8]) [/offset]; consolidate the metadata again: zarr.consolidate_metadata(…)
```

## What to do

If the documents are right, make the copy again:

```python
zarr.consolidate_metadata("a.zarr")
```
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from zmeta.errors import DocumentError, StoreError
from zmeta.finding import Finding
from zmeta.jsondoc import LIMITS, describe, parse_json, pointer
from zmeta.stores.registry import exists, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.jsondoc import JSONObject, JSONValue, Limits
    from zmeta.nodes.node import Node

_HINT = "consolidate the metadata again: zarr.consolidate_metadata(…)"
#: Missing nodes that are named one by one.
_MOST_NAMED = 10


class Copy(NamedTuple):
    """The copy that a group keeps of the documents below it: its file, where it stands in there, and the entries."""

    group: str
    file: str
    pointer: str
    entries: JSONObject


def find_copy(group: Node, limits: Limits = LIMITS) -> Copy | Finding | None:
    """Return the consolidated metadata of a group, None where there is none; a finding where it cannot be read."""
    if group.format == 3:
        document = group.documents["zarr.json"]
        holder = document.data.get("consolidated_metadata")
        entries = holder.get("metadata") if isinstance(holder, dict) else None
        if not isinstance(entries, dict):
            return None
        return Copy(group.path, document.file, "/consolidated_metadata/metadata", entries)
    if group.format != 2:
        return None
    file = os.path.join(group.path, ".zmetadata")
    try:
        raw = read(file, limits)
        if raw is None:
            return None
        entries = parse_json(raw, file, limits)[0].get("metadata")
    except (DocumentError, StoreError) as error:
        return error.finding()
    if not isinstance(entries, dict):
        return Finding("ZM006", "`metadata` is wrong in the consolidated metadata", file, "/metadata", "an object {…}",
                       describe(entries))  # fmt: skip
    return Copy(group.path, file, "/metadata", entries)


def check_missing(copy: Copy) -> Iterator[Finding]:
    """Name the nodes that the copy holds and the tree does not."""
    count = 0
    for key in copy.entries:
        name = key.rpartition("/")[2]
        if name == ".zattrs" and any(key[:-7] + node in copy.entries for node in (".zarray", ".zgroup")):
            continue  # the node is compared, or is gone as a whole
        file = os.path.join(copy.group, *key.split("/")) if name[:2] == ".z" else os.path.join(copy.group, key, "zarr.json")
        if ".." in key.split("/") or key.startswith("/") or "\0" in key or exists(file):
            continue
        count += 1
        if count <= _MOST_NAMED:
            yield Finding("ZM414", "the copy holds what is not there any more", copy.file, copy.pointer + pointer(key),
                          found=key, hint=_HINT)  # fmt: skip
    if count > _MOST_NAMED:
        message = f"the copy holds {count - _MOST_NAMED} more nodes that are not there"
        yield Finding("ZM414", message, copy.file, copy.pointer, hint=_HINT)


def check_node(node: Node, copy: Copy) -> Iterator[Finding]:
    """Compare the documents of a node with the copy."""
    below = node.path[len(copy.group) :].strip(os.sep).replace(os.sep, "/")
    if node.format == 3:
        if below:
            yield from _compare(copy, below, node.documents["zarr.json"].data, node.documents["zarr.json"].file)
        return
    prefix = f"{below}/" if below else ""
    for name in (".zarray", ".zgroup", ".zattrs"):
        document = node.documents.get(name)
        key = prefix + name
        if document is not None:
            yield from _compare(copy, key, document.data, document.file)
        elif name == ".zattrs" and copy.entries.get(key):
            yield Finding("ZM414", "the copy holds attributes that are not there any more", copy.file,
                          copy.pointer + pointer(key), hint=_HINT)  # fmt: skip


def _compare(copy: Copy, key: str, data: JSONObject, file: str) -> Iterator[Finding]:
    entry = copy.entries.get(key)
    if entry is None:
        yield Finding("ZM414", f"the consolidated copy in {os.path.basename(copy.file)} of {os.path.basename(copy.group)} "
                      "does not hold this node", file, hint=_HINT)  # fmt: skip
        return
    if entry == data or (isinstance(entry, dict) and _same(_without_copy(entry), _without_copy(data))):
        return
    path, stated, copied = _first_difference(data, entry)
    message = f"the consolidated copy in {os.path.basename(copy.file)} of {os.path.basename(copy.group)} says something else"
    yield Finding("ZM414", message, file, pointer(*path), stated, copied, _HINT)


def _without_copy(data: JSONObject) -> JSONObject:
    return {key: value for key, value in data.items() if key != "consolidated_metadata"}


def _same(one: JSONObject, other: JSONObject) -> bool:
    """Whether two documents say the same; NaN, which differs from itself, does."""
    return one == other or (one.keys() == other.keys() and all(repr(one[key]) == repr(other[key]) for key in one))


def _first_difference(one: JSONValue, other: JSONValue) -> tuple[tuple[str | int, ...], str, str]:
    """Return where two values differ first, and what stands there."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            if key == "consolidated_metadata" or repr(one.get(key)) == repr(other.get(key)):
                continue
            if key in one and key in other:
                path, stated, copied = _first_difference(one[key], other[key])
                return (key, *path), stated, copied
            absent = "nothing"
            return (key,), describe(one[key]) if key in one else absent, describe(other[key]) if key in other else absent
    return (), describe(one), describe(other)
