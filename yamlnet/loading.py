"""A run's folder in; its trained network, and the losses with weights of their own, out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from yamlnet import pipeline
from yamlnet.catalog.allowed import NOTHING, Allowed
from yamlnet.language import render

if TYPE_CHECKING:
    from torch import nn

    from yamlnet.pipeline import Examined
    from yamlnet.training.objective import Criteria
    from yamlnet.training.run import Run


@dataclass(frozen=True)
class Loaded:
    """A run's file, and what it trained, in evaluation mode on the CPU.

    The weights are those after `step` steps; `chosen` says that they were the best of several.
    """

    examined: Examined
    network: nn.Module
    criteria: Criteria
    step: int
    chosen: bool

    def __str__(self) -> str:
        return f"{'best' if self.chosen else 'last'} weights (step {self.step:,})"


def load(
    folder: Run, which: Literal["best", "last"], allow: Allowed = NOTHING, options: Sequence[str] = ()
) -> Loaded:
    """What a run trained, with the best weights or the last.

    Raises:
        YamlnetError: there are no such weights, or they are of another network.
    """
    from yamlnet.training import state
    from yamlnet.training.criteria import Learner, criteria_of

    examined = pipeline.examine(pipeline.text_of(folder), options, allow=allow, trained=True)
    network = pipeline.network_of(examined)
    snapshot = folder.chosen(which, _warn, network.state_dict())
    network.load_state_dict(snapshot.averaged_weights)
    assert examined.shapes is not None
    criteria = criteria_of(examined.experiment, examined.shapes, examined.checked.facts)
    learner = Learner(network, criteria)
    state.restore_losses(learner, snapshot.loss_weights)
    learner.eval()
    return Loaded(examined, network, criteria, snapshot.step, which == "best" and folder.best is not None)


def _warn(message: str) -> None:
    sys.stderr.write(f"warning: {render.printable(message)}\n")
