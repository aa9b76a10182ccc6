"""The unit cannot be used.

## What it finds

A unit that is a number, an object or a list where a text must stand. `null` counts as no unit.

## Why it matters

What is no text is no name of a unit, and readers either fail or ignore it, and then assume a unit of their own.

## Example

```json
{"units": ["nm", 8, "nm"]}
```

```text
a.n5/raw/attributes.json:26:7: error ZM208: cosem: a unit must be a string (found 8) [/transform/units/1]
```

## What to do

Write the name of the unit. A size belongs into the scale:

```json
{"units": ["nm", "nm", "nm"]}
```
"""
