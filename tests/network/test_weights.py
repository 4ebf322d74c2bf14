"""Files of weights: what is loaded from them, what isn't, and what goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import yamlnet
from tests.network import laws
from yamlnet import pipeline
from yamlnet.diagnostics import ConfigError, YamlnetError
from yamlnet.language import files
from yamlnet.language.resolve import resolved

BODY = {"Sequential": {"fc1": {"Linear": 3}, "norm": "BatchNorm1d", "fc2": {"Linear": 2}}}
INIT = [{"type": "Linear", "weight": "zeros", "bias": "zeros"}]


def document(weights: Any, **more: Any) -> dict[str, Any]:
    return {"model": {"input": [4], **BODY, "weights": weights, **more}}


@pytest.fixture
def given() -> dict[str, torch.Tensor]:
    """Weights that no seed gives."""
    built = yamlnet.build({"model": {"input": [4], **BODY}})
    return {name: torch.full_like(value, 7) for name, value in built.state_dict().items()}


def saved(given: dict[str, torch.Tensor], path: Path) -> str:
    if path.suffix == ".safetensors":
        save_file(given, path)
    else:
        torch.save(given, path)
    return str(path)


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "pt"])
def test_all_of_it_is_loaded_and_init_leaves_it_alone(
    suffix: str, given: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    file = saved(given, tmp_path / f"w.{suffix}")
    built = yamlnet.build({**document(file), "init": INIT})
    laws.same(dict(built.state_dict()), given)


def test_init_sets_what_is_not_loaded(given: dict[str, torch.Tensor], tmp_path: Path) -> None:
    del given["fc2.weight"]
    given["fc2.bias"] = torch.ones(5)
    given["head.bias"] = torch.ones(5)
    file = saved(given, tmp_path / "w.safetensors")
    examined = pipeline.examine(files.given({**document({"file": file, "strict": False}), "init": INIT}))
    built = pipeline.network_of(examined).state_dict()
    assert not built["fc2.weight"].any()
    assert not built["fc2.bias"].any()
    assert (built["fc1.weight"] == 7).all()
    assert examined.drawn is not None
    assert examined.drawn.notes == (
        f"`{file}`: 7 of 9 tensors loaded; not in it `fc2.weight`; of another shape `fc2.bias`; "
        "left over `head.bias`",
    )


def test_names_are_those_of_the_node(given: dict[str, torch.Tensor], tmp_path: Path) -> None:
    file = saved({f"net.module.{name}": value for name, value in given.items()}, tmp_path / "w.pt")
    weights = {"file": file, "rename": {"net.module.*": "*", "net.*": "wrong.*"}}
    nodes = {"head": {"Linear": 4}, "body": {**BODY, "weights": weights}}
    built = yamlnet.build({"model": {"input": [4], "Sequential": nodes}})
    laws.same(dict(built.get_submodule("body").state_dict()), given)


def test_inner_weights_win_over_those_around_them(tmp_path: Path) -> None:
    whole = {
        "0.weight": torch.zeros(2, 4),
        "0.bias": torch.zeros(2),
        "1.weight": torch.zeros(2, 2),
        "1.bias": torch.zeros(2),
    }
    inner = {"weight": torch.ones(2, 2), "bias": torch.ones(2)}
    outer_file, inner_file = saved(whole, tmp_path / "a.pth"), saved(inner, tmp_path / "b.pth")
    nodes = [{"Linear": 2}, {"Linear": 2, "weights": inner_file}]
    built = yamlnet.build({"model": {"input": [4], "Sequential": nodes, "weights": outer_file}})
    assert [float(value.max()) for value in built.state_dict().values()] == [0, 0, 1, 1]


def test_weights_are_loaded_before_edits(given: dict[str, torch.Tensor], tmp_path: Path) -> None:
    file = saved(given, tmp_path / "w.safetensors")
    head = saved({"weight": torch.ones(5, 3), "bias": torch.ones(5)}, tmp_path / "head.safetensors")
    edits = [
        {"insert": "act", "after": "fc1", "with": "ReLU"},
        {"replace": "fc2", "with": {"Linear": 5, "weights": head}},
        {"append": "fc2", "with": {"Linear": 6}},
    ]
    built = yamlnet.build({**document(file, edit=edits), "init": INIT}).state_dict()
    assert (built["fc1.weight"] == 7).all()
    assert (built["fc2.0.weight"] == 1).all()
    assert not built["fc2.1.weight"].any()


def test_files_of_old_releases_lack_counters(given: dict[str, torch.Tensor], tmp_path: Path) -> None:
    del given["norm.num_batches_tracked"]
    assert yamlnet.check(document(saved(given, tmp_path / "w.pth"))) == []


def test_a_path_is_relative_to_the_file_that_says_it(given: dict[str, torch.Tensor], tmp_path: Path) -> None:
    (tmp_path / "bases").mkdir()
    saved(given, tmp_path / "bases" / "w.pth")
    (tmp_path / "bases" / "base.yaml").write_text(
        "model:\n  input: [4]\n  Sequential: {fc1: {Linear: 3}, norm: BatchNorm1d, fc2: {Linear: 2}}\n"
        "  weights: w.pth\n"
    )
    (tmp_path / "net.yaml").write_text("extends: bases/base.yaml\n")
    laws.same(dict(yamlnet.build(tmp_path / "net.yaml").state_dict()), given)
    checked = pipeline.examine(files.read(tmp_path / "net.yaml")).checked
    assert resolved(checked, tmp_path)["model"]["weights"] == str(tmp_path / "bases" / "w.pth")


def test_a_file_that_isnt_there_fails_where_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "model:\n  input: [4]\n  Linear: 2\n  weights: {file: w.pth, strict: false}\n"
    )
    assert [(d.code, d.severity) for d in yamlnet.check(tmp_path / "net.yaml")] == [
        ("missing-file", "warning")
    ]
    with pytest.raises(YamlnetError, match=r"no file `w.pth`(.|\n)*net.yaml:4:19") as raised:
        yamlnet.build(tmp_path / "net.yaml")
    assert raised.value.exit_code == 3


class Trap:
    def __reduce__(self) -> Any:
        return (open, ("trapped", "w"))


@pytest.mark.parametrize("content", [Trap(), {"fc1.weight": Trap()}, {"state": {}}, [torch.ones(2)]])
def test_nothing_but_tensors_is_read(content: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, "w.pth")
    with pytest.raises(ConfigError, match="can't be read"):
        yamlnet.build(document("w.pth"))
    assert [path.name for path in tmp_path.iterdir()] == ["w.pth"]
