"""A run gone on with: its settings changed, its environment or data changed, refused, and listed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest
import torch

import yamlnet
from tests.cli.calling import call
from yamlnet import resuming
from yamlnet.diagnostics import YamlnetError
from yamlnet.training.continuation import Permits
from yamlnet.training.observer import Silent
from yamlnet.training.run import Run
from yamlnet.training.trainer import NO_PERMITS
from yamlnet.training.verdict import Result

ROWS = 60
NET = """
name: table
data:
  dataset: {Csv: {path: rows.csv}}
  fields: {x: {number: {columns: [a, b]}}, label: category}
  target: label
  validation: 20
  batch_size: 8
model: {Sequential: [{Linear: 8}, BatchNorm1d, ReLU, {Linear: $num_classes}]}
loss: CrossEntropyLoss
metrics: [Accuracy]
optimizer: {SGD: {lr: 0.1, momentum: 0.9}}
train: {epochs: 2, checkpoint: {every: 2, keep: 99}}
"""


class Heard(Silent):
    """What an observer is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.began_after = -1

    def started(self, run: Path, num_steps: int, step: int) -> None:
        self.began_after = step

    def noted(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("resuming")
    rows = [f"{i % 7},{i * 13 % 11},{'yes' if i % 7 > 3 else 'no'}" for i in range(ROWS)]
    (made / "rows.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")
    (made / "net.yaml").write_text(NET)
    return made


def trained(folder: Path, runs: Path, **set: Any) -> Result:
    named = {key.replace("__", "."): value for key, value in set.items()}
    return yamlnet.train(folder / "net.yaml", set=named, runs=runs)


def resumed(run: Path, *options: str, permits: Permits = NO_PERMITS, heard: Heard | None = None) -> Result:
    return resuming.resume(run, options, heard or Heard(), permits=permits)


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_bytes())
    return found


def unfinished(run: Path, steps: int) -> None:
    """Makes a finished run one that was killed after so many steps."""
    (run / "result.json").unlink()
    for later in sorted((run / "checkpoints").iterdir()):
        if int(later.name.removeprefix("step-")) > steps:
            rmtree(later)


def digest(run: Path) -> str:
    return str(manifest(run)["weights_digest"])


def as_it_was(run: Path) -> Mapping[str, bytes]:
    """Every file of a run but the log and the lock."""
    files = sorted(path for path in run.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files if path.name not in ("log.txt", ".lock")}


def test_more_epochs_are_those_of_a_longer_run(folder: Path, tmp_path: Path) -> None:
    long = trained(folder, tmp_path / "long", train__epochs=4)
    run = trained(folder, tmp_path).path
    with pytest.raises(YamlnetError, match="is finished") as caught:
        resumed(run)
    assert str(caught.value.help).startswith("`--set train.epochs=MORE` goes on from there")
    heard = Heard()
    resumed(run, "train.epochs=4", heard=heard)
    assert (heard.began_after, heard.notes) == (10, ["changed: train.epochs: 2 -> 4"])
    assert digest(run) == digest(long.path)
    assert manifest(run)["resumes"][0]["changed"] == {"train.epochs": [2, 4]}
    assert manifest(run)["resumes"][0]["step"] == 10
    assert "epochs: 4" in (run / "resolved.yaml").read_text()
    splits = [(record["epoch"], record["split"]) for record in Run(run).records()]
    assert splits == [*((e, s) for e in range(1, 5) for s in ("train", "validation"))]
    with pytest.raises(YamlnetError, match="is finished after step 20"):
        resumed(run, "train.epochs=4")


def test_each_resumption_is_listed_with_its_command(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, tmp_path).path
    for epochs in (3, 4):
        resumed(run, f"train.epochs={epochs}")
    listed = manifest(run)["resumes"]
    assert [entry["changed"] for entry in listed] == [{"train.epochs": [2, 3]}, {"train.epochs": [3, 4]}]
    assert all(entry["command"] and entry["resumed"] for entry in listed)
    assert manifest(run)["command"]


def test_a_schedule_follows_its_new_length(folder: Path, tmp_path: Path) -> None:
    schedule = {"scheduler": "CosineAnnealingLR"}
    long = yamlnet.train(folder / "net.yaml", set={**schedule, "train.epochs": 4}, runs=tmp_path / "long")
    run = yamlnet.train(folder / "net.yaml", set=schedule, runs=tmp_path).path
    heard = Heard()
    resumed(run, "train.epochs=4", heard=heard)
    assert "the learning rate goes on at 0.05 instead of 0" in heard.notes
    rates = [[r["lr"] for r in Run(path).records() if "lr" in r][2:] for path in (run, long.path)]
    assert rates[0] == rates[1]


def test_a_schedule_of_its_own_length_is_not_stretched(folder: Path, tmp_path: Path) -> None:
    schedule = {"scheduler": {"LinearLR": {"total_iters": 4}}}
    run = yamlnet.train(folder / "net.yaml", set=schedule, runs=tmp_path).path
    heard = Heard()
    resumed(run, "train.epochs=3", heard=heard)
    assert any("isn't stretched" in note for note in heard.notes)


def test_changed_settings_outlive_a_kill(folder: Path, tmp_path: Path) -> None:
    """The checkpoint that is resumed a second time is older than the change."""
    run = yamlnet.train(folder / "net.yaml", set={"scheduler": "CosineAnnealingLR"}, runs=tmp_path).path
    unfinished(run, 6)
    copytree(run, tmp_path / "other")
    resumed(run, "train.epochs=5", "optimizer.SGD.lr=0.02")
    resumed(tmp_path / "other", "train.epochs=5", "optimizer.SGD.lr=0.02")
    unfinished(tmp_path / "other", 6)
    resumed(tmp_path / "other")
    assert digest(tmp_path / "other") == digest(run)


HONOURED = {
    "optimizer.SGD.lr=0.01": "optimizer.SGD.lr: 0.1 -> 0.01",
    "optimizer.SGD.weight_decay=0.1": "optimizer.SGD.weight_decay: 0 -> 0.1",
    "train.precision=bf16": "train.precision: fp32 -> bf16",
    "train.precision=fp16": "train.precision: fp32 -> fp16",
    "train.ema=0.5": "train.ema: None -> 0.5",
    "train.clip={norm: 0.01}": "train.clip: None -> ",
    "train.checkpoint.best=validation.accuracy": "train.checkpoint.best: None -> validation.accuracy",
    "train.stop={metric: validation.loss, patience: 9}": "train.stop: None -> ",
    "train.threads=2": "train.threads: 1 -> 2",
    "train.evaluate=1": "train.evaluate: epoch -> 1",
    "metrics=[F1Score]": "metrics.accuracy: ",
    "loss={CrossEntropyLoss: {label_smoothing: 0.5}}": "loss.CrossEntropyLoss.label_smoothing: 0.0 -> 0.5",
    'expect.validation.loss="< 9"': "expect",
}


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("option", HONOURED)
def test_a_setting_is_honoured_from_the_checkpoint_on(folder: Path, tmp_path: Path, option: str) -> None:
    run = trained(folder, tmp_path).path
    heard = Heard()
    result = resumed(run, option, "train.epochs=4", heard=heard)
    assert any(note.startswith(f"changed: {HONOURED[option]}") for note in heard.notes), heard.notes
    assert result.exit_code == 0
    changes_bits = option.startswith(("optimizer", "train.precision", "train.clip", "loss"))
    plain = trained(folder, tmp_path / "plain", train__epochs=4).path
    if changes_bits or option.startswith("train.ema"):
        assert digest(run) != digest(plain)
    elif not option.startswith(("train.threads", "train.checkpoint")):
        assert digest(run) == digest(plain)


REFUSED = {
    "seed=4": "another `seed`",
    "name=other": "another `name`",
    "model.Sequential.0.Linear=9": "is of another network: `0.weight` is [8, 2]",
    "init=[{type: Linear, weight: zeros}]": "another `init`",
    "optimizer={AdamW: 0.1}": "another `optimizer.SGD`",
    'optimizer={SGD: 0.1, groups: [{match: "0.*", lr: 0.2}]}': "another `optimizer.groups`",
    "scheduler=CosineAnnealingLR": "another `scheduler`",
    "data.batch_size=9": "another `data.batch_size`",
    "train.accumulate=2": "another `train.accumulate`",
    "data.validation=10": "it is other data",
    "train.steps=7": "the run has taken 10 steps already, and would now end after 7",
}


@pytest.mark.parametrize("option", REFUSED)
def test_what_cannot_be_honoured_is_refused_and_nothing_is_changed(
    folder: Path, tmp_path: Path, option: str
) -> None:
    run = trained(folder, tmp_path).path
    before = as_it_was(run)
    with pytest.raises(YamlnetError) as caught:
        resumed(run, *([] if option.startswith("train.steps") else ["train.epochs=4"]), option)
    assert REFUSED[option] in caught.value.message
    assert caught.value.exit_code == 3
    assert as_it_was(run) == before


def test_sums_change_between_epochs_only(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, tmp_path).path
    unfinished(run, 6)
    with pytest.raises(YamlnetError, match=r"`metrics.accuracy` can change between epochs only"):
        resumed(run, "metrics=[F1Score]")


ENVIRONMENT = {
    "torch": "1.0",
    "cpu_capability": "NEON",
    "threads": 64,
    "python": "2.7",
    "flags": {"deterministic": False},
}


@pytest.mark.parametrize("key", ENVIRONMENT)
def test_another_environment_is_refused(folder: Path, tmp_path: Path, key: str) -> None:
    run = trained(folder, tmp_path).path
    unfinished(run, 6)
    said = manifest(run)
    now = said[key]["deterministic"] if key == "flags" else said[key]
    was = False if key == "flags" else ENVIRONMENT[key]
    shown = "flags.deterministic" if key == "flags" else key
    given = {**said[key], **ENVIRONMENT[key]} if key == "flags" else ENVIRONMENT[key]
    (run / "manifest.json").write_text(json.dumps({**said, key: given}))
    before = as_it_was(run)
    with pytest.raises(YamlnetError) as caught:
        resumed(run)
    assert f"`{shown}` was {was}, and is {now}" in caught.value.message
    assert "--allow-environment" in (caught.value.help or "")
    assert as_it_was(run) == before
    resumed(run, permits=Permits(environment=True))
    found = manifest(run)
    assert found["environment_changed"] is True
    assert found["resumes"][0]["environment"] == {shown: [was, now]}
    assert found[key] == given
    unfinished(run, 6)
    resumed(run)  # to what it was resumed in before there is no difference any more


def test_the_number_of_threads_is_the_recorded_one(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, tmp_path, train__threads=1).path
    unfinished(run, 6)
    torch.set_num_threads(2)
    resumed(run)
    assert torch.get_num_threads() == 2
    assert manifest(run)["resumes"][0]["environment"] == {}
    assert digest(run) == digest(trained(folder, tmp_path, train__threads=1).path)


def test_other_data_are_refused(folder: Path, tmp_path: Path) -> None:
    rows = (folder / "rows.csv").read_text()
    (tmp_path / "rows.csv").write_text(rows)
    (tmp_path / "net.yaml").write_text(NET)
    run = trained(tmp_path, tmp_path).path
    unfinished(run, 6)
    (tmp_path / "rows.csv").write_text(rows.replace("0,0,no", "6,6,yes", 1))
    before = as_it_was(run)
    with pytest.raises(YamlnetError, match=r"the data aren't what they were .* digest was") as caught:
        resumed(run)
    assert "--allow-data" in (caught.value.help or "")
    assert as_it_was(run) == before
    resumed(run, permits=Permits(data=True))
    (tmp_path / "rows.csv").write_text("\n".join(rows.splitlines()[:28]) + "\n")
    unfinished(run, 6)
    with pytest.raises(YamlnetError, match="an epoch had 5 batches"):
        resumed(run, permits=Permits(data=True))


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, tmp_path).path
    expected = digest(run)
    unfinished(run, 0)
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({"data_parts": manifest["data_parts"]}))
    heard = Heard()
    resumed(run, heard=heard)
    assert heard.began_after == 0
    assert digest(run) == expected
    assert len(Run(run).records()) == 4


def test_on_the_command_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(folder, tmp_path).path
    ended = call(capsys, "train", "--resume", str(run.parent / "latest"))
    assert (ended.code, "is finished: there is nothing to resume" in ended.err) == (3, True)
    ended = call(capsys, "train", "--resume", str(run.parent / "latest"), "--set", "train.epochs=3")
    assert (ended.code, "changed: train.epochs: 2 -> 3" in ended.err) == (0, True)
    ended = call(capsys, "train", str(folder / "net.yaml"), "--allow-data")
    assert ended.code == 2
    said = manifest(run)
    (run / "manifest.json").write_text(json.dumps({**said, "torch": "1.0"}))
    ended = call(capsys, "train", "--resume", str(run), "--set", "train.epochs=4")
    assert (ended.code, "--allow-environment" in ended.err) == (3, True)
    options = ["--set", "train.epochs=4", "--allow-environment", "--quiet"]
    assert call(capsys, "train", "--resume", str(run), *options).code == 0


@pytest.mark.parametrize("option", ["vars.width=9", "blocks.Two.Sequential=[ReLU]"])
def test_what_is_worked_out_already_is_refused(folder: Path, tmp_path: Path, option: str) -> None:
    run = yamlnet.train(folder / "net.yaml", runs=tmp_path).path
    with pytest.raises(yamlnet.ConfigError, match="changes nothing in a run that goes on") as caught:
        resumed(run, "train.epochs=3", option)
    (found,) = caught.value.diagnostics
    assert (found.file, found.line, found.code) == ("--set", 2, "unused-value")
    assert "resumes" not in manifest(run)
