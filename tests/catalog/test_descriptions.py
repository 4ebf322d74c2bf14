"""What torch's documentation says of parameters: stored as it is, in one line each."""

from __future__ import annotations

import pytest

from yamlnet.catalog import descriptions, vision_signatures
from yamlnet.catalog.docstrings import arguments
from yamlnet.catalog.entry import KINDS
from yamlnet.catalog.lookup import find, names
from yamlnet.catalog.signatures import entries

ALL = [entry for kind in KINDS for name in names(kind) if (entry := find(name, kind))]


def test_stored_descriptions_are_up_to_date() -> None:
    found = descriptions.collect((*entries(), *vision_signatures.entries()))
    assert descriptions.dump(found) == descriptions.FILE.read_text(encoding="utf-8"), (
        "`make catalog` writes it"
    )


def test_descriptions_are_one_line_of_plain_text() -> None:
    for entry in ALL:
        for name in entry.options:
            said = descriptions.description(entry, name)
            assert not set("\n`\\") & set(said), (entry.name, name, said)
            assert not said.endswith((".", ":", ",", " ")), (entry.name, name, said)


@pytest.mark.parametrize(
    ("kind", "least"), [("loss", 0.9), ("optimizer", 0.9), ("scheduler", 0.9), ("init", 0.9)]
)
def test_most_parameters_are_described(kind: str, least: float) -> None:
    of_kind = [entry for entry in ALL if entry.kind == kind]
    known = [bool(descriptions.description(entry, name)) for entry in of_kind for name in entry.options]
    assert sum(known) >= least * len(known)


def test_arguments_of_a_docstring() -> None:
    doc = """Does it.

    Args:
        size (int or Tuple[int, int]): Size of the :class:`~torch.nn.Kernel`. More of it.
        a, b (float, optional): two numbers that go on
            in the next line (default: (0.9, 0.999))
        later (bool):
            said below. Default: ``True``
        silent: Default: 3

    Keyword args:
        out: where it goes

    Shape:
        input: nothing of this
    """
    assert arguments(doc) == {
        "size": "Size of the Kernel",
        "a": "two numbers that go on in the next line",
        "b": "two numbers that go on in the next line",
        "later": "said below",
        "out": "where it goes",
    }
    assert arguments(None) == {}
