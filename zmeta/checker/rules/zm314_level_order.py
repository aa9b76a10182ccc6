"""The levels of a pyramid are not ordered from fine to coarse."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Compare the shapes of neighbouring levels; where there are none, their sizes."""
    for pyramid in site.pyramids:
        # "The paths MUST be ordered from largest (i.e. highest resolution) to smallest" (OME-NGFF, datasets)
        arrays = [(level, prod(node.shape)) for level, node, _ in pyramid.arrays]
        off = [level for (_, before), (level, count) in pairwise(arrays) if count > before]
        if not arrays:
            sizes = [
                (level, prod(level.decoded.metadata.voxel_size))
                for level in pyramid.levels
                if level.decoded is not None and level.decoded.metadata.voxel_size is not None
            ]
            off = [level for (_, before), (level, size) in pairwise(sizes) if size < before]
        for level in off:
            message = f"level {level.number} is finer than the level before it"
            hint = "list the levels from the finest to the coarsest: readers take the first as full resolution"
            yield site.finding("ZM314", message, *level.path, found=level.name, hint=hint)
