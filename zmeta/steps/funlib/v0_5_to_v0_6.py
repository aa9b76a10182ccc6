"""funlib.persistence 0.5 → 0.6: the kinds of the axes stand in `types`, no longer as `^` in their names.

0.6 still reads the mark, and calls it deprecated. No other key changes. Source: funkelab/funlib.persistence,
`funlib/persistence/arrays/metadata.py` of 0.5 and 0.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.conventions.registry import BY_ID
from zmeta.finding import Finding
from zmeta.jsondoc import pointer
from zmeta.steps.step import Step, blocked

if TYPE_CHECKING:
    from zmeta.jsondoc import JSONObject
    from zmeta.steps.step import Site


def transform(attributes: JSONObject, site: Site) -> JSONObject:
    """Put `types` beside the names; blocked where the kind of an axis is not known."""
    if "types" in attributes:
        return dict(attributes)
    node = site.node.with_attributes(attributes)
    claim = BY_ID["funlib-persistence@0.5"].claim(node, site.reading)
    if claim.failed:
        raise blocked("the metadata of the array cannot be relied on", site, *claim.findings)
    names = attributes.get("axis_names")
    if not isinstance(names, list) or claim.types is None or None in claim.types:
        unknown = [str(name) for name, kind in zip(claim.names or (), claim.types or (), strict=True) if kind is None]
        finding = Finding(
            "ZM202",
            f"funlib-persistence: the kind of {', '.join(unknown) or 'the axes'} is not stated",
            node.attributes_file,
            node.attributes_pointer + pointer("axis_names"),
            hint="state it: add `types`, one word per axis (space, time, channel), to the attributes",
        )
        raise blocked("the kinds of the axes are not known", site, finding)
    result: JSONObject = {**attributes, "axis_names": [_unmarked(str(name)) for name in names]}
    result["types"] = [*claim.types]
    return result


def _unmarked(name: str) -> str:
    return name.rstrip("^") or name


STEP = Step(
    "funlib-persistence-0.5-to-0.6",
    "funlib-persistence",
    "0.5",
    "0.6",
    "lossless",
    transform,
    summary="state the kinds of the axes in `types`",
)
