"""dacapo 0.1 → 0.2.0: `axes` is a list of names, no longer one string (or a list of one) of letters.

Source: janelia-cellmap/dacapo, `dacapo/experiments/datasplits/datasets/arrays/zarr_array.py` @ 8cce986.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.conventions.dacapo.codec import split_axes
from zmeta.conventions.registry import BY_ID
from zmeta.steps.step import Step, blocked

if TYPE_CHECKING:
    from zmeta.jsondoc import JSONObject
    from zmeta.steps.step import Site


def transform(attributes: JSONObject, site: Site) -> JSONObject:
    """Split the string into its letters; blocked where these do not fit the array."""
    node = site.node.with_attributes(attributes)
    names = split_axes(attributes.get("axes"))
    if names is None or names == attributes["axes"]:
        return dict(attributes)
    claim = BY_ID["dacapo@0.1"].claim(node, site.reading)
    if claim.failed or claim.names is None:
        raise blocked("the axes of the array cannot be read", site, *claim.findings)
    return {**attributes, "axes": names}


STEP = Step("dacapo-0.1-to-0.2.0", "dacapo", "0.1", "0.2.0", "lossless", transform, summary="write `axes` as a list")
