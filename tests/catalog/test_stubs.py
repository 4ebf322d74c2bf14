"""What is read from the text of sources and stubs: annotations, overloads, docstrings."""

from __future__ import annotations

from pathlib import Path

import pytest

from yamlnet.catalog.annotations import role_of, type_of, with_axes
from yamlnet.catalog.docstrings import summary
from yamlnet.catalog.entry import REQUIRED
from yamlnet.catalog.stubs import Stubs, read


@pytest.mark.parametrize(
    ("annotation", "expression"),
    [
        ("int", "int"),
        ("Union[int, tuple[int, int]]", "int | tuple[int, int]"),
        ("Union[int, NoneType, tuple[int | None, ...]]", "int | tuple[int | none, ...] | none"),
        ("Optional[BroadcastingList2[int]]", "int | tuple[int, int] | none"),
        ("_int | SymInt | Sequence[_int | SymInt]", "int | tuple[int, ...]"),
        ("_size_2_opt_t", "int | tuple[int | none, int | none] | none"),
        ("float | torch.Tensor", "float"),
        ("torch.Tensor | None", "tensor | none"),
        ("Tensor | Number | _complex", "float"),
        ("str | collections.abc.Callable[[torch.Tensor], torch.Tensor]", "str"),
        ("Literal['zeros', 'reflect']", "'zeros' | 'reflect'"),
        ("Optional[Callable[..., torch.nn.modules.module.Module]]", "type | none"),
        ("collections.abc.Callable[[torch.Tensor], torch.Tensor]", "function"),
        ("'float | list[float]'", "float | list[float]"),
        ("Literal[False] | Literal[True]", "bool"),
        ("SomethingNew", "any"),
    ],
)
def test_annotations(annotation: str, expression: str) -> None:
    assert type_of(annotation) == expression


@pytest.mark.parametrize(
    ("annotation", "role"),
    [
        ("Tensor", "tensor"),
        ("Tensor | None", "tensor"),
        ("tuple[Tensor, ...] | list[Tensor]", "tensors"),
        ("Tensor | Number", "either"),
        ("int | None", "option"),
    ],
)
def test_roles(annotation: str, role: str) -> None:
    assert role_of(annotation) == role


def test_lists_get_one_entry_for_each_axis() -> None:
    assert with_axes("int | tuple[int | none, ...] | none", 2) == (
        "int | tuple[int | none, int | none] | none"
    )
    assert with_axes("int | tuple[int, int, int, int]", 2) == "int | tuple[int, int, int, int]"


STUB = """
@overload
def mean(input: Tensor, *, dtype: _dtype | None = None) -> Tensor: ...
@overload
def mean(input: Tensor, dim: _int | _size, keepdim: _bool = False, *, dtype: _dtype | None = None): ...
@overload
def mean(input: Tensor, dim: Sequence[str | EllipsisType], keepdim: _bool = False) -> Tensor: ...
def mean(self: Tensor, old: Tensor) -> Tensor: ...
def gelu(input: Tensor, approximate: str = ...) -> Tensor: ...
@overload
def sort(input: Tensor, *, stable: _bool | None, dim: _int = -1, descending: _bool = False) -> Tensor: ...
@overload
def sort(input: Tensor, dim: _int = -1, descending: _bool = False) -> Tensor: ...
@overload
def split(input: Tensor, sections: _int, dim: _int = 0) -> Tensor: ...
@overload
def split(input: Tensor, indices: _size, dim: _int = 0) -> Tensor: ...
"""
METHODS = """
class TensorBase:
    @overload
    def expand(self, size: Sequence[_int], *, implicit: _bool = False) -> Tensor: ...
    @overload
    def expand(self, *size: _int, implicit: _bool = False) -> Tensor: ...
class Generator:
    def get_state(self) -> Tensor: ...
"""


@pytest.fixture
def stubs(tmp_path: Path) -> Stubs:
    (tmp_path / "nn").mkdir()
    (tmp_path / "_C").mkdir()
    (tmp_path / "nn/functional.py").write_text("def relu(input, inplace=False): ...\n")
    (tmp_path / "nn/functional.pyi").write_text("def relu(input: Tensor, inplace: bool = ...): ...\n")
    (tmp_path / "_C/_VariableFunctions.pyi").write_text(STUB)
    (tmp_path / "_C/_nn.pyi").write_text("")
    (tmp_path / "_C/__init__.pyi").write_text(METHODS)
    return read(tmp_path)


def test_overloads_are_merged(stubs: Stubs) -> None:
    mean = {p.name: p for p in stubs.functional_parameters("mean")}
    assert list(mean) == ["input", "dim", "keepdim", "dtype"]
    assert mean["input"].default is REQUIRED
    assert (mean["dim"].annotation, mean["dim"].default) == ("_int | _size", None)
    assert mean["dtype"].keyword_only
    relu = {p.name: p for p in stubs.functional_parameters("relu")}
    assert (relu["inplace"].annotation, relu["inplace"].default) == ("bool", False)
    with pytest.raises(KeyError):
        stubs.functional_parameters("nothing")


def test_overloads_keep_their_places(stubs: Stubs) -> None:
    assert [p.name for p in stubs.compiled_parameters("split")] == ["input", "sections", "indices", "dim"]
    sort = stubs.compiled_parameters("sort")
    assert [(p.name, p.keyword_only) for p in sort] == [
        ("input", False),
        ("dim", False),
        ("descending", False),
        ("stable", True),
    ]


def test_methods_take_the_tensor_as_input(stubs: Stubs) -> None:
    expand = {p.name: p for p in stubs.method_parameters("expand")}
    assert list(expand) == ["input", "size", "implicit"]
    assert expand["input"].annotation == "Tensor"
    assert expand["size"].default is REQUIRED
    assert set(stubs.methods) == {"expand"}


@pytest.mark.parametrize(
    ("doc", "line"),
    [
        ("Applies the rectified linear unit function element-wise.\n\n    More.", None),
        (
            "relu(input) -> Tensor\n\nApplies the rectified linear unit function element-wise. See there.",
            None,
        ),
        (".. note::\n    Something else.\n\nApplies the rectified linear unit function element-wise:", None),
        ("Fill with :math:`\\frac{1}{2}`, i.e. *half*", "Fill with (1) / (2), i.e. *half*"),
        ("Inverse of :class:`~torch.nn.MaxPool1d`.", "Inverse of MaxPool1d"),
        ("", ""),
        (None, ""),
    ],
)
def test_summary(doc: str | None, line: str | None) -> None:
    assert summary(doc) == (
        line if line is not None else "Applies the rectified linear unit function element-wise"
    )
