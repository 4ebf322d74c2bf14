"""The words of `--allow` in; which packages' code an experiment's dotted paths may run out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yamlnet.diagnostics import YamlnetError, nearest

CATALOGUED = ("torch", "torchvision", "nn", "F")
"""How the paths begin that PyTorch users write for what the catalogue has by its bare name."""


@dataclass(frozen=True)
class Allowed:
    """The packages whose code may run: none but those that the person who runs yamlnet names."""

    packages: tuple[str, ...] = ()

    def covers(self, path: str) -> bool:
        """Whether a dotted path is one of the packages, or leads into one."""
        return any(path == package or path.startswith(f"{package}.") for package in self.packages)


NOTHING = Allowed()


def allowed(packages: Sequence[str]) -> Allowed:
    """The packages, one text for each.

    Raises:
        YamlnetError (exit 2): a text is no name of a package.
    """
    names = [packages] if isinstance(packages, str) else list(packages)
    for name in names:
        if not is_dotted(name) or name.endswith(".py"):
            raise _no_package(name)
    return Allowed(tuple(names))


def is_dotted(text: str) -> bool:
    """Whether a text is a name of Python, or several with dots between."""
    return all(part.isidentifier() for part in text.split("."))


def is_foreign(name: str, allow: Allowed) -> bool:
    """Whether a name that the catalogue doesn't have leads into a package of one's own.

    `torch.nn.Conv2d` and `torchvison.resnet18` are rather names of the catalogue, written wrongly.
    """
    first, dot, _ = name.partition(".")
    if not dot or not is_dotted(name):
        return False
    return allow.covers(name) or not (first in CATALOGUED or nearest(first, ["torchvision"]))


def _no_package(name: str) -> YamlnetError:
    module = name.removesuffix(".py").strip("./").replace("/", ".")
    fits = module != name and module and is_dotted(module)
    example = module if fits else "my_pkg"
    return YamlnetError(
        f"`--allow {name}` names no package",
        f"a package or module as Python imports it: --allow {example}",
        2,
    )
