"""Stop and resume equals straight through: weights, optimizer, random states, records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.tasks import call, metric, new_run, optimizer, scheduler, signalled, task
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Loss, Term
from yamlnet.training import checkpoint, randomness, trainer
from yamlnet.training.run import Run

SETTINGS: list[dict[str, Any]] = [
    {
        "train": {"ema": 0.9, "clip": {"norm": 1.0}, "checkpoint": {"best": "validation.accuracy"}},
        "optimizer": optimizer("SGD", lr=0.1, momentum=0.9),
        "scheduler": scheduler("OneCycleLR", max_lr=0.2),
    },
    {
        "train": {"accumulate": 2, "precision": "bf16", "stop": {"metric": "validation.loss", "patience": 3}},
        "optimizer": optimizer("AdamW", lr=0.01),
        "scheduler": scheduler("MultiStepLR", "epoch", milestones=[1, 2]),
    },
    {
        "train": {"precision": "fp16", "evaluate": 2, "checkpoint": {"every": 4, "best": "validation.loss"}},
        "optimizer": optimizer("Adam", lr=0.01, amsgrad=True, betas=[0.8, 0.9]),
        "scheduler": scheduler("SequentialLR", schedulers=["LinearLR", "CosineAnnealingLR"], milestones=[3]),
    },
    {
        "train": {},
        "optimizer": optimizer("RMSprop", lr=0.01),
        "scheduler": scheduler("ReduceLROnPlateau", patience=0),
    },
    {
        "train": {"non_finite": "skip", "clip": [{"norm": 1.0, "match": "5"}, {"value": 0.1}]},
        "optimizer": optimizer("LBFGS", lr=0.1, max_iter=3, history_size=4),
        "scheduler": scheduler("CosineAnnealingLR"),
    },
    {
        "train": {"checkpoint": {"best": "validation.loss.near"}},
        "loss": Loss(
            terms={
                "right": Term(call=call("loss", "CrossEntropyLoss"), weight=0.5),
                "near": Term(call=call("loss", "MultiMarginLoss", reduction="sum"), weight=0.01),
            }
        ),
        "metrics": {"auc": metric("AUROC"), "kappa": metric("CohenKappa"), "f1": metric("F1Score")},
    },
]
NUM_BATCHES = 5
TIMES = ("samples_per_second", "time_s")


def straight(folder: Path, said: dict[str, Any]) -> Run:
    run = new_run(folder)
    trainer.train(task(**said), run)
    return run


def final(run: Run) -> tuple[Any, ...]:
    """All that must be equal: the last step's state, the records but for times, the weights tested.

    The sums of the epoch under way are judged by the records: a last step that was saved when its epoch's
    record was still to be written keeps them.
    """
    last = run.last(pytest.fail)
    given = {**last.weights, **{k: v for k, v in last.tensors.items() if not k.startswith("sums.")}}
    tensors = {name: tensor.numpy().tobytes() for name, tensor in given.items()}
    records = [{k: v for k, v in record.items() if k not in TIMES} for record in run.records()]
    return tensors, last.state.get("scaler"), records, run.manifest["weights_digest"], run.best


def with_epochs(said: dict[str, Any], epochs: int = 2) -> dict[str, Any]:
    return {**said, "train": {**said["train"], "epochs": epochs}}


@pytest.mark.parametrize("said", SETTINGS, ids=["sgd", "bf16", "fp16", "plateau", "lbfgs", "terms"])
def test_resumed_from_any_step_it_ends_with_the_same_bits(tmp_path: Path, said: dict[str, Any]) -> None:
    said = with_epochs(said)
    expected = final(straight(tmp_path / "straight", said))
    for epoch, batch in [(e, b) for e in range(2) for b in range(NUM_BATCHES)]:
        run = new_run(tmp_path / f"{epoch}-{batch}")
        with pytest.raises(YamlnetError, match="terminated") as caught:
            trainer.train(signalled(task(**said), epoch, batch), run)
        assert caught.value.exit_code == 143
        assert run.result is None
        trainer.resume(task(**said), run)
        assert final(run) == expected, f"stopped in epoch {epoch}, batch {batch}"


@pytest.mark.parametrize(("split", "batch"), [("validation", 1), ("test", 0)])
def test_an_evaluation_can_be_interrupted(tmp_path: Path, split: str, batch: int) -> None:
    said = with_epochs(SETTINGS[0])
    expected = final(straight(tmp_path / "straight", said))
    run = new_run(tmp_path)
    with pytest.raises(YamlnetError, match="terminated"):
        trainer.train(signalled(task(**said), 0, batch, split), run)
    trainer.resume(task(**said), run)
    assert final(run) == expected


def test_an_interruption_saves_the_step_under_way(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with pytest.raises(YamlnetError):
        trainer.train(signalled(task(train={"epochs": 2}), 1, 2), run)
    assert checkpoint.steps(run.checkpoints) == [8]


def test_from_damaged_checkpoints_it_goes_back_to_the_one_before(tmp_path: Path) -> None:
    said = with_epochs(SETTINGS[0])
    said["train"] |= {"checkpoint": {"every": 2, "keep": 3}}
    expected = final(straight(tmp_path / "straight", said))
    run = new_run(tmp_path)
    with pytest.raises(YamlnetError):
        trainer.train(signalled(task(**said), 1, 1), run)
    assert checkpoint.steps(run.checkpoints) == [7, 6, 4]
    assert run.records()[-1]["step"] == 5
    for step in (7, 6):
        (checkpoint.folder(run.checkpoints, step) / "state.safetensors").write_bytes(b"")
    trainer.resume(task(**said), run)
    assert final(run) == expected
    assert "state.safetensors` is damaged" in (run.path / "log.txt").read_text()


def test_a_finished_run_says_so(tmp_path: Path) -> None:
    run = straight(tmp_path, with_epochs(SETTINGS[3], 1))
    with pytest.raises(YamlnetError, match="is finished"):
        trainer.resume(task(**with_epochs(SETTINGS[3], 1)), run)


def test_another_optimizer_is_refused(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with pytest.raises(YamlnetError):
        trainer.train(signalled(task(**with_epochs(SETTINGS[0])), 0, 2), run)
    with pytest.raises(YamlnetError, match="the checkpoint is of another training"):
        trainer.resume(task(**with_epochs(SETTINGS[2])), run)


def test_with_each_checkpoint_a_gpu_draws_dropout_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a run that goes on from there does: cuDNN's recurrent layers do where the state is set."""
    devices: list[torch.device] = []
    monkeypatch.setattr(randomness, "put_back", devices.append)
    trainer.train(task(train={"epochs": 2}), new_run(tmp_path))
    assert devices == [torch.device("cpu")] * 3  # before the first step, and after each epoch
    monkeypatch.undo()
    states: list[Any] = []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: f"of {device}")
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *given: states.append(given))
    randomness.put_back(torch.device("cuda", 1))
    randomness.put_back(torch.device("cpu"))
    assert states == [("of cuda:1", torch.device("cuda", 1))]
