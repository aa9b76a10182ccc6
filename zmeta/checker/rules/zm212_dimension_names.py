"""The dimension names of the array are not the axes of its image.

## What it finds

A level of an OME-NGFF 0.5 image whose `dimension_names` are not the names of the axes of the image, in their order. In
Zarr v2: an `_ARRAY_DIMENSIONS` that says something else than the image; where it is absent, that is sound.

## Why it matters

From 0.5 on, every array of an image must repeat the names of its axes as `dimension_names`. xarray and tensorstore read
the names from there: where they differ, one image has two orders of axes.

## Example

The image has z, y, x, and `zarr.json` of the level:

```json
{"shape": [32, 128, 128], "dimension_names": ["x", "y", "z"]}
```

```text
em.zarr/s0/zarr.json:31:22: error ZM212: `dimension_names` must repeat the names of the axes of the image (expected
["z", "y", "x"], found ["x", "y", "z"]) [/dimension_names]
```

## What to do

Write the names of the image into the array document:

```json
{"shape": [32, 128, 128], "dimension_names": ["z", "y", "x"]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.finding import Finding
from zmeta.jsondoc import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite, Pyramid


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Compare the dimension names of every level with the axes of the image."""
    for pyramid in site.pyramids:
        names = _axis_names(pyramid)
        for _, node, _ in pyramid.arrays if names else ():
            # 0.5: the dimension_names of each array MUST be the names of the axes, in their order
            if pyramid.path[0] == "ome" and node.format == 3 and node.dimension_names != names:
                file, found = node.attributes_file, describe(node.dimension_names)
                message = "`dimension_names` must repeat the names of the axes of the image"
                yield Finding("ZM212", message, file, "/dimension_names", describe(names), found)
            # where 0.4 in Zarr v2 states them, for xarray, they must not say something else
            stated = node.attributes.get("_ARRAY_DIMENSIONS")
            if node.format == 2 and stated is not None and stated != names:
                message = "`_ARRAY_DIMENSIONS` differs from the names of the axes of the image"
                expected, found = describe(names), describe(stated)
                yield Finding("ZM212", message, node.attributes_file, "/_ARRAY_DIMENSIONS", expected, found)


def _axis_names(pyramid: Pyramid) -> list[object]:
    axes = pyramid.image.get("axes")
    if pyramid.convention != "ome-ngff" or not isinstance(axes, list):
        return []
    names = [axis.get("name") if isinstance(axis, dict) else axis for axis in axes]
    return list(names) if all(isinstance(name, str) for name in names) else []
