"""The convention has a successor.

## What it finds

An array or image whose convention, or version of it, is still read everywhere here and is no longer what new data is
written in: daisy, dacapo, funlib.persistence 0.5, `dimension_units`, N5 viewer, neuroglancer N5, OME-NGFF 0.1 to 0.3. A
mirror beside a current convention is not reported.

## Why it matters

The older ones leave out what their successors state: names, types and units of axes, an origin. Such data need not be
changed to be read; it is only less certain.

## Example

```json
{"resolution": [40, 4, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/raw/.zattrs:1:1: note ZM415: the array speaks daisy@1, a convention with a successor; today: zmeta, or
funlib-persistence@0.6
```

## What to do

Nothing has to be done. To state the metadata in the current layout beside the old keys:

```python
zmeta.add_metadata("a.zarr/raw", {"axes": ["z", "y", "x"], "units": ["nanometer"] * 3}, convention="zmeta")
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.site import finding_in
from zmeta.conventions.registry import BY_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import ArraySite, GroupSite
    from zmeta.finding import Finding

#: Convention versions that are still read, and what is written today in their place.
SUCCESSORS = {
    "daisy@1": "zmeta, or funlib-persistence@0.6", "daisy@2": "zmeta, or funlib-persistence@0.6",
    "dacapo@0.1": "zmeta", "dacapo@0.2.0": "zmeta", "dacapo@0.2.1": "zmeta",
    "funlib-persistence@0.5": "funlib-persistence@0.6, or zmeta", "dimension-units@1": "zmeta",
    "ome-ngff@0.1": "ome-ngff@0.5", "ome-ngff@0.2": "ome-ngff@0.5", "ome-ngff@0.3": "ome-ngff@0.5",
    "n5-viewer@1": "cosem, which has an origin", "neuroglancer-n5@1": "cosem, which has an origin",
}  # fmt: skip


def check_array(site: ArraySite) -> Iterator[Finding]:
    """Name the convention of an array that has a successor; that of an image is named on its group."""
    metadata = site.decoded.metadata
    row = None if metadata.convention is None else BY_ID.get(metadata.convention)
    if row is not None and not row.on_group and row.id in SUCCESSORS:
        message = f"the array speaks {row.id}, a convention with a successor"
        yield finding_in(site.node, "ZM415", message, hint=f"today: {SUCCESSORS[row.id]}")


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Name the version of each image that has a successor."""
    for pyramid in site.pyramids:
        decoded = next((level.decoded for level in pyramid.levels if level.decoded is not None), None)
        claim = next((c for c in decoded.claims if c.convention == "ome-ngff"), None) if decoded is not None else None
        if claim is not None and claim.id in SUCCESSORS:
            message = f"the image is written in {claim.id}, a version with a successor"
            yield site.finding("ZM415", message, *pyramid.path, hint=f"today: {SUCCESSORS[claim.id]}")
