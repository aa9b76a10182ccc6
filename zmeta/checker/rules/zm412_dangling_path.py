"""A path leads to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.ome import stated_paths
from zmeta.checker.site import open_below, refusal
from zmeta.errors import DocumentError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Look for every array of an image, and every group of a plate, well or list of labels."""
    for pyramid in site.pyramids:
        for level in pyramid.levels:
            if level.refused or level.broken:
                continue
            if level.node is None:
                hint = "correct the path, or take the level off the list"
                yield site.finding("ZM412", "there is no array at the path", *level.path, found=level.name, hint=hint)
            elif level.node.kind != "array":
                yield site.finding("ZM412", "there is a group at the path of an array", *level.path, found=level.name)
    for path, name in stated_paths(site):
        if refusal(name):
            continue
        try:
            if open_below(site.node, name, site.open) is None:
                yield site.finding("ZM412", "there is no group at the path", *path, found=name)
        except (DocumentError, StoreError):  # it is there, and said where it is visited
            continue
