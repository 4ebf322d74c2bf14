"""One YAML file declares an experiment; these functions check it, build it, show it, train it and load it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yamlnet.api import build, check, load, summary, train
    from yamlnet.diagnostics import ConfigError, Diagnostic, RunError, YamlnetError

__version__ = "0.1.0"
__all__ = [
    "ConfigError",
    "Diagnostic",
    "RunError",
    "YamlnetError",
    "build",
    "check",
    "load",
    "summary",
    "train",
]


def __getattr__(name: str) -> Any:
    """Loads the public names when they are first asked for, so that importing yamlnet costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'yamlnet' has no attribute '{name}'")
    from importlib import import_module

    home = "yamlnet.diagnostics" if name[0].isupper() else "yamlnet.api"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
