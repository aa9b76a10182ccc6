"""The voxel size of a pyramid level is a thousand times off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.checker.rules.zm311_level_off_shape import misfits, place_of, thousands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite
    from zmeta.finding import Finding


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Find the steps that would fit, were it not for a factor of 1000."""
    for pyramid in site.pyramids:
        for level, axes in misfits(pyramid):
            off = [(name, power) for name, factor, _, _ in axes for power in [thousands(factor)] if power is not None]
            if off:
                power = off[0][1]
                times = f"{1000 ** abs(power)} times too {'large' if power > 0 else 'small'}"
                message = f"the voxel size of level {level.number} is {times} on {', '.join(name for name, _ in off)}"
                hint = "the level was likely written in another unit than level 0: convert it"
                yield site.finding("ZM312", message, *place_of(level), hint=hint)
