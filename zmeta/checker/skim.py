"""What is seen at a glance: arrays, and images with their levels, in which nothing is wrong, told by their text alone.

Nodes that were judged and found to be without fault are learned as forms; the next ones that fit are passed, and are not
even parsed. A form stands for the verdict of all rules: it has holes only where no rule looks, or where the values are
compared with those that were judged, or (in images) are held against what `quick` asks of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.form import numbers
from zmeta.checker.learn import array_holes, find_image, image_holes, learn, shape_hole
from zmeta.checker.quick import are_sound_numbers
from zmeta.conventions.registry import EVIDENCE
from zmeta.errors import ZmetaError
from zmeta.nodes.texts import Text, Texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zmeta.checker.learn import Known
    from zmeta.jsondoc import Limits
    from zmeta.nodes.node import Node
    from zmeta.nodes.walk import Ancestors, Place

#: Keys of groups whose rules look beyond the group and its levels.
REACHING = frozenset({"plate", "well", "labels", "image-label", "series", "bioformats2raw.layout"})
_MOST_VALUES = 4096
#: What is learned at once, and after how many nodes once more: trees whose nodes all differ have nothing to teach.
_FIRST, _EVERY = 32, 64
_ARRAY: tuple[str, ...] = ()
_N5 = ("attributes.json",)


class _Last(NamedTuple):
    """The image that was passed last, and what its levels were: the fields of a plate are described word for word alike."""

    image: Known
    text: Text
    levels: list[tuple[Known, Text]]


class Skimmer:
    """Learns the forms of nodes without fault, and passes those that fit; with `twins` one of another format is a fault."""

    def __init__(self, limits: Limits, *, twins: bool = True) -> None:
        self._texts, self._twins = Texts(limits), twins
        self.given = self._texts.given
        self._arrays: list[Known] = []
        self._levels: list[Known] = []
        self._images: list[Known] = []
        self._last: _Last | None = None
        self._above: Ancestors | None = None
        self._is_plain = True
        self._learned = self._asked = 0

    # --- passing ----------------------------------------------------------------------------------------------------

    def skim(self, place: Place) -> tuple[str, ...] | None:
        """Return the names of the levels of an image without fault, none for such an array; None for what is to judge."""
        self._asked += 1
        self._texts.begin(place.path)
        if place.above is not self._above:
            self._above, self._is_plain = place.above, _are_plain(place.above)
        if not self._is_plain:
            return None
        try:
            text = self._texts.read(place.path)
            if text.names == _N5:  # whose lists readers take in either order
                return None
            if self._find(place.path, text, self._arrays) is not None:
                return _ARRAY
            for image in self._images:
                if image.names == text.names and (
                    self._is_same(place.path, image, text) or self._fits(place.path, image, text)
                ):
                    return tuple([name for name, _ in image.levels])
        except ZmetaError:  # told where the node is opened
            pass
        return None

    def _find(self, folder: str, text: Text, forms: list[Known]) -> tuple[Known, list[bytes]] | None:
        """Return the form that a node fits, and the values in its holes."""
        joined = text.joined
        for index, known in enumerate(forms):
            values = known.form.match(joined) if known.names == text.names else None
            if values is None or (known.values and tuple(values) not in known.values):
                continue
            if not self._stands_alone(folder, known):
                return None
            if index:
                forms.insert(0, forms.pop(index))
            return known, values
        return None

    def _is_same(self, folder: str, image: Known, text: Text) -> bool:
        """Whether a group and its levels are word for word the image that was passed last."""
        last = self._last
        if last is None or text != last.text or image is not last.image or not self._stands_alone(folder, image):
            return False
        for (name, _), (known, read_) in zip(image.levels, last.levels, strict=True):
            path = folder + os.sep + name
            if self._texts.read(path) != read_ or not self._stands_alone(path, known):
                return False
        return True

    def _fits(self, folder: str, image: Known, text: Text) -> bool:
        """Whether a group and its levels fit the forms of an image, and its numbers the shapes of the levels."""
        holes = image.form.match(text.joined)
        if holes is None or not self._stands_alone(folder, image):
            return False
        levels: list[tuple[Known, Text]] = []
        shapes: list[list[int]] = []
        for name, _ in image.levels:
            path = folder + os.sep + name
            read_ = self._texts.read(path)
            found = self._find(path, read_, self._levels)
            if found is None:
                return False
            levels.append((found[0], read_))
            shapes.append(list(map(int, found[1][0][1:-1].split(b","))))
        values = numbers(holes) if tuple([known.form for known, _ in levels]) in image.values else None
        if values is None or not are_sound_numbers(_by_level(image, values, shapes)):
            return False
        self._last = _Last(image, text, levels)
        return True

    def _stands_alone(self, folder: str, known: Known) -> bool:
        """Whether none of the documents stands in a folder that would be told of beside those of its node."""
        alone = known.alone if self._twins else tuple([name for name in known.alone if name == ".zmetadata"])
        return self._texts.stands_alone(folder, alone)

    # --- learning ---------------------------------------------------------------------------------------------------

    def _may_learn(self) -> bool:
        self._learned += 1
        return self._learned <= _FIRST + self._asked // _EVERY

    def learn_array(self, node: Node) -> None:
        """Learn an array without fault, which its documents alone have shown, and which any whole offset would leave so."""
        learned = learn(node, list(array_holes(node)), self._arrays) if self._may_learn() else None
        if learned is not None:
            known, values = learned
            if len(known.values) >= _MOST_VALUES:
                known.values.clear()
            known.values.add(tuple(values))

    def learn_image(self, group: Node, levels: Sequence[Node]) -> None:
        """Learn an image that `is_plainly_sound`, with its levels, whose documents have no fault either."""
        if not self._may_learn():
            return
        below = [learn(level, [shape_hole(level, is_told=True)], self._levels, least=1) for level in levels]
        found = find_image(group)
        if found is None:
            return
        at, image = found
        names = tuple([(entry["path"], len(entry["coordinateTransformations"]) > 1) for entry in image["datasets"]])
        least = sum(2 if is_moved else 1 for _, is_moved in names)
        learned = learn(group, list(image_holes(group, at, image)), self._images, names, least)
        forms = tuple([found[0].form for found in below if found is not None])
        if learned is not None and len(forms) == len(levels):
            learned[0].values.add(forms)


def _are_plain(groups: Ancestors) -> bool:
    """Whether groups say nothing about what is below them."""
    labels = bool(groups) and groups[0][0].path.endswith("labels")
    return not labels and all(
        EVIDENCE.isdisjoint(group.attributes) and REACHING.isdisjoint(group.attributes) for group, _ in groups
    )


def _by_level(
    image: Known, values: list[float], shapes: list[list[int]]
) -> list[tuple[list[float], list[float], list[int]]]:
    """Return scale, translation and shape of each level."""
    at = 0
    levels = []
    for (_, is_moved), shape in zip(image.levels, shapes, strict=True):
        count = len(shape)
        middle = at + count
        end = middle + count if is_moved else middle
        levels.append((values[at:middle], values[middle:end] or [0.0] * count, shape))
        at = end
    return levels
