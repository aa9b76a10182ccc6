"""Units of space and time: the long names of OME-NGFF, their exact size, and the spellings seen in the wild."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from zmeta.canonical.numbers_ import parse_number
from zmeta.jsondoc import ExactFloat

_PREFIXES = {
    "yotta": 24, "zetta": 21, "exa": 18, "peta": 15, "tera": 12, "giga": 9, "mega": 6, "kilo": 3, "hecto": 2, "": 0,
    "deci": -1, "centi": -2, "milli": -3, "micro": -6, "nano": -9, "pico": -12, "femto": -15, "atto": -18,
    "zepto": -21, "yocto": -24,
}  # fmt: skip


def _prefixed(base: str) -> dict[str, Fraction]:
    return {prefix + base: Fraction(10) ** power for prefix, power in _PREFIXES.items()}


#: Long name → size in meter: the 26 units of space that OME-NGFF lists (the international foot, the IAU parsec).
SPACE: dict[str, Fraction] = _prefixed("meter") | {
    "angstrom": Fraction("1e-10"),
    "inch": Fraction("0.0254"),
    "foot": Fraction("0.3048"),
    "yard": Fraction("0.9144"),
    "mile": Fraction("1609.344"),
    "parsec": Fraction("3.0856775814913673e16"),
}

#: Long name → size in second: the 23 units of time that OME-NGFF lists.
TIME: dict[str, Fraction] = _prefixed("second") | {
    "minute": Fraction(60),
    "hour": Fraction(3600),
    "day": Fraction(86400),
}

_SHORT_PREFIXES = {
    "Y": "yotta", "Z": "zetta", "E": "exa", "P": "peta", "T": "tera", "G": "giga", "M": "mega", "k": "kilo",
    "h": "hecto", "": "", "d": "deci", "c": "centi", "m": "milli", "u": "micro", "µ": "micro", "μ": "micro",
    "n": "nano", "p": "pico", "f": "femto", "a": "atto", "z": "zepto", "y": "yocto",
}  # fmt: skip

#: Spelling seen in files → long name. Case matters: `Mm` is a megameter. `A` is left out, it may be an ampere.
ALIASES: dict[str, str] = {
    **{short + "m": long + "meter" for short, long in _SHORT_PREFIXES.items()},
    **{short + "s": long + "second" for short, long in _SHORT_PREFIXES.items()},
    **{name + "s": name for name in (*SPACE, *TIME) if name not in ("inch", "foot")},
    **{name.replace("meter", "metre"): name for name in SPACE if "meter" in name},
    **{name.replace("meter", "metres"): name for name in SPACE if "meter" in name},
    "micron": "micrometer", "microns": "micrometer", "Å": "angstrom", "\u212b": "angstrom", "ang": "angstrom",
    "inches": "inch", "feet": "foot", "in": "inch", "ft": "foot", "yd": "yard", "mi": "mile", "pc": "parsec",
    "sec": "second", "min": "minute", "hr": "hour", "h": "hour", "d": "day",
}  # fmt: skip

#: What writers put where they mean that there is no unit.
NO_UNIT = frozenset({"", "pixel", "pixels", "voxel", "voxels", "px", "a.u.", "none", "None", "unitless"})

#: Long name → the abbreviation that N5 viewers read.
ABBREVIATIONS: dict[str, str] = {
    long + base: short + base[0]
    for short, long in _SHORT_PREFIXES.items()
    for base in ("meter", "second")
    if short not in ("µ", "μ")
}


def unit_type(unit: str | None) -> str | None:
    """Return `"space"` or `"time"` for a listed unit, else None."""
    return "space" if unit in SPACE else "time" if unit in TIME else None


def unit_size(unit: str) -> Fraction | None:
    """Return the size of a unit in meter or second, None where it is not a listed one."""
    return SPACE.get(unit) or TIME.get(unit)


@lru_cache(maxsize=1024)
def long_name(text: str) -> str | None:
    """Return the listed long name that a spelling stands for, None for a spelling that is not known.

    >>> long_name("nm"), long_name("µm"), long_name("nanometer"), long_name("Nanometers"), long_name("A")
    ('nanometer', 'micrometer', 'nanometer', 'nanometer', None)
    """
    for spelling in (text, text.strip(), text.strip().lower() if len(text.strip()) > 3 else text):
        if spelling in SPACE or spelling in TIME:
            return spelling
        if spelling in ALIASES:
            return ALIASES[spelling]
    return None


_QUANTITY = re.compile(r"\s*([0-9]{1,40}(?:\.[0-9]{0,40})?(?:[eE][+-]?[0-9]{1,3})?|\.[0-9]{1,40})?\s*([^\s0-9].{0,40})?\s*")


def parse_quantity(text: str) -> tuple[Fraction | None, str | None] | None:
    """Return the number and the unit of a text such as "8 nm", None where it is neither.

    >>> parse_quantity("8 nm"), parse_quantity("nm"), parse_quantity("4"), parse_quantity("")
    ((Fraction(8, 1), 'nm'), (None, 'nm'), (Fraction(4, 1), None), (None, None))
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number = None if match[1] is None else parse_number(ExactFloat(match[1]))
    return number, match[2].strip() if match[2] else None
