"""A torchvision model's builder and arguments -> the model, with weights or without downloading them."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from torch import hub, nn

from yamlnet.catalog.builders import ask, class_of
from yamlnet.catalog.vision import import_torchvision
from yamlnet.diagnostics import YamlnetError

AUXILIARY = ("aux1", "aux2", "AuxLogits")
"""The heads of GoogLeNet and Inception v3 that would make their output a tuple, but in training only."""


def is_model(target: str) -> bool:
    """Whether a target of the catalogue builds a whole model."""
    return target.startswith("torchvision.models.")


def with_weights(builder: Callable[..., nn.Module], said: Mapping[str, Any]) -> nn.Module:
    """The model with torchvision's first weights, or those that `weights` names, downloaded on first use.

    Raises:
        YamlnetError: the weights can't be downloaded, or don't fit the other arguments.
    """
    try:
        _require_sound(builder, said.get("weights"))
        with _tensors_alone():
            return _without_auxiliary(builder(**said, progress=sys.stderr.isatty()))
    except Exception as error:  # whatever a download and torch's reading of it raise
        if said.get("weights") is None:
            raise
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise YamlnetError(
            f"can't load the weights `{said['weights']}` of `torchvision.{builder.__name__}`: {reason}",
            help="`weights: null` starts from random ones; TORCH_HOME is the folder that keeps downloads",
        ) from error


def _require_sound(builder: Callable[..., nn.Module], name: str | None) -> None:
    """Raises ValueError where the file that an earlier download left isn't the one that its name promises."""
    if name is None:
        return
    url = import_torchvision().models.get_model_weights(builder)[name].url
    file = Path(hub.get_dir(), "checkpoints", Path(urlparse(url).path).name)
    promised = hub.HASH_REGEX.search(file.name)
    if promised is None or not file.exists():
        return
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if not digest.startswith(promised[1]):
        raise ValueError(f"`{file}` is damaged: delete it, and it is downloaded anew")


@contextmanager
def _tensors_alone() -> Iterator[None]:
    """Has torch read what torchvision downloads as tensors alone, which torchvision doesn't ask for."""
    names = ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ[names[0]] = "1"
    try:
        yield
    finally:
        del os.environ[names[0]]
        os.environ.update(before)


def without_weights(builder: Callable[..., nn.Module], said: Mapping[str, Any]) -> nn.Module:
    """The model as its weights want it, but never downloading them."""
    return _without_auxiliary(class_of(builder)(**ask(builder, said)))


def _without_auxiliary(model: nn.Module) -> nn.Module:
    """The model without its auxiliary heads, as torchvision takes them off itself."""
    if getattr(model, "aux_logits", False):
        model.aux_logits = False  # type: ignore[assignment]
        for name in AUXILIARY:
            if hasattr(model, name):
                setattr(model, name, None)
    return model
