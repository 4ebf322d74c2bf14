"""A run's profile in; the text of where a step's time goes, for people, out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_LAYERS, LONGEST_BAR = 20, 30


def as_text(profile: Mapping[str, Any] | None, run: Path) -> str:
    """Parts of a step with their shares, its layers and its operators; times are milliseconds of a step."""
    if profile is None:
        return "the training ended before enough of its steps were seen for a profile"
    first, last = profile["steps"]
    lines = [f"a step takes {profile['step_ms']:.3g} ms (steps {first} to {last})"]
    compiled = not profile["layers"]
    for part, ms in profile["parts"].items():
        if compiled and part == "forward":
            continue
        name = "forward, loss" if compiled and part == "loss" else part
        share = ms / profile["step_ms"] if profile["step_ms"] else 0.0
        lines.append(f"  {name:<13} {ms:>9.3f}  {share:>6.1%}  {'█' * round(LONGEST_BAR * share)}".rstrip())
    lines += _table("forward, by layer", [_layer(layer) for layer in profile["layers"]])
    lines += _table("operators", [_operator(operator) for operator in profile["operators"]])
    lines += ["", f"trace: {run / 'profile' / 'trace.json'} (opens in ui.perfetto.dev or chrome://tracing)"]
    return "\n".join(lines)


def _layer(layer: Mapping[str, Any]) -> tuple[str, float, str]:
    return layer["name"], layer["ms"], "  ".join(filter(None, (layer["kind"], layer["line"])))


def _operator(operator: Mapping[str, Any]) -> tuple[str, float, str]:
    return operator["name"], operator["ms"], f"{operator['calls']:.3g} calls"


def _table(title: str, rows: list[tuple[str, float, str]]) -> list[str]:
    if not rows:
        return []
    width = max(13, *(len(name) for name, _, _ in rows[:MOST_LAYERS]))
    shown = [f"  {name:<{width}} {ms:>9.3f}  {beside}" for name, ms, beside in rows[:MOST_LAYERS]]
    left = rows[MOST_LAYERS:]
    rest = [f"  {len(left)} more{'':<{width}} {sum(ms for _, ms, _ in left):>.3f}"] if left else []
    return ["", title, *shown, *rest]
