"""zmeta: schema-first metadata for Zarr (v2, v3) and N5 arrays.

Everything public is listed in `__all__` and loaded at its first use, so that importing zmeta costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from zmeta.api import add_metadata, read_metadata
    from zmeta.array.identifier import ArrayIdentifier, ZarrArrayConfig
    from zmeta.array.zarr_array import ZarrArray
    from zmeta.canonical.metadata import Axis, Metadata
    from zmeta.checker.report import Report, check
    from zmeta.config import Config, load_config
    from zmeta.errors import (
        AmbiguousPathError,
        ArrayExistsError,
        ConfigError,
        ConflictError,
        CycleError,
        DocumentError,
        DuplicateStepError,
        EncodeError,
        GapError,
        GeometryError,
        MetadataError,
        MigrationError,
        MissingExtraError,
        MissingMetadataError,
        NodeNotFoundError,
        NodeTypeError,
        NoPathError,
        NotOnGridError,
        NotWritableError,
        SchemaError,
        StepBlockedError,
        StoreError,
        ZmetaError,
    )
    from zmeta.finding import Finding, Severity
    from zmeta.migration.face import Plan, apply_plan, history, migrate, rollback, status
    from zmeta.payload import CoreMetadata
    from zmeta.profile import Profile

_HOME = {
    "zmeta.api": ("add_metadata", "read_metadata"),
    "zmeta.array.identifier": ("ArrayIdentifier", "ZarrArrayConfig"),
    "zmeta.array.zarr_array": ("ZarrArray",),
    "zmeta.canonical.metadata": ("Axis", "Metadata"),
    "zmeta.checker.report": ("Report", "check"),
    "zmeta.config": ("Config", "load_config"),
    "zmeta.errors": (
        "AmbiguousPathError",
        "ArrayExistsError",
        "ConfigError",
        "ConflictError",
        "CycleError",
        "DocumentError",
        "DuplicateStepError",
        "EncodeError",
        "GapError",
        "GeometryError",
        "MetadataError",
        "MigrationError",
        "MissingExtraError",
        "MissingMetadataError",
        "NoPathError",
        "NodeNotFoundError",
        "NodeTypeError",
        "NotOnGridError",
        "NotWritableError",
        "SchemaError",
        "StepBlockedError",
        "StoreError",
        "ZmetaError",
    ),
    "zmeta.finding": ("Finding", "Severity"),
    "zmeta.migration.face": ("Plan", "apply_plan", "history", "migrate", "rollback", "status"),
    "zmeta.payload": ("CoreMetadata",),
    "zmeta.profile": ("Profile",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AmbiguousPathError",
    "ArrayExistsError",
    "ArrayIdentifier",
    "Axis",
    "Config",
    "ConfigError",
    "ConflictError",
    "CoreMetadata",
    "CycleError",
    "DocumentError",
    "DuplicateStepError",
    "EncodeError",
    "Finding",
    "GapError",
    "GeometryError",
    "Metadata",
    "MetadataError",
    "MigrationError",
    "MissingExtraError",
    "MissingMetadataError",
    "NoPathError",
    "NodeNotFoundError",
    "NodeTypeError",
    "NotOnGridError",
    "NotWritableError",
    "Plan",
    "Profile",
    "Report",
    "SchemaError",
    "Severity",
    "StepBlockedError",
    "StoreError",
    "ZarrArray",
    "ZarrArrayConfig",
    "ZmetaError",
    "__version__",
    "add_metadata",
    "apply_plan",
    "check",
    "history",
    "load_config",
    "migrate",
    "read_metadata",
    "rollback",
    "status",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'zmeta' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
