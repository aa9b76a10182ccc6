"""The units of the space axes differ.

## What it finds

Axes of space of one array or image whose units differ, or of which some have a unit and others none. Two spellings of
one unit are the same; time is not compared with space.

## Why it matters

It is allowed, and nearly always a mistake: the numbers of one axis were written in another unit than its label says,
and that axis is wrong by 1000. Viewers that show one scale bar draw it wrong.

## Example

```json
{"axes": [{"name": "z", "type": "space", "unit": "nanometer"}, {"name": "y", "type": "space", "unit": "micrometer"},
          {"name": "x", "type": "space", "unit": "micrometer"}]}
```

```text
em.zarr/zarr.json:8:19: warning ZM210: the units of the space axes differ (found "z: nanometer, y: micrometer, x:
micrometer") [/attributes/ome/multiscales/0/axes]; state all in one unit, with the sizes converted; a missing
conversion is the usual cause
```

## What to do

Find out which of the two is wrong, the unit or the number. Then state all in one unit, numbers converted:

```json
{"axes": [{"name": "z", "type": "space", "unit": "micrometer"}, {"name": "y", "type": "space", "unit": "micrometer"},
          {"name": "x", "type": "space", "unit": "micrometer"}]}
```
"""

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
