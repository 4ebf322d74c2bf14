"""One mistake in a file that had none is told once, on its line, and with the word that mends it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import yamlnet
from tests.mutations.damage import Damage, damages

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted((*CONFIGS.glob("*.yaml"), *CONFIGS.glob("gallery/*.yaml")))
NUM_EACH = 5
LEAST = 0.97


def fault(damage: Damage, folder: Path) -> str | None:
    """What is wrong with the diagnostics of a damaged file; nothing escapes as an exception."""
    path = folder / "damaged.yaml"
    path.write_text(damage.text, encoding="utf-8")
    errors = [found for found in yamlnet.check(path) if found.severity == "error"]
    if not errors:
        return "nothing is told"
    if errors[0].line != damage.line:
        return "another line is told"
    if len(errors) > 1:
        return "more than one mistake is told"
    return "another word is offered" if damage.mend and errors[0].suggestion != damage.mend else None


def test_mutations(tmp_path: Path) -> None:
    faults = [
        (fault(damage, tmp_path), file.name, damage.kind, damage.what)
        for number, file in enumerate(FILES)
        for damage in damages(file.read_text(encoding="utf-8"), number, NUM_EACH)
    ]
    wrong = [found for found in faults if found[0] is not None]
    assert len(faults) > 4 * len(FILES)
    assert len(wrong) <= (1 - LEAST) * len(faults), (Counter(found[0] for found in wrong), wrong)
