"""A custom key looks like a misspelt one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from zmeta.checker.site import finding_in
from zmeta.keys import OWNED, may_miss, near_miss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.config import Config
    from zmeta.finding import Finding
    from zmeta.nodes.node import Node


def check_array(node: Node, config: Config) -> Iterator[Finding]:
    """Compare every custom key with the core keys, by its letters and by its value."""
    keys = node.attributes
    for key in _suspects(tuple(keys)):
        meant = near_miss(key, keys[key])
        named = any(key in profile.names() for profile in config.profiles)
        if meant is None or meant in keys or named or (key in _BESIDE and not _BESIDE[key].isdisjoint(keys)):
            continue
        hint = f"rename it to `{meant}`, or name it in a profile if it is meant so"
        yield finding_in(node, "ZM107", f"`{key}` looks like `{meant}`", key, found=keys[key], hint=hint)


#: Keys that are read as they are beside others.
_BESIDE = {"unit": {"resolution", "voxel_size"}}


@lru_cache(maxsize=4096)
def _suspects(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in keys if key not in OWNED and may_miss(key))
