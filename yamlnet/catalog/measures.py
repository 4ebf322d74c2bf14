"""Nothing in; the package torchmetrics out, which takes seconds to import and not every experiment needs."""

from __future__ import annotations

import warnings
from importlib import import_module
from types import ModuleType

from yamlnet.catalog.vision import import_torchvision
from yamlnet.diagnostics import YamlnetError


def import_torchmetrics() -> ModuleType:
    """The package `torchmetrics`, which imports torchvision on its way.

    Raises:
        YamlnetError: it isn't installed, or can't be imported.
    """
    import_torchvision()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module("torchmetrics")
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "torchmetrics":
            help = "`pip install 'yamlnet[metrics]'`"
            raise YamlnetError("torchmetrics isn't installed", help, exit_code=1) from error
        reason = str(error).strip().split("\n")[0]
        raise YamlnetError(f"torchmetrics can't be imported: {reason}") from error
