"""OME-NGFF 0.1 → 0.2: the version alone.

0.2 separates the keys of chunks by "/" (a matter of the array documents, which stay true as they are) and allows
`image-label.properties`. Source: ome/ngff-spec, index.md of 0.1 @ f2f2361 and 0.2 @ c95fc4a.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.steps.ome_ngff.parts import upgrade
from zmeta.steps.step import Step

if TYPE_CHECKING:
    from zmeta.jsondoc import JSONObject
    from zmeta.steps.step import Site


def transform(attributes: JSONObject, site: Site) -> JSONObject:
    """State the next version."""
    return upgrade(attributes, site, "0.1", "0.2", {})


STEP = Step("ome-ngff-0.1-to-0.2", "ome-ngff", "0.1", "0.2", "lossless", transform, summary="state version 0.2")
