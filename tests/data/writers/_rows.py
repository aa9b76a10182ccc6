"""What a writer script asked for, collected row by row and written as `expected.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Numbers = Sequence[float]


class Rows:
    """Declarations of the arrays below one output folder. Nothing in here is ever read back from the arrays."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        container: str,
        node: str,
        *,
        zarr_format: int | str,
        convention: str | None,
        convention_version: str | None,
        shape: Sequence[int],
        dtype: str,
        note: str,
        axes: Sequence[str] | None = None,
        types: Sequence[str | None] | None = None,
        units: Sequence[str | None] | None = None,
        voxel_size: Numbers | None = None,
        offset: Numbers | None = None,
        settings: dict[str, str] | None = None,
        differs: Sequence[str] = (),
    ) -> None:
        """Declare one array: its arguments, in C order, as they were given to the writer.

        `differs` names the fields which the writer is known to store wrongly: its documents say something else.
        """
        row: dict[str, Any] = {
            "path": f"{container}/{node}" if node else container,
            "container": container,
            "zarr_format": zarr_format,
            "convention": convention,
            "convention_version": convention_version,
            "shape": list(shape),
            "dtype": dtype,
            "axes": None if axes is None else list(axes),
            "types": None if types is None else list(types),
            "units": None if units is None else list(units),
            "voxel_size": None if voxel_size is None else list(voxel_size),
            "offset": None if offset is None else list(offset),
            "settings": settings or {},
            "differs": list(differs),
            "note": note,
        }
        self.rows.append(row)

    def write(self) -> None:
        text = json.dumps(self.rows, indent=1, ensure_ascii=False)
        (self.out / "expected.json").write_text(text + "\n", encoding="utf-8")


def corner(centre: Numbers, voxel_size: Numbers) -> list[float]:
    """Centre of the first voxel to its corner, in decimal arithmetic (5.24 / 2 is 2.62)."""
    exact = [Decimal(str(c)) - Decimal(str(v)) / 2 for c, v in zip(centre, voxel_size)]
    return [int(value) if value == value.to_integral_value() else float(value) for value in exact]
