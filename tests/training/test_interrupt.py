"""Signals are kept for the next step, and none is forgotten."""

from __future__ import annotations

import os
import signal

import pytest

from yamlnet.training.interrupt import Interrupted, interruptible


@pytest.mark.parametrize(
    ("number", "word", "code"), [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "terminated", 143)]
)
def test_a_signal_stops_after_the_step(number: signal.Signals, word: str, code: int) -> None:
    before = signal.getsignal(number)
    with interruptible() as interruption:
        interruption.check(1, [interruption.signal])
        os.kill(os.getpid(), number)
        assert signal.getsignal(number) is before  # the next one isn't waited for
        with pytest.raises(Interrupted, match=f"{word} after step 2") as found:
            interruption.check(2, [interruption.signal], "goes on")
        assert (found.value.exit_code, found.value.help) == (code, "goes on")


def test_what_any_process_is_asked_all_are() -> None:
    with interruptible() as interruption, pytest.raises(Interrupted, match="interrupted after step 7"):
        interruption.check(7, [None, signal.SIGINT, signal.SIGTERM])


def test_a_signal_that_comes_while_the_processes_tell_each_other_counts_the_next_time() -> None:
    with interruptible() as interruption:
        told = [None, interruption.signal]
        os.kill(os.getpid(), signal.SIGTERM)
        interruption.check(1, told)
        with pytest.raises(Interrupted, match="terminated after step 2"):
            interruption.check(2, [None, interruption.signal])
