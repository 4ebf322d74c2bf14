"""What makes a data set of torchvision in; the data set, downloaded where it must be, out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import BaseHandler, Request, build_opener, install_opener

from yamlnet.diagnostics import YamlnetError


def made(name: str, make: Callable[..., Any], root: Path, download: bool, otherwise: str = "") -> Any:
    """The data set that `make(download=...)` makes: of what is in `root`, else of what it downloads there.

    torchvision checks its own checksums. `otherwise` tells how the files can get there without a network.

    Raises:
        YamlnetError: it isn't there and can't or may not be downloaded, or what was downloaded is damaged.
    """
    try:
        return make(download=False)
    except Exception as error:  # what torchvision raises for missing or damaged files depends on the set
        _refuse_missing_package(name, error)
        if not download:
            message = f"`{name}` isn't in `{root}`, or not all of it"
            raise YamlnetError(message, help=f"`download: true` downloads it{otherwise}") from error
    asked: list[str] = []
    try:
        with _noting(asked), redirect_stdout(sys.stderr):
            return make(download=True)
    except Exception as error:
        _refuse_missing_package(name, error)
        source = f" from {asked[-1]}" if asked else ""
        raise YamlnetError(
            f"can't download `{name}`{source} to `{root}`: {reason(error)}",
            help=f"once it is in `{root}`, no network is needed{otherwise}",
        ) from error


def reason(error: BaseException) -> str:
    """The last line of what an exception says."""
    if isinstance(error, URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason or error)
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()


def _refuse_missing_package(name: str, error: Exception) -> None:
    """The packages that a set needs beside torchvision."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        message = f"reading `{name}` needs the package {package}"
        raise YamlnetError(message, help=f"`pip install {package}`") from error
    if "pip install" in str(error) or "is required" in str(error):
        raise YamlnetError(f"can't read `{name}`: {reason(error)}") from error


class _Noting(BaseHandler):
    """Notes the address of every request, and leaves it to others."""

    handler_order = 0

    def __init__(self, asked: list[str]) -> None:
        self.asked = asked

    def http_request(self, request: Request) -> Request:
        self.asked.append(request.full_url)
        return request

    https_request = http_request


@contextmanager
def _noting(asked: list[str]) -> Iterator[None]:
    """Notes what addresses urllib is asked for."""
    install_opener(build_opener(_Noting(asked)))
    try:
        yield
    finally:
        install_opener(build_opener())
