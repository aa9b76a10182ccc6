"""Exact numbers: from JSON literals to fractions and back, with no float in between."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache

from zmeta.jsondoc import ExactFloat, exact


def parse_number(value: object) -> Fraction | None:
    """Return the exact value of a finite JSON number, None for anything else (strings and booleans included).

    >>> parse_number(0.36), parse_number(4), parse_number("4"), parse_number(float("inf"))
    (Fraction(9, 25), Fraction(4, 1), None, None)
    """
    if type(value) is int and -(2**62) < value < 2**62:
        return _whole(value)
    literal = exact(value)
    return None if literal is None else _decimal(literal)


#: Metadata repeats few numbers many times, and making a fraction costs more than looking it up.
_whole = lru_cache(maxsize=4096)(Fraction)
_decimal = lru_cache(maxsize=4096)(Fraction)


def parse_numbers(value: object) -> tuple[Fraction, ...] | None:
    """Return a list of finite JSON numbers exactly, None where it is anything else."""
    if not isinstance(value, list):
        return None
    numbers = [parse_number(item) for item in value]
    return None if None in numbers else tuple(number for number in numbers if number is not None)


def dump_number(number: Fraction) -> int | float:
    """Return the JSON number for an exact value.

    Raises `ValueError` for a value that has no finite decimal, such as 1/3.

    >>> dump_number(Fraction(4)), dump_number(Fraction(9, 25))
    (4, 0.36)
    """
    if number.denominator == 1:
        return number.numerator
    value = float(number)
    if Fraction(repr(value)) == number:
        return value
    literal = decimal_text(number)
    if literal is None:
        raise ValueError(f"{number} has no finite decimal")
    return ExactFloat(literal)


def decimal_text(number: Fraction) -> str | None:
    """Return a fraction as a plain decimal, None where it has none.

    >>> decimal_text(Fraction(131, 25)), decimal_text(Fraction(1, 3))
    ('5.24', None)
    """
    rest, digits = number.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest, power = rest // prime, power + 1
        digits = max(digits, power)
    if rest != 1:
        return None
    scaled = number.numerator * (10**digits // number.denominator)
    return format(Decimal(scaled).scaleb(-digits, Context(prec=max(len(str(scaled)), 1) + 2)), "f")


def number_text(number: Fraction) -> str:
    """Return a number for people: a decimal where there is one, else the fraction."""
    return decimal_text(number) or str(number)
