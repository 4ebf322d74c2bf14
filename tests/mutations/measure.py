"""A damaged file -> which of four things the diagnostics do right; many of them -> a table of shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import yamlnet
from tests.mutations.damage import Damage

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted((*CONFIGS.glob("*.yaml"), *CONFIGS.glob("gallery/*.yaml")))

RESPECTS = ("told", "right line", "one mistake", "right word")
"""There is an error; where the first one stands; there is no other; and it offers the right word."""


def respects(damage: Damage, folder: Path) -> Mapping[str, bool]:
    """Which of the four hold; the last only where one word mends the damage."""
    path = folder / "damaged.yaml"
    path.write_text(damage.text, encoding="utf-8")
    errors = [found for found in yamlnet.check(path) if found.severity == "error"]
    if not errors:
        return dict.fromkeys(RESPECTS, False)
    found = {"told": True, "right line": errors[0].line == damage.line, "one mistake": len(errors) == 1}
    return found if damage.mend is None else {**found, "right word": errors[0].suggestion == damage.mend}


def shares(found: Iterable[tuple[str, Mapping[str, bool]]]) -> str:
    """A line for each kind of damage, and one for all: how many, and the share of each respect."""
    by_kind: dict[str, list[Mapping[str, bool]]] = {}
    for kind, held in found:
        by_kind.setdefault(kind, []).append(held)
    by_kind["all"] = [held for kind in by_kind for held in by_kind[kind]]
    lines = [f"{'damage':<22}{'files':>7}" + "".join(f"{name:>13}" for name in RESPECTS)]
    for kind, each in by_kind.items():
        counted = [[held[name] for held in each if name in held] for name in RESPECTS]
        cells = (f"{sum(one) / len(one):>13.1%}" if one else f"{'':>13}" for one in counted)
        lines.append(f"{kind:<22}{len(each):>7}" + "".join(cells))
    return "\n".join(lines)
