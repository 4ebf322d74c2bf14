"""`python -m tests.fuzz KIND NUMBER SEED`: checks so many files of a kind, and prints those that fail."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.files import KINDS_OF_FILES
from tests.fuzz.law import ends_in_diagnostics


def main() -> None:
    kind, number, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    failures: dict[str, bytes] = {}
    with TemporaryDirectory() as folder:

        @seed(first)
        @settings(
            max_examples=number,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(KINDS_OF_FILES[kind])
        def law(content: bytes) -> None:
            try:
                ends_in_diagnostics(content, Path(folder) / "net.yaml")
            except Exception:
                lines = traceback.format_exc().splitlines()
                place = "\n".join(line for line in lines if "yamlnet" in line)[-300:]
                failures.setdefault(f"{place}\n{lines[-1][:200]}", content)

        law()
    for place, content in failures.items():
        sys.stdout.write(f"{place}\n    {content!r}\n\n")
    sys.stdout.write(f"{number} files of {kind}: {len(failures)} sorts of failures\n")
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
