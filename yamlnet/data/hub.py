"""A call of `HuggingFace` in; its splits, as the package `datasets` loads them, out."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from yamlnet.catalog.entry import Call
from yamlnet.catalog.own import names_a_file
from yamlnet.data.downloads import reason
from yamlnet.diagnostics import YamlnetError

SPLITS: Mapping[str, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("validation", "val", "valid", "dev"),
    "test": ("test",),
}
"""What splits may be called, by the part that each is."""

FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".arrow": "arrow",
}
"""What `datasets` calls the format of a file, by how its name ends."""

NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
"""What sets of the hub are called; `datasets` would also take addresses, and folders of its own choice."""

WITHOUT_SCRIPTS = 4
"""The first release of `datasets` that runs no code of a data set."""


@dataclass(frozen=True)
class Loaded:
    """The splits by the part that each is, and what to say of others."""

    parts: Mapping[str, Any]
    notes: tuple[str, ...]


def load(call: Call) -> Loaded:
    """Loads a folder that `save_to_disk` wrote, files of data, or a set of the hub, which it downloads.

    No code of a data set is run.

    Raises:
        YamlnetError: it can't be loaded, has no split to train on, or the package isn't there.
    """
    datasets = _imported()
    arguments = call.with_defaults()
    path = arguments["path"]
    try:
        found = _load(datasets, path, arguments)
    except YamlnetError:
        raise
    except Exception as error:  # what it raises depends on the format, the hub and the network
        raise _unloadable(path, error) from error
    return _parts(path, found) if isinstance(found, Mapping) else Loaded({"train": found}, ())


def _imported() -> ModuleType:
    try:
        datasets = import_module("datasets")
    except ImportError:
        message = "a `HuggingFace` data set needs the package datasets"
        raise YamlnetError(message, help="`pip install 'yamlnet[huggingface]'`") from None
    if int(datasets.__version__.split(".")[0]) < WITHOUT_SCRIPTS:
        message = f"datasets {datasets.__version__} may run code that comes with a data set"
        raise YamlnetError(message, help=f"`pip install 'datasets>={WITHOUT_SCRIPTS}'`")
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    return datasets


def _load(datasets: ModuleType, path: str, arguments: Mapping[str, Any]) -> Any:
    file, split = Path(path), arguments["split"]
    if any((file / name).is_file() for name in ("dataset_dict.json", "state.json")):
        found = datasets.load_from_disk(path)
        return found if split is None else _split_of(path, found, split)
    if names_a_file(path) and not file.exists():
        raise YamlnetError(f"no file or folder `{path}`")
    if file.is_file():
        if file.suffix not in FORMATS:
            known = ", ".join(FORMATS)
            raise YamlnetError(f"can't load `{path}`: its name ends in none of {known}")
        return datasets.load_dataset(FORMATS[file.suffix], data_files=path, split=split)
    if not file.is_absolute() and (file.exists() or not NAME.fullmatch(path)):
        message = f"`{path}` is neither a set of the hub nor a path in the file's folder"
        raise YamlnetError(message, help="a set of the hub is `NAME` or `OWNER/NAME`")
    return datasets.load_dataset(path, arguments["name"], split=split, revision=arguments["revision"])


def _split_of(path: str, found: Any, split: str) -> Any:
    """A split of a saved folder; slices are for what `datasets` loads itself."""
    if not isinstance(found, Mapping) or split not in found:
        has = ", ".join(f"`{name}`" for name in found) if isinstance(found, Mapping) else "no splits"
        raise YamlnetError(f"`{path}` has no split `{split}`", help=f"it has {has}")
    return found[split]


def _parts(path: str, found: Mapping[str, Any]) -> Loaded:
    """The parts by our names; a set with a single split is trained on, whatever that is called."""
    if len(found) == 1:
        return Loaded({"train": next(iter(found.values()))}, ())
    parts = {
        part: next(found[name] for name in names if name in found)
        for part, names in SPLITS.items()
        if any(name in found for name in names)
    }
    if "train" not in parts:
        listed = ", ".join(f"`{name}`" for name in found)
        message = f"`{path}` has no split `train`, but {listed}"
        raise YamlnetError(message, help="`split` of `HuggingFace` chooses the one to train on")
    used = [id(part) for part in parts.values()]
    others = [name for name, split in found.items() if id(split) not in used]
    listed = ", ".join(f"`{name}`" for name in others)
    return Loaded(parts, (f"splits of `{path}` that aren't used: {listed}",) if others else ())


def _unloadable(path: str, error: Exception) -> YamlnetError:
    if Path(path).exists():
        return YamlnetError(f"can't load `{path}`: {reason(error)}")
    return YamlnetError(
        f"can't load `{path}` from https://huggingface.co/datasets/{path}: {reason(error)}",
        help="a set of the hub needs the network once; `path` may name a folder or file of this machine too",
    )
