"""`--set KEY=VALUE`: what each form replaces, and that a mistake in an option points at the option."""

from __future__ import annotations

from typing import Any

import pytest

from tests.language.documents import checked, cut
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.merge import OPTIONS, with_options
from yamlnet.language.source import Document, read

BASE = """\
seed: 1
vars: {width: 8}
model: {input: [4], Sequential: [{Linear: {out_features: 4}}, ReLU, {Linear: 2}]}
optimizer: AdamW
train: {epochs: 3}
expect: {test.accuracy: ">= 0.9"}
"""


def document(text: str = BASE) -> Document:
    found, _ = read(text, "net.yaml")
    assert found is not None
    return found


def merged(*options: str) -> Any:
    found, mistakes = with_options(document(), options)
    assert mistakes == []
    return found.root.plain()


@pytest.mark.parametrize(
    ("option", "path", "value"),
    [
        ("seed=7", ("seed",), 7),
        ("seed=1_000", ("seed",), 1000),
        ("name=yes", ("name",), "yes"),
        ("name=null", ("name",), None),
        ('name="7"', ("name",), "7"),
        ("train.epochs=5", ("train", "epochs"), 5),
        ("train.precision=bf16", ("train", "precision"), "bf16"),
        ("train.stop.metric=validation.loss", ("train", "stop", "metric"), "validation.loss"),
        ("train={steps: 10}", ("train",), {"steps": 10}),
        ("train.clip={norm: 1.0}", ("train", "clip"), {"norm": 1.0}),
        ("train.epochs=null", ("train", "epochs"), None),
        ("train.checkpoint={}", ("train", "checkpoint"), {}),
        ("vars.width=$(4 * 2)", ("vars", "width"), "$(4 * 2)"),
        ("model.input=[8]", ("model", "input"), [8]),
        ("model.input.0=8", ("model", "input", 0), 8),
        ("model.Sequential.0.Linear.out_features=9", ("model", "Sequential", 0, "Linear", "out_features"), 9),
        ("model.Sequential.1=Tanh", ("model", "Sequential", 1), "Tanh"),
        ("model.Sequential.1.ReLU.inplace=true", ("model", "Sequential", 1, "ReLU", "inplace"), True),
        ("optimizer.AdamW.lr=0.01", ("optimizer", "AdamW", "lr"), 0.01),
        ("optimizer=SGD", ("optimizer",), "SGD"),
        ("optimizer={SGD: {lr: 0.1}}", ("optimizer",), {"SGD": {"lr": 0.1}}),
        ('expect.test.accuracy=">= 0.8"', ("expect", "test.accuracy"), ">= 0.8"),
        ("expect.test.loss=<= 1", ("expect", "test.loss"), "<= 1"),
        ("data.dataset=MNIST5k", ("data", "dataset"), "MNIST5k"),
        ("a=b=c", ("a",), "b=c"),
    ],
)
def test_an_option_replaces_one_value(option: str, path: tuple[str | int, ...], value: Any) -> None:
    found: Any = merged(option)
    for step in path:
        found = found[step]
    assert found == value
    assert type(found) is type(value)


def test_everything_else_stays() -> None:
    assert merged("train.epochs=5") == {**document().root.plain(), "train": {"epochs": 5}}


def test_options_apply_in_order_and_the_later_wins() -> None:
    assert merged("seed=2", "seed=3")["seed"] == 3
    assert merged("train={epochs: 9}", "train.steps=1")["train"] == {"epochs": 9, "steps": 1}


def test_the_longest_existing_key_wins() -> None:
    found, _ = with_options(document("a: {b: {c: 1}, b.c: 2}\n"), ["a.b.c=3"])
    assert found.root.plain() == {"a": {"b": {"c": 1}, "b.c": 3}}


@pytest.mark.parametrize("option", ["seed", "seed 3", "", "=3", " =3", "a\nb=3"])
def test_what_is_not_key_value_is_a_wrong_command_line(option: str) -> None:
    with pytest.raises(YamlnetError, match="isn't KEY=VALUE") as error:
        with_options(document(), [option])
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("option", "code", "words", "place"),
    [
        ("seed=[1", "yaml-syntax", "never closed", "["),
        ("expect.test.loss=>= 1", "yaml-syntax", "can't begin with `>`", ">"),
        ("seed={a: 1, a: 2}", "duplicate-key", "written twice", "a"),
        ("seed=fast", "wrong-type", "takes an integer", "fast"),
        ("train.epoch=3", "unknown-key", "unknown key `epoch`", "train.epoch"),
        ("train.stop.metric=test.loss", "unknown-name", "watches no `test.loss`", "test.loss"),
        ("model.Sequential.9=ReLU", "unknown-key", "isn't a position of this list: 0 to 2", None),
        ("model.Sequential.x=ReLU", "unknown-key", "isn't a position", None),
        ("seed.deep.er=3", "unknown-key", "can't be set", None),
        ("model.Sequential.1=Relu", "unknown-name", "unknown module or function `Relu`", "Relu"),
        ("model.Sequential.2.Linear=$widht", "expression", "unknown name `widht`", "widht"),
        ("train.clip={norm: [1], value: 2}", "wrong-type", "`norm` takes a number", "[1]"),
        ("name=a b", "wrong-value", "`name` is", "a b"),
    ],
)
def test_a_mistake_in_an_option_points_at_the_option(
    option: str, code: str, words: str, place: str | None
) -> None:
    found = checked(BASE, "seed=4", option)
    wrong = [d for d in found.diagnostics if d.code == code and words in d.message]
    assert len(wrong) == 1, [d.message for d in found.diagnostics]
    assert (wrong[0].span.file, wrong[0].span.line) == (OPTIONS, 2)
    if place is not None:
        assert cut("seed=4\n" + option, wrong[0].span) == place


def test_a_mistake_that_an_option_mends_is_gone() -> None:
    assert checked("model: {input: [4], Linear: two}\n").wrong
    assert not checked("model: {input: [4], Linear: two}\n", "model.Linear=2").wrong


@pytest.mark.parametrize("option", ["train.epochs=", "expect=  ", "seed=# ten", " name ="])
def test_an_empty_value_is_a_mistake_at_the_option(option: str) -> None:
    key = option.partition("=")[0]
    merged, (mistake,) = with_options(document(), ["seed=2", option])
    assert merged.root.plain() == {**document().root.plain(), "seed": 2}
    assert mistake.message == f"`{key.strip()}` is given no value"
    assert mistake.help == f"where nothing is meant, write `{key.strip()}=null`"
    assert cut(merged.texts[OPTIONS], mistake.span) == option.removeprefix(key)
