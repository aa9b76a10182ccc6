"""The exceptions of zmeta. What is wrong with a *document* is a `Finding`; an exception is what stops the program.

::

    ZmetaError
    ├── StoreError                a file could not be read or written (this is failure, not absence)
    ├── NodeNotFoundError         nothing is there                                  (also LookupError)
    ├── NodeTypeError             a group where an array was asked for, or the reverse (also TypeError)
    ├── DocumentError             a file is not the JSON document that it should be (also ValueError)
    ├── SchemaError               a schema is broken, or a `$ref` leads nowhere      (also ValueError)
    ├── ConfigError               zmeta.toml, or an argument, asks for what does not exist (also ValueError)
    ├── MetadataError             metadata is wrong, or a write was refused; holds all findings (also ValueError)
    │   ├── MissingMetadataError  a value that was asked for is absent               (also LookupError)
    │   └── EncodeError           a convention has no place for a value
    ├── GeometryError             a ROI or a size that does not fit                  (also ValueError)
    │   └── NotOnGridError        a value is not whole in the world unit
    ├── ArrayExistsError          an array is there already and is not the same      (also FileExistsError)
    ├── MigrationError            a plan, the journal of a run, or steps that cannot be used (also ValueError)
    │   ├── DuplicateStepError    two steps with one id
    │   ├── CycleError            steps that lead back to where they began
    │   ├── AmbiguousPathError    two steps out of one version
    │   ├── GapError              versions that end while others go on elsewhere
    │   ├── NoPathError           no steps from one version to another              (also LookupError)
    │   └── StepBlockedError      a step that would lose or invent something; holds findings
    ├── NotWritableError          opened with mode "r", or cannot be written         (also PermissionError)
    ├── ConflictError             somebody else changed the document meanwhile
    └── MissingExtraError         an optional dependency is not installed            (also ImportError)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable


class ZmetaError(Exception):
    """Base of all errors of zmeta: what, where, expected, found, and what to do, each an attribute too."""

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        expected: str = "",
        found: str = "",
        hint: str = "",
        findings: Iterable[Finding] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.found = found
        self.hint = hint
        self.findings = tuple(findings)

    def __str__(self) -> str:
        rows = [("where", self.where), ("expected", self.expected), ("found", self.found), ("to do", self.hint)]
        lines = [_one_line(self.what), *(f"  {name + ':':<10}{_one_line(text)}" for name, text in rows if text)]
        lines += [f"  {finding}" for finding in self.findings]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.__dict__)


def _rebuild(cls: type[ZmetaError], state: dict[str, object]) -> ZmetaError:
    """Pickle keeps positional arguments only, so an error is rebuilt from its attributes."""
    error = cls.__new__(cls, state["what"])
    error.__dict__.update(state)
    return error


def _one_line(text: str) -> str:
    """Names come from hostile input: they must not be able to draw lines of their own."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class StoreError(ZmetaError):
    """A file could not be read or written."""

    def finding(self) -> Finding:
        """Return the same as a finding, for a run that goes on."""
        return Finding("ZM007", self.what, self.where, found=self.found, hint=self.hint)


class NodeNotFoundError(ZmetaError, LookupError):
    """There is no array or group at this place."""


class NodeTypeError(ZmetaError, TypeError):
    """There is a group where an array was asked for, or the reverse."""


class DocumentError(ZmetaError, ValueError):
    """A file is not the JSON document that it should be.

    `line` and `column` are 0 where no one place is meant; `code` and `pointer` are those of the finding that it becomes.
    """

    line: int = 0
    column: int = 0
    code: str = "ZM001"
    pointer: str = ""

    def finding(self, code: str = "") -> Finding:
        """Return the same as a finding, for a run that goes on."""
        return Finding(
            code or self.code,
            self.what,
            self.where,
            self.pointer,
            expected=self.expected,
            found=self.found,
            hint=self.hint,
            line=self.line,
            column=self.column,
        )


class SchemaError(ZmetaError, ValueError):
    """A schema is not valid, is not known, or refers to something that is not in the catalog."""


class ConfigError(ZmetaError, ValueError):
    """`zmeta.toml` or an argument asks for something that does not exist."""


class MetadataError(ZmetaError, ValueError):
    """The metadata is wrong, or a write was refused; `findings` holds everything that is wrong, not the first only."""


class MissingMetadataError(MetadataError, LookupError):
    """A value that was asked for is not stated anywhere, and nothing is assumed in its place."""


class EncodeError(MetadataError):
    """A convention has no place for a value that it should hold."""


class GeometryError(ZmetaError, ValueError):
    """A ROI or a size does not fit the array."""


class NotOnGridError(GeometryError):
    """A value is not a whole number of world units, and zmeta does not truncate."""


class ArrayExistsError(ZmetaError, FileExistsError):
    """An array stands there already and differs from the one that was asked for."""


class NotWritableError(ZmetaError, PermissionError):
    """The array was opened read-only or cannot be written."""


class ConflictError(ZmetaError):
    """The document was changed by somebody else at every attempt to replace it.

    `mine` are the bytes that were to be written, `theirs` those that stand there; None where there are none.
    """

    mine: bytes | None = None
    theirs: bytes | None = None


class MissingExtraError(ZmetaError, ImportError):
    """An optional dependency is needed and not installed."""


class MigrationError(ZmetaError, ValueError):
    """A plan or the journal of a run is damaged or does not allow what was asked for, or steps make no path.

    `ids` are those of the steps that are meant.
    """

    ids: tuple[str, ...] = ()


class DuplicateStepError(MigrationError):
    """Two steps have one id."""


class CycleError(MigrationError):
    """Steps lead back to the version where they began."""


class AmbiguousPathError(MigrationError):
    """Two steps lead out of one version, so that it has two heads."""


class GapError(MigrationError):
    """A version is the last of its chain, while another chain of the same subject goes on."""


class NoPathError(MigrationError, LookupError):
    """No steps lead from one version to the other."""


class StepBlockedError(MigrationError):
    """A step cannot go on without losing or inventing something; `findings` say what."""
