"""A path is absolute or leaves its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.ome import stated_paths
from zmeta.checker.site import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Judge the paths that the group states; none is followed."""
    stated = [(level.path, level.name) for pyramid in site.pyramids for level in pyramid.levels]
    for path, name in [*stated, *stated_paths(site)]:
        why = refusal(name)
        if why:
            hint = "write it relative to the group, without `..`"
            yield site.finding("ZM413", f"the path is not followed: {why}", *path, found=name, hint=hint)
