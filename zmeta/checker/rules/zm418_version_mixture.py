"""The versions within an OME-Zarr hierarchy differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Compare `ome.version` with that of the nearest group above that states one."""
    inner = site.node.attributes.get("ome")
    version = inner.get("version") if isinstance(inner, dict) else None
    for group, _ in site.node.ancestors if isinstance(version, str) else ():
        above = group.attributes.get("ome")
        stated = above.get("version") if isinstance(above, dict) else None
        if isinstance(stated, str):
            # "The version MUST be consistent within a hierarchy" (OME-NGFF 0.5)
            if stated != version:
                message = "the version must be that of the groups above"
                yield site.finding("ZM418", message, "ome", "version", expected=stated, found=version)
            return
