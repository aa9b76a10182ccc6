"""Arrays of one kind are described alike but for their numbers: what was found out about one holds for the others.

    node ──key──▶ Recipe known? ──▶ Outcome, as `translate` would give it
                  else ──translate──▶ Outcome, and perhaps a Recipe

A recipe is learnt from a twin: the array with other numbers (primes, so that each can be traced), another shape, another
path, other values of foreign keys, and nothing above it. Only if the twin comes out the same but for what was exchanged,
and the recipe gives what `translate` gave for the array itself, is it used; everything else takes the long way.
"""

from __future__ import annotations

import marshal
import os
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from zmeta.canonical.numbers_ import dump_number, parse_number
from zmeta.conventions.registry import EVIDENCE, detect
from zmeta.finding import Finding, Severity
from zmeta.jsondoc import ExactFloat, describe
from zmeta.keys import OWNED
from zmeta.migration.kinds import Kinds
from zmeta.migration.translate import Outcome, translate
from zmeta.schema.validate import packaged_validator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.migration.options import Options
    from zmeta.nodes.node import Format, Node
    from zmeta.steps.step import Kind

#: The schemas of what arrays are brought to.
SCHEMAS = {"zmeta@1.0": "zmeta/1.0/array", "cosem@1": "cosem/1/array"}
#: Where lists of numbers stand, and whether the numbers must be positive.
POSITIVE = {
    ("voxel_size",): True, ("resolution",): True, ("offset",): False,
    ("transform", "scale"): True, ("transform", "translate"): False,
}  # fmt: skip
#: Conventions that take these numbers one by one: what they compute is half a voxel more or less, and they compare none.
PLAIN_ROWS = frozenset(
    {"zmeta@1.0", "funlib-persistence@0.6", "funlib-persistence@0.5", "daisy@2", "daisy@1", "dacapo@0.2.0", "dacapo@0.1"}
    | {"xarray@3", "xarray@2", "cosem@1"}
)
#: Keys whose reading depends on more than their value, such as the name of the array.
PLACED = frozenset({"pixelResolution", "downsamplingFactors", "scales", "affineTransform"})
#: All keys whose values conventions read.
READ = OWNED | EVIDENCE | PLACED | {"unit", "coordinates", "_FillValue", "grid_mapping"}
_WHOLE = 2**53
_LEAST, _MOST = 1e-100, 1e100
_LARGEST = 16384
#: The largest factor of a level.
_MOST_FACTOR = 1 << 20
_PRIMES = [n * n + n + 41 for n in range(40)]
#: More digits than the sum of two numbers has that lie between `_LEAST` and `_MOST`.
_DIGITS = Context(prec=400)
_TWIN = os.sep + os.path.join("twin", "of", "an", "array")
#: Values of foreign keys that every schema can be judged beside.
_SIMPLE = frozenset({str, bool, type(None)})


class Number(NamedTuple):
    """A number of an array by its place among all (None: zero), `sign` times half of another one more, `times` a factor."""

    at: int | None
    sign: int = 0
    half: int = 0
    times: int = 1


class _Part(NamedTuple):
    """An attribute as it will be: one that is kept, numbers as they are in a list, or a value with numbers in it."""

    key: str
    how: Literal["keep", "numbers", "made", "constant"]
    value: Any = None


class Recipe(NamedTuple):
    """What becomes of all arrays with one key; without `parts` nothing changes, and `schema` is that of the others.

    `findings` are told by their fields, with the end of a path in the place of the file, and that of a list of numbers which
    is shown; `foreign` are the keys whose values nobody reads.
    """

    parts: tuple[_Part, ...] | None
    schema: str = ""
    dimension_names: JSONValue = None
    steps: tuple[str, ...] = ()
    kind: Kind = "lossless"
    findings: tuple[tuple[Any, ...], ...] = ()
    foreign: tuple[str, ...] = ()


class Translator:
    """Translates arrays as `translate` does, faster where they are of a kind that was seen twice; one for a plan."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._kinds: Kinds[Recipe] = Kinds()

    def translate(self, node: Node) -> Outcome:
        """Return what `translate` returns."""
        kind = find_kind(node) if self._options.are_alike else None
        recipe = None if kind is None else self._kinds.find(kind, lambda: self._learn(node))
        outcome = None if recipe is None else follow(recipe, node)
        return translate(node, self._options) if outcome is None else outcome

    def _learn(self, node: Node) -> Recipe | None:
        return _recipe(node, translate(node, self._options), self._options)


# --- what the translation of an array depends on ------------------------------------------------------------------------


def find_kind(node: Node) -> bytes | None:
    """Return what the translation depends on, with lists of numbers by the kinds of numbers; None for the long way."""
    keys = node.attributes
    if node.findings or not PLACED.isdisjoint(keys):
        return None
    for group, _ in node.ancestors:
        if not EVIDENCE.isdisjoint(group.attributes):
            return None
    read: list[object] = []
    for key, value in keys.items():
        read.append(key)
        if (key,) in POSITIVE:
            read.append(_kinds(value, positive=POSITIVE[key,]))
        elif key == "transform" and isinstance(value, dict):
            read += [(name, _kinds(item, positive=POSITIVE[key, name]) if (key, name) in POSITIVE else item)
                     for name, item in value.items()]  # fmt: skip
        elif key in READ:
            read.append(value)
    if node.format == "n5":  # whose lists may be read backwards, which makes no difference to some
        read.append([alike(numbers) for numbers in number_lists(keys).values()])
    try:
        found = marshal.dumps((read, node.format, len(node.shape), node.dimension_names), 2)
    except ValueError:  # a number that keeps its literal
        return None
    return found if len(found) <= _LARGEST else None


def _kinds(value: JSONValue, *, positive: bool) -> object:
    """Return how many numbers a list holds and of which kinds; the value itself where it is no list of plain numbers."""
    if type(value) is not list or not value:
        return (value,)
    kinds = set(map(type, value))
    if kinds == {int}:
        plain = max(value) < _WHOLE and min(value) > (0 if positive else -_WHOLE)  # type: ignore[type-var, operator]
        return len(value) if plain else (value,)
    if not kinds <= {int, float}:
        return (value,)
    found = [_kind(item, positive=positive) for item in value]  # type: ignore[arg-type]
    return (value,) if "" in found else "".join(found)


def _kind(number: float, *, positive: bool) -> str:
    """Return what a number is: whole, a float that is whole, or a fraction; nothing where it is out of range."""
    if positive and not number > 0:
        return ""
    if isinstance(number, int):
        return "i" if abs(number) < _WHOLE else ""
    if number.is_integer():
        return "w" if abs(number) < _WHOLE else ""
    return "f" if _LEAST < abs(number) < _MOST else ""


# --- what became of one, as a recipe for the others ---------------------------------------------------------------------


def _recipe(node: Node, outcome: Outcome, options: Options) -> Recipe | None:
    """Return the recipe for all arrays with the key of one; None where there is none that is sure to hold."""
    rows = [row for row in detect(node) if not row.names_only]
    target = options.row(node).id
    if target not in SCHEMAS or any(row.id not in PLAIN_ROWS for row in detect(node)):
        return None
    if outcome.node is node and not outcome.findings:
        return Recipe(None) if all(row.id == target for row in rows) else None
    twin = make_twin(node)
    if twin is None or any(finding.severity == Severity.ERROR for finding in outcome.findings):
        return None
    recipe = compare(twin, translate(twin, options), SCHEMAS[target])
    same = None if recipe is None else follow(recipe, node)
    return recipe if same is not None and are_same(same, outcome) else None


def make_twin(node: Node) -> Node | None:
    """Return an array with the same key and everything else exchanged; None where it has too many numbers."""
    lists = number_lists(node.attributes)
    taken = {int(number) for found in lists.values() for number in found}
    primes = [prime for prime in _PRIMES if prime not in taken]
    if sum(map(len, lists.values())) > len(primes):
        return None
    keys: JSONObject = {key: value if key in READ else {"foreign": key} for key, value in node.attributes.items()}
    for (key, *below), numbers in lists.items():
        new = [primes.pop() for _ in numbers]
        places = alike(numbers) if node.format == "n5" else range(len(numbers))
        fresh: list[JSONValue] = [_like(number, new[at]) for number, at in zip(numbers, places, strict=True)]
        keys[key] = {**cast("JSONObject", keys[key]), below[0]: fresh} if below else fresh
    shape = tuple(range(2, 2 + node.ndim))
    return node._replace(path=_TWIN, attributes=keys, shape=shape, dtype="", documents={}, ancestors=())


def alike(numbers: Sequence[object]) -> tuple[int, ...]:
    """Return of each number of a list where an equal one stands first: in N5, what matters if it is read backwards.

    >>> alike([4, 5, 4.0])
    (0, 1, 0)
    """
    return tuple(map(numbers.index, numbers))


def number_lists(keys: JSONObject) -> dict[tuple[str, ...], list[float]]:
    """Return the lists of numbers of an array that are told by their kinds, by their places."""
    found = {}
    for place, positive in POSITIVE.items():
        value = keys.get(place[0])
        if len(place) > 1:
            value = value.get(place[1]) if isinstance(value, dict) else None
        if type(value) is list and type(_kinds(value, positive=positive)) is not tuple:
            found[place] = cast("list[float]", value)
    return found


def sizes_in(value: JSONValue) -> list[float] | None:
    """Return the sizes in a list; None where it is none of plain positive numbers."""
    return number_lists({"resolution": value}).get(("resolution",))


def begins_with_x(transform: JSONValue) -> bool:
    """Whether the lists of a transform of COSEM do."""
    return isinstance(transform, dict) and "F" in (transform.get("order"), transform.get("ordering"))


def factors_in(value: JSONValue) -> list[int] | None:
    """Return the whole numbers that sizes are multiplied with; None where they are none."""
    if not isinstance(value, list) or not all(type(factor) is int and 0 < factor < _MOST_FACTOR for factor in value):
        return None
    return cast("list[int]", value)


def _like(number: float, prime: int) -> int | float:
    """Return a prime as a number of the kind of another one."""
    if isinstance(number, int):
        return prime
    return float(prime) if number.is_integer() else prime + 0.5


def compare(twin: Node, outcome: Outcome, schema: str) -> Recipe | None:
    """Return how the outcome of a twin is made from the twin; None where findings tell of other places than its own."""
    places = (twin.path, twin.attributes_file)
    if any(finding.file not in places for finding in outcome.findings):
        return None
    lists = number_lists(twin.attributes)
    shown = {describe(numbers): place for place, numbers in lists.items()}
    findings = tuple(
        (finding.code, finding.message, finding.file[len(twin.path) :], finding.pointer, finding.expected,
         shown.get(finding.found, finding.found), *finding[6:])
        for finding in outcome.findings
    )  # fmt: skip
    if twin.path in repr(findings):
        return None
    exact = {place: _exact(numbers) for place, numbers in lists.items()}
    traces = find_traces(lists)
    parts: list[_Part] = []
    for key, value in outcome.node.attributes.items():
        source = next((place for place, numbers in exact.items() if repr(numbers) == repr(value)), None)
        if key in twin.attributes and value is twin.attributes[key]:
            parts.append(_Part(key, "keep"))
        elif source is not None:
            parts.append(_Part(key, "numbers", source))
        else:
            found = trace(value, traces)
            parts.append(_Part(key, "constant", value) if found == value else _Part(key, "made", found))
    foreign = tuple(key for key in twin.attributes if key not in READ)
    names = outcome.node.dimension_names
    return Recipe(tuple(parts), schema, names, outcome.steps, outcome.kind, findings, foreign)


def find_traces(lists: Mapping[tuple[str, ...], list[float]], factors: Iterable[int] = ()) -> dict[str, Number]:
    """Return by how it is written what each number is, and what half a voxel more or less makes of it.

    With `factors` sizes, and halves of them, times one of these are traced too.
    """
    found: dict[str, Number] = {}
    starts: dict[tuple[str, ...], int] = {}
    flat = [number for numbers in lists.values() for number in numbers]
    for place, numbers in lists.items():
        starts[place] = sum(len(lists[other]) for other in starts)
        for index in range(len(numbers)):
            found.setdefault(repr(value_of(Number(starts[place] + index), flat)), Number(starts[place] + index))
    are_sizes = {place: POSITIVE.get(place, True) for place in lists}
    for place, sizes in ((place, size) for place in lists for size in lists if are_sizes[size] and not are_sizes[place]):
        for index in range(min(len(lists[place]), len(lists[sizes]))):
            for sign in (1, -1):
                number = Number(starts[place] + index, sign, starts[sizes] + index)
                found.setdefault(repr(value_of(number, flat)), number)
    for place in (place for place in lists if are_sizes[place]):
        for at in range(starts[place], starts[place] + len(lists[place])):
            for number in (Number(None, 1, at), *_multiples(at, factors)):
                found.setdefault(repr(value_of(number, flat)), number)
    return found


def _multiples(at: int, factors: Iterable[int]) -> Iterator[Number]:
    for factor in factors:
        yield Number(at, times=factor)
        yield Number(None, 1, at, factor)


def trace(value: JSONValue, traces: dict[str, Number]) -> Any:
    """Return a value with the numbers in it by where they come from."""
    if isinstance(value, dict):
        return {key: trace(item, traces) for key, item in value.items()}
    if isinstance(value, list):
        return [trace(item, traces) for item in value]
    return traces.get(repr(value), value) if type(value) in (int, float) else value


def are_same(one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes are the same to the last byte: `1` and `1.0` are equal, and differ."""
    return repr(one) == repr(other)


# --- the others ----------------------------------------------------------------------------------------------------------


def follow(recipe: Recipe, node: Node, format_: Format | None = None) -> Outcome | None:
    """Return what becomes of an array by the recipe of its key, in some format; None where that would not be valid."""
    if recipe.parts is None:
        return Outcome(node)
    before = node.attributes
    keys: JSONObject = {}
    flat: list[float] = []
    for key, how, value in recipe.parts:
        if how == "constant":
            keys[key] = value
        elif how == "keep":
            keys[key] = before[key]
        elif how == "made":
            flat = flat or [number for numbers in number_lists(before).values() for number in numbers]
            keys[key] = _made(value, flat)
        else:
            keys[key] = _exact(numbers_at(before, value))
    if recipe.foreign and not _SIMPLE.issuperset([type(before[key]) for key in recipe.foreign]):  # noqa: SIM102
        if not packaged_validator(recipe.schema).is_valid(keys):
            return None
    after = node._replace(
        attributes=keys, dimension_names=recipe.dimension_names, format=node.format if format_ is None else format_
    )
    if not recipe.findings:
        return Outcome(after, recipe.steps, recipe.kind)
    findings = [
        Finding(
            code,
            message,
            node.path + end,
            at,
            expected,
            found if type(found) is str else describe(numbers_at(before, found)),
            *rest,
        )
        for code, message, end, at, expected, found, *rest in recipe.findings
    ]
    return Outcome(after, recipe.steps, recipe.kind, tuple(findings))


def numbers_at(keys: JSONObject, place: tuple[str, ...]) -> list[float]:
    """Return the list of numbers at a place."""
    value: Any = keys
    for key in place:
        value = value[key]
    return cast("list[float]", value)


def _exact(numbers: list[float]) -> list[JSONValue]:
    """Return numbers as they are written once they were read exactly: a float that is whole becomes a whole number."""
    if set(map(type, numbers)) == {int}:
        return [*numbers]
    return [number if parsed is None else dump_number(parsed) for number in numbers for parsed in [parse_number(number)]]


def _made(value: Any, flat: list[float]) -> JSONValue:
    """Return a value with the numbers of an array in it."""
    if type(value) is Number:
        return value_of(value, flat)
    if type(value) is dict:
        return {key: _made(item, flat) for key, item in value.items()}
    if type(value) is list:
        return [_made(item, flat) for item in value]
    return cast("JSONValue", value)


def value_of(number: Number, flat: list[float]) -> int | float:
    """Return a number of an array as it is written."""
    value, half = 0 if number.at is None else flat[number.at], flat[number.half] if number.sign else 0
    if type(value) is int and not number.sign:
        return value * number.times
    if type(value) is int and type(half) is int:
        doubled = (2 * value + number.sign * half) * number.times
        if doubled % 2 == 0:
            return doubled // 2
        if abs(doubled) < _WHOLE:
            return doubled / 2
    moved = _DIGITS.add(Decimal(repr(value)), _DIGITS.multiply(Decimal(repr(half)), Decimal("0.5") * number.sign))
    if number.times != 1:
        moved = _DIGITS.multiply(moved, Decimal(number.times))
    found = float(moved)
    if found.is_integer() and moved == int(moved):
        return int(moved)
    return found if Decimal(repr(found)) == moved else ExactFloat(format(moved, "f").rstrip("0"))
