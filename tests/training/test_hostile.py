"""Checkpoints that someone made to do harm: a clear error, no traceback, no huge allocation."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.training.tasks import new_run, optimizer, scheduler, signalled, task
from yamlnet import disk
from yamlnet.diagnostics import YamlnetError
from yamlnet.training import checkpoint, trainer
from yamlnet.training.run import Run
from yamlnet.training.setup import Task

SAID: dict[str, Any] = {
    "optimizer": optimizer("AdamW", lr=0.01),
    "scheduler": scheduler("OneCycleLR", max_lr=0.02),
    "train": {"epochs": 2, "ema": 0.9, "precision": "fp16", "checkpoint": {"best": "validation.loss"}},
}
MOST_MIB = 300


def subject() -> Task:
    return task(**SAID)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that was stopped in its second epoch, with one checkpoint after step 8."""
    run = new_run(tmp_path_factory.mktemp("hostile"))
    with pytest.raises(YamlnetError):
        trainer.train(signalled(subject(), 1, 2), run)
    return run


def reseal(folder: Path) -> None:
    """Writes the manifest that the files need to verify."""
    files = ("model.safetensors", "state.safetensors", "state.json")
    contents = {name: (folder / name).read_bytes() for name in files}
    facts = {name: {"size": len(c), "sha256": sha256(c).hexdigest()} for name, c in contents.items()}
    manifest: dict[str, Any] = {"step": 8, "files": facts}
    sealed = {**manifest, "sha256": sha256(disk.as_json(manifest)).hexdigest()}
    (folder / "manifest.json").write_bytes(disk.as_json(sealed))


def header(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Changes the header of a safetensors file."""

    def work(folder: Path) -> None:
        content = (folder / name).read_bytes()
        length = int.from_bytes(content[:8], "little")
        said = json.loads(content[8 : 8 + length])
        change(said)
        text = json.dumps(said).encode()
        (folder / name).write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
        reseal(folder)

    return work


def tensors(name: str, change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    """Changes the tensors of a safetensors file."""

    def work(folder: Path) -> None:
        held = load_file(folder / name)
        change(held)
        save_file(held, folder / name)
        reseal(folder)

    return work


def numbers(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Changes state.json."""

    def work(folder: Path) -> None:
        held = json.loads((folder / "state.json").read_bytes())
        change(held)
        (folder / "state.json").write_text(json.dumps(held))
        reseal(folder)

    return work


def content(name: str, value: bytes, sealed: bool = True) -> Callable[[Path], None]:
    """Puts other bytes at a file."""

    def work(folder: Path) -> None:
        (folder / name).write_bytes(value)
        if sealed and name != "manifest.json":
            reseal(folder)

    return work


def replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Puts something that is no file at a file's name."""

    def work(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return work


def sparse(path: Path) -> None:
    """A file of a terabyte that takes no room."""
    path.touch()
    os.truncate(path, 2**40)


def named(name: str) -> Callable[[Path], None]:
    """Names another file in the manifest."""

    def work(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        facts = {**manifest["files"], name: {"size": 1, "sha256": "0" * 64}}
        plain = {"step": 8, "files": facts}
        sealed = {**plain, "sha256": sha256(disk.as_json(plain)).hexdigest()}
        (folder / "manifest.json").write_bytes(disk.as_json(sealed))

    return work


MODEL, STATE = "model.safetensors", "state.safetensors"
DEEP = b"[" * 200_000
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "header longer than the file": (
        content(MODEL, (2**62).to_bytes(8, "little") + b"{}"),
        "its header is longer",
    ),
    "header of a gigabyte": (content(STATE, (2**30).to_bytes(8, "little") + b"{}"), "its header is longer"),
    "empty file": (content(MODEL, b""), "its header is longer"),
    "no JSON in the header": (content(MODEL, (4).to_bytes(8, "little") + b"nope"), "no JSON"),
    "deep header": (content(STATE, len(DEEP).to_bytes(8, "little") + DEEP), "nested too deep"),
    "header is a list": (content(MODEL, (2).to_bytes(8, "little") + b"[]"), "no JSON object"),
    "overlapping tensors": (
        header(MODEL, lambda h: h["5.bias"].update(data_offsets=[0, 12])),
        "overlap, or leave gaps",
    ),
    "offsets beyond the end": (
        header(MODEL, lambda h: h["5.bias"].update(data_offsets=[2**40, 2**40 + 12])),
        "overlap, or leave gaps",
    ),
    "negative offsets": (
        header(MODEL, lambda h: h["5.bias"].update(data_offsets=[-12, 0])),
        "no shape or place",
    ),
    "a huge shape": (header(MODEL, lambda h: h["5.bias"].update(shape=[2**62])), "another size than shape"),
    "a shape that overflows": (
        header(MODEL, lambda h: h["5.bias"].update(shape=[2**32, 2**32])),
        "another size than shape",
    ),
    "a shape of fractions": (
        header(MODEL, lambda h: h["5.bias"].update(shape=[1.5, 2])),
        "no shape or place",
    ),
    "a thousand axes": (
        header(MODEL, lambda h: h["5.bias"].update(shape=[1] * 999 + [3])),
        "no shape or place",
    ),
    "an unknown dtype": (
        header(MODEL, lambda h: h["5.bias"].update(dtype="F31")),
        "doesn't describe `5.bias`",
    ),
    "a tensor that is text": (
        header(MODEL, lambda h: h.update({"5.bias": "x"})),
        "doesn't describe `5.bias`",
    ),
    "a weight left out": (
        tensors(MODEL, lambda t: t.pop("5.bias")),
        "of another network: it has no `5.bias`",
    ),
    "a weight too many": (
        tensors(MODEL, lambda t: t.update(x=torch.ones(3))),
        "of another network: it has `x`",
    ),
    "a weight of another shape": (
        tensors(MODEL, lambda t: t.update({"5.bias": torch.ones(4)})),
        r"of another network: `5.bias` is \[4\] of float32 there",
    ),
    "a weight of another dtype": (
        tensors(MODEL, lambda t: t.update({"5.bias": torch.ones(3).double()})),
        "of another network: `5.bias` is",
    ),
    "moments of another shape": (
        tensors(STATE, lambda t: t.update({"optimizer.5.bias.exp_avg": torch.ones(7, 7)})),
        r"another training: `5.bias.exp_avg` is \[7, 7\]",
    ),
    "moments of no parameter": (
        tensors(STATE, lambda t: t.update({"optimizer.9.bias.exp_avg": torch.ones(3)})),
        "another training: it has no `9.bias`",
    ),
    "an average of another shape": (
        tensors(STATE, lambda t: t.update({"ema.5.bias": torch.ones(1)})),
        "another training: `ema.5.bias`",
    ),
    "a short random state": (
        tensors(STATE, lambda t: t.update({"random.cpu": torch.zeros(3, dtype=torch.uint8)})),
        "another training: a random state",
    ),
    "a long random state": (
        tensors(STATE, lambda t: t.update({"random.numpy": torch.zeros(999, dtype=torch.int64)})),
        "another training: a random state",
    ),
    "no random state": (tensors(STATE, lambda t: t.pop("random.cpu")), "another training: it has no `cpu`"),
    "sums of another shape": (
        tensors(STATE, lambda t: t.update({"sums.loss": torch.ones(2, dtype=torch.float64)})),
        "another training: `sums.loss`",
    ),
    "deep numbers": (content("state.json", DEEP), "nested too deep"),
    "numbers that are a list": (content("state.json", b"[]"), "no JSON object"),
    "numbers of huge digits": (content("state.json", b'{"position": ' + b"9" * 5000 + b"}"), "no JSON"),
    "no UTF-8": (content("state.json", b"\xff\xfe{}"), "no JSON"),
    "no position": (numbers(lambda n: n.pop("position")), "of another training"),
    "a position that is no number": (
        numbers(lambda n: n["position"].update(step=float("nan"))),
        "whole numbers",
    ),
    "a position below 0": (numbers(lambda n: n["position"].update(batch=-1)), "below 0"),
    "a batch beyond the epoch": (
        numbers(lambda n: n["position"].update(batch=10**12)),
        "`position.batch` is 1000000000000 of 5",
    ),
    "another step": (numbers(lambda n: n["position"].update(step=7)), "`position.step` is 7"),
    "a position with other keys": (numbers(lambda n: n["position"].update(__class__=1)), "other keys"),
    "a standing of text": (numbers(lambda n: n.update(standing="x")), "another training"),
    "a best step of text": (
        numbers(lambda n: n["standing"]["best"].update(step="../../../etc")),
        "another training",
    ),
    "records of negative size": (
        numbers(lambda n: n.update(num_bytes_recorded={"metrics.jsonl": -1})),
        "no sizes",
    ),
    "a schedule with other keys": (
        numbers(lambda n: n["scheduler"].update(step=1)),
        "`scheduler` has other keys",
    ),
    "a schedule of text": (
        numbers(lambda n: n["scheduler"].update(last_epoch="x")),
        "`scheduler.last_epoch`",
    ),
    "a scaler of text": (numbers(lambda n: n["scaler"].update(scale="x")), "`scaler.scale`"),
    "groups left out": (numbers(lambda n: n["optimizer"].update(groups=[])), "0 groups"),
    "a learning rate of text": (numbers(lambda n: n["optimizer"]["groups"][0].update(lr="x")), "groups.lr"),
    "a path in the manifest": (named("../../../../etc/passwd"), "manifest.json` is damaged"),
    "an absolute path in the manifest": (named("/etc/passwd"), "manifest.json` is damaged"),
    "a manifest with half a character": (
        content(
            "manifest.json",
            b'{"files": {"model.safetensors": "\\ud800", "state.safetensors": 1, "state.json": 1}}',
        ),
        "manifest.json` is damaged",
    ),
    "a manifest that is a number": (content("manifest.json", b"1"), "manifest.json` is damaged"),
    "a deep manifest": (content("manifest.json", DEEP), "manifest.json` is damaged"),
    "a symbolic link": (replaced(MODEL, lambda p: p.symlink_to("/etc/passwd")), "it is a symbolic link"),
    "a link to itself": (replaced(STATE, lambda p: p.symlink_to(p)), "it is a symbolic link"),
    "a pipe": (replaced("state.json", os.mkfifo), "it is no plain file"),
    "a folder": (replaced(MODEL, Path.mkdir), "it is no plain file"),
    "a terabyte of nothing": (replaced(STATE, sparse), "is damaged"),
    "a manifest of a terabyte": (replaced("manifest.json", sparse), "are too many"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_checkpoint_is_refused(stopped: Run, tmp_path: Path, kind: str) -> None:
    make, reason = HOSTILE[kind]
    run = Run(tmp_path / "run")
    copytree(stopped.path, run.path)
    for older in checkpoint.steps(run.checkpoints)[1:]:
        rmtree(checkpoint.folder(run.checkpoints, older))
    make(run.checkpoints / "step-00000008")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    warned: list[str] = []
    said = ""
    try:
        run.last(warned.append)
        trainer.resume(subject(), run)
    except YamlnetError as error:
        said = error.message
    assert said, "it was taken"
    assert any(_has(text, reason) for text in (said, *warned)), (said, warned)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MIB * 1024
    assert run.result is None


def _has(text: str, reason: str) -> bool:
    return reason.replace("\\", "") in text


def test_there_are_enough_kinds() -> None:
    assert len(HOSTILE) >= 25


def test_without_harm_it_is_taken(stopped: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    copytree(stopped.path, run.path)
    reseal(run.checkpoints / "step-00000008")
    assert trainer.resume(subject(), run).steps == 10


NAMES = ("step-00000000000000000009", "step-x", "step--1", "step-9", "step-٠٠٠٠٠٠٠٩", "step-00000009.partial")


def test_names_that_are_no_steps_are_passed_over(stopped: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    copytree(stopped.path, run.path)
    for name in NAMES:
        (run.checkpoints / name).mkdir()
    assert run.last(lambda message: None).step == 8


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.json", b'{"resumes": [1]}'),
        ("manifest.json", b'{"resumes": [{"environment": {"torch": 1}, "data_digest": null}]}'),
        ("manifest.json", b"[]"),
        ("manifest.json", DEEP),
        ("best.json", b'{"step": "../x"}'),
        ("best.json", b"\xff"),
        ("metrics.jsonl", b"1\n"),
        ("metrics.jsonl", b"{\n"),
        ("resolved.yaml", b"\xff\xff"),
    ],
)
def test_a_damaged_file_of_the_run_is_named(stopped: Run, tmp_path: Path, name: str, text: bytes) -> None:
    run = Run(tmp_path / "run")
    copytree(stopped.path, run.path)
    (run.path / name).write_bytes(text)
    with pytest.raises(YamlnetError, match=f"`.*{name}` is damaged"):
        _ = run.manifest, run.best, run.records(), run.resolved


def test_a_record_that_was_cut_off_is_left_out(stopped: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    copytree(stopped.path, run.path)
    whole = run.records()
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 9, "spl')
    assert run.records() == whole
