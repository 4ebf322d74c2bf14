"""What packed files may unpack to, and what reading leaves free."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from yamlnet.data import unpacking
from yamlnet.data.unpacking import Unpacked, require_growth, require_memory
from yamlnet.diagnostics import YamlnetError


def drained(stream: Unpacked, chunk: int | None) -> None:
    with stream:
        while stream.read(chunk):
            pass


@pytest.mark.parametrize("chunk", [-1, None, 1000])
def test_a_bomb_is_left_before_it_is_unpacked(chunk: int | None, tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"\0" * 2**20))
    match = rf"`{path}` has 1,\d\d\d bytes and would unpack to .* the limit is"
    with pytest.raises(YamlnetError, match=match):
        drained(Unpacked(path, 0), chunk)
    with Unpacked(path, 2**20) as stream:
        assert len(stream.read()) == 2**20


def test_growth_is_measured_by_the_file() -> None:
    require_growth(Path("x"), 1000, 200_000, 0)
    require_growth(Path("x"), 10, 5000, 5000)
    with pytest.raises(YamlnetError, match=r"the limit is 200,000\n"):
        require_growth(Path("x"), 1000, 200_001, 0)


def test_memory_that_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    require_memory("it takes", 1)
    with pytest.raises(YamlnetError, match=r"it takes 1,048,576\.0 GiB of memory, and .* GiB are free"):
        require_memory("it takes", 2**50)
    monkeypatch.setattr(unpacking, "Path", lambda name: Path("/nowhere"))
    require_memory("it takes", 1)
