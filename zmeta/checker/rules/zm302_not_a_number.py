"""A value is not a finite number.

## What it finds

An offset, scale or translation with an entry that is no finite number: a text, `null`, `NaN`, an infinity, or a number
out of all bounds (powers of ten beyond 300). Also such a list that is no list.

## Why it matters

Scale and translation are lists of numbers by the text of OME-NGFF, offsets by every convention here. Readers fail, or
place the array nowhere.

## Example

```json
{"type": "scale", "scale": ["4.0", "1.0", "1.0"]}
```

```text
em.zarr/zarr.json:45:21: error ZM302: ome-ngff: `scale` is wrong (expected a finite number, found "4.0")
[/attributes/ome/multiscales/0/datasets/1/coordinateTransformations/0/scale/0]; a string is not a number: remove the
quotes
```

## What to do

`zmeta check --fix` takes the quotes off a plain decimal, digit for digit. Anything else is to be corrected by hand:

```json
{"type": "scale", "scale": [4.0, 1.0, 1.0]}
```
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zmeta.finding import Fix
from zmeta.jsondoc import ExactFloat

if TYPE_CHECKING:
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONValue

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,40})(?P<rest>\.[0-9]{1,40})?")


def fix(finding: Finding, value: JSONValue) -> Fix | None:
    """Take the quotes off a plain decimal, digit for digit."""
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is None or not isinstance(value, str):
        return None
    return Fix("set", finding.pointer, ExactFloat(value) if match["rest"] else int(value))
