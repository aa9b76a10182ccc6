"""The units of the space axes differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.site import finding_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import ArraySite, GroupSite
    from zmeta.finding import Finding
    from zmeta.pipeline import Decoded


def check_array(site: ArraySite) -> Iterator[Finding]:
    """Compare the units of the axes of one array; those of an image are compared on its group."""
    source = site.decoded.metadata.sources.get("units")
    if getattr(source, "group", None) is None:
        text = _differing(site.decoded)
        if text:
            path = getattr(source, "path", ())
            yield finding_in(site.node, "ZM210", "the units of the space axes differ", *path, found=text, hint=_HINT)


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Compare the units of the axes of each image."""
    for pyramid in site.pyramids:
        decoded = next((level.decoded for level in pyramid.levels if level.decoded is not None), None)
        text = "" if decoded is None or pyramid.convention != "ome-ngff" else _differing(decoded)
        if text:
            message = "the units of the space axes differ"
            yield site.finding("ZM210", message, *pyramid.path, "axes", found=text, hint=_HINT)


_HINT = "state all in one unit, with the sizes converted; a missing conversion is the usual cause"


def _differing(decoded: Decoded) -> str:
    units = {str(axis.name): axis.unit for axis in decoded.metadata.axes if axis.type == "space"}
    if len(set(units.values())) < 2:
        return ""
    return ", ".join(f"{name}: {unit or 'none'}" for name, unit in units.items())
