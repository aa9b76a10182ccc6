"""The voxel size of a pyramid level is a thousand times off.

## What it finds

A level of a pyramid whose voxel size would fit its shape, were it not a thousand times (or a million times, or a
billion times) too large or too small.

## Why it matters

The level was written in another unit than level 0: nanometer for micrometer. The unit stands on the axes and holds for
all levels. A viewer shows the right picture until it switches levels.

## Example

Level 0 is half as large as level 1 should be, in micrometer:

```json
{"type": "scale", "scale": [4000, 1000, 1000]}
```

```text
em.zarr/zarr.json:41:44: error ZM312: the voxel size of level 1 is 1000 times too large on z, y, x
[/attributes/ome/multiscales/0/datasets/1/coordinateTransformations]; the level was likely written in another unit
than level 0: convert it
```

## What to do

Convert the scale, and the translation with it, to the unit of the axes:

```json
{"type": "scale", "scale": [4, 1, 1]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.rules.zm311_level_off_shape import misfits, place_of, thousands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Find the steps that would fit, were it not for a factor of 1000."""
    for pyramid in site.pyramids:
        for level, axes in misfits(pyramid):
            off = [(name, power) for name, factor, _, _ in axes for power in [thousands(factor)] if power is not None]
            if off:
                power = off[0][1]
                times = f"{1000 ** abs(power)} times too {'large' if power > 0 else 'small'}"
                message = f"the voxel size of level {level.number} is {times} on {', '.join(name for name, _ in off)}"
                hint = "the level was likely written in another unit than level 0: convert it"
                yield site.finding("ZM312", message, *place_of(site, pyramid, level), hint=hint)
