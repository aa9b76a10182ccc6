"""A label image is not listed."""

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
