"""The versions within an OME-Zarr hierarchy differ.

## What it finds

A group with an `ome.version` that is not that of the nearest group above it that states one.

## Why it matters

From 0.5 on, the version must be the same through the whole hierarchy. A label image or a well that was added by a tool
of another version is read by other rules than the image around it.

## Example

The plate states 0.5, one of its wells:

```json
{"ome": {"version": "0.6rc0", "well": {"images": [{"path": "0"}]}}}
```

```text
p.zarr/A/1/zarr.json:4:18: error ZM418: the version must be that of the groups above (expected 0.5, found "0.6rc0")
[/attributes/ome/version]
```

## What to do

Bring the group to the version of the hierarchy, contents included. Where only the number was wrong:

```json
{"ome": {"version": "0.5", "well": {"images": [{"path": "0"}]}}}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Compare `ome.version` with that of the nearest group above that states one."""
    inner = site.node.attributes.get("ome")
    version = inner.get("version") if isinstance(inner, dict) else None
    for group, _ in site.node.ancestors if isinstance(version, str) else ():
        above = group.attributes.get("ome")
        stated = above.get("version") if isinstance(above, dict) else None
        if isinstance(stated, str):
            # "The version MUST be consistent within a hierarchy" (OME-NGFF 0.5)
            if stated != version:
                message = "the version must be that of the groups above"
                yield site.finding("ZM418", message, "ome", "version", expected=stated, found=version)
            return
