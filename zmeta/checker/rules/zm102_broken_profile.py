"""The attributes break a profile.

## What it finds

An array that a profile of the settings binds, by a glob or because it declares the profile in `zarr_conventions`, and
whose attributes do not fit the schema of that profile.

## Why it matters

A profile is what a lab has agreed on. It sees the custom attributes as they are, and axes, types, units, voxel size and
offset in the terms of zmeta, whatever convention the file is written in.

## Example

`lab.schema.json`, bound to the array in `zmeta.toml`:

```json
{"title": "lab", "required": ["specimen"], "properties": {"stain": {"enum": ["OTO", "rOTO"]}}}
```

An array without `specimen`:

```text
a.zarr/raw/.zattrs:1:1: error ZM102: profile lab@1.0: `specimen` is missing [/specimen]
```

## What to do

Add or correct the attribute. `add_metadata` refuses what would break the profile:

```python
zmeta.add_metadata("a.zarr/raw", {"specimen": "fly-17"})
```

If the array is not meant, make the glob of the profile narrower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.keys import custom_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import ArraySite
    from zmeta.finding import Finding


def check_array(site: ArraySite) -> Iterator[Finding]:
    """Judge the array by each profile that binds it."""
    node = site.node
    bound = site.config.bound(node.path, node.attributes)
    if not bound:
        return
    custom = custom_keys(node.attributes)
    try:
        core = site.decoded.metadata.core()
    except ValueError:  # a number without a finite decimal cannot be put into the terms of a profile
        core = {}
    for profile in bound:
        yield from profile.check(custom, core, node.attributes_file, node.attributes_pointer)
