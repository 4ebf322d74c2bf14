"""What a terminal shows while training runs: one line, above which the records stay."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from yamlnet.cli.progress import Bar
from yamlnet.training.observer import Progress

HALF = Progress(step=500, num_steps=1_000, epoch=3, loss=0.25, samples_per_second=12_345.6, time_left_s=62)
RECORD = {"epoch": 2, "split": "train", "step": 400, "loss": 0.5, "accuracy": 0.75}


def bar(width: int = 100, **said: object) -> tuple[Bar, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, force_interactive=True, width=width, **said)  # type: ignore[arg-type]
    return Bar(console), file


def drawn(width: int = 100, **said: object) -> str:
    """What stands on the line half way through a training."""
    shown, file = bar(width, **said)
    with shown:
        shown.started(Path("runs/a/1"), 1_000, 0)
        file.truncate(0)
        file.seek(0)
        shown.progressed(HALF)
        return file.getvalue().removeprefix("\r\x1b[2K")


def test_it_tells_how_far_the_training_is() -> None:
    tail = " 500/1,000 loss 0.2500  12,346 samples/s  1:02 left"
    assert drawn(no_color=True) == f"epoch 3 {'━' * 20}{' ' * 20}{tail}"
    assert drawn(color_system=None) == f"epoch 3 {'━' * 20}{' ' * 20}{tail}"
    coloured = drawn(color_system="standard")
    assert coloured.count("━") == 40
    assert coloured.startswith("epoch 3 \x1b[")


@pytest.mark.parametrize("width", [80, 66, 60, 30, 5])
def test_it_is_one_line_on_any_terminal(width: int) -> None:
    line = drawn(width, no_color=True)
    assert len(line) <= width
    assert "\n" not in line
    assert ("loss 0.2500  12,346 samples/s  1:02 left" in line) == (width >= 60)
    assert line.endswith("…") == (8 < width < 60)


def test_a_long_line_above_it_is_left_whole() -> None:
    shown, file = bar(30, no_color=True)
    with shown:
        shown.started(Path("runs/a/1"), 1_000, 0)
        shown.recorded(RECORD)
    assert "epoch   2  train       loss 0.5000  accuracy 0.7500\n" in file.getvalue()


def test_records_stay_above_it_and_it_goes_in_the_end() -> None:
    shown, file = bar(no_color=True)
    with shown:
        shown.started(Path("runs/a/1"), 1_000, 200)
        shown.progressed(HALF)
        shown.recorded(RECORD)
        assert "epoch 2 " in file.getvalue().rpartition("\n")[2]
        assert " 400/1,000 loss 0.2500" in file.getvalue()
        shown.noted("\x1b[31mred")
        shown.warned("hot")
        last = file.getvalue().rpartition("\r\x1b[2K")[2]
        assert last.splitlines()[0] == "warning: hot"
        assert last.splitlines()[1].startswith("epoch 2 ━")
    text = file.getvalue()
    assert "runs/a/1: 1,000 steps, from step 200 on\n" in text
    assert "epoch   2  train       loss 0.5000  accuracy 0.7500\n" in text
    assert "\x1b[31mred" not in text
    assert text.endswith("\r\x1b[1A\x1b[2K")
