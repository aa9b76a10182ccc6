"""A path leads to nothing.

## What it finds

A path in `datasets`, `wells`, the `images` of a well, or `labels` at which nothing is, or a group where an array must
be.

## Why it matters

Each level, well, field and label image that a group lists must be there under its path. Readers that open all levels
fail on the whole image; those that open one show holes. A level that was deleted, a folder that was renamed, or a copy
that was not finished leaves such a list.

## Example

```json
{"labels": ["nuclei"]}
```

```text
em.zarr/labels/.zattrs:3:5: error ZM412: there is no group at the path (found "nuclei") [/labels/0]
```

## What to do

Correct the path, put the node there, or take the entry off the list:

```json
{"labels": []}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.ome import stated_paths
from zmeta.checker.site import open_below, refusal
from zmeta.errors import DocumentError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Look for every array of an image, and every group of a plate, well or list of labels."""
    for pyramid in site.pyramids:
        for level in pyramid.levels:
            if level.refused or level.broken:
                continue
            if level.node is None:
                hint = "correct the path, or take the level off the list"
                yield site.finding("ZM412", "there is no array at the path", *level.path, found=level.name, hint=hint)
            elif level.node.kind != "array":
                yield site.finding("ZM412", "there is a group at the path of an array", *level.path, found=level.name)
    for path, name in stated_paths(site):
        if refusal(name):
            continue
        try:
            if open_below(site.node, name, site.open) is None:
                yield site.finding("ZM412", "there is no group at the path", *path, found=name)
        except (DocumentError, StoreError):  # it is there, and said where it is visited
            continue
