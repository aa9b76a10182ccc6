"""A label image does not fit its image.

## What it finds

A label image (below a `labels` group, or with `image-label`) whose arrays hold no integers, or that has not as many
levels as the image it belongs to.

## Why it matters

OME-NGFF demands that a label image has as many levels as its image, in all versions, and that its arrays are of an
integer type (stated from 0.5 on, noted before). Viewers pair level with level, and look labels up by whole numbers.

## Example

`zarr.json` of a level of a label image:

```json
{"shape": [32, 128, 128], "data_type": "float32"}
```

```text
em.zarr/labels/nuclei/zarr.json:27:23: error ZM416: a label image must hold integers (expected an integer type, found
"float32") [/attributes/ome/multiscales/0/datasets/0/path]
```

## What to do

Write the labels anew as integers, with the levels of the image; metadata alone cannot mend it.

```json
{"shape": [32, 128, 128], "data_type": "uint32"}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.ome import images_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Compare a label image with the image above the `labels` group: levels, and integers."""
    keys = site.ome[1]
    if "image-label" not in keys and not _is_label(site):
        return
    for pyramid in site.pyramids:
        for level, node, _ in pyramid.arrays:
            # "The type of the label arrays MUST be integer" (0.5; noted in 0.4)
            if node.dtype.startswith(("float", "complex", "bool")):
                message = "a label image must hold integers"
                yield site.finding("ZM416", message, *level.path, expected="an integer type", found=node.dtype)
        source = _image_above(site)
        images = images_of(source) if source is not None else []
        datasets = images[0].get("datasets") if images else None
        # "…MUST have the same number of entries (scale levels) as the original unlabeled image"
        if isinstance(datasets, list) and len(datasets) != len(pyramid.levels):
            message = "a label image must have as many levels as its image"
            where = (*pyramid.path, "datasets")
            yield site.finding("ZM416", message, *where, expected=str(len(datasets)), found=len(pyramid.levels))


def _is_label(site: GroupSite) -> bool:
    return any(group.path.rpartition("/")[2] == "labels" for group, _ in site.node.ancestors[:1])


def _image_above(site: GroupSite):  # type: ignore[no-untyped-def]
    """Return the group of the image that a label belongs to: the one above `labels`."""
    above = site.node.ancestors
    return above[1][0] if len(above) > 1 and above[0][0].path.rpartition("/")[2] == "labels" else None
