"""Make a tree of metadata documents quickly, byte for byte in the layout of the libraries that write them.

    python tests/benchmarks/trees.py v3 100000 --work FOLDER

The documents of `v2` and `v3` are laid out as the zarr-python that is installed writes them, those of `ome` as ome-zarr-py
writes them on top of it, those of the other kinds as an example among the test data: `funlib` of funlib.persistence 0.6,
`funlib3` of its 0.7, `gunpowder` and `n5` of gunpowder 1.4, `dacapo` of its 0.3, `cosem` in N5, `omev2` of OME-NGFF 0.4 by
ome-zarr-py 0.9, `omelabels` with labels, and `omengff` by ngff-zarr, with a group for each level and a consolidated copy;
`pyramids5` are those of COSEM in N5 by cellmap-schemas, `pyramids` the same in Zarr v2, `viewer5` those for viewers of N5,
and `units3` arrays of tensorstore in Zarr v3. `containers` and `containers5` are those of gunpowder 1.4, two groups around
two arrays, and `copies` the first with a consolidated copy each.
Every document differs: own shape, own offset, own name. Only `alike` has the same bytes everywhere. A folder holds 1000
arrays or images. A tree is made once, under a name that tells what it is, and used again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PER_FOLDER = 1000
KINDS = ("v3", "v2", "funlib", "funlib3", "gunpowder", "n5", "ome", "omev2", "ome-alike", "alike", "omelabels", "omengff",
         "dacapo", "cosem", "pyramids", "pyramids5", "viewer5", "units3", "containers", "containers5", "copies")  # fmt: skip
WILD = Path(__file__).resolve().parents[1] / "data/wild"
FUNLIB = WILD / "funlib.persistence-0.6.1/a.zarr/vol/raw"
FUNLIB_3 = WILD / "funlib.persistence-0.7.0/a.zarr/vol/raw"
GUNPOWDER = WILD / "gunpowder-1.4.4/a.zarr/volumes/raw"
GUNPOWDER_N5 = WILD / "gunpowder-1.4.4/a.n5/volumes/raw"
OME_V2 = WILD / "ome-zarr-0.9.0/binned_0.4.zarr"
#: Containers and arrays that are taken as they are, but for their numbers.
WHOLE = {
    "omelabels": WILD / "ome-zarr-0.9.0/corner_0.4.zarr",
    "omengff": WILD / "ngff-zarr-0.50.0/em_0.4.zarr",
    "dacapo": WILD / "dacapo-ml-0.3.0/a.zarr/predictions/raw",
    "cosem": WILD / "zarr-2.18.3/cosem.n5/stated",
    "pyramids5": WILD / "cellmap-schemas-0.8.1/cosem.n5/em/fibsem",
    "viewer5": WILD / "zarr-2.18.3/viewer.n5/em",
    "units3": WILD / "tensorstore-0.1.86/v3.zarr/raw",
    "containers": WILD / "gunpowder-1.4.4/a.zarr",
    "containers5": WILD / "gunpowder-1.4.4/a.n5",
}
LEVELS = 3
Document = dict[str, Any]


class Template:
    """The text of a document. Strings such as `"<name>"` in it are holes, to be filled with any JSON."""

    def __init__(self, document: Document, indent: int) -> None:
        self.pieces = re.split(r'"<(\w+)>"', json.dumps(document, indent=indent))

    def fill(self, values: Mapping[str, object]) -> str:
        pieces = self.pieces.copy()
        pieces[1::2] = [json.dumps(values[name]) for name in pieces[1::2]]
        return "".join(pieces)

    @property
    def document(self) -> Document:
        """The document, with its holes."""
        document: Document = json.loads(self.fill({name: f"<{name}>" for name in self.pieces[1::2]}))
        return document


@dataclass
class Layout:
    """What a kind of tree is made of; documents by their path."""

    item: dict[str, Template]  # an array, or an image with its levels
    values: Callable[[int], dict[str, object]]  # what fills the holes of item number i
    name: str  # of the folder of an item, to be filled with its number
    group: dict[str, str] = field(default_factory=dict)  # what the folders above have; nothing: they are no groups
    chunk: str = "c/0/0/0"
    arrays: tuple[str, ...] = ("",)  # folders inside an item that are arrays


def holes(name: str, count: int = 3) -> list[str]:
    return [f"<{name}{index}>" for index in range(count)]


def fillings(**lists: list[Any]) -> dict[str, object]:
    return {f"{name}{index}": value for name, values in lists.items() for index, value in enumerate(values)}


def read_documents(folder: Path) -> tuple[dict[str, Document], int]:
    """Return the documents of one node by file name, and their indent."""
    documents, indent = {}, 0
    for path in sorted(folder.iterdir()):
        if not path.is_file():
            continue
        text = path.read_text("utf-8")
        documents[path.name] = json.loads(text)
        if "\n" in text:
            indent = re.search(r"\n( *)", text).end(1) - text.index("\n") - 1  # type: ignore[union-attr]
            if text != json.dumps(documents[path.name], indent=indent):
                sys.exit(f"{path.name}: the layout that the library writes is not understood")
    return documents, indent


def read_zarr(zarr_format: int) -> tuple[dict[str, str], dict[str, Document], int]:
    """Let zarr-python write a group and an array; return the text of the one, the documents of the other, the indent."""
    import zarr

    names = ["z", "y", "x"] if zarr_format == 3 else None
    with tempfile.TemporaryDirectory() as folder:
        root = zarr.create_group(folder, zarr_format=3 if zarr_format == 3 else 2)
        root.create_array("a", shape=(64, 64, 64), chunks=(64, 64, 64), dtype="uint16", dimension_names=names)
        group = {path.name: path.read_text("utf-8") for path in sorted(Path(folder).iterdir()) if path.is_file()}
        array, indent = read_documents(Path(folder) / "a")
    array["zarr.json" if zarr_format == 3 else ".zarray"]["shape"] = holes("shape")
    return group, array, indent


def array_values(index: int) -> dict[str, object]:
    return fillings(
        shape=[64 + index % 509, 64 + index // 509 % 503, 128 + index // 509 // 503],
        voxel_size=[40, 4 + index % 5, 4 + index % 5],
        offset=[40 * index, (4 + index % 5) * (index % 1009), -(4 + index % 5) * (index % 2003)],
    ) | {"name": f"section_{index:07}"}


def canonical_layout(zarr_format: int) -> Layout:
    """Arrays in the canonical layout of zmeta 1.0."""
    from zmeta.conventions.zmeta.codec import ENTRY

    group, array, indent = read_zarr(zarr_format)
    attributes: Document = {
        "axes": ["z", "y", "x"],
        "types": ["space", "space", "space"],
        "zarr_conventions": [ENTRY],
        "units": ["nanometer", "nanometer", "nanometer"],
        "voxel_size": holes("voxel_size"),
        "offset": holes("offset"),
        "name": "<name>",
    }
    if zarr_format == 3:
        array["zarr.json"]["attributes"] = attributes
    else:
        array[".zattrs"] = attributes
    item = {name: Template(document, indent) for name, document in array.items()}
    return Layout(item, array_values, "a{:03}", group, chunk="c/0/0/0" if zarr_format == 3 else "0.0.0")


def alike_layout() -> Layout:
    layout, values = canonical_layout(3), array_values(0)
    layout.values = lambda index: values
    return layout


def funlib_layout() -> Layout:
    """Arrays as prepare_ds of funlib.persistence 0.6 leaves them; it makes no groups above."""
    array, indent = read_documents(FUNLIB)
    array[".zarray"]["shape"] = holes("shape")
    array[".zattrs"] |= {"voxel_size": holes("voxel_size"), "offset": holes("offset")}
    return Layout({n: Template(d, indent) for n, d in array.items()}, array_values, "a{:03}", chunk="0/0/0")


def funlib_3_layout() -> Layout:
    """Arrays as prepare_ds of funlib.persistence 0.7 leaves them in Zarr v3."""
    array, indent = read_documents(FUNLIB_3)
    document = array["zarr.json"]
    document["shape"] = holes("shape")
    document["attributes"] |= {"voxel_size": holes("voxel_size"), "offset": holes("offset")}
    return Layout({"zarr.json": Template(document, indent)}, array_values, "a{:03}")


def gunpowder_layout() -> Layout:
    """Arrays as ZarrWrite of gunpowder 1.4 leaves them, in groups."""
    array, indent = read_documents(GUNPOWDER)
    array[".zarray"]["shape"] = holes("shape")
    array[".zattrs"] |= {"resolution": holes("voxel_size"), "offset": holes("offset")}
    group = {".zgroup": (GUNPOWDER.parent / ".zgroup").read_text("utf-8")}
    return Layout({n: Template(d, indent) for n, d in array.items()}, array_values, "a{:03}", group, chunk="0.0.0")


def gunpowder_n5_layout() -> Layout:
    """Arrays as N5Write of gunpowder 1.4 leaves them, x first, in groups."""
    array, indent = read_documents(GUNPOWDER_N5)
    array["attributes.json"] |= {name: holes(name)[::-1] for name in ("resolution", "offset")}
    array["attributes.json"]["dimensions"] = holes("shape")[::-1]

    def values(index: int) -> dict[str, object]:
        return {key.replace("voxel_size", "resolution"): value for key, value in array_values(index).items()}

    group = {"attributes.json": (GUNPOWDER_N5.parent / "attributes.json").read_text("utf-8")}
    return Layout({n: Template(d, indent) for n, d in array.items()}, values, "a{:03}", group, chunk="0/0/0")


def hole_name(name: str) -> str:
    return name.replace(".", "_").replace("-", "m").replace(" ", "_")


def whole_layout(source: Path) -> Layout:
    """A container or an array of a writer with all that is in it; numbers of the world grow from one to the next."""
    known: dict[str, float] = {}

    def cut(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: cut(item, name) for name, item in value.items()}
        if isinstance(value, list):
            is_size = key == "dimensions" and isinstance(value[0], float)
            return [cut(item, "scale" if is_size else key) for item in value]
        if key in ("scale", "translation", "translate", "resolution", "offset") and type(value) in (int, float):
            known[f"v{value!r}"] = value
            return f"<{hole_name(f'v{value!r}')}>"
        if key == "dimension_units":
            number = re.sub("[^0-9.].*", "", value)
            name = f"u{len(known)} {value[len(number) :]}"
            known[name] = float(number)
            return f"<{hole_name(name)}>"
        return value

    item, arrays = {}, []
    for folder in [source, *sorted(path for path in source.rglob("*") if path.is_dir())]:
        documents, indent = read_documents(folder)
        for name, document in documents.items():
            item[str((folder / name).relative_to(source))] = Template(cut(document), indent)
        if ".zarray" in documents or "dataType" in documents.get("attributes.json", {}):
            arrays.append(str(folder.relative_to(source)))

    def values(index: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, value in known.items():
            grown = round(value * (1000 + index % 997) / 1000, 9)
            short = int(grown) if grown == int(grown) and isinstance(value, int) else grown
            found[hole_name(name)] = f"{grown:g}{name.partition(' ')[2]}" if name[0] == "u" else short
        return found

    return Layout(item, values, "i{:03}.ome.zarr" if len(item) > 3 else "a{:03}", chunk="0/0/0", arrays=tuple(arrays))


def pyramid_layout() -> Layout:
    """Pyramids of COSEM as cellmap-schemas lays them out, in Zarr v2: without what only N5 has, and in its order."""
    layout = whole_layout(WHOLE["pyramids5"])
    item = {".zgroup": Template({"zarr_format": 2}, 4)}
    for name, template in layout.item.items():
        document = template.document
        folder = os.path.dirname(name)
        keys = ("multiscales",) if not folder else ("transform",)
        item[os.path.join(folder, ".zattrs")] = Template({key: document[key] for key in keys}, 4)
        if folder:
            array = json.loads((OME_V2 / "0/.zarray").read_text("utf-8"))
            shape, chunks = document["dimensions"][::-1], document["blockSize"][::-1]
            item[os.path.join(folder, ".zarray")] = Template({**array, "shape": shape, "chunks": chunks}, 4)
    return Layout(item, layout.values, layout.name, chunk="0/0/0", arrays=layout.arrays)


def copy_layout() -> Layout:
    """Containers with a consolidated copy, as `zarr.consolidate_metadata` of zarr-python 2 writes it."""
    layout = whole_layout(WHOLE["containers"])
    copy = {name: template.document for name, template in sorted(layout.item.items())}
    layout.item[".zmetadata"] = Template({"metadata": copy, "zarr_consolidated_format": 1}, 4)
    return layout


def image_values(index: int) -> dict[str, object]:
    """Return sound values: each level halves the shape and doubles the scale, and all levels share their outer corner."""
    shape = [8 * (8 + index % 31), 8 * (16 + index // 31 % 41), 8 * (16 + index // 31 // 41)]
    scale = [round(0.2 + 0.001 * (index % 800), 3), *[round(0.05 + 0.0005 * (index % 700), 4)] * 2]
    values: dict[str, object] = {"name": f"image_{index:06}"}
    for level in range(LEVELS):
        factor = 2**level
        values |= fillings(
            **{
                f"shape_{level}_": [size // factor for size in shape],
                f"scale_{level}_": [round(size * factor, 9) for size in scale],
                f"move_{level}_": [round(size * (factor - 1) / 2, 9) for size in scale],
            }
        )
    return values


def image_layout() -> Layout:
    """OME-NGFF 0.5 images of three levels, as ome-zarr-py writes them, in plain folders."""
    datasets: list[Document] = [
        {
            "path": f"s{level}",
            "coordinateTransformations": [
                {"type": "scale", "scale": holes(f"scale_{level}_")},
                {"type": "translation", "translation": holes(f"move_{level}_")},
            ],
        }
        for level in range(LEVELS)
    ]
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    ome = {"version": "0.5", "multiscales": [{"datasets": datasets, "name": "<name>", "axes": axes}]}
    group, array, indent = read_zarr(3)
    image = json.loads(group["zarr.json"]) | {"attributes": {"ome": ome}}
    item = {"zarr.json": Template(image, indent)}
    for level in range(LEVELS):
        document = array["zarr.json"] | {"shape": holes(f"shape_{level}_")}
        item[f"s{level}/zarr.json"] = Template(document, indent)
    return Layout(item, image_values, "i{:03}.ome.zarr", arrays=tuple(f"s{level}" for level in range(LEVELS)))


def image_v2_layout() -> Layout:
    """OME-NGFF 0.4 images of three levels, as ome-zarr-py 0.9 writes them, in plain folders."""
    image, indent = read_documents(OME_V2)
    array, _ = read_documents(OME_V2 / "0")
    entry = image[".zattrs"]["multiscales"][0]
    for level, dataset in enumerate(entry["datasets"]):
        scale, move = dataset["coordinateTransformations"]
        scale["scale"], move["translation"] = holes(f"scale_{level}_"), holes(f"move_{level}_")
    entry["name"] = "<name>"
    item = {name: Template(document, indent) for name, document in image.items()}
    for level in range(LEVELS):
        item[f"{level}/.zarray"] = Template(array[".zarray"] | {"shape": holes(f"shape_{level}_")}, indent)
    names = tuple(str(level) for level in range(LEVELS))
    return Layout(item, image_values, "i{:03}.ome.zarr", chunk="0/0/0", arrays=names)


def alike_image_layout() -> Layout:
    """Images of one size from one run of a writer, as the fields of a plate are: their documents are the same."""
    layout, values = image_layout(), image_values(0)
    layout.values = lambda index: values
    return layout


def make_layout(kind: str) -> Layout:
    match kind:
        case "v3":
            return canonical_layout(3)
        case "v2":
            return canonical_layout(2)
        case "funlib":
            return funlib_layout()
        case "funlib3":
            return funlib_3_layout()
        case "gunpowder":
            return gunpowder_layout()
        case "n5":
            return gunpowder_n5_layout()
        case "omev2":
            return image_v2_layout()
        case "ome":
            return image_layout()
        case "alike":
            return alike_layout()
        case "pyramids":
            return pyramid_layout()
        case "copies":
            return copy_layout()
        case "ome-alike":
            return alike_image_layout()
        case _:
            return whole_layout(WHOLE[kind])


def write_text(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def write_group(folder: str, layout: Layout) -> None:
    os.mkdir(folder)
    for name, text in layout.group.items():
        write_text(f"{folder}/{name}", text)


def write_tree(root: str, layout: Layout, count: int, chunks: bool) -> None:
    write_group(root, layout)
    inner = sorted({os.path.dirname(name) for name in layout.item} - {""})
    for index in range(count):
        if index % PER_FOLDER == 0:
            write_group(f"{root}/g{index // PER_FOLDER:04}", layout)
        folder = f"{root}/g{index // PER_FOLDER:04}/{layout.name.format(index % PER_FOLDER)}"
        os.mkdir(folder)
        for name in inner:
            os.mkdir(f"{folder}/{name}")
        values = layout.values(index)
        for name, template in layout.item.items():
            write_text(f"{folder}/{name}", template.fill(values))
        for array in layout.arrays if chunks else ():
            chunk = os.path.join(folder, array, layout.chunk)
            os.makedirs(os.path.dirname(chunk), exist_ok=True)
            write_text(chunk, "chunk")


def tree_path(work: Path, kind: str, count: int, chunks: bool = False) -> Path:
    return work / f"{kind}-{count}{'-chunks' if chunks else ''}"


def make_tree(work: Path, kind: str, count: int, chunks: bool = False) -> Path:
    """Make a tree unless it is there; one that was interrupted is made again."""
    path = tree_path(work, kind, count, chunks)
    if not path.exists():
        part = work / f"{path.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        work.mkdir(parents=True, exist_ok=True)
        write_tree(str(part), make_layout(kind), count, chunks)
        part.rename(path)
    return path


def sample_tree(root: Path, wanted: int) -> Iterator[Path]:
    """Return some arrays or images, spread over the tree."""
    kind, _, count = root.name.removesuffix("-chunks").rpartition("-")
    name = "i{:03}.ome.zarr" if kind.startswith("ome") else "a{:03}"
    for index in range(0, int(count), max(1, int(count) // wanted)):
        yield root / f"g{index // PER_FOLDER:04}" / name.format(index % PER_FOLDER)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("count", type=int, help="arrays, or images of three arrays with `ome`")
    parser.add_argument("--work", type=Path, required=True, help="folder for the tree")
    parser.add_argument("--chunks", action="store_true", help="with a small chunk file in every array")
    options = parser.parse_args()
    print(make_tree(options.work, options.kind, options.count, options.chunks))


if __name__ == "__main__":
    main()
