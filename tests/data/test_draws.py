"""Samples drawn beside each: those that suit, all of them alike, by seed, epoch and sample alone."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from yamlnet.data.batches import Batches
from yamlnet.data.draws import check_draws, choice
from yamlnet.data.seeds import generator
from yamlnet.data.splits import Split
from yamlnet.diagnostics import MistakeError
from yamlnet.language.experiment import Draw

from .calls import transform

NUM_SAMPLES = 40
CROP = transform("RandomCrop", size=5, padding=2)
FLIP = transform("RandomHorizontalFlip")
DRAWS = {
    "same": Draw(same="target"),
    "different": Draw(different="target"),
    "both": Draw(same="group", different="target"),
    "any": Draw(),
}


def split_of() -> Split:
    """Random images with their numbers, classes of several sizes, one of them negative, and groups."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (NUM_SAMPLES, 1, 6, 7), dtype=torch.uint8, generator=random)
    target = torch.tensor([-3, 7, 7, 9] * 10)[torch.randperm(NUM_SAMPLES, generator=random)]
    group = torch.arange(NUM_SAMPLES) % 2 == 0
    return Split({"image": images, "number": torch.arange(NUM_SAMPLES), "target": target, "group": group})


def suits(draw: Draw, fields: dict[str, Tensor], one: int, other: int) -> bool:
    alike = draw.same is None or fields[draw.same][one] == fields[draw.same][other]
    unlike = draw.different is None or fields[draw.different][one] != fields[draw.different][other]
    return bool(alike) and bool(unlike) and one != other


@pytest.mark.parametrize("name", DRAWS)
def test_all_that_suit_are_drawn_alike_and_nothing_else(name: str) -> None:
    fields = dict(split_of().fields)
    chosen = choice(fields, DRAWS[name])
    found = [Counter[int]() for _ in range(NUM_SAMPLES)]
    for seed in range(600):
        for one, other in enumerate(chosen.draw(generator(seed, "test")).tolist()):
            found[one][other] += 1
    for one, counts in enumerate(found):
        allowed = {other for other in range(NUM_SAMPLES) if suits(DRAWS[name], fields, one, other)}
        assert set(counts) == allowed
        mean = 600 / len(allowed)
        assert all(abs(count - mean) < 6 * mean**0.5 for count in counts.values())


def numbers(batches: list[dict[str, Tensor]], name: str) -> list[int]:
    """The number of what is drawn for each sample, in the samples' order."""
    own = torch.cat([batch["number"] for batch in batches])
    drawn = torch.cat([batch[f"{name}.number"] for batch in batches])
    return [int(number) for number in drawn[own.argsort()]]


def batches(batch_size: int = 8, seed: int | None = 0, augment: tuple[object, ...] = ()) -> Batches:
    return Batches(split_of(), batch_size, augment, seed, DRAWS)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_follows_from_seed_epoch_and_sample_alone(name: str) -> None:
    drawn = numbers(list(batches().epoch(3)), name)
    assert numbers(list(batches(batch_size=7).epoch(3)), name) == drawn
    assert numbers(list(batches().epoch(4)), name) != drawn
    assert numbers(list(batches(seed=1).epoch(3)), name) != drawn
    alone = Batches(split_of(), 8, seed=0, draw={name: DRAWS[name]})
    assert numbers(list(alone.epoch(3)), name) == drawn


@pytest.mark.parametrize("name", DRAWS)
def test_evaluation_draws_the_same_each_time(name: str) -> None:
    drawn = numbers(list(batches(seed=None).epoch(0)), name)
    assert numbers(list(batches(batch_size=50, seed=None).epoch(0)), name) == drawn
    fields = dict(split_of().fields)
    assert all(suits(DRAWS[name], fields, one, other) for one, other in enumerate(drawn))


@pytest.mark.parametrize("start", [0, 2, 4])
def test_an_epoch_goes_on_where_it_stopped(start: int) -> None:
    straight = list(batches(augment=(CROP, FLIP)).epoch(5))[start:]
    resumed = list(batches(augment=(CROP, FLIP)).epoch(5, start))
    assert len(resumed) == len(straight) == 5 - start
    for one, other in zip(resumed, straight, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("seed", [None, 0])
def test_what_is_drawn_has_all_fields_of_its_sample(seed: int | None) -> None:
    fields = split_of().fields
    for batch in batches(seed=seed).epoch(0):
        assert len(batch) == len(fields) * (1 + len(DRAWS))
        for name in DRAWS:
            drawn = batch[f"{name}.number"]
            assert torch.equal(batch[f"{name}.target"], fields["target"][drawn])
            images = fields["image"][drawn].to(torch.float32) * (1 / 255)
            assert torch.equal(batch[f"{name}.image"], images)


@pytest.mark.parametrize("augment", [(CROP,), (FLIP,), (FLIP, CROP)])
def test_what_is_drawn_is_augmented_by_draws_of_its_own(augment: tuple[object, ...]) -> None:
    same = {"one": Draw(same="number"), "other": Draw(same="number")}
    split = split_of()
    twice = Split({name: torch.cat([values, values]) for name, values in split.fields.items()})
    (batch,) = Batches(twice, 80, augment, 0, same).epoch(0)  # type: ignore[arg-type]
    assert torch.equal(batch["one.number"], batch["number"])
    (again,) = Batches(twice, 80, augment, 0).epoch(0)  # type: ignore[arg-type]
    assert torch.equal(batch["image"], again["image"])
    assert not torch.equal(batch["one.image"], batch["image"])
    assert not torch.equal(batch["one.image"], batch["other.image"])


@pytest.mark.parametrize(
    ("draw", "target", "key", "words"),
    [
        (Draw(same="target"), [0, 0, 3], "same", "only one sample of the test split has 3 as its `target`"),
        (Draw(different="target"), [2, 2, 2], "different", "all samples of the test split have 2"),
        (
            Draw(same="target", different="group"),
            [0, 0, 0],
            "same",
            "has 0 as its `target` and no 1",
        ),
        (Draw(), [0], "partner", "only one sample is there"),
    ],
)
def test_a_sample_without_a_partner_is_a_mistake(draw: Draw, target: list[int], key: str, words: str) -> None:
    fields = {"target": torch.tensor(target), "group": torch.ones(len(target), dtype=torch.int64)}
    with pytest.raises(MistakeError, match=words) as caught:
        check_draws(fields, {"partner": draw}, "test")
    assert caught.value.mistake.path[-1] == key
