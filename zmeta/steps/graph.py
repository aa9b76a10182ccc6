"""The graph of steps: for each subject one chain, from its oldest versions to its head. Plain data, no files.

A graph that is wrong is refused when it is made, so that a plan never finds out half-way.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from zmeta.errors import (
    AmbiguousPathError,
    CycleError,
    DuplicateStepError,
    GapError,
    MigrationError,
    NoPathError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from zmeta.jsondoc import JSONObject
    from zmeta.steps.step import Step

_Error = TypeVar("_Error", bound=MigrationError)


class Graph:
    """Steps by the version that they lead out of. Two versions may lead into one; none leads to two.

    Raises `DuplicateStepError`, `CycleError`, `AmbiguousPathError` or `GapError`, each with the ids of the steps.

    Examples
    --------
    >>> from zmeta.steps.step import Step
    >>> steps = [Step(f"lab-{n}", "lab", f"{n}", f"{n + 1}", "lossless", lambda keys, site: keys) for n in (1, 2)]
    >>> [step.id for step in Graph(steps).path("lab", "1", "3")], Graph(steps).head("lab")
    (['lab-1', 'lab-2'], '3')
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = tuple(steps)
        _refuse_duplicates(self.steps)
        self._chains: dict[str, Mapping[str, Step]] = {}
        self._heads: dict[str, str] = {}
        for subject in self.subjects:
            of_subject = [step for step in self.steps if step.subject == subject]
            self._chains[subject] = _chain(subject, of_subject)
            self._heads[subject] = _head(subject, self._chains[subject])

    @property
    def subjects(self) -> tuple[str, ...]:
        """The conventions and profiles that have steps, in the order in which they came."""
        return tuple(dict.fromkeys(step.subject for step in self.steps))

    def head(self, subject: str) -> str:
        """Return the last version of a subject; raises `NoPathError` for one without steps."""
        if subject not in self._heads:
            raise self._unknown(subject)
        return self._heads[subject]

    def next(self, subject: str, version: str) -> Step | None:
        """Return the step out of a version; None for the last one, and for what has no steps."""
        return self._chains.get(subject, {}).get(version)

    def path(self, subject: str, before: str, after: str) -> tuple[Step, ...]:
        """Return the steps from one version to another, none where they are the same; raises `NoPathError`."""
        if subject not in self._chains:
            raise self._unknown(subject)
        found: list[Step] = []
        version = before
        while version != after:
            step = self._chains[subject].get(version)
            if step is None:
                raise self._no_path(subject, before, after, found)
            found.append(step)
            version = step.after
        return tuple(found)

    def version_of(self, subject: str, attributes: JSONObject) -> str | None:
        """Return the version of a profile that attributes are at, as its steps find it; None where they do not say."""
        finders = dict.fromkeys(step.find_version for step in self._chains.get(subject, {}).values())
        found = (finder(attributes) for finder in finders if finder is not None)
        return next((version for version in found if version is not None), None)

    def _unknown(self, subject: str) -> NoPathError:
        expected = ", ".join(self.subjects) or "any steps at all"
        return NoPathError(f"no steps are known for {subject!r}", expected=expected)

    def _no_path(self, subject: str, before: str, after: str, walked: list[Step]) -> NoPathError:
        chain = self._chains[subject]
        known = dict.fromkeys(version for step in chain.values() for version in (step.before, step.after))
        backwards = before in known and after in known
        hint = "steps go forward only: to go back, undo the migration with `zmeta rollback`" if backwards else ""
        what = f"no steps of {subject} lead from {before} to {after}"
        return _error(NoPathError, what, walked, expected=", ".join(known), hint=hint)


def _error(kind: type[_Error], what: str, steps: Iterable[Step], *, expected: str = "", hint: str = "") -> _Error:
    steps = tuple(steps)
    found = "; ".join(f"{step.id} ({step.subject} {step.before} → {step.after})" for step in steps)
    error = kind(what, expected=expected, found=found, hint=hint)
    error.ids = tuple(step.id for step in steps)
    return error


def _refuse_duplicates(steps: tuple[Step, ...]) -> None:
    counts = Counter(step.id for step in steps)
    twice = [step for step in steps if counts[step.id] > 1]
    if twice:
        raise _error(DuplicateStepError, "two steps have one id", twice, hint="give each step an id of its own")


def _chain(subject: str, steps: list[Step]) -> Mapping[str, Step]:
    chain: dict[str, Step] = {}
    for step in steps:
        if step.before in chain:
            what = f"two steps lead out of {subject} {step.before}"
            twice = [other for other in steps if other.before == step.before]
            raise _error(AmbiguousPathError, what, twice, hint="keep one of them")
        chain[step.before] = step
    _refuse_cycles(subject, chain)
    return chain


def _refuse_cycles(subject: str, chain: Mapping[str, Step]) -> None:
    ends: set[str] = set()  # versions that are known to lead to an end
    for start in chain:
        walked: dict[str, Step] = {}
        version = start
        while version in chain and version not in ends:
            if version in walked:
                circle = list(walked.values())[list(walked).index(version) :]
                raise _error(CycleError, f"the steps of {subject} lead in a circle", circle)
            walked[version] = chain[version]
            version = chain[version].after
        ends.update(walked)


def _head(subject: str, chain: Mapping[str, Step]) -> str:
    """Return the one version that no step leads out of."""
    last = [step for step in chain.values() if step.after not in chain]
    heads = list(dict.fromkeys(step.after for step in last))
    if len(heads) > 1:
        what = f"the steps of {subject} fall apart: {' and '.join(heads)} are each the last of their chain"
        raise _error(GapError, what, last, hint=f"add a step that leads on from {heads[0]}, or from {heads[-1]}")
    return heads[0]
