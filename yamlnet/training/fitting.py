"""What a checkpoint says, and what it is for, in; ValueError where the one can't be the other's state out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from yamlnet.training.loop import Position
from yamlnet.training.standing import Standing


def check_alike(fresh: Any, saved: Any, where: str) -> None:
    """Holds a value from JSON against the fresh one of its place: the same keys, lengths and types.

    None stands for a value that isn't there yet, or no more.
    """
    if fresh is None or saved is None:
        return
    if isinstance(fresh, Mapping):
        if not isinstance(saved, Mapping) or {*map(str, fresh)} != saved.keys():
            raise ValueError(f"`{where}` has other keys")
        for key, value in fresh.items():
            check_alike(value, saved[str(key)], f"{where}.{key}")
    elif isinstance(fresh, list | tuple):
        if not isinstance(saved, list) or len(saved) != len(fresh):
            raise ValueError(f"`{where}` has another length")
        for index, value in enumerate(fresh):
            check_alike(value, saved[index], f"{where}.{index}")
    elif not _is_alike(fresh, saved):
        raise ValueError(f"`{where}` is {str(saved)[:50]!r}")


def _is_alike(fresh: Any, saved: Any) -> bool:
    if isinstance(fresh, bool) or isinstance(saved, bool):
        return type(fresh) is type(saved)
    numbers = (int, float, Tensor)
    return isinstance(saved, numbers) if isinstance(fresh, numbers) else isinstance(saved, type(fresh))


def check_equal(fresh: Tensor, saved: Tensor, name: str) -> Tensor:
    """The saved tensor, where it has the fresh one's shape and dtype."""
    if saved.shape != fresh.shape or saved.dtype != fresh.dtype:
        raise ValueError(f"`{name}` is {list(saved.shape)} of {saved.dtype}, not {list(fresh.shape)}")
    return saved


def check_slot(name: str, saved: Tensor, parameter: nn.Parameter, num_trained: int) -> None:
    """Holds a tensor that an optimizer keeps for a parameter against its shape.

    It has the parameter's axes, each whole or 1 (`Adafactor`), or is one number; `LBFGS` keeps lists and
    vectors over all `num_trained` numbers.
    """
    shape, own = tuple(saved.shape), tuple(parameter.shape)
    parts = len(shape) == len(own) and all(size in (1, whole) for size, whole in zip(shape, own, strict=True))
    vectors = len(shape) == 1 or (len(shape) == 2 and shape[1] == num_trained)
    if not (parts or vectors or saved.numel() == 1):
        raise ValueError(f"`{name}` is {list(shape)}, and the parameter {list(own)}")
    if saved.dtype.is_complex and not parameter.is_complex():
        raise ValueError(f"`{name}` is {saved.dtype}")


def position(numbers: Mapping[str, Any]) -> Position:
    """Where a training is."""
    given, fresh = numbers["position"], Position()
    check_alike(asdict(fresh), given, "position")
    if any(given[key] is None or given[key] < 0 for key in asdict(fresh)):
        raise ValueError("`position` has a number below 0")
    if any(type(value) is int and type(given[key]) is not int for key, value in asdict(fresh).items()):
        raise ValueError("`position` has no whole numbers")
    num_batches = numbers["num_batches"]
    if type(num_batches) is not int or given["batch"] > num_batches:
        raise ValueError(f"`position.batch` is {given['batch']} of {num_batches!s:.20}")
    return Position(**given)


def standing(numbers: Mapping[str, Any]) -> Standing:
    """How a training stands."""
    given = numbers["standing"]
    check_alike({**asdict(Standing()), "figures": None}, given, "standing")
    whole = [given["settled"], given["waited"]]
    best = given["best"]
    if best is not None:
        check_alike(
            {"step": 0, "epoch": 0, "metric": "", "value": 0.0, "figures": None}, best, "standing.best"
        )
        whole += [best["step"], best["epoch"]]
        _check_figures(best["figures"])
    if any(type(value) is not int or value < 0 for value in whole) or type(given["stopped"]) is not bool:
        raise ValueError("`standing` has no whole numbers")
    if not isinstance(given["stop_value"], int | float | None):
        raise ValueError("`standing.stop_value` is no number")
    _check_figures(given["figures"])
    return Standing(**given)


def num_bytes_recorded(numbers: Mapping[str, Any]) -> dict[str, int]:
    """How long the files of records were."""
    given = numbers["num_bytes_recorded"]
    if not isinstance(given, dict) or any(type(size) is not int or size < 0 for size in given.values()):
        raise ValueError("`num_bytes_recorded` has no sizes")
    return given


def _check_figures(figures: Any) -> None:
    if not isinstance(figures, dict) or any(not isinstance(v, int | float) for v in figures.values()):
        raise ValueError("`standing.figures` has no numbers")


def sizes(parameters: Sequence[Tensor]) -> int:
    """How many numbers there are in all of them."""
    return sum(torch.numel(parameter) for parameter in parameters)
