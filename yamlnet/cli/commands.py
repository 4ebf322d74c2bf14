"""The list of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from yamlnet.cli.check import check
from yamlnet.cli.config import config
from yamlnet.cli.evaluate import evaluate
from yamlnet.cli.explain import explain
from yamlnet.cli.list import list_names
from yamlnet.cli.new import new
from yamlnet.cli.predict import predict
from yamlnet.cli.reproduce import reproduce
from yamlnet.cli.schema import schema
from yamlnet.cli.summary import summary
from yamlnet.cli.train import train

app = typer.Typer(
    help="One YAML file declares an experiment: check it, look at it, train it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from yamlnet import __version__
        from yamlnet.cli.output import write

        write(f"yamlnet {__version__}")
        raise typer.Exit


@app.callback()
def yamlnet(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One YAML file declares an experiment: check it, look at it, train it."""


app.command("train")(train)
app.command("check")(check)
app.command("summary")(summary)
app.command("config")(config)
app.command("evaluate")(evaluate)
app.command("predict")(predict)
app.command("reproduce")(reproduce)
app.command("list")(list_names)
app.command("explain")(explain)
app.command("schema")(schema)
app.command("new")(new)
