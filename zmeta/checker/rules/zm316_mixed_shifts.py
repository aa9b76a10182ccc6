"""Some levels of a pyramid have the half-voxel shift and others not.

## What it finds

An OME-NGFF image in which some levels keep the translation of level 0 and others move it by half of what their voxels
have grown.

## Why it matters

One of the two kinds is wrong, whatever a translation means: the levels lie beside each other by half a voxel. Levels
that were added later by another tool are the usual cause.

## Example

Level 1 is moved and level 2 is not:

```json
{"path": "s2", "coordinateTransformations": [{"type": "scale", "scale": [8, 2.0, 2.0]}]}
```

```text
em.zarr/zarr.json:62:44: warning ZM316: level 2 keeps the translation of level 0, and level 1 moves it by half a voxel
[/attributes/ome/multiscales/0/datasets/2/coordinateTransformations]; t_0 + (s_k - s_0)/2 on all levels that were
binned
```

## What to do

Treat all levels that were made in the same way alike:

```json
{"path": "s2", "coordinateTransformations": [{"type": "scale", "scale": [8, 2, 2]},
                                             {"type": "translation", "translation": [3, 0.75, 0.75]}]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.rules.zm311_level_off_shape import place_of
from zmeta.checker.rules.zm315_no_half_voxel_shift import find_shifts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Find images with both kinds of levels."""
    for pyramid in site.pyramids:
        shifts = find_shifts(site, pyramid)
        for level in shifts.kept if shifts.shifted else ():
            others = ", ".join(str(other.number) for other in shifts.shifted)
            message = f"level {level.number} keeps the translation of level 0, and level {others} moves it by half a voxel"
            hint = "t_0 + (s_k - s_0)/2 on all levels that were binned"
            yield site.finding("ZM316", message, *place_of(site, pyramid, level), hint=hint)
