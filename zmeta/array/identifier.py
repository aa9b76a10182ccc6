"""Where an array is: pydantic models with the names of dacapo's classes."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Annotated, Literal, Protocol, runtime_checkable

from funlib.geometry import Coordinate
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, PlainSerializer, PlainValidator

from zmeta.stores.paths import is_url
from zmeta.stores.registry import locate
from zmeta.stores.zarr_ import is_store

Mode = Literal["r", "r+", "a"]


@runtime_checkable
class HasContainerAndDataset(Protocol):
    """Anything with a `container` and a `dataset` names an array, dacapo's `LocalArrayIdentifier` among others."""

    @property
    def container(self) -> object:
        """Path of the container."""
        ...

    @property
    def dataset(self) -> str:
        """Path of the array below it."""
        ...


def _parse_container(value: object) -> Path | str:
    """Return a path of the file system as `Path`, and a URL as it is, for a `Path` would take a slash of it."""
    if not isinstance(value, str | PathLike) and not is_store(value):
        raise ValueError("a path, a URL or a zarr store is expected")
    where = locate(value)
    return where if is_url(where) else Path(where)


Container = Annotated[Path | str, PlainValidator(_parse_container), PlainSerializer(str)]


class ArrayIdentifier(BaseModel):
    """An array, as a container and the path of a dataset in it.

    Examples
    --------
    >>> ArrayIdentifier(container="data.zarr", dataset="volumes/raw").dataset
    'volumes/raw'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    container: Container = Field(description="Folder or URL of the Zarr or N5 container, or a store of zarr-python.")
    dataset: str = Field(default="", description="Path of the array in it; empty where the container is the array.")


def _parse_coordinate(value: object) -> object:
    if value is None:
        return value
    items = [value] if isinstance(value, str | bytes) or not isinstance(value, Iterable) else list(value)
    if not items or any(isinstance(item, bool) or not isinstance(item, Integral) or item <= 0 for item in items):
        raise ValueError(f"a list of whole numbers above 0, in world units, is expected, found {value!r}")
    return Coordinate(items)


class ZarrArrayConfig(BaseModel):
    """What to open and how, with the fields of dacapo's `ZarrArrayConfig`.

    Examples
    --------
    >>> config = ZarrArrayConfig(name="raw", file_name="data.zarr", dataset="raw", mode="r")
    >>> config.mode, config.axes
    ('r', None)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", description="A name for the array, for people.")
    file_name: Container = Field(description="Folder or URL of the Zarr or N5 container, or a store of zarr-python.")
    dataset: str = Field(default="", description="Path of the array in it.")
    snap_to_grid: Annotated[
        InstanceOf[Coordinate] | None,
        BeforeValidator(_parse_coordinate),
        PlainSerializer(lambda c: None if c is None else list(c)),
    ] = Field(default=None, description="Shrink the ROI to multiples of this, in world units.")
    axes: list[str] | None = Field(default=None, description="Names of all axes, for an array that does not state them.")
    mode: Mode = Field(default="a", description='"r" to read only; "r+" and "a" to read and write. Opening never creates.')
