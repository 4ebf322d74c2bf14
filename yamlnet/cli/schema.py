"""`yamlnet schema`: the JSON Schema of experiments' files, for editors and schema checkers."""

from __future__ import annotations

from yamlnet.cli import output


def schema() -> int:
    """Print the JSON Schema of a file, from which editors complete and check what is written."""
    from yamlnet.language.schema import document

    output.write(document.text())
    return 0
