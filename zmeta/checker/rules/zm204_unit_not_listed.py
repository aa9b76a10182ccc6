"""The unit is not a listed name.

## What it finds

In OME-NGFF and in zmeta's own layout: a unit that is an abbreviation or another spelling of a listed name (`um`, `µm`,
`nm`, `microns`). Everywhere: a unit that is not known at all. Abbreviations are the habit of N5 viewers, COSEM,
funlib.persistence and `dimension_units`, and are not reported there.

## Why it matters

A unit should be one of the names that OME-NGFF lists, such as `micrometer`. Readers differ on anything else:
neuroglancer raises an error. `µ` is two different characters that look alike. `A` may be angstrom or ampere, and is
therefore not known.

## Example

```json
{"name": "y", "type": "space", "unit": "um"}
```

```text
em.zarr/zarr.json:17:23: warning ZM204: ome-ngff: the unit is an abbreviation (expected micrometer, found "um")
[/attributes/ome/multiscales/0/axes/1/unit]
```

## What to do

`zmeta check --fix` writes the listed name where the spelling has one meaning and stands in a list or an axis. Otherwise
choose one by hand; the docs list all units that are known.

```json
{"name": "y", "type": "space", "unit": "micrometer"}
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.canonical.units import long_name
from zmeta.finding import Fix

if TYPE_CHECKING:
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONValue


def fix(finding: Finding, value: JSONValue) -> Fix | None:
    """Write the long name, where the convention asks for it and the spelling has one meaning."""
    if not finding.expected or not isinstance(value, str) or long_name(value) != finding.expected:
        return None
    return Fix("set", finding.pointer, finding.expected)
