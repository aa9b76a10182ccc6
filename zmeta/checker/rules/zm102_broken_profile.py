"""The attributes break a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.keys import custom_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import ArraySite
    from zmeta.finding import Finding


def check_array(site: ArraySite) -> Iterator[Finding]:
    """Judge the array by each profile that binds it."""
    node = site.node
    bound = site.config.bound(node.path, node.attributes)
    if not bound:
        return
    custom = custom_keys(node.attributes)
    try:
        core = site.decoded.metadata.core()
    except ValueError:  # a number without a finite decimal cannot be put into the terms of a profile
        core = {}
    for profile in bound:
        yield from profile.check(custom, core, node.attributes_file, node.attributes_pointer)
