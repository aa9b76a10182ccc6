"""A path is absolute or leaves its group.

## What it finds

A path in `datasets`, `wells`, `images` or `labels` that is absolute, is an address, has a part `..`, or names the group
itself.

## Why it matters

Paths are relative to the group that states them and stay below it. Others break when the container is moved, and let a
document name files that its reader never meant to open. zmeta does not follow them, so the level counts as not there.

## Example

```json
{"path": "../em.zarr/s1"}
```

```text
em.zarr/zarr.json:40:23: error ZM413: the path is not followed: it leaves the group (found "../em.zarr/s1")
[/attributes/ome/multiscales/0/datasets/1/path]; write it relative to the group, without `..`
```

## What to do

```json
{"path": "s1"}
```

The `source` of a label image (`"../../"`) is meant to leave the group, and is not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.ome import stated_paths
from zmeta.checker.site import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Judge the paths that the group states; none is followed."""
    stated = [(level.path, level.name) for pyramid in site.pyramids for level in pyramid.levels]
    for path, name in [*stated, *stated_paths(site)]:
        why = refusal(name)
        if why:
            hint = "write it relative to the group, without `..`"
            yield site.finding("ZM413", f"the path is not followed: {why}", *path, found=name, hint=hint)
