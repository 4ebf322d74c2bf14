"""Nothing in; torchvision out, also where it was built for another torch than the one that is installed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType

from yamlnet.diagnostics import YamlnetError


def import_torchvision() -> ModuleType:
    """The package `torchvision`.

    A torchvision built for CUDA can't load its compiled operators beside a CPU build of torch, and then
    fails to import, because it describes two of them to torch's tracing. Neither data sets nor
    transforms nor classification models use them: declared without an implementation they let the
    import through, and fail when called. A sound torchvision is left alone.

    Raises:
        YamlnetError: torchvision isn't installed, or can't be imported for another reason.
    """
    try:
        return import_module("torchvision")
    except ImportError as error:
        raise _unusable(error) from error
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise _unusable(error) from error
    _declare_missing_operators()
    try:
        return import_module("torchvision")
    except (ImportError, RuntimeError) as error:
        raise _unusable(error) from error


@cache
def _declare_missing_operators() -> object:
    """The library that holds the declarations, cached because they go when it does."""
    library = import_module("torch.library").Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def _unusable(error: Exception) -> YamlnetError:
    if isinstance(error, ModuleNotFoundError) and error.name == "torchvision":
        return YamlnetError("torchvision isn't installed", help="`pip install torchvision`")
    reason = str(error).strip().split("\n")[0]
    return YamlnetError(
        f"torchvision can't be imported: {reason}",
        help="install the torchvision release that belongs to the installed torch",
    )
