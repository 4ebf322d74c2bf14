"""Files that a trained network is asked about in; its input fields, made as those of its data were, out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from yamlnet import disk
from yamlnet.catalog.entry import Call
from yamlnet.catalog.foreign import is_target
from yamlnet.catalog.lookup import find
from yamlnet.catalog.pictures import Misfit, Picture
from yamlnet.data.arrays import fitted, read_npy
from yamlnet.data.columns import TABLES as READERS
from yamlnet.data.columns import rows_of
from yamlnet.data.encoding import Encoding, encode
from yamlnet.data.json_table import read_json
from yamlnet.data.npz import Array, read_npz_table
from yamlnet.data.picture import read_picture
from yamlnet.data.ragged import Ragged, Values
from yamlnet.data.splits import Split
from yamlnet.data.table import Table
from yamlnet.diagnostics import MistakeError, YamlnetError
from yamlnet.language.experiment import Data
from yamlnet.language.images import evaluating, result
from yamlnet.language.known import picture
from yamlnet.language.nodes import Input, Model
from yamlnet.language.tables import targets_of

TABLES = {".csv": "Csv", ".csv.gz": "Csv", ".tsv": "Csv", ".parquet": "Parquet", ".npz": "Npz"}
"""The data set that reads a file of rows, by how its name ends."""

JSON = (".jsonl", ".ndjson", ".json")
"""How names of files end that hold a row in each JSON object."""

STANDARD_INPUT = "-"

BEGINNINGS = {b"\x93NUMPY": ".npy", b"PK": ".npz", b"PAR1": ".parquet", b"\x1f\x8b": ".csv.gz"}
"""How files begin that have no name, and how their names would end."""


@dataclass(frozen=True)
class Origin:
    """Where a sample comes from: the file, and its row counted from 0 where the file may hold several."""

    file: str
    row: int | None = None

    def __str__(self) -> str:
        return self.file if self.row is None else f"{self.file}[{self.row}]"


@dataclass(frozen=True)
class Given:
    """Samples, where each comes from, and what of the files was left out."""

    split: Split
    origins: tuple[Origin, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What a network takes: its inputs by the field that each is, the run's data section and encodings."""

    inputs: Mapping[str, Input]
    data: Data
    encodings: Mapping[str, Encoding]

    @property
    def columns(self) -> Mapping[str, str]:
        """The field of a table that each input is, the only target by its own name; none without a table."""
        if not self.data.fields:
            return {}
        targets = targets_of(self.data) or ("target",)
        return {name: name if name in self.data.fields else targets[0] for name in self.inputs}

    def before(self, given: Input, height: int, width: int) -> Input:
        """The image of this size that `transforms` make what the network takes; `given` where there is none.

        Where colours and grey will do, it is what the run's data set has, else what the network takes.
        """
        shape, calls = given.shape or (), evaluating(self.data)
        for channels in dict.fromkeys((picture(self.data, None).channels, *shape[:1], 3, 1)):
            try:
                found = None if channels is None else result(calls, Picture(channels, height, width)).shape
            except Misfit:
                continue
            if channels is not None and found == shape:
                return replace(given, shape=(channels, height, width))
        return given

    @property
    def are_bytes(self) -> bool:
        """Whether the run's images were bytes, which are numbers from 0 to 1 to the network."""
        return not is_target(self.data.dataset.entry.target)


def wanted(model: Model, data: Data, encodings: Mapping[str, Encoding]) -> Wanted:
    """The inputs by field: one without a name is the image, else the only field that is no target."""
    names = [given.name for given in model.inputs]
    if names == ["input"]:
        names = [_only_field(model.inputs[0], data)]
    return Wanted(dict(zip(names, model.inputs, strict=True)), data, encodings)


def _only_field(given: Input, data: Data) -> str:
    """The field that a single input is, `input` where the run doesn't say its name."""
    chooses = {"Npz": "arrays", "HuggingFace": "columns"}.get(data.dataset.name)
    fields = data.fields or (data.dataset.arguments.get(chooses) if chooses else None)
    if fields:
        names = [name for name in fields if name not in (targets_of(data) or ("target",))]
        return "image" if "image" in names else names[0]
    if given.dtype != "float32":  # images are that to a network
        return "input"
    return "image" if not chooses or len(given.shape or ()) == 3 else "input"


def read_given(files: Sequence[str], wants: Wanted) -> Given:
    """Every sample of the files, in order.

    Raises:
        YamlnetError: a file isn't there (a wrong command line), can't be read, or doesn't fit the network.
    """
    for file in files:
        if file != STANDARD_INPUT and not Path(file).is_file():
            what = "it is a folder" if Path(file).is_dir() else "no such file"
            raise YamlnetError(f"can't read `{file}`: {what}", exit_code=2)
    if files.count(STANDARD_INPUT) > 1:
        raise YamlnetError("`-`, standard input, can be read once", exit_code=2)
    read = [_standard_input(wants) if file == STANDARD_INPUT else _read(file, wants) for file in files]
    fields = {name: _joined([part.split.tensors[name] for part in read]) for name in wants.inputs}
    origins = tuple(origin for part in read for origin in part.origins)
    return Given(Split(fields), origins, tuple(note for part in read for note in part.notes))


def _standard_input(wants: Wanted) -> Given:
    """What comes in, as a file of the kind that its first bytes tell."""
    content = sys.stdin.buffer.read()
    if not content.strip():
        raise YamlnetError("there is nothing on standard input")
    ending = next((end for begin, end in BEGINNINGS.items() if content.startswith(begin)), None)
    if ending is None:
        ending = ".image" if not wants.columns else ".jsonl" if content.lstrip()[:1] in b"{[" else ".csv"
    with disk.temporary_folder() as folder:
        path = folder / f"standard-input{ending}"
        disk.write(path, content)
        try:
            given = _read(str(path), wants)
        except YamlnetError as error:
            help = None if error.help is None else _unnamed(error.help, path)
            raise YamlnetError(_unnamed(error.message, path), help, error.exit_code) from error
    origins = tuple(replace(origin, file=STANDARD_INPUT) for origin in given.origins)
    return replace(given, origins=origins, notes=tuple(_unnamed(note, path) for note in given.notes))


def _unnamed(text: str, path: Path) -> str:
    return text.replace(str(path), STANDARD_INPUT).replace(path.name, STANDARD_INPUT)


def _read(file: str, wants: Wanted) -> Given:
    ending = next((end for end in (*TABLES, *JSON, ".npy") if file.lower().endswith(end)), None)
    if wants.columns and (ending in TABLES or ending in JSON):
        return _rows(file, ending, wants)
    if wants.columns:
        raise YamlnetError(
            f"`{file}` has no rows: the network was trained on a table",
            help=f"it takes {', '.join((*TABLES, *JSON))} with the columns of {_listed(wants.columns)}",
        )
    if ending == ".npz":
        return _arrays(file, wants)
    if ending in TABLES or ending in JSON:
        raise YamlnetError(f"`{file}` is a table, and the network wasn't trained on one", help=_takes(wants))
    if len(wants.inputs) > 1:
        inputs = _listed(wants.inputs)
        raise YamlnetError(
            f"`{file}` holds one array, and the network has the inputs {inputs}",
            help=f"an `.npz` file with the arrays {inputs} has them all",
        )
    name, given = next(iter(wants.inputs.items()))
    if ending == ".npy":
        array = read_npy(Path(file))
        taken = _before(wants, name, given, array)
        values, is_batch = fitted(file, array, taken, name == "image", wants.are_bytes)
        rows = range(len(values)) if is_batch else [None]
        return Given(Split({name: values}), tuple(Origin(file, row) for row in rows))
    if name != "image":
        raise YamlnetError(f"`{file}` isn't what the network takes", help=_takes(wants))
    image = read_picture(file, given, lambda height, width: wants.before(given, height, width))
    return Given(Split({name: image.unsqueeze(0)}), (Origin(file),))


def _before(wants: Wanted, name: str, given: Input, array: Array) -> Input:
    """What an array of images must be before the transforms; other arrays have none."""
    if name != "image" or array.ndim < 2:
        return given
    return wants.before(given, *array.shape[-2:])


def _takes(wants: Wanted) -> str:
    shapes = ", ".join(f"{list(given.shape or ())}" for given in wants.inputs.values())
    images = "image files, " if "image" in wants.inputs else ""
    return f"it takes {images}`.npy` and `.npz` files, each sample in {shapes}"


def _rows(file: str, ending: str, wants: Wanted) -> Given:
    """The rows of a table, as many as have what can't be missing."""
    calls = {column: wants.data.fields[column] for column in wants.columns.values()}
    try:
        columns = rows_of(_table(file, ending, wants), calls)
        fields = encode(columns, calls, {column: wants.encodings[column] for column in calls})
    except MistakeError as error:  # it is no mistake of the run's file, but of this table
        raise YamlnetError(error.message, error.help) from None
    origins = tuple(Origin(file, row) for row in columns.rows.tolist())
    split = Split({name: fields[column] for name, column in wants.columns.items()})
    return Given(split, origins, columns.notes)


def _table(file: str, ending: str, wants: Wanted) -> Table:
    """A table, read as the run's was where it is a file of the same kind."""
    if ending in JSON:
        return read_json(Path(file))
    reader = TABLES[ending]
    entry, own = find(reader, "dataset"), wants.data.dataset
    assert entry is not None
    usual = {"delimiter": "\t"} if ending == ".tsv" else {}
    call = own if own.name == reader else Call(entry, {}, ("data", "dataset", reader))
    call = replace(call, arguments={**call.arguments, **usual, "path": file})
    return READERS[call.name](call)["train"]


def _arrays(file: str, wants: Wanted) -> Given:
    entry = find("Npz", "dataset")
    assert entry is not None
    table = read_npz_table(Call(entry, {"path": file}, ("data", "dataset", "Npz")))
    fields: dict[str, Tensor] = {}
    arrays, targets = dict(table.arrays), targets_of(wants.data) or ("target",)
    others = [name for name in arrays if name not in targets]
    if len(others) == 1:  # whatever its name is, it's the input
        arrays.setdefault("input", arrays[others[0]])
    for name, given in wants.inputs.items():
        if name not in arrays:
            found = _listed(table.columns)
            raise YamlnetError(f"`{file}` has no array `{name}`, which the network takes", f"it has {found}")
        what, array = f"{file}: {name}", arrays[name]
        taken = _before(wants, name, given, array)
        fields[name], is_batch = fitted(what, array, taken, name == "image", wants.are_bytes)
        if not is_batch:
            raise YamlnetError(f"`{name}` in `{file}` is one sample", help="an `.npz` file holds a batch")
    return Given(Split(fields), tuple(Origin(file, row) for row in range(len(table))))


def _joined(parts: Sequence[Tensor]) -> Values:
    """All samples together: bytes become numbers from 0 to 1 where others of them are numbers."""
    if len({part.dtype for part in parts}) > 1:
        parts = [p.to(torch.float32).mul_(1 / 255) if p.dtype is torch.uint8 else p for p in parts]
    if len({part.shape[1:] for part in parts}) > 1:
        images = [image for part in parts for image in part]
        return Ragged(images, [""] * len(images))
    return torch.cat(list(parts))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
