"""The voxel size was likely never set.

## What it finds

An array or image with more than one physical axis, whose voxel sizes are all 1 and which states no unit.

## Why it matters

These are the defaults of many writers: ome-zarr-py writes scales without units, funlib.persistence from 0.5 on takes 1
where it does not know the key `resolution`, and writes that back beside an offset in nanometer. A size that was never
measured looks like one that was.

## Example

```json
{"offset": [400, 0, 0], "voxel_size": [1, 1, 1], "axis_names": ["z", "y", "x"], "units": ["", "", ""]}
```

```text
a.zarr/raw/zarr.json:36:19: warning ZM313: every voxel size is 1 and no unit is stated: it was likely never set
[/attributes/voxel_size]; state the true size and its unit, or leave the size out: absent is better than wrong
```

## What to do

State size and unit, or take the size away. A size of 1 that is meant has a unit:

```python
zmeta.add_metadata("a.zarr/raw", {"voxel_size": [40, 4, 4], "units": ["nanometer"] * 3})
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.site import finding_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import ArraySite, GroupSite
    from zmeta.finding import Finding
    from zmeta.pipeline import Decoded

_MESSAGE = "every voxel size is 1 and no unit is stated: it was likely never set"
_HINT = "state the true size and its unit, or leave the size out: absent is better than wrong"


def check_array(site: ArraySite) -> Iterator[Finding]:
    """Find arrays of more than one axis whose sizes are all 1, without a unit; an image is judged on its group."""
    source = site.decoded.metadata.sources.get("voxel_size")
    if getattr(source, "group", None) is None and _never_set(site.decoded):
        yield finding_in(site.node, "ZM313", _MESSAGE, *getattr(source, "path", ()), hint=_HINT)


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Find images whose level 0 is so."""
    for pyramid in site.pyramids:
        first = next(pyramid.arrays, None)
        if first is not None and pyramid.convention == "ome-ngff" and _never_set(first[2]):
            path = (*pyramid.path, "datasets", first[0].number, "coordinateTransformations")
            yield site.finding("ZM313", _MESSAGE, *path, hint=_HINT)


def _never_set(decoded: Decoded) -> bool:
    sizes = decoded.metadata.voxel_size
    return sizes is not None and len(sizes) > 1 and set(sizes) == {1} and not any(decoded.metadata.units)
