"""What a declarative step does to attributes: rename, move, default, convert, drop. Values that can be pickled.

A place is a JSON pointer (RFC 6901), such as `/lab/thickness`. What is not there is not an error: keys of a profile may be
optional. What would overwrite, lose or misread something is blocked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from zmeta.canonical.numbers_ import dump_number, parse_number
from zmeta.canonical.units import long_name, unit_size
from zmeta.finding import Finding
from zmeta.jsondoc import describe, parse_pointer, pointer
from zmeta.steps.marks import changed, value_at
from zmeta.steps.step import blocked

if TYPE_CHECKING:
    from fractions import Fraction

    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.steps.step import Site, StepBlockedError


class Operation(Protocol):
    """Attributes in, new attributes out."""

    def __call__(self, attributes: JSONObject, site: Site, /) -> JSONObject:
        """Raise `StepBlockedError` for what cannot be done."""
        ...


@dataclass(frozen=True)
class Rename:
    """Give a key another name; it keeps its place."""

    at: str
    to: str

    def __call__(self, attributes: JSONObject, site: Site, /) -> JSONObject:
        """Rename."""
        found = _find_key(attributes, self.at, site)
        if found is None:
            return attributes
        path, holder, key = found
        if self.to in holder and self.to != key:
            raise _no_place(f"`{key}` cannot be renamed: `{self.to}` is there already", self.at, holder[self.to], site)
        return _put_back(attributes, path, {self.to if name == key else name: value for name, value in holder.items()})


@dataclass(frozen=True)
class Move:
    """Put a value into another object, at the end; objects on the way are made."""

    at: str
    to: str

    def __call__(self, attributes: JSONObject, site: Site, /) -> JSONObject:
        """Move."""
        found = _find_key(attributes, self.at, site)
        if found is None:
            return attributes
        path, holder, key = found
        rest = _put_back(attributes, path, {name: value for name, value in holder.items() if name != key})
        there = parse_pointer(self.to, rest)
        if there is not None:
            raise _no_place(
                f"`{self.at}` cannot be moved: `{self.to}` is there already", self.to, value_at(rest, there), site
            )
        return _put_in(rest, self.to, holder[key], site)


@dataclass(frozen=True)
class Default:
    """State a value where none is stated."""

    at: str
    value: JSONValue

    def __call__(self, attributes: JSONObject, site: Site, /) -> JSONObject:
        """State it."""
        if parse_pointer(self.at, attributes) is not None:
            return attributes
        return _put_in(attributes, self.at, self.value, site)


@dataclass(frozen=True)
class Convert:
    """Turn a number, or each of a list, from one unit into another, exactly; and the unit, where it stands in a key."""

    at: str
    before: str
    after: str
    unit_at: str = ""

    def __call__(self, attributes: JSONObject, site: Site, /) -> JSONObject:
        """Convert."""
        path = parse_pointer(self.at, attributes)
        if path is None:
            return attributes
        value = value_at(attributes, path)
        items = value if isinstance(value, list) else [value]
        numbers = [self._converted(item, site) for item in items]
        result = changed(attributes, path, list(numbers) if isinstance(value, list) else numbers[0])
        place = parse_pointer(self.unit_at, attributes) if self.unit_at else None
        if place is None:
            return result
        return changed(result, place, self._unit(value_at(attributes, place), site))

    def _converted(self, value: JSONValue, site: Site) -> JSONValue:
        number = parse_number(value)
        if number is None:
            finding = _finding("ZM302", "only numbers can be converted", self.at, site, "a finite number", describe(value))
            raise blocked("a value is not a number", site, finding)
        try:
            return dump_number(number * self._factor)
        except ValueError:
            message = f"the value has no finite decimal in {self.after}"
            finding = _finding("ZM302", message, self.at, site, found=describe(value))
            raise blocked("a value cannot be converted exactly", site, finding) from None

    @property
    def _factor(self) -> Fraction:
        sizes = unit_size(self.before), unit_size(self.after)
        if sizes[0] is None or sizes[1] is None:
            raise ValueError(f"{self.before} or {self.after} is not a unit")
        return sizes[0] / sizes[1]

    def _unit(self, value: JSONValue, site: Site) -> JSONValue:
        units = value if isinstance(value, list) else [value]
        if not all(isinstance(unit, str) and long_name(unit) == self.before for unit in units):
            finding = _finding(
                "ZM203", "the unit is not the one to convert from", self.unit_at, site, self.before, describe(value)
            )
            raise blocked("a value is in another unit", site, finding)
        return [self.after] * len(units) if isinstance(value, list) else self.after


@dataclass(frozen=True)
class Drop:
    """Take a key away, where the user agreed to it: by its pointer, or by its name where it stands at the top."""

    at: str

    def __call__(self, attributes: JSONObject, site: Site, /) -> JSONObject:
        """Drop."""
        found = _find_key(attributes, self.at, site)
        if found is None:
            return attributes
        path, holder, key = found
        if not {self.at, *([key] if len(path) == 1 else [])} & site.agreed:
            raise _no_place(f"`{self.at}` would be lost", self.at, holder[key], site, f"agree to it: --allow-loss {self.at}")
        return _put_back(attributes, path, {name: value for name, value in holder.items() if name != key})


# --- places -----------------------------------------------------------------------------------------------------------


def _find_key(attributes: JSONObject, at: str, site: Site) -> tuple[tuple[str | int, ...], JSONObject, str] | None:
    """Return the path of a key, the object that holds it, and its name; None where it is not there."""
    path = parse_pointer(at, attributes)
    if path is None:
        return None
    holder = value_at(attributes, path[:-1])
    if not isinstance(holder, dict):
        raise _no_place("an entry of a list cannot be renamed, moved or dropped", at, value_at(attributes, path), site)
    return path, holder, str(path[-1])


def _put_back(attributes: JSONObject, path: tuple[str | int, ...], holder: JSONObject) -> JSONObject:
    """Return attributes in which another object holds the key at a path."""
    return changed(attributes, path[:-1], holder)


def _put_in(attributes: JSONObject, at: str, value: JSONValue, site: Site) -> JSONObject:
    """Return attributes with a new value at a pointer that leads to nothing yet."""
    keys = pointer_keys(at)
    holder: JSONValue = attributes
    path: list[str | int] = []
    for key in keys[:-1]:
        if not (isinstance(holder, dict) and key in holder):
            break
        path.append(key)
        holder = holder[key]
    if not isinstance(holder, dict):
        what = f"`{pointer(*path)}` is not an object, so nothing can be put into it"
        raise _no_place(what, pointer(*path), holder, site)
    for key in reversed(keys[len(path) + 1 :]):
        value = {key: value}
    return changed(attributes, tuple(path), {**holder, keys[len(path)]: value})


def pointer_keys(at: str) -> list[str]:
    """Return the keys that a JSON pointer names.

    >>> pointer_keys("/lab/a~1b")
    ['lab', 'a/b']
    """
    return [part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:]]


def _finding(code: str, message: str, at: str, site: Site, expected: str = "", found: str = "", hint: str = "") -> Finding:
    node = site.node
    return Finding(code, message, node.attributes_file, node.attributes_pointer + at, expected, found, hint)


def _no_place(message: str, at: str, value: JSONValue, site: Site, hint: str = "") -> StepBlockedError:
    return blocked(
        "the step would lose or overwrite something", site, _finding("ZM409", message, at, site, "", describe(value), hint)
    )
