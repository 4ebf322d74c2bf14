"""A call of a transform in; torchvision's object for it, as a step for one image after another, out."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from yamlnet.catalog import types
from yamlnet.catalog.entry import Call
from yamlnet.catalog.vision import import_torchvision
from yamlnet.data.steps import Draws, Images, together
from yamlnet.diagnostics import YamlnetError


def make(call: Call) -> Any:
    """torchvision's transform.

    Raises:
        YamlnetError: torchvision can't be imported, or refuses an argument.
    """
    import_torchvision()
    v2 = import_module("torchvision.transforms.v2")
    parameters = call.entry.parameters
    arguments = {name: types.to_python(parameters[name].type, v) for name, v in call.with_defaults().items()}
    if "transforms" in arguments:
        arguments["transforms"] = [make(inner) for inner in call.arguments["transforms"]]
    if call.name == "AutoAugment":
        arguments["policy"] = v2.AutoAugmentPolicy(arguments["policy"])
    try:
        return getattr(v2, call.name)(**arguments)
    except (TypeError, ValueError) as error:
        words = str(error).split("\n")[0].rstrip(".")
        raise YamlnetError(f"torchvision's `{call.name}` refuses this: {words}", exit_code=1) from error


@dataclass(frozen=True)
class Drawn:
    """A transform that draws from torch's own generator: for each image it begins at the image's key.

    Afterwards the generator goes on as if nothing had been drawn. `name` is the transform's in messages.
    """

    name: str
    transform: Any

    def __call__(self, images: Images, draws: Draws) -> Images:
        """The images, on the CPU, one after another; a batch again where all come out in one size."""
        (keys,) = draws
        generator = torch.default_generator
        before = generator.get_state()
        results = []
        try:
            for image, key in zip(images, keys.tolist(), strict=True):
                generator.manual_seed(key)
                results.append(self._changed(image))
        finally:
            generator.set_state(before)
        return together(results)

    def _changed(self, image: Tensor) -> Tensor:
        try:
            changed: Tensor = self.transform(image)
        except Exception as error:  # kernels raise what they like for an image that they can't take
            words = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
            if "image extension" in words:
                words = "torchvision's image extension was built for another release of torch"
            raise YamlnetError(
                f"`{self.name}` can't be done to an image in {list(image.shape)}: {words}"
            ) from error
        return changed
