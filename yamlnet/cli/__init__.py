"""The commands: each parses its words, calls one function, prints, and gives an exit code."""

from __future__ import annotations

import gc
import os
from typing import NoReturn

from yamlnet.diagnostics import YamlnetError


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits: with the command's code, or with what an error says.

    0 fine, 1 mistakes in the file, 2 wrong command line, 3 a failure while running, 4 an expectation not
    met, 130 interrupted, 143 terminated, 70 a bug in yamlnet.
    """
    from yamlnet.cli.output import prepare
    from yamlnet.cli.signals import Terminated, answered, ignore

    _quicken()
    prepare()
    try:
        with answered():
            code = _ended(arguments)
    except KeyboardInterrupt:
        code = _asked("interrupted", 130)
    except Terminated:
        code = _asked("terminated", 143)
    if arguments is None:
        ignore()  # all is done: taking the process down takes a while
    gc.freeze()  # or the interpreter would look for garbage among all that is left, for a fifth of a second
    raise SystemExit(code)


def _ended(arguments: list[str] | None) -> int:
    """The exit code of a command, once what went wrong is said."""
    from typer import Abort

    from yamlnet.cli.commands import app
    from yamlnet.cli.output import complain, note_bug

    try:
        _require_folder()
        code = app(arguments, prog_name="yamlnet", standalone_mode=False)
        if code == 130:  # typer's word for a KeyboardInterrupt that it caught
            raise KeyboardInterrupt
        return code or 0
    except YamlnetError as error:
        if not _is_said(error):
            complain(error)
        return error.exit_code
    except Abort:
        raise KeyboardInterrupt from None
    except SystemExit:  # typer's word for a reader of its help that went away
        return 0
    except (OSError, MemoryError) as error:
        complain(_outside(error))
        return 3
    except Exception as error:
        usage = _usage(error)
        if usage is not None:
            return usage
        note_bug()
        return 70


def _asked(word: str, code: int) -> int:
    """The exit code of a command that a signal ended: perhaps because another process had ended before."""
    from yamlnet import launch
    from yamlnet.cli.output import complain, tell

    if launch.count() > 1:
        from yamlnet.training import processes

        loss = processes.loss()
        if loss is not None:
            if not _is_said(loss):
                complain(loss)
            return loss.exit_code
    if launch.is_first():
        tell(word)
    return code


def _is_said(error: YamlnetError) -> bool:
    """Whether another of several processes tells of an error."""
    from yamlnet import launch

    if launch.count() == 1:
        return False
    from yamlnet.training import processes

    return processes.is_said(error)


def _require_folder() -> None:
    """What a command loads looks there, and some of it ends the process where there is nothing."""
    try:
        os.getcwd()
    except OSError:
        raise YamlnetError("the working directory isn't there any more") from None


def _outside(error: OSError | MemoryError) -> YamlnetError:
    """What the machine refuses, where nothing nearer to it has said so."""
    if isinstance(error, MemoryError):
        return YamlnetError("out of memory")
    path = f" (`{error.filename}`)" if isinstance(error.filename, str) else ""
    return YamlnetError(f"the system refuses: {error.strerror or error}{path}")


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
    from yamlnet.language.render import printable

    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if not callable(show) or not isinstance(code, int):
        return None
    for name in ("message", "option_name"):  # what was typed is shown
        said = getattr(error, name, None)
        if isinstance(said, str):
            setattr(error, name, printable(said))
    show()
    return code
