"""Some levels of a pyramid have the half-voxel shift and others not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.rules.zm311_level_off_shape import place_of
from zmeta.checker.rules.zm315_no_half_voxel_shift import find_shifts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Find images with both kinds of levels."""
    for pyramid in site.pyramids:
        shifts = find_shifts(site, pyramid)
        for level in shifts.kept if shifts.shifted else ():
            others = ", ".join(str(other.number) for other in shifts.shifted)
            message = f"level {level.number} keeps the translation of level 0, and level {others} moves it by half a voxel"
            hint = "t_0 + (s_k - s_0)/2 on all levels that were binned"
            yield site.finding("ZM316", message, *place_of(level), hint=hint)
