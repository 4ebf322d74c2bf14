"""One mistake in a file that had none is told once, on its line, and with the word that mends it."""

from __future__ import annotations

from pathlib import Path

from tests.mutations.damage import damages
from tests.mutations.measure import FILES, RESPECTS, respects, shares

NUM_EACH = 6
LEAST = 0.97


def test_mutations(tmp_path: Path) -> None:
    found = [
        (damage, respects(damage, tmp_path), file.name)
        for number, file in enumerate(FILES)
        for damage in damages(file.read_text(encoding="utf-8"), number, NUM_EACH)
    ]
    assert len(found) > 4 * len(FILES)
    table = shares((damage.kind, held) for damage, held, _ in found)
    wrong = [(name, d.kind, d.what, held) for d, held, name in found if not all(held.values())]
    for respect in RESPECTS:
        held = [each[respect] for _, each, _ in found if respect in each]
        assert sum(held) >= LEAST * len(held), (respect, table, wrong)
