"""A key looks like a misspelt one.

## What it finds

In OME-NGFF: `units` for the `unit` of an axis, and `axis` for `axes`. In a payload of `add_metadata`: a key that looks
like a core key (`voxelsize`, `unit`), unless a profile names it.

## Why it matters

The specification calls the keys `unit` and `axes`; what stands under another name is not there for any reader. A voxel
of 0.5 micrometer that has lost its unit is 0.5 of whatever a reader assumes. omero-cli-zarr before 0.5.1 and the first
schema of 0.4 wrote `units`.

## Example

```json
{"name": "z", "type": "space", "units": "micrometer"}
```

```text
em.zarr/zarr.json:17:24: error ZM104: ome-ngff: the key `units` stands for `unit` (found "micrometer")
[/attributes/ome/multiscales/0/axes/1/units]; rename the key to `unit`
```

## What to do

`zmeta check --fix` renames the key, in consolidated copies too. By hand:

```json
{"name": "z", "type": "space", "unit": "micrometer"}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.finding import Fix

if TYPE_CHECKING:
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONValue

#: Keys of OME-NGFF that are seen misspelt, and what they stand for.
RENAMED = {"units": "unit", "axis": "axes"}


def fix(finding: Finding, parent: JSONValue) -> Fix | None:
    """Rename the key, where the right one is not there as well."""
    head, _, key = finding.pointer.rpartition("/")
    right = RENAMED.get(key)
    if right is None or not isinstance(parent, dict) or right in parent or not head:
        return None
    return Fix("rename", finding.pointer, right)
