"""A training that ends with an error in; its one line in the run's folder out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from yamlnet.diagnostics import YamlnetError
from yamlnet.training.failure import words
from yamlnet.training.interrupt import Interrupted
from yamlnet.training.run import Run


@contextmanager
def failure_noted(run: Run) -> Iterator[None]:
    """Leaves the line of a failure within it in the run's folder."""
    try:
        yield
    except Interrupted as error:
        with suppress(YamlnetError):
            run.log(error.message)
        raise
    except YamlnetError as error:
        note_failure(run, error.message, error.exit_code)
        raise
    except RuntimeError as error:
        said = words(error)
        note_failure(run, said)
        raise YamlnetError(f"PyTorch can't go on: {said}") from error


def note_failure(run: Run, message: str, exit_code: int = 3) -> None:
    """Leaves a failure's one line in the run's folder, as far as the disk still takes it."""
    with suppress(YamlnetError):
        run.log(message)
        run.write_result({"metrics": {}, "expect": [], "exit_code": exit_code, "error": message})
