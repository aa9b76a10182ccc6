"""Arrays of one writer are described alike but for their numbers, and so is what they are brought to.

text ──▶ ArrayStencil known? ──▶ units, as the long way would give them
         else, where one like it was seen before ──twins──▶ perhaps an ArrayStencil
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.migration.array_stencil import learn_array

if TYPE_CHECKING:
    from zmeta.migration.array_stencil import ArrayStencil, Found, Plan
    from zmeta.migration.options import Options
    from zmeta.migration.unit import Unit
    from zmeta.nodes.texts import Text

_MOST_SEEN, _LARGEST = 4096, 16384
#: Stencils that are tried: those of the same mark, which differ in how numbers are written, and those that fitted lately.
_MOST_MARKS, _ALIKE, _LATEST = 256, 32, 8
#: Arrays that are learnt from at once, and after how many of them once more: a tree whose arrays all differ teaches nothing.
_FIRST, _EVERY = 16, 64
#: Arrays of a kind that come by before it is learnt, which costs as much as it takes to parse some hundreds of them.
_OFTEN = 32


class Arrays:
    """Plans arrays that are like one that was seen, by their text alone; `plan` is the long way.

    They become levels of images (`is_level`), or none of them does.
    """

    def __init__(self, plan: Plan, options: Options, *, is_level: bool = False) -> None:
        self._plan, self._options, self._is_level = plan, options, is_level
        self._known: list[ArrayStencil] = []
        self._by_mark: dict[int, list[ArrayStencil]] = {}
        self._seen: dict[int, int] = {}
        self._asked = self._learned = 0

    def follow(self, path: str, text: Text) -> tuple[Unit, ...] | None:
        """Return what becomes of the array in a folder; None for the long way."""
        found = self.find(path, text)
        return None if found is None else found.units

    def find(self, path: str, text: Text) -> Found | None:
        """Return the stencil that the array in a folder fits, with what it gives; None for the long way."""
        self._asked += 1
        joined = text.joined
        last = self._known[0] if self._known else None
        found = None if last is None else last.find(path, text, joined)
        if found is not None:
            return found
        mark = text.mark
        alike = self._by_mark.get(mark, [])
        for stencil in (*alike, *self._known[1:]):
            found = stencil.find(path, text, joined)
            if found is not None:
                self._remember(mark, stencil)
                return found
        if len(joined) <= _LARGEST and self._may_learn(mark):
            learnt = learn_array(path, text, self._plan, self._options, is_level=self._is_level)
            if learnt is not None:
                self._remember(mark, learnt)
        return None

    def _remember(self, mark: int, stencil: ArrayStencil) -> None:
        """Look at a stencil first from now on, and among those of other kinds, where texts have the same mark."""
        alike = self._by_mark.pop(mark, [])
        others = [other for other in alike if other is not stencil]
        if len(self._by_mark) >= _MOST_MARKS:
            self._by_mark.clear()
        self._by_mark[mark] = [stencil, *others[: _ALIKE - 1]]
        self._known = [stencil, *(other for other in self._known[: _LATEST - 1] if other is not stencil)]

    def _may_learn(self, mark: int) -> bool:
        """Whether texts that differ in their numbers alone were often seen before, and not too much was learnt already."""
        count = self._seen.pop(mark, 0) + 1
        if count <= _OFTEN or self._learned >= _FIRST + self._asked // _EVERY:
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen[mark] = count
            return False
        self._learned += 1
        return True
