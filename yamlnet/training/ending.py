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
    """Leaves a failure's one line in the run's folder, as far as the disk still takes it."""
    try:
        yield
    except YamlnetError as error:
        with suppress(YamlnetError):
            run.log(error.message)
            if not isinstance(error, Interrupted):
                run.write_result(
                    {"metrics": {}, "expect": [], "exit_code": error.exit_code, "error": error.message}
                )
        raise
    except RuntimeError as error:
        said = words(error)
        with suppress(YamlnetError):
            run.log(said)
            run.write_result({"metrics": {}, "expect": [], "exit_code": 3, "error": said})
        raise YamlnetError(f"PyTorch can't go on: {said}") from error
