"""A label image is not listed.

## What it finds

An image in a folder `labels` whose `labels` list does not name it.

## Why it matters

Viewers find label images by that list, not by listing folders: over a network there is nothing to list. From 0.5 on all
label images should be on it.

## Example

`.zattrs` of the group `labels`, in which there is an image `n`:

```json
{"labels": []}
```

```text
em.zarr/labels/n/.zattrs:1:1: warning ZM419: the list of labels of the group above does not name 'n'; readers find
labels by the list: add the name to it
```

## What to do

```json
{"labels": ["n"]}
```
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zmeta.conventions.ome_ngff.detect import clean_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Look for a label image in the list of the `labels` group above it."""
    if not site.pyramids or not site.node.ancestors:
        return
    above, name = site.node.ancestors[0]
    inner = above.attributes.get("ome")
    labels = (inner if isinstance(inner, dict) else above.attributes).get("labels")
    if os.path.basename(above.path) == "labels" and isinstance(labels, list):
        listed = {clean_path(label) for label in labels if isinstance(label, str)}
        if name not in listed:
            message = f"the list of labels of the group above does not name {name!r}"
            yield site.finding("ZM419", message, hint="readers find labels by the list: add the name to it")
