"""The voxel size of a pyramid level does not fit its shape.

## What it finds

A level of a pyramid (OME-NGFF, COSEM, N5 viewer) whose voxel size has not grown as its shape has shrunk, against the
first level that is there. Rounding by a voxel, and padding of 2 %, are allowed for. A factor of 1000 is left to ZM312.

## Why it matters

All levels cover the same piece of the world. If a level has half the voxels and the same voxel size, it covers half: it
appears shrunk, and regions that are read from it are of the wrong place. Typical causes: the scale of level 0 on all
levels, an axis that was not downsampled, levels in the wrong order, a tool that counts levels from the wrong one
(cellmap-data gave the first level that it added the factor 1).

## Example

Level 0 has 32 × 128 × 128 voxels, level 1 16 × 64 × 64, and both the scale:

```json
{"type": "scale", "scale": [2, 0.5, 0.5]}
```

```text
em.zarr/zarr.json:41:44: error ZM311: the voxel size of level 1 does not fit its shape on z, y, x (expected 32 voxels
on z, found 16) [/attributes/ome/multiscales/0/datasets/1/coordinateTransformations]; the voxel size grows as the
shape shrinks: correct the scale of the level, or the order of the levels
```

## What to do

Write the size of the level's own voxels:

```json
{"type": "scale", "scale": [4, 1, 1]}
```
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from zmeta.canonical.numbers_ import number_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite, Level, Pyramid
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Compare the steps of voxel size and of shape from level 0 to every other one."""
    for pyramid in site.pyramids:
        for level, axes in misfits(pyramid):
            off = [axis for axis in axes if thousands(axis[1]) is None]
            if off:
                name, _, expected, shape = off[0]
                message = f"the voxel size of level {level.number} does not fit its shape on {', '.join(a[0] for a in off)}"
                expected, where = f"{expected} voxels on {name}", place_of(site, pyramid, level)
                yield site.finding("ZM311", message, *where, expected=expected, found=shape, hint=_HINT)


_HINT = "the voxel size grows as the shape shrinks: correct the scale of the level, or the order of the levels"


def place_of(site: GroupSite, pyramid: Pyramid, level: Level) -> tuple[str | int, ...]:
    """Return where the size of a level stands in the attributes of its group."""
    if pyramid.convention == "n5-viewer":
        return ("scales" if "scales" in site.node.attributes else "downsamplingFactors", level.number)
    return (*level.path[:-1], "transform" if pyramid.convention == "cosem" else "coordinateTransformations")


def misfits(pyramid: Pyramid) -> Iterator[tuple[Level, list[tuple[str, Fraction, str, int]]]]:
    """Yield levels with the axes on which size and shape disagree: name, factor of the error, expected and stated shape."""
    arrays = list(pyramid.arrays)
    if not arrays:
        return
    _, first, base = arrays[0]
    for level, node, decoded in arrays[1:]:
        if node.ndim != first.ndim:
            continue
        wrong = []
        pairs = zip(base.metadata.axes, decoded.metadata.axes, first.shape, node.shape, strict=True)
        for one, other, extent, shape in pairs:
            if one.voxel_size is None or other.voxel_size is None or not extent or not shape:
                continue
            ratio = other.voxel_size / one.voxel_size
            expected = extent / ratio
            # a level is rounded up or down, and some writers pad it
            if abs(expected - shape) > max(Fraction(3, 2), expected / 50, Fraction(shape, 50)):
                wrong.append((str(one.name), ratio * shape / extent, number_text(Fraction(round(expected))), shape))
        if wrong:
            yield level, wrong


def thousands(factor: Fraction) -> int | None:
    """Return the power of 1000 that an error is, None where it is none.

    >>> thousands(Fraction(990)), thousands(Fraction(1, 1000)), thousands(Fraction(2))
    (1, -1, None)
    """
    for power in (1, 2, 3, -1, -2, -3):
        if Fraction(9, 10) < factor / Fraction(1000) ** power < Fraction(11, 10):
            return power
    return None
