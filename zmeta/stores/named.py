"""What metadata says is below a group: for stores that cannot list, such as HTTP, and never for others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Lists of OME-NGFF and COSEM whose entries name a node below by `path`.
_LISTS = ("datasets", "wells", "images")
_HOLDERS = ("multiscales", "plate", "well", "ome")


def names_below(document: str, raw: bytes) -> Iterator[str]:
    """Yield the paths below a group that one of its documents names; nothing for a document that is broken."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return
    if not isinstance(data, dict):
        return
    if document == ".zmetadata":
        yield from (key.rpartition("/")[0] for key in _keys(data))
        return
    yield from _keys(data.get("consolidated_metadata"))
    yield from _listed(data.get("attributes") if document == "zarr.json" else data)


def _keys(holder: object) -> Iterator[str]:
    entries = holder.get("metadata") if isinstance(holder, dict) else None
    yield from entries if isinstance(entries, dict) else ()


def _listed(attributes: object) -> Iterator[str]:
    if not isinstance(attributes, dict):
        return
    for key in _HOLDERS:
        held = attributes.get(key)
        for holder in held if isinstance(held, list) else [held]:
            if not isinstance(holder, dict):
                continue
            for name in _LISTS:
                entries = holder.get(name)
                for entry in entries if isinstance(entries, list) else ():
                    path = entry.get("path") if isinstance(entry, dict) else None
                    if isinstance(path, str):
                        yield path
            if key == "ome":
                yield from _listed({name: value for name, value in holder.items() if name != "ome"})
    labels = attributes.get("labels")
    yield from (name for name in (labels if isinstance(labels, list) else ()) if isinstance(name, str))
    if "multiscales" in attributes:
        yield "labels"


def is_plain(name: str) -> bool:
    """Whether a path that metadata names stays below its group."""
    return "\0" not in name and not {"", ".", ".."} & set(name.split("/"))
