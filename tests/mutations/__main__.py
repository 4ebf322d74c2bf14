"""`python -m tests.mutations [SEED [NUMBER]]`: damages every shipped file so often; prints how that is told.

Those of which something isn't told rightly go to standard error, a line for each.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutations.damage import damages
from tests.mutations.measure import FILES, respects, shares


def main() -> None:
    seed, number = (int(word) for word in (*sys.argv[1:], *("0", "50")[len(sys.argv) - 1 :]))
    found = []
    with TemporaryDirectory() as folder:
        for position, file in enumerate(FILES):
            text = file.read_text(encoding="utf-8")
            for damage in damages(text, 1_000_000 * seed + position, number):
                held = respects(damage, Path(folder))
                found.append((damage.kind, held))
                lost = [name for name, holds in held.items() if not holds]
                if lost:
                    what = f"{file.name}:{damage.line}: {damage.kind}: {damage.mend or ''} -> {damage.what}"
                    sys.stderr.write(f"{what}: not {', '.join(lost)}\n")
    sys.stdout.write(shares(found) + "\n")


if __name__ == "__main__":
    main()
