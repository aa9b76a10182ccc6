"""`ZarrArray`: an array of any convention in world units, with the names and the meaning of dacapo's class."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from zmeta.array.grid import check_roi, missing, roi_of, slices_of, snap, voxel_size_of
from zmeta.array.identifier import HasContainerAndDataset, Mode, ZarrArrayConfig
from zmeta.array.pixels import open_pixels
from zmeta.canonical.numbers_ import number_text
from zmeta.canonical.world import WorldUnit, parse_world
from zmeta.config import Config, load_config
from zmeta.conventions.merge import Given
from zmeta.errors import GeometryError, NotWritableError, ZmetaError
from zmeta.nodes.node import absolute, find_twins, join_dataset, open_array_node
from zmeta.pipeline import Decoded, decode_node
from zmeta.stores.paths import is_url
from zmeta.stores.registry import locate
from zmeta.stores.remote import store_of, using

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction

    from funlib.geometry import Coordinate, Roi
    from numpy.typing import DTypeLike, NDArray

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import Anchor
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONObject
    from zmeta.nodes.node import Node
    from zmeta.profile import Profile


#: Versions that a step leads out of: what an array of these is upgraded to in memory.
LEGACY = frozenset({*(f"ome-ngff@0.{minor}" for minor in range(1, 5)), "funlib-persistence@0.5", "dacapo@0.1"})


class ZarrArray:
    """An array of a Zarr (v2, v3) or N5 container, whatever convention its metadata is written in.

    Opening reads the small documents of the array and of the groups above it, and nothing else; it never writes. What is
    wrong with the metadata is in `findings`; asking for a value that cannot be relied on raises. Groups above the array are
    looked for up to the container.

    Parameters
    ----------
    array_config : ZarrArrayConfig
        Where the array is; see its fields.
    world_unit : str or (str, str), optional
        Unit in which `roi` and `voxel_size` are whole numbers: of space, of time, or of both. Default nanometer and
        millisecond, or as the config says.
    default_voxel_size : sequence of numbers, optional
        Taken where the file states none, one per physical axis, in world units.
    ome_anchor : "corner" or "centre", optional
        What an OME-NGFF translation means; the format leaves it open.
    config : Config, optional
        Settings instead of those of `zmeta.toml`.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no array.
    DocumentError, StoreError
        Its documents are broken or cannot be read.

    Examples
    --------
    >>> import tempfile, zarr
    >>> from zmeta import ArrayIdentifier, ZarrArray
    >>> folder = tempfile.mkdtemp() + "/a.zarr"
    >>> _ = zarr.create_array(f"{folder}/raw", shape=(10, 20, 20), dtype="uint8", attributes={
    ...     "resolution": [40, 4, 4], "offset": [400, 0, 0]})
    >>> array = ZarrArray.open_from_array_identifier(ArrayIdentifier(container=folder, dataset="raw"))
    >>> array.voxel_size, array.roi, array.axes
    ((40, 4, 4), [400:800, 0:80, 0:80] (400, 80, 80), ['z', 'y', 'x'])
    """

    def __init__(
        self,
        array_config: ZarrArrayConfig,
        *,
        world_unit: WorldUnit | None = None,
        default_voxel_size: Sequence[object] | None = None,
        ome_anchor: Anchor | None = None,
        config: Config | None = None,
    ) -> None:
        self.name = array_config.name
        self.file_name = array_config.file_name
        self.dataset = array_config.dataset
        self.snap_to_grid = array_config.snap_to_grid
        self.mode: Mode = array_config.mode
        self._root = absolute(array_config.file_name)
        self._path = join_dataset(self._root, array_config.dataset)
        self._config = (config or load_config()).for_path(self._path)
        self._world = parse_world(world_unit, self._config.world)
        self._reading = self._config.reading(ome_anchor, self._world)
        names = None if array_config.axes is None else tuple(array_config.axes)
        size = None if default_voxel_size is None else _exact(default_voxel_size)
        self._given = None if names is None and size is None else Given(names, size)
        self._data: Any = None
        self._voxel_size: Coordinate | None = None
        self._decoded: Decoded
        self._attributes: JSONObject
        self._steps: tuple[str, ...]
        self.refresh()

    # --- opening and creating ---------------------------------------------------------------------------------------

    @classmethod
    def open_from_array_identifier(
        cls,
        array_identifier: HasContainerAndDataset,
        name: str = "",
        *,
        mode: Mode = "a",
        world_unit: WorldUnit | None = None,
        default_voxel_size: Sequence[object] | None = None,
        ome_anchor: Anchor | None = None,
        config: Config | None = None,
    ) -> ZarrArray:
        """Open an existing array, named by anything that has a `container` and a `dataset`."""
        array_config = ZarrArrayConfig.model_validate(
            {"name": name, "file_name": array_identifier.container, "dataset": array_identifier.dataset, "mode": mode}
        )
        return cls(
            array_config,
            world_unit=world_unit,
            default_voxel_size=default_voxel_size,
            ome_anchor=ome_anchor,
            config=config,
        )

    @classmethod
    def create_from_array_identifier(  # noqa: PLR0913 - dacapo's signature, and what it leaves out as keywords
        cls,
        array_identifier: HasContainerAndDataset,
        axes: Sequence[str],
        roi: Roi,
        num_channels: int | None,
        voxel_size: Sequence[object],
        dtype: DTypeLike,
        write_size: Sequence[object] | None = None,
        name: str | None = None,
        overwrite: bool = False,
        *,
        units: str | Sequence[str | None] | None = None,
        zarr_format: Literal[2, 3] | None = None,
        convention: str | None = None,
        attributes: Mapping[str, object] | None = None,
        profiles: Iterable[Profile] = (),
        world_unit: WorldUnit | None = None,
        config: Config | None = None,
    ) -> ZarrArray:
        """Create an array with its metadata, or open the one that is there if it is the same.

        Parameters
        ----------
        array_identifier : object with `container` and `dataset`
            Where to; groups on the way are made.
        axes : sequence of str
            Names as indexed, such as `["c", "z", "y", "x"]`. The channel axis goes where `num_channels` is None, and comes
            first where it is not among the names.
        roi : Roi
            What the array covers, in world units, on the grid of `voxel_size`.
        num_channels : int or None
            Extent of the channel axis.
        voxel_size : Coordinate
            In world units.
        dtype : numpy dtype
        write_size : Coordinate, optional
            Size of a chunk in world units. Default: chunks of about 5 MB.
        overwrite : bool
            Replace the array that is there, and nothing else. Without it a compatible array is opened with its data.
            On an object store the old array goes first, and does not come back where a later step fails.
        units : str or sequence of str, optional
            Units to state (and to write the numbers in): one for all axes of space, or one per physical axis. Without them
            none is stated, and readers take the numbers as world units.
        zarr_format : 3 or 2, optional
            Default: that of the container, 3 for a new one.
        convention : str, optional
            Default `zmeta`, or as the config says.
        attributes : mapping, optional
            Custom attributes; profiles are enforced.
        profiles : sequence of Profile
            Profiles that bind the array besides those of the config.

        Raises
        ------
        ArrayExistsError
            An array is there and differs; every difference is listed. Or something else is there.
        ConflictError
            The array that was to be replaced on an object store was changed meanwhile; nothing was removed.
        MetadataError, GeometryError
            What is asked for is not valid. Nothing is left behind.
        """
        from zmeta.array.create import CreateRequest, create_array

        request = CreateRequest(
            container=locate(array_identifier.container),
            dataset=array_identifier.dataset,
            axes=tuple(axes),
            roi=roi,
            num_channels=num_channels,
            voxel_size=_exact(voxel_size),
            dtype=np.dtype(dtype),
            write_size=None if write_size is None else _exact(write_size),
            overwrite=overwrite,
            units=units,
            zarr_format=zarr_format,
            convention=convention,
            attributes=dict(attributes or {}),
            profiles=tuple(profiles),
        )
        settings = config or load_config()
        world = parse_world(world_unit, settings.world)
        with settings.storage():
            create_array(request, world, settings)
        return cls.open_from_array_identifier(array_identifier, name or "", world_unit=world_unit, config=config)

    def refresh(self) -> None:
        """Read the documents again."""
        with using(self._config.store_options):
            node = open_array_node(self._path, self._root)
        self._decoded = decode_node(node, self._reading, self._given)
        self._attributes, self._steps = node.attributes, ()
        if not self._decoded.errors and (self._config.steps or any(c.id in LEGACY for c in self._decoded.claims)):
            from zmeta.steps.memory import upgrade_decoded

            upgraded = upgrade_decoded(self._decoded, self._reading, self._given, self._config)
            self._attributes, self._steps = upgraded.node.attributes, upgraded.steps
        self._data = None
        self._voxel_size = None

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def node(self) -> Node:
        """The documents of the array as they were read."""
        return self._decoded.node

    @property
    def decoded(self) -> Decoded:
        """Everything that was made out: node, claims of each convention, metadata, findings."""
        return self._decoded

    @property
    def metadata(self) -> Metadata:
        """The exact canonical metadata; raises `MetadataError` where it cannot be relied on."""
        return self._decoded.require()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the metadata, or worth knowing about how it was read."""
        with using(self._config.store_options):
            return (*self._decoded.findings, *find_twins(self.node))

    @property
    def convention(self) -> str | None:
        """The convention that was read, as `name@version`; None for an array that states nothing."""
        return self._decoded.metadata.convention

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents in C order."""
        return self.node.shape

    @property
    def axes(self) -> list[str]:
        """Names of all axes as indexed; raises `MissingMetadataError` where they are not known."""
        names = [name for name in self.metadata.names if name]
        if len(names) != self.node.ndim:
            raise missing(
                "axes", self.metadata, self._path, 'pass axes= in the ZarrArrayConfig, or add_metadata({"axes": […]})'
            )
        return names

    @property
    def spatial_axes(self) -> list[str]:
        """Names of the axes that `voxel_size` and `roi` speak of: space, and time, as in dacapo."""
        axes = self.axes
        return [axes[index] for index in self.metadata.physical]

    @property
    def dims(self) -> int:
        """Number of physical axes."""
        return len(self.metadata.physical)

    @property
    def units(self) -> list[str | None]:
        """Unit of every physical axis as the file states it; None where it states none."""
        return list(self.metadata.units)

    @property
    def num_channels(self) -> int | None:
        """Extent of the channel axis; None without one."""
        channels = [index for index, axis in enumerate(self.metadata.axes) if axis.type == "channel"]
        named = [index for index in channels if self.metadata.axes[index].name == "c"]
        if len(channels) > 1 and not named:
            raise GeometryError(
                "the array has several channel axes", where=self._path, found=str(self.axes), hint="read `shape` and `axes`"
            )
        return self.shape[(named or channels)[0]] if channels else None

    @property
    def voxel_size(self) -> Coordinate:
        """Size of a voxel in world units, one number per physical axis.

        Raises `MissingMetadataError` where none is stated, `NotOnGridError` where it is not whole, `MetadataError` where
        it cannot be relied on.
        """
        if self._voxel_size is None:
            self._voxel_size = voxel_size_of(self.metadata, self._world, self._path)
        return self._voxel_size

    @property
    def roi(self) -> Roi:
        """What the array covers, in world units; shrunk to `snap_to_grid` where that is given. Raises as `voxel_size`."""
        roi = roi_of(self.metadata, self.shape, self._world, self._path, self.voxel_size)
        return roi if self.snap_to_grid is None else snap(roi, self.snap_to_grid, self._path)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values; N5 tells it without the extra `n5`."""
        return np.dtype(self.node.dtype if self.node.format == "n5" else self.data.dtype)

    @property
    def writable(self) -> bool:
        """Whether attributes and pixels can be written: not with mode "r", nor without permission."""
        file = self.node.attributes_file
        if is_url(file):
            with using(self._config.store_options):
                return self.mode != "r" and store_of(file)[0].can_write
        return (
            self.mode != "r"
            and os.access(self._path, os.W_OK | os.X_OK)
            and (not os.path.exists(file) or os.access(file, os.W_OK))
        )

    @property
    def attrs(self) -> Attributes:
        """The user attributes; what is set goes through the same validation as `add_metadata`."""
        return Attributes(self, self._write)

    # --- pixels -----------------------------------------------------------------------------------------------------

    @property
    def attributes(self) -> JSONObject:
        """A copy of the user attributes, upgraded in memory by `upgrades`; what stands in the file is `attrs`."""
        return deepcopy(self._attributes)

    @property
    def upgrades(self) -> tuple[str, ...]:
        """The steps by which legacy attributes, its own and those of its image, were upgraded in memory. No file changed.

        They are those of a migration, and do not change what is read: that is compared, and they are not taken otherwise.
        """
        return self._steps

    @property
    def data(self) -> Any:
        """The zarr array (for N5 an object that is indexed alike), opened at the first use.

        Raises `MissingExtraError` for N5 without the extra `n5`.
        """
        if self._data is None:
            with using(self._config.store_options):
                self._data = open_pixels(self.node, writable=self.mode != "r")
        return self._data

    def __getitem__(self, roi: Roi) -> NDArray[Any]:
        """Read a ROI in world units, channels whole; refused off the grid or out of bounds."""
        slices = slices_of(roi, self.metadata, self.shape, self._world, self._path)
        return np.asarray(self.data[slices])

    def __setitem__(self, roi: Roi, block: object) -> None:
        """Write a block (or a scalar) to a ROI in world units."""
        if self.mode == "r":
            raise NotWritableError("the array was opened read-only", where=self._path, hint='open it with mode="r+"')
        slices = slices_of(roi, self.metadata, self.shape, self._world, self._path)
        target = tuple(len(range(*part.indices(extent))) for part, extent in zip(slices, self.shape, strict=True))
        values = np.asarray(block)
        if values.ndim and values.shape != target:
            raise GeometryError(
                "the block does not fit the ROI", where=self._path, expected=str(target), found=str(values.shape)
            )
        self.data[slices] = values if values.ndim else block  # a number that does not fit the type is refused, not wrapped

    def to_ndarray(self, roi: Roi | None = None, fill_value: object = 0) -> NDArray[Any]:
        """Read a ROI that may reach out of the array; what lies outside is `fill_value`."""
        whole = roi_of(self.metadata, self.shape, self._world, self._path, self.voxel_size)
        wanted = self.roi if roi is None else roi
        size = self.voxel_size
        check_roi(wanted, whole, size, self._path)
        extents = list(self.shape)
        for axis, extent in zip(self.metadata.physical, wanted.shape // size, strict=True):
            extents[axis] = extent
        inside = wanted.intersect(whole)
        if inside == wanted:
            return self[wanted]
        result = np.full(extents, fill_value, dtype=self.dtype)
        if not inside.empty:
            target: list[slice] = [slice(None)] * len(extents)
            begin, end = (inside.begin - wanted.begin) // size, (inside.end - wanted.begin) // size
            for axis, start, stop in zip(self.metadata.physical, begin, end, strict=True):
                target[axis] = slice(start, stop)
            result[tuple(target)] = self[inside]
        return result

    # --- writing metadata -------------------------------------------------------------------------------------------

    def add_metadata(
        self,
        payload: Mapping[str, object] | object,
        *,
        profiles: Iterable[Profile] = (),
        convention: str | None = None,
    ) -> tuple[Finding, ...]:
        """Add metadata to the array; see `zmeta.add_metadata`. Raises `NotWritableError` for mode "r"."""
        return self._write(payload, profiles=profiles, convention=convention)

    def _write(
        self,
        payload: object,
        *,
        remove: Iterable[str] = (),
        profiles: Iterable[Profile] = (),
        convention: str | None = None,
    ) -> tuple[Finding, ...]:
        from zmeta.add import add_to_node

        if self.mode == "r":
            raise NotWritableError("the array was opened read-only", where=self._path, hint='open it with mode="r+"')
        world = self._world  # what is written must mean what this array reads it as
        config = replace(
            self._config, ome_anchor=self._reading.ome_anchor, world_unit=(world.space, world.time), overrides=()
        )
        findings = add_to_node(
            self._path, self._root, payload, profiles=profiles, config=config, remove=remove, convention=convention
        )
        self.refresh()
        return findings

    # --- for people -------------------------------------------------------------------------------------------------

    def summary(self) -> list[tuple[str, str]]:
        """Return what the array is, as rows for people; what cannot be told says why."""
        metadata = self._decoded.metadata
        units = dict.fromkeys(unit or "no unit" for unit in metadata.units)
        rows = [
            ("path", self._path),
            ("axes", " ".join(name or "?" for name in metadata.names)),
            ("shape", f"{' × '.join(map(str, self.shape))} {self.node.dtype}, {self.node.format_name}"),
            ("voxel size", "absent"),
            ("roi", "absent"),
            ("convention", metadata.convention or "none"),
        ]
        rows += [("upgraded", f"in memory: {', '.join(self._steps)}")] if self._steps else []
        if self._decoded.errors:
            rows[3:5] = [("wrong", str(finding)) for finding in self._decoded.errors]
        elif metadata.voxel_size is not None:
            sizes = " × ".join(number_text(size) for size in metadata.voxel_size)
            rows[3] = ("voxel size", f"{sizes} {', '.join(units)}")
            try:
                unit = self._world.space if any(metadata.units) else "world units"
                rows[4] = ("roi", f"{self.roi} {unit}")
            except ZmetaError as error:
                rows[4] = ("roi", error.what)
        return rows

    def __repr__(self) -> str:
        rows = self.summary()
        return "ZarrArray\n" + "\n".join(f"  {key:<11}{_printable(text)}" for key, text in rows)

    def _repr_html_(self) -> str:
        from html import escape

        left = "style='text-align:left'"
        cells = "".join(
            f"<tr><th {left}>{escape(key)}</th><td {left}>{escape(_printable(text))}</td></tr>"
            for key, text in self.summary()
        )
        return f"<table><caption>ZarrArray {escape(_printable(self.name))}</caption>{cells}</table>"


class Attributes(MutableMapping[str, Any]):
    """The user attributes of an array. Reading gives copies; writing validates, and refuses what is wrong."""

    def __init__(self, array: ZarrArray, write: Callable[..., object]) -> None:
        self._array, self._write = array, write

    def __getitem__(self, key: str) -> Any:
        return deepcopy(self._array.node.attributes[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._array.node.attributes)

    def __len__(self) -> int:
        return len(self._array.node.attributes)

    def __setitem__(self, key: str, value: object) -> None:
        self._write({key: value})

    def __delitem__(self, key: str) -> None:
        if key not in self._array.node.attributes:
            raise KeyError(key)
        self._write({}, remove=[key])

    def clear(self) -> None:
        """Remove all keys in one validated write."""
        self._write({}, remove=list(self))

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several keys in one validated write."""
        self._write(dict(*args, **kwargs))

    def asdict(self) -> JSONObject:
        """Return a copy of all attributes, as zarr's `attrs` does."""
        return deepcopy(self._array.node.attributes)

    def __repr__(self) -> str:
        return f"Attributes({self._array.node.attributes!r})"


def _exact(values: Sequence[object]) -> tuple[Fraction, ...]:
    """Return numbers of a caller exactly: a float is taken as the decimal that it prints as."""
    from zmeta.payload import plain

    data, findings = plain({"values": list(values) if isinstance(values, Iterable) else values})
    from zmeta.canonical.numbers_ import parse_numbers

    numbers = parse_numbers(data.get("values"))
    if findings or numbers is None:
        raise GeometryError("numbers are expected", expected="one finite number per physical axis", found=repr(values)[:80])
    return numbers


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
