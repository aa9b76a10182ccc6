"""What a migration is asked to do: the target, and what the user agreed to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from zmeta.add import latest_row
from zmeta.config import Config
from zmeta.conventions.registry import VERSIONS, find_row
from zmeta.errors import ConfigError
from zmeta.steps.graph import Graph
from zmeta.steps.registry import STEPS

if TYPE_CHECKING:
    from zmeta.conventions.base import ConventionVersion
    from zmeta.nodes.node import Node


@dataclass(frozen=True)
class Options:
    """How to migrate.

    Attributes
    ----------
    to : str
        `convention` or `convention@version`; empty for the one of the settings, which is `zmeta` unless they say otherwise.
    keep_legacy : bool
        Leave the old keys beside the new ones, as mirrors for older readers.
    allow_loss : frozenset of str
        What may be lost where the target has no place for it: `axes`, `types`, `units`, `offset`, or names of attributes.
    axes : tuple of str
        Names for arrays with that many dimensions that state none.
    pixel_scale : bool
        Images of OME-NGFF 0.1 to 0.3, which store no voxel size, get a scale in voxels of level 0.
    config : Config
        Settings.
    graph : Graph
        All steps that there are, those of the user included.
    """

    to: str = ""
    keep_legacy: bool = False
    allow_loss: frozenset[str] = frozenset()
    axes: tuple[str, ...] = ()
    pixel_scale: bool = False
    config: Config = field(default_factory=Config)
    graph: Graph = field(default_factory=lambda: Graph(STEPS))

    def as_json(self) -> dict[str, object]:
        """Return what was asked for, but for the settings."""
        return {
            "to": self.target,
            "keep_legacy": self.keep_legacy,
            "allow_loss": sorted(self.allow_loss),
            "axes": list(self.axes),
            "pixel_scale": self.pixel_scale,
        }

    @cached_property
    def target(self) -> str:
        """The target, with the default filled in."""
        return self.to or self.config.convention

    @cached_property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that have steps; where the target is one, that one alone."""
        named = tuple(dict.fromkeys(step.subject for step in self.graph.steps if step.find_version is not None))
        return (self.subject,) if self.is_profile else named

    @cached_property
    def subject(self) -> str:
        """The convention or the profile of the target."""
        return self.target.partition("@")[0]

    @cached_property
    def is_profile(self) -> bool:
        """Whether the target is a profile, so that conventions stay as they are."""
        return any(step.subject == self.subject and step.find_version is not None for step in self.graph.steps)

    @cached_property
    def are_alike(self) -> bool:
        """Whether nodes that are described alike come out alike: nothing that the user adds looks at each of them."""
        config = self.config
        added = config.profiles or config.overrides or config.mirror or config.conventions or config.steps
        return not (added or self.profiles)

    @cached_property
    def is_image(self) -> bool:
        """Whether the target is OME-NGFF, which describes arrays on the group above them."""
        return self.subject == "ome-ngff"

    @cached_property
    def needs_v3(self) -> bool:
        """Whether the target exists in Zarr v3 alone."""
        return self.target in ("ome-ngff", "ome-ngff@0.5")

    @cached_property
    def image_version(self) -> str:
        """The version of OME-NGFF that images are brought to."""
        return "0.5" if self.needs_v3 else self.target.partition("@")[2]

    def row(self, node: Node) -> ConventionVersion:
        """Return the version of a convention that an array is brought to; in N5 `zmeta` stands for `cosem`."""
        name = "cosem" if node.format == "n5" and self.subject == "zmeta" else self.target
        own = self.config.reading().conventions
        row = find_row(name, self.config.reading()) or next((row for row in own if row.convention == name), None)
        return row if row is not None and row.encode is not None else latest_row(name, node)


def check_target(name: str, graph: Graph, config: Config) -> str:
    """Return a target that can be written; raises `ConfigError` for any other, with those that can."""
    profiles = [step for step in graph.steps if step.find_version is not None]
    rows = [
        row for row in (*config.reading().conventions, *VERSIONS) if row.encode is not None and row.convention != "xarray"
    ]
    names = {row.convention for row in rows} | {row.id for row in rows} | {f"ome-ngff@0.{minor}" for minor in (2, 3)}
    names |= {step.subject for step in profiles} | {f"{step.subject}@{step.after}" for step in profiles}
    if name not in names:
        expected = ", ".join(dict.fromkeys([row.convention for row in rows] + [step.subject for step in profiles]))
        hint = "add @VERSION for one that is not the newest, such as ome-ngff@0.4"
        raise ConfigError("there is no such convention to migrate to", expected=expected, found=repr(name), hint=hint)
    return name
