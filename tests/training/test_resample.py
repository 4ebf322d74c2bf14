"""Parameters and buffers that are drawn anew before every step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.training.tasks import call, network, new_run, signalled, task
from yamlnet.diagnostics import YamlnetError
from yamlnet.training import trainer
from yamlnet.training.resample import resampler

CHOSEN = {
    "1.noise": (call("init", "normal", std=0.5), call("init", "add_noise", std=0.1)),
    "1.weight": (call("init", "kaiming_uniform"),),
}


class Noisy(nn.Linear):
    """A layer with noise on its input."""

    def __init__(self) -> None:
        super().__init__(16, 16)
        self.register_buffer("noise", torch.zeros(16))
        self.noise: Tensor
        self.weight.requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input + self.noise)


def noisy() -> nn.Sequential:
    base = network()
    return nn.Sequential(base[0], Noisy(), *base[1:])


def drawn(seed: int, step: int) -> list[Tensor]:
    model = noisy()
    draw = resampler(model, ["1.noise", "1.weight"], CHOSEN, seed)
    assert draw is not None
    draw(step)
    return [model[1].noise.clone(), model[1].weight.clone()]


def test_draws_depend_on_the_seed_and_the_step_alone() -> None:
    torch.manual_seed(5)
    first = drawn(0, 3)
    torch.manual_seed(6)
    assert all(torch.equal(a, b) for a, b in zip(first, drawn(0, 3), strict=True))
    for other in (drawn(1, 3), drawn(0, 4)):
        assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_drawing_takes_nothing_from_other_streams() -> None:
    draw = resampler(noisy(), ["1.noise"], CHOSEN, 0)
    before = torch.get_rng_state()
    assert draw is not None
    draw(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_to_draw_is_nothing_to_do() -> None:
    assert resampler(noisy(), [], CHOSEN, 0) is None


def test_a_resumed_run_draws_what_a_straight_one_does(tmp_path: Path) -> None:
    said = {"train": {"epochs": 2, "resample": ["1.noise"]}}
    straight, stopped = new_run(tmp_path / "straight"), new_run(tmp_path / "stopped")
    trainer.train(task(noisy(), chosen=CHOSEN, **said), straight)
    with pytest.raises(YamlnetError, match="terminated"):
        trainer.train(signalled(task(noisy(), chosen=CHOSEN, **said), 1, 1), stopped)
    trainer.resume(task(noisy(), chosen=CHOSEN, **said), stopped)
    digests = [run.manifest["weights_digest"] for run in (straight, stopped)]
    assert digests[0] == digests[1]
    other = new_run(tmp_path / "other")
    trainer.train(task(noisy(), chosen=CHOSEN, train={"epochs": 2}), other)
    assert other.manifest["weights_digest"] != digests[0]
