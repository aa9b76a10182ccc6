"""mkdocs hooks: pages made from the registry, the schemas and the finding codes, so that they cannot fall behind."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from mkdocs.structure.files import File

from zmeta.canonical.units import SPACE, TIME
from zmeta.checker.mend import can_mend
from zmeta.checker.rules.registry import MUST, load_page
from zmeta.conventions.recognised.codec import TABLE as RECOGNISED_TABLE
from zmeta.conventions.registry import VERSIONS
from zmeta.finding import CODES, Finding
from zmeta.schema.catalog import BASE, SchemaName, list_schemas, load_schema, version_key
from zmeta.steps.registry import STEPS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

    from zmeta.conventions.base import ConventionVersion
    from zmeta.jsondoc import JSONObject

    Row: TypeAlias = Sequence[str]
    Places: TypeAlias = list[tuple[JSONObject, SchemaName]]

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "https://github.com/zmeta/zmeta"
#: Conventions without a schema: known by sight, not decoded. They share one page.
RECOGNISED = "recognised"
#: The groups of codes, by what they begin with.
GROUPS = {
    "ZM0": "Documents", "ZM1": "Schemas and keys", "ZM2": "Axes and units", "ZM3": "Sizes and places",
    "ZM4": "Conventions and groups", "ZM5": "Between arrays",
}  # fmt: skip


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of the conventions and of the rules into the navigation."""
    pages = [{name: f"conventions/{name}.md"} for name in convention_pages()]
    rules = [{title: [{code: f"rules/{code}.md"} for code in codes_of(start)]} for start, title in GROUPS.items()]
    for entry in config.nav or []:
        if entry.get("Conventions") == "conventions/index.md":
            entry["Conventions"] = ["conventions/index.md", *pages]
        if entry.get("Rules") == "rules/index.md":
            entry["Rules"] = ["rules/index.md", *rules]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page per convention and per rule, the schemas themselves, and their overviews."""
    pages = {"conventions/index.md": conventions_index(), "schemas/index.md": schemas_index()}
    pages |= {f"conventions/{name}.md": convention_page(name) for name in convention_pages()}
    pages |= {"rules/index.md": rules_index()} | {f"rules/{code}.md": rule_page(code) for code in CODES}
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    for file in sorted((ROOT / "schemas").rglob("*.json")):
        path = file.relative_to(ROOT).as_posix()
        files.append(File.generated(config, path, abs_src_path=str(file)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the generated tables where a page asks for them, as in `<!-- zmeta: codes -->`."""
    for name, make in TABLES.items():
        marker = f"<!-- zmeta: {name} -->"
        if marker in markdown:
            markdown = markdown.replace(marker, make())
    return markdown


# --- tables ---------------------------------------------------------------------------------------------------------


def table(head: Row, rows: Sequence[Row]) -> str:
    """Return a table in Markdown."""
    lines = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---" for _ in head], *lines])


def codes_table(link: str = "rules/{}.md", start: str = "ZM") -> str:
    """Return the finding codes that begin so: severity, title, whether they break a MUST, whether they can be mended."""
    rows = []
    for code in codes_of(start):
        severity, title = CODES[code]
        rows.append((f"[{code}]({link.format(code)})", str(severity), title, *map(_yes, (code in MUST, _mended(code)))))
    return table(("code", "severity", "what it stands for", "MUST", "`--fix`"), rows)


def codes_of(start: str) -> list[str]:
    """Return the codes that begin so."""
    return [code for code in CODES if code.startswith(start)]


def _mended(code: str) -> bool:
    return can_mend(Finding(code, ""))


def _yes(true: bool) -> str:
    return "yes" if true else ""


def units_table() -> str:
    """Return the units that zmeta knows, by kind."""
    return table(("kind", "units"), [("space", ", ".join(sorted(SPACE))), ("time", ", ".join(sorted(TIME)))])


def conventions_table(link: str = "") -> str:
    """Return the conventions in order of precedence; `link` stands before the address of a page, empty for no links."""
    rows = []
    for name in dict.fromkeys(row.convention for row in VERSIONS if row.schema):
        versions = [row for row in VERSIONS if row.convention == name and row.schema]
        title = f"[`{name}`]({link.format(name)})" if link else f"`{name}`"
        numbers = ", ".join(row.version for row in versions)
        rows.append((title, numbers, reads(versions), writes(versions), writers(versions)))
    return table(("convention", "versions", "zmeta reads", "zmeta writes", "written by"), rows)


def recognised_table() -> str:
    """Return the layouts that are known by sight and not decoded."""
    rows = [(f"`{name}`", who, why) for name, _, _, who, why in RECOGNISED_TABLE]
    return table(("layout", "written by", "why it is not decoded"), rows)


def number_word(number: int) -> str:
    """Return a small number as the word that begins a sentence."""
    return ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"][number]


def reads(rows: list[ConventionVersion]) -> str:
    """Say what a convention tells about an array."""
    less = [row.version for row in rows if row.names_only]
    if len(less) == len(rows):
        return "axis names"
    return "axes, voxel size, offset" + (f" ({', '.join(less)}: axis names)" if less else "")


def writes(rows: list[ConventionVersion]) -> str:
    """Say which versions can be written."""
    if all(row.names_only for row in rows):
        return "axis names"
    able = [row.version for row in rows if row.encode is not None and not row.names_only]
    return "yes" if len(able) == len(rows) else ", ".join(able) or "no"


def writers(rows: list[ConventionVersion]) -> str:
    """Return who writes a convention, each set of writers once."""
    return "; ".join(dict.fromkeys(row.writers for row in rows if row.writers))


def precedence_list() -> str:
    """Return the order in which conventions are asked, strongest first."""
    return "\n".join(f"{index}. `{row.id}`" for index, row in enumerate(VERSIONS, 1))


def steps_table() -> str:
    """Return the steps that come with zmeta."""
    rows = [(f"`{step.subject}`", f"{step.before} → {step.after}", step.summary, step.kind) for step in STEPS]
    return table(("subject", "versions", "what changes", "kind"), rows)


TABLES = {
    "codes": codes_table,
    "units": units_table,
    "conventions": lambda: conventions_table("conventions/{}.md"),
    "recognised": recognised_table,
    "precedence": precedence_list,
    "steps": steps_table,
}


# --- pages ----------------------------------------------------------------------------------------------------------


def convention_pages() -> list[str]:
    """Return the names of the pages below `conventions/`, in order of precedence."""
    return [*dict.fromkeys(row.convention for row in VERSIONS if row.schema), RECOGNISED]


def conventions_index() -> str:
    """Return the overview of all conventions."""
    return f"""# Conventions

Strongest first. How several conventions on one array are made one is told under
[precedence](../concepts.md#precedence-and-contradictions).

{conventions_table("{}.md")}

Arrays that state nothing are read too: everything about them is absent.
{number_word(len(RECOGNISED_TABLE))} more layouts are [recognised](recognised.md) and not decoded.

## Order of precedence

{precedence_list()}

A version that is not in this list is not read as the nearest one. It is an error (`ZM404`) or a warning (`ZM402`).
"""


def convention_page(name: str) -> str:
    """Return the page of one convention: its versions, and the schema of each."""
    if name == RECOGNISED:
        text = "These layouts are recognised, so that an array of one gets a reason (`ZM402`) and not a guess."
        hint = "Pass `default_voxel_size`, or add metadata."
        return f"# Recognised, not decoded\n\n{text}\n\n{recognised_table()}\n\n{hint}\n"
    rows = [row for row in VERSIONS if row.convention == name]
    package = sys.modules[rows[0].decode.__module__.rpartition(".")[0]]
    summary = [
        (row.version, row.title, "the group above" if row.on_group else "the array", _writes(row), row.writers)
        for row in rows
    ]
    head = ("version", "title", "stands on", "zmeta writes it", "written by")
    parts = [f"# {name}", str(package.__doc__), table(head, summary), _place(rows)]
    for row in rows:
        if row.schema:
            parts += [f"## Version {row.version}", *_schemas_of(row)]
    return "\n\n".join(parts) + "\n"


def _writes(row: ConventionVersion) -> str:
    if row.encode is None:
        return "no"
    return "axis names" if row.names_only else "yes"


def _place(rows: list[ConventionVersion]) -> str:
    order = [row.id for row in VERSIONS]
    places = ", ".join(f"{order.index(row.id) + 1} (`{row.version}`)" for row in rows)
    return f"Place in the [order of precedence](index.md#order-of-precedence) of {len(order)}: {places}."


def _schemas_of(row: ConventionVersion) -> list[str]:
    convention, version, first = row.schema.split("/")
    names = [name for name in list_schemas() if (name.convention, name.version) == (convention, version)]
    parts = []
    for name in sorted(names, key=lambda name: (name.document != first, name.document)):
        schema = load_schema(name.path)
        parts += [f"### {name.document} {{ #{version}-{name.document} }}", str(schema.get("description", ""))]
        parts += [f"Schema: [`{name.path}.schema.json`](../schemas/{name.path}.schema.json)"]
        if schema.get("$comment"):
            parts.append(f"Written from: {schema['$comment']}")
        properties = _properties([(schema, name)])
        if properties:
            parts.append(table(("property", "type", "required", "description"), properties))
        parts += _examples(schema) if name.document == first else []
    return parts


def _properties(roots: Places, above: str = "", depth: int = 0) -> list[Row]:
    """Return the rows of the property table, those of nested objects included: `datasets[].path`."""
    stated: dict[str, Places] = {}
    needed: set[object] = set()
    for part, home in _parts(roots):
        required, properties = part.get("required"), part.get("properties")
        needed |= set(required) if isinstance(required, list) else set()
        for key, value in (properties if isinstance(properties, dict) else {}).items():
            stated.setdefault(key, []).append((value if isinstance(value, dict) else {}, home))
    rows: list[Row] = []
    for key, places in stated.items():
        path = f"{above}{key}"
        texts = [part["description"] for part, _ in [*places, *_parts(places)] if "description" in part]
        rows.append((f"`{path}`", _type(places), "yes" if key in needed else "", str(texts[0]) if texts else ""))
        if depth < 4:
            below = _items(places)
            while below:
                places, path = below, f"{path}[]"  # noqa: PLW2901 - one step down
                below = _items(places)
            rows += _properties(places, f"{path}.", depth + 1)
    return rows


def _parts(roots: Places, depth: int = 0) -> Places:
    """Return schemas, and all that they build on by `$ref` and `allOf`."""
    found: Places = []
    for schema, name in roots:
        found.append((schema, name))
        together = schema.get("allOf")
        below: Places = [_resolve(schema["$ref"], name)] if "$ref" in schema else []
        below += [(part, name) for part in (together if isinstance(together, list) else ()) if isinstance(part, dict)]
        found += _parts(below, depth + 1) if depth < 8 else []
    return found


def _items(roots: Places) -> Places:
    """Return what schemas say about the items of a list."""
    return [(part["items"], home) for part, home in _parts(roots) if isinstance(part.get("items"), dict)]  # type: ignore[misc]


def _resolve(ref: object, name: SchemaName) -> tuple[JSONObject, SchemaName]:
    """Return where a `$ref` leads, and the file that this stands in."""
    target, _, fragment = urljoin(name.uri, str(ref)).partition("#")
    path = target.removeprefix(BASE).removesuffix(".schema.json")
    found: object = load_schema(path)
    for part in fragment.split("/")[1:]:
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}, SchemaName(*path.split("/"))


def _type(places: Places) -> str:
    """Return the JSON type of a property, or the values that it may have."""
    parts = [part for part, _ in _parts(places)]
    for part in parts:
        values = [part["const"]] if "const" in part else part.get("enum")
        if isinstance(values, list) and len(values) <= 6:
            return " or ".join(f"`{json.dumps(value)}`" for value in values)
    kind = next((part["type"] for part in parts if "type" in part), "")
    if kind == "array":
        inner = _type(_items(places))
        return f"array of {inner}" if inner else "array"
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)


def _examples(schema: JSONObject) -> list[str]:
    examples = schema.get("examples")
    blocks = [f"```json\n{_pretty(example)}\n```" for example in (examples if isinstance(examples, list) else [])]
    return [f"**Example{'s' if len(blocks) > 1 else ''}**", *blocks] if blocks else []


def _pretty(value: object, indent: str = "") -> str:
    """Return JSON with short values on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= 84 or not isinstance(value, dict | list):
        return line
    below = indent + "  "
    if isinstance(value, dict):
        parts = [f"{below}{json.dumps(key)}: {_pretty(item, below)}" for key, item in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{below}{_pretty(item, below)}" for item in value) + f"\n{indent}]"


def rules_index() -> str:
    """Return the overview of all rules."""
    intro = """\
What `zmeta check`, the readers and the writers report, by code. Each code has a page: what it finds, why it matters, an
example, and what to do. `zmeta explain ZM203` prints it.

- **severity** is that of the code, unless the settings give it another.
- **MUST**: the finding means that a MUST of the convention and version is broken.
- **`--fix`**: `zmeta check --fix` mends it where that loses nothing."""
    parts = ["# Rules", intro]
    for start, title in GROUPS.items():
        parts += [f"## {title}", codes_table("{}.md", start)]
    return "\n\n".join(parts) + "\n"


def rule_page(code: str) -> str:
    """Return the page of one rule: its row of the tables, then what stands in its module."""
    severity, title = CODES[code]
    body = load_page(code).partition("\n")[2].strip()
    facts = [f"Severity: **{severity}**."]
    facts += ["It means that a MUST of the convention is broken."] if code in MUST else []
    facts += ["`zmeta check --fix` mends it where that loses nothing."] if _mended(code) else []
    return f"# {code}: {title}\n\n{' '.join(facts)}\n\n{_linked(body, code)}\n"


def _linked(text: str, here: str) -> str:
    """Make the other codes that a page names links, outside of code."""
    parts = re.split(r"(^```.*?^```$|`[^`\n]+`)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [re.sub(r"\bZM\d{3}\b", lambda m: m[0] if m[0] == here else f"[{m[0]}]({m[0]}.md)", p) for p in parts[::2]]
    return "".join(parts)


def schemas_index() -> str:
    """Return `schemas/README.md`, and a list of all schemas."""
    rows = []
    for name in sorted(list_schemas(), key=lambda name: (name.convention, version_key(name.version), name.document)):
        path = f"{name.path}.schema.json"
        rows.append((f"[`{path}`]({path})", str(load_schema(name.path).get("title", ""))))
    text = (ROOT / "schemas" / "README.md").read_text(encoding="utf-8")
    return f"{text}\n## All schemas\n\n{table(('file', 'title'), rows)}\n"


# --- README ---------------------------------------------------------------------------------------------------------

_BEGIN, _END = "<!-- table: conventions -->", "<!-- end -->"


def with_table(readme: str) -> str:
    """Return the README with its table of conventions as the registry has it."""
    head, _, rest = readme.partition(_BEGIN)
    return f"{head}{_BEGIN}\n\n{conventions_table()}\n\n{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":  # python docs/hooks.py: bring the table in README.md up to date
    file = ROOT / "README.md"
    file.write_text(with_table(file.read_text(encoding="utf-8")), encoding="utf-8")
