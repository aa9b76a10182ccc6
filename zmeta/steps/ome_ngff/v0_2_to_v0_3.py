"""OME-NGFF 0.2 → 0.3: an image names its axes.

Up to 0.2 every array has the axes t, c, z, y, x. Writers stored arrays of other ranks all the same; of these the names are
taken only where the arrays state them. Source: ome/ngff-spec, index.md of 0.2 @ c95fc4a and 0.3 @ 2b02cc8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.conventions.ome_ngff.decode import FIXED_AXES
from zmeta.pipeline import decode_node
from zmeta.steps.ome_ngff.parts import level_arrays, upgrade
from zmeta.steps.step import Step, blocked

if TYPE_CHECKING:
    from zmeta.jsondoc import JSONObject
    from zmeta.nodes.node import Node
    from zmeta.pipeline import Decoded
    from zmeta.steps.ome_ngff.parts import Place
    from zmeta.steps.step import Site


def transform(attributes: JSONObject, site: Site) -> JSONObject:
    """Name the axes, and state the next version."""
    return upgrade(attributes, site, "0.2", "0.3", {"multiscales": _with_axes})


def _with_axes(image: JSONObject, place: Place) -> JSONObject:
    return {**image, "axes": [*_names(image, place)]}


def _names(image: JSONObject, place: Place) -> tuple[str, ...]:
    """Return the names that the levels have: as they state them, else the fixed ones."""
    arrays = [array for _, array in level_arrays(image, place) if array is not None]
    found = list(dict.fromkeys(_names_of(array, place) for array in arrays))
    if len(found) == 1:
        return found[0]
    if not arrays:
        finding = place.finding("ZM412", "no level can be read, so the axes are not known", "datasets")
    else:
        finding = place.finding("ZM202", "the levels have different axes", found="; ".join(map(", ".join, found)))
    raise blocked("the axes of the image are not known", place.site, finding)


def _names_of(array: Node, place: Place) -> tuple[str, ...]:
    decoded = decode_node(array, place.site.reading)
    if decoded.errors:
        raise blocked("the metadata of a level cannot be relied on", place.site, *decoded.errors)
    names = tuple(name for name in decoded.metadata.names if name is not None)
    if len(names) != array.ndim or not (names == FIXED_AXES or _is_stated(decoded)):
        finding = place.finding(
            "ZM202",
            f"the axes of an image with {array.ndim} dimensions are not stated",
            expected="5 dimensions (t, c, z, y, x), or names on the arrays",
            hint="state them on each level, as `_ARRAY_DIMENSIONS`",
        )
        raise blocked("the axes of the image are not known", place.site, finding)
    if not set(names) <= set(FIXED_AXES):
        expected, named = "names of t, c, z, y, x", ", ".join(names)
        finding = place.finding("ZM202", "0.3 has no place for these axis names", expected=expected, found=named)
        raise blocked("the axes of the image cannot be named", place.site, finding)
    return names


def _is_stated(decoded: Decoded) -> bool:
    return any(claim.names is not None and "axes" not in claim.inferred for claim in decoded.claims)


STEP = Step("ome-ngff-0.2-to-0.3", "ome-ngff", "0.2", "0.3", "lossless", transform, summary="name the axes of an image")
