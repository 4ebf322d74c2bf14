"""Whatever bytes a file holds, checking it gives diagnostics: no exception, and no hang."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.files import KINDS_OF_FILES
from tests.fuzz.law import ends_in_diagnostics

NUM_EXAMPLES = {"bytes": 300, "documents": 200, "damaged": 120}


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
def test_every_file_ends_in_diagnostics(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"

    @settings(
        max_examples=NUM_EXAMPLES[kind],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def law(data: st.DataObject) -> None:
        ends_in_diagnostics(data.draw(KINDS_OF_FILES[kind]), file)

    law()
