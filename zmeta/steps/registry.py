"""The one list of the steps that zmeta knows. A test fails where a file in a folder of steps is missing here.

Not every two versions have a step between them. `daisy` 2 (gunpowder's snapshots, `voxel_size`) is no successor of `daisy` 1
(`resolution`): gunpowder, daisy and funlib.persistence up to 0.4 read `resolution` alone and would take a voxel of size 1,
and in N5 the values of 1 are reversed and those of 2 are not. `dacapo` 0.2.1 adds `dimension_units`, whose units 0.2.0 does
not state. Who wants either translates: decode, and encode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.steps.dacapo import v0_1_to_v0_2_0
from zmeta.steps.funlib import v0_5_to_v0_6
from zmeta.steps.ome_ngff import v0_1_to_v0_2, v0_2_to_v0_3, v0_3_to_v0_4, v0_4_to_v0_5

if TYPE_CHECKING:
    from zmeta.steps.step import Step

STEPS: tuple[Step, ...] = (
    v0_1_to_v0_2.STEP,
    v0_2_to_v0_3.STEP,
    v0_3_to_v0_4.STEP,
    v0_4_to_v0_5.STEP,
    v0_5_to_v0_6.STEP,
    v0_1_to_v0_2_0.STEP,
)
