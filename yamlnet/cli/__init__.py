"""The commands: each parses its words, calls one function, prints, and gives an exit code."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

from yamlnet.diagnostics import ConfigError, YamlnetError


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits: with the command's code, or with what an error says.

    0 fine, 1 mistakes in the file, 2 wrong command line, 3 a failure while running, 4 an expectation not
    met, 130 interrupted, 143 terminated, 70 a bug in yamlnet.
    """
    _quicken()
    from typer import Abort

    from yamlnet.cli.commands import app
    from yamlnet.cli.output import complain, note_bug

    try:
        code = app(arguments, prog_name="yamlnet", standalone_mode=False)
        if code == 130:  # typer's word for a KeyboardInterrupt that it caught
            raise KeyboardInterrupt
    except ConfigError as error:
        complain(error)
        code = error.exit_code
    except YamlnetError as error:
        complain(error)
        code = error.exit_code
    except (KeyboardInterrupt, Abort):
        sys.stderr.write("interrupted\n")
        code = 130
    except Exception as error:
        code = _usage(error)
        if code is None:
            note_bug()
            code = 70
    gc.freeze()  # or the interpreter would look for garbage among all that is left, for a fifth of a second
    raise SystemExit(code or 0)


def _quicken() -> None:
    """Spares the start a tenth of a second.

    Imports make a million objects that stay, among which a collector looks for garbage in vain; pydantic
    would look for plugins in every installed package.
    """
    gc.set_threshold(50_000, 20, 100)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _usage(error: Exception) -> int | None:
    """The exit code of a wrong command line, shown as typer shows it; None for any other exception.

    Typer has click's exceptions under one name or another, depending on its release: they are known by
    what they can do.
    """
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if not callable(show) or not isinstance(code, int):
        return None
    show()
    return code
