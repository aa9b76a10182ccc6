"""A pyramid level has no half-voxel shift.

## What it finds

An OME-NGFF image whose levels grow their voxels and all keep the translation of level 0. It is noted once, at the first
such level.

## Why it matters

Where a translation is the corner of the first voxel, that is right. Where it is the centre (neuroglancer, n5-universe,
OME-NGFF 0.6), the centre of a binned voxel lies further in, and the level must be moved by half of what the voxel has
grown; without that it appears shifted, more so with each level. bioformats2raw and ome-zarr-py write scales only.

## Example

```json
{"datasets": [{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [2, 0.5, 0.5]}]},
              {"path": "s1", "coordinateTransformations": [{"type": "scale", "scale": [4.0, 1.0, 1.0]}]},
              {"path": "s2", "coordinateTransformations": [{"type": "scale", "scale": [8, 2.0, 2.0]}]}]}
```

## What to do

Nothing, if all your readers take corners. For readers of centres, write `t_0 + (s_k - s_0) / 2` on every level that was
binned:

```json
{"path": "s1", "coordinateTransformations": [{"type": "scale", "scale": [4, 1, 1]},
                                             {"type": "translation", "translation": [1, 0.25, 0.25]}]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.rules.zm311_level_off_shape import place_of
from zmeta.conventions.base import Draft
from zmeta.conventions.ome_ngff.decode import compose
from zmeta.conventions.ome_ngff.detect import find_level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite, Level, Pyramid
    from zmeta.finding import Finding


class Shifts(NamedTuple):
    """The levels below level 0 by what their translation does on the axes that shrink."""

    kept: list[Level]
    shifted: list[Level]


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Note images none of whose levels moves its translation by half of what a voxel grows."""
    for pyramid in site.pyramids:
        shifts = find_shifts(site, pyramid)
        if shifts.kept and not shifts.shifted:
            first = shifts.kept[0]
            message = f"level {first.number} grows its voxels and keeps the translation of level 0"
            hint = (
                "sound where a translation is the corner; readers that take it for the centre of a voxel see the level "
                "shifted: a binned level then has t_0 + (s_k - s_0)/2"
            )
            yield site.finding("ZM315", message, *place_of(site, pyramid, first), hint=hint)


def find_shifts(site: GroupSite, pyramid: Pyramid) -> Shifts:
    """Sort the levels of an OME-NGFF image by their translation."""
    kept: list[Level] = []
    shifted: list[Level] = []
    if pyramid.convention == "ome-ngff":
        for level in pyramid.levels:
            affines = _affines(site, level)
            if affines is None:
                continue
            (sizes, places), (sizes_0, places_0) = affines
            moves = zip(sizes, places, sizes_0, places_0, strict=True)
            axes = [(place - place_0, (size - size_0) / 2) for size, place, size_0, place_0 in moves if size != size_0]
            if axes and all(shift == 0 for shift, _ in axes):
                kept.append(level)
            elif axes and all(shift == half for shift, half in axes):
                shifted.append(level)
    return Shifts(kept, shifted)


def _affines(site: GroupSite, level: Level):  # type: ignore[no-untyped-def]
    """Return scale and translation of a level and of level 0."""
    if level.decoded is None or level.number == 0:
        return None
    found = find_level(level.decoded.node)
    if found is None or found.index != level.number or found.group.path != site.node.path:
        return None
    aside = Draft(level.decoded.node, site.config.reading(), "ome-ngff", None)
    here, first = compose(aside, found, level.number), compose(aside, found, 0)
    return None if here is None or first is None else (here, first)
