"""The levels of a pyramid are not ordered from fine to coarse.

## What it finds

A level of a pyramid that has more voxels than the level listed before it. Where no level is there, the sizes of the
voxels are compared.

## Why it matters

The paths of an OME-NGFF image must be ordered from the highest resolution to the lowest. Readers take the first level
as the full resolution: the image seems coarse, and what is computed from it is. Lists that were sorted as text (1, 16,
2) are a common cause.

## Example

```json
{"datasets": [{"path": "s2"}, {"path": "s1"}, {"path": "s0"}]}
```

```text
em.zarr/zarr.json:40:23: error ZM314: level 1 is finer than the level before it (found "s1")
[/attributes/ome/multiscales/0/datasets/1/path]; list the levels from the finest to the coarsest: readers take the
first as full resolution
```

## What to do

List the entries, each with its own transformations, from fine to coarse:

```json
{"datasets": [{"path": "s0"}, {"path": "s1"}, {"path": "s2"}]}
```
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Compare the shapes of neighbouring levels; where there are none, their sizes."""
    for pyramid in site.pyramids:
        # "The paths MUST be ordered from largest (i.e. highest resolution) to smallest" (OME-NGFF, datasets)
        arrays = [(level, prod(node.shape)) for level, node, _ in pyramid.arrays]
        off = [level for (_, before), (level, count) in pairwise(arrays) if count > before]
        if not arrays:
            sizes = [
                (level, prod(level.decoded.metadata.voxel_size))
                for level in pyramid.levels
                if level.decoded is not None and level.decoded.metadata.voxel_size is not None
            ]
            off = [level for (_, before), (level, size) in pairwise(sizes) if size < before]
        for level in off:
            message = f"level {level.number} is finer than the level before it"
            hint = "list the levels from the finest to the coarsest: readers take the first as full resolution"
            yield site.finding("ZM314", message, *level.path, found=level.name, hint=hint)
