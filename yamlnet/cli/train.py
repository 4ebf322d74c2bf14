"""`yamlnet train FILE`: checks, builds, trains, evaluates, and judges what the file expects."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yamlnet import launch
from yamlnet.cli import output
from yamlnet.cli.options import Allow, DataRoot, Format, FormatOption, Quiet, Set
from yamlnet.diagnostics import YamlnetError

if TYPE_CHECKING:
    from yamlnet.training.observer import Observer
    from yamlnet.training.verdict import Result

FileOrNone = Annotated[
    str | None, typer.Argument(metavar="FILE", help="An experiment's YAML file; `-` is standard input.")
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE", help="auto, cpu, cuda, cuda:1 or mps: short for --set train.device=DEVICE."
    ),
]
Runs = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where runs are written, if not in `runs`.")
]
Resume = Annotated[Path | None, typer.Option(metavar="RUN", help="Go on where this run stopped.")]
AllowEnvironment = Annotated[
    bool,
    typer.Option("--allow-environment", help="Resume where versions, machine or flags aren't the run's."),
]
AllowData = Annotated[
    bool, typer.Option("--allow-data", help="Resume where the data aren't what they were at the start.")
]
Profiled = Annotated[
    bool, typer.Option("--profile", help="Write a trace of some steps, and print where their time goes.")
]


def train(
    file: FileOrNone = None,
    set: Set = None,
    allow: Allow = None,
    data_root: DataRoot = None,
    device: Device = None,
    runs: Runs = None,
    resume: Resume = None,
    allow_environment: AllowEnvironment = False,
    allow_data: AllowData = False,
    profile: Profiled = False,
    format: FormatOption = Format.text,
    quiet: Quiet = False,
) -> int:
    """Train an experiment and judge its result; exit 4 when an expectation isn't met."""
    from yamlnet import pipeline, resuming, starting
    from yamlnet.catalog.allowed import allowed
    from yamlnet.language import files

    of_file = {"--runs": runs is not None, "--profile": profile}
    of_run = {"--allow-environment": allow_environment, "--allow-data": allow_data}
    _refuse_mixtures(file, resume, of_file, of_run)
    if launch.count() > 1:  # they meet before anything can go wrong, so that one of them tells of it
        from yamlnet.training.processes import joined

        quiet = quiet or not joined().first
    permitted = allowed(allow or [])
    options = [*(set or []), *([] if device is None else [f"train.device={device}"])]
    if resume is not None:
        from yamlnet.training.continuation import Permits

        permits = Permits(allow_environment, allow_data)
        with observer(quiet) as watching:
            result = resuming.resume(resume, options, watching, permitted, permits, data_root)
    else:
        assert file is not None
        examined = pipeline.examine(files.named(file, data_root), options, to_train=True, allow=permitted)
        if not quiet and not examined.wrong:
            output.diagnostics(examined.diagnostics, examined.checked.texts(), sys.stderr)
        examined.raise_if_wrong()
        with observer(quiet) as watching:
            result = starting.start(examined, Path("runs") if runs is None else runs, watching, profile)
    if not launch.is_first():
        return result.exit_code
    from yamlnet.training import run

    folder = run.load(result.path)
    if format is Format.json:
        profiled = {"profile": folder.profile} if profile else {}
        output.write(json.dumps({"run": str(result.path), **(folder.result or {}), **profiled}, indent=2))
    elif not quiet:
        output.write(_text(result))
        if profile:
            from yamlnet.cli.profile import as_text

            output.write("\n" + as_text(folder.profile, result.path))
    return result.exit_code


def _refuse_mixtures(
    file: str | None, resume: Path | None, of_file: Mapping[str, bool], of_run: Mapping[str, bool]
) -> None:
    """Raises YamlnetError for options that don't go together: those of a FILE, and those of a RUN."""
    if (file is None) == (resume is None):
        raise YamlnetError("`yamlnet train` takes either FILE or --resume RUN", exit_code=2)
    others, with_others = (of_run, "--resume RUN") if resume is None else (of_file, "FILE")
    for option, is_said in others.items():
        if is_said:
            raise YamlnetError(f"`{option}` goes with {with_others}", exit_code=2)
    if of_file["--profile"] and launch.count() > 1:
        raise YamlnetError("`--profile` is for one process", exit_code=2)


@contextmanager
def observer(quiet: bool) -> Iterator[Observer]:
    """What shows the training: nothing, a bar on a terminal, or lines elsewhere."""
    if quiet or not launch.is_first():
        from yamlnet.training.observer import Silent

        yield Silent()
    elif sys.stderr.isatty():
        from yamlnet.cli.progress import Bar

        with Bar() as bar:
            yield bar
    else:
        from yamlnet.cli.lines import Lines

        yield Lines()


def _text(result: Result) -> str:
    """The figures of a result, and the verdict on each expectation."""
    lines = [str(result.path)]
    width = max(len(name) for name in (*result.metrics, *(v.key for v in result.verdicts)))
    lines += [f"  {name:<{width}}  {figure(value)}" for name, value in result.metrics.items()]
    if result.verdicts:
        met = sum(verdict.holds for verdict in result.verdicts)
        lines += ["", f"expectations: {met} of {len(result.verdicts)} met"]
        for verdict in result.verdicts:
            value = "unknown" if verdict.value is None else figure(verdict.value)
            mark = "ok    " if verdict.holds else "FAILED"
            lines.append(f"  {mark}  {verdict.key} {verdict.rule}  (is {value})")
    return "\n".join(lines)


def figure(value: float) -> str:
    """A number as a person reads it: counts with commas, others to four digits."""
    if float(value).is_integer() and abs(value) >= 10:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
