"""An entry of zarr_conventions is not known.

## What it finds

An entry of `zarr_conventions` that declares neither the layout of zmeta nor a profile of the settings, and whose schema
is not packaged.

## Why it matters

What the entry declares is not judged: nothing is fetched from the network. That is no fault of the document. Entries
are told apart by their `uuid`, else by `schema_url`; the name does not count.

## Example

```json
{"zarr_conventions": [{"uuid": "b77365e5-2b0c-4141-b917-c03b7c68e935", "name": "license"}]}
```

```text
a.zarr/zarr.json:4:7: note ZM108: the entry is not known, and what it declares is not judged (found "license")
[/attributes/zarr_conventions/0]; add its schema to [[profile]] in zmeta.toml to have it judged; nothing is fetched
```

## What to do

Nothing, or hand the schema over as a file:

```toml
[[profile]]
schema = "schemas/license.schema.json"
match = []
uuid = "b77365e5-2b0c-4141-b917-c03b7c68e935"
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.site import finding_in
from zmeta.conventions.zmeta.codec import UUID
from zmeta.schema.catalog import BASE, find_schema
from zmeta.schema.validate import packaged_validator, validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import ArraySite, GroupSite
    from zmeta.config import Config
    from zmeta.finding import Finding
    from zmeta.nodes.node import Node


def check_array(site: ArraySite) -> Iterator[Finding]:
    """Judge the list of declarations, and name those that nothing here can judge."""
    return _check(site.node, site.config)


def check_group(site: GroupSite) -> Iterator[Finding]:
    """As for an array."""
    return _check(site.node, site.config)


def _check(node: Node, config: Config) -> Iterator[Finding]:
    if "zarr_conventions" not in node.attributes:
        return
    entries = node.attributes["zarr_conventions"]
    validator = packaged_validator("zarr-conventions/1.0/list")
    if not validator.is_valid(entries):
        at, label = node.attributes_pointer + "/zarr_conventions", "zarr-conventions/list@1.0"
        yield from validate(validator, entries, code="ZM101", file=node.attributes_file, at=at, label=label)
        return
    uuids = {UUID, *(profile.uuid for profile in config.profiles)}
    urls = {profile.schema.get("$id") for profile in config.profiles}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, dict) or entry.get("uuid") in uuids or entry.get("schema_url") in urls:
            continue
        url = entry.get("schema_url")
        if isinstance(url, str) and url.startswith(BASE):
            yield from _judge_by_url(node, url, index)
            continue
        name = entry.get("name") or entry.get("uuid") or url
        hint = "add its schema to [[profile]] in zmeta.toml to have it judged; nothing is fetched"
        message = "the entry is not known, and what it declares is not judged"
        yield finding_in(node, "ZM108", message, "zarr_conventions", index, found=name, hint=hint)


def _judge_by_url(node: Node, url: str, index: int) -> Iterator[Finding]:
    """Judge the attributes by the packaged schema that an entry names."""
    from zmeta.errors import SchemaError

    try:
        name = find_schema(url)
    except SchemaError:
        message, path = "there is no such schema in the catalog", ("zarr_conventions", index, "schema_url")
        yield finding_in(node, "ZM108", message, *path, found=url, hint="see `zmeta schema list`")
        return
    at, label = node.attributes_pointer, str(name)
    validator = packaged_validator(name.path)
    yield from validate(validator, node.attributes, code="ZM101", file=node.attributes_file, at=at, label=label)
