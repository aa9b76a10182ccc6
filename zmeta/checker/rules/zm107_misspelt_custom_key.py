"""A custom key looks like a misspelt one.

## What it finds

A custom attribute of an array whose name is nearly that of a core key (`axes`, `types`, `units`, `voxel_size`,
`offset`) and whose value looks like one, while the core key is not there. Upper case and signs between the letters do
not count.

## Why it matters

A voxel size under `voxelsize` is read by nobody: the array seems to have none, and readers take 1.

## Example

```json
{"voxelsize": [40, 4, 4], "stain": "OTO"}
```

```text
a.zarr/raw/.zattrs:2:16: warning ZM107: `voxelsize` looks like `voxel_size` (found [40, 4, 4]) [/voxelsize]; rename it
to `voxel_size`, or name it in a profile if it is meant so
```

A `unit` beside `resolution` or `voxel_size` is not meant by this: it is read.

## What to do

Rename the key, or better write it as metadata, so that axes and units come with it:

```python
zmeta.add_metadata("a.zarr/raw", {"axes": ["z", "y", "x"], "units": ["nanometer"] * 3, "voxel_size": [40, 4, 4]})
```

A key that is meant as it is gets a place in the `properties` of a profile.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from zmeta.checker.site import finding_in
from zmeta.keys import OWNED, may_miss, near_miss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.config import Config
    from zmeta.finding import Finding
    from zmeta.nodes.node import Node


def check_array(node: Node, config: Config) -> Iterator[Finding]:
    """Compare every custom key with the core keys, by its letters and by its value."""
    keys = node.attributes
    for key in _suspects(tuple(keys)):
        meant = near_miss(key, keys[key])
        named = any(key in profile.names() for profile in config.profiles)
        if meant is None or meant in keys or named or (key in _BESIDE and not _BESIDE[key].isdisjoint(keys)):
            continue
        hint = f"rename it to `{meant}`, or name it in a profile if it is meant so"
        yield finding_in(node, "ZM107", f"`{key}` looks like `{meant}`", key, found=keys[key], hint=hint)


#: Keys that are read as they are beside others.
_BESIDE = {"unit": {"resolution", "voxel_size"}}


@lru_cache(maxsize=4096)
def _suspects(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in keys if key not in OWNED and may_miss(key))
