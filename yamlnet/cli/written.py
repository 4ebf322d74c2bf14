"""What a network predicts, and the name of a file, in; the file out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamlnet import disk
from yamlnet.cli.answers import as_plain, short
from yamlnet.diagnostics import YamlnetError

if TYPE_CHECKING:
    from yamlnet.training.answers import Answer
    from yamlnet.training.predict import Predicted

Content = Callable[[Sequence["Predicted"], Path], bytes]


def refuse_ending(path: Path) -> None:
    """Raises YamlnetError, a wrong command line, where no such file can be written."""
    if path.suffix not in CONTENTS:
        raise YamlnetError(
            f"can't write predictions to `{path}`: its name ends in none of {', '.join(CONTENTS)}",
            exit_code=2,
        )


def write(predicted: Sequence[Predicted], path: Path) -> None:
    """Writes all predictions to a file; how its name ends says how.

    Raises:
        YamlnetError: it can't be written, or the outputs don't fit such a file.
    """
    disk.write(path, CONTENTS[path.suffix](predicted, path))


def _npy(predicted: Sequence[Predicted], path: Path) -> bytes:
    import numpy

    found = _arrays(predicted)
    names = list(predicted[0].answers)
    if len(names) > 1:
        listed = ", ".join(f"`{short(name)}`" for name in names)
        raise YamlnetError(f"`{path}` holds one array, and the outputs are {listed}", "`.npz` holds several")
    stream = io.BytesIO()
    numpy.save(stream, found[short(names[0])], allow_pickle=False)
    return stream.getvalue()


def _npz(predicted: Sequence[Predicted], path: Path) -> bytes:
    import numpy

    stream = io.BytesIO()
    numpy.savez(stream, **_arrays(predicted))
    return stream.getvalue()


def _arrays(predicted: Sequence[Predicted]) -> dict[str, Any]:
    """By output its probabilities or values [samples, ...], and under `NAME.class` the best classes."""
    import torch

    found: dict[str, Any] = {}
    for name, first in predicted[0].answers.items():
        answers = [each.answers[name] for each in predicted]
        found[short(name)] = torch.stack([answer.values for answer in answers]).numpy()
        if first.kind != "values":
            found[f"{short(name)}.class"] = torch.stack([answer.chosen for answer in answers]).numpy()
    return found


def _csv(predicted: Sequence[Predicted], path: Path) -> bytes:
    for name, answer in predicted[0].answers.items():
        if answer.values.dim() > 1:
            shape = list(answer.values.shape)
            raise YamlnetError(f"`{short(name)}` is {shape}: no cells of `{path}`", "`.npz` holds arrays")
    stream = io.StringIO()
    rows = [{"input": each.origin.file, "row": each.origin.row, **_cells(each.answers)} for each in predicted]
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def _cells(answers: Mapping[str, Answer]) -> dict[str, Any]:
    """The cells of a row: for each output its class, and its probabilities or values."""
    cells: dict[str, Any] = {}
    several = len(answers) > 1
    for name, answer in answers.items():
        begin = f"{short(name)}." if several else ""
        if answer.kind == "classes":
            cells[f"{begin}class"] = answer.best(1)[0][0]
        for label, value in _numbered(answer):
            cells[f"{begin}{label}"] = value
    return cells


def _numbered(answer: Answer) -> Iterator[tuple[str, float]]:
    values = answer.values.flatten().tolist()
    if answer.kind == "values":
        yield from ((f"output.{i}" if len(values) > 1 else "output", value) for i, value in enumerate(values))
        return
    yield from ((f"probability.{answer.name(i)}", value) for i, value in enumerate(values))


def _jsonl(predicted: Sequence[Predicted], path: Path) -> bytes:
    lines = (json.dumps(as_plain(each), ensure_ascii=False, allow_nan=False) for each in predicted)
    return "".join(f"{line}\n" for line in lines).encode()


CONTENTS: Mapping[str, Content] = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".jsonl": _jsonl}
"""What a file holds whose name ends so."""
