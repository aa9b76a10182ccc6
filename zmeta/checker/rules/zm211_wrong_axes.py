"""The axes are not in a number or an order that OME-NGFF allows.

## What it finds

An OME-NGFF 0.4 or 0.5 image whose axes are not two to five, of which not two or three are of type space, with more than
one axis of time, with more than one that is neither space nor time, or in another order than time, channel, space. Axes
without a type are not counted (ZM206).

## Why it matters

The text of both versions demands each of these. Readers rely on the order to find the channel and the planes; the
published schema does not check it, so official validators let such files pass.

## Example

```json
{"axes": [{"name": "x", "type": "space"}, {"name": "y", "type": "space"}, {"name": "c", "type": "channel"}]}
```

```text
em.zarr/.zattrs:6:15: error ZM211: the axes must stand in the order time, channel, space (found ["x", "y", "c"])
[/multiscales/0/axes]
```

## What to do

If the order was written down wrong, correct it. If the array really has its channels last, its data must be transposed:
no change to the metadata makes it sound. For the example, with data of shape (c, y, x):

```json
{"axes": [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Judge the axes of each image of 0.4 and 0.5."""
    for pyramid in site.pyramids:
        axes = pyramid.image.get("axes")
        if pyramid.convention != "ome-ngff" or not isinstance(axes, list) or not all(isinstance(a, dict) for a in axes):
            continue
        kinds = [str(axis.get("type")) if isinstance(axis, dict) and axis.get("type") else "" for axis in axes]
        names = [axis.get("name") if isinstance(axis, dict) else None for axis in axes]
        for problem in wrong_axes(kinds):
            yield site.finding("ZM211", problem, *pyramid.path, "axes", found=names)


def wrong_axes(kinds: list[str]) -> Iterator[str]:
    """Yield what is wrong with axes of such types, in their order; `""` is an axis without one."""
    space, time = kinds.count("space"), kinds.count("time")
    other = len(kinds) - space - time
    # "The length of axes MUST be between 2 and 5" (OME-NGFF 0.4 and 0.5, multiscales)
    if not 2 <= len(kinds) <= 5:
        yield f"an image must have 2 to 5 axes, not {len(kinds)}"
    # 2 or 3 entries of type space, at most one of time, at most one of channel, null or a custom type
    if "" not in kinds and not 2 <= space <= 3:
        yield f"an image must have 2 or 3 axes of type space, not {space}"
    if time > 1:
        yield f"an image must have at most one axis of type time, not {time}"
    if other > 1 and "" not in kinds:
        yield f"an image must have at most one axis of type channel or a custom one, not {other}"
    # the order is time, then channel or custom, then space
    ranks = [0 if kind == "time" else 2 if kind == "space" else 1 for kind in kinds]
    if ranks != sorted(ranks) and "" not in kinds:
        yield "the axes must stand in the order time, channel, space"
