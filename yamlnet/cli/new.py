"""`yamlnet new [TEMPLATE]`: a commented file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from yamlnet import disk
from yamlnet.cli import output
from yamlnet.diagnostics import YamlnetError, did_you_mean

FOLDER = Path(__file__).parent.parent / "templates"
SCHEMA = "yamlnet.schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA}\n"
"""The first line of a new file: where editors with the YAML language server find its schema."""

Template = Annotated[
    str | None, typer.Argument(metavar="TEMPLATE", help="Left out, the templates are listed.")
]


def new(
    template: Template = None,
    to: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it, if not here.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help=f"Write {SCHEMA} beside FILE too, for the editor.")
    ] = False,
) -> int:
    """Write a commented file to start from; without a name, list the templates."""
    if template is None:
        if to is not None or schema:
            raise YamlnetError("`--output` and `--schema` go with TEMPLATE", exit_code=2)
        output.write(_listed())
        return 0
    text = MODELINE + _read(template)
    if to is None:
        if schema:
            raise YamlnetError("`--schema` needs `--output FILE`", f"yamlnet schema > {SCHEMA}", exit_code=2)
        output.write(text)
        return 0
    _write(Path(to), text)
    if schema:
        from yamlnet.language.schema import document

        disk.write(Path(to).with_name(SCHEMA), document.text().encode())
    return 0


def names() -> list[str]:
    """The templates, sorted."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def _listed() -> str:
    """A line for each template: its name and its first comment."""
    width = max(map(len, names()))
    return "\n".join(f"{name:<{width}}  {_read(name).splitlines()[0].strip('# .')}" for name in names())


def _read(template: str) -> str:
    if template not in names():
        help, _ = did_you_mean(template, names())
        raise YamlnetError(f"there is no template `{template}`", help, exit_code=2)
    return (FOLDER / f"{template}.yaml").read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    try:
        disk.write_new(path, text.encode())
    except FileExistsError:
        raise YamlnetError(f"`{path}` is there already", "nothing was written", exit_code=2) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise YamlnetError(f"can't write `{path}`: {reason}", exit_code=2) from None
