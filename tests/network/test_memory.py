"""The memory of a machine and its control groups; bytes in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from yamlnet.network.memory import group_limits, machine, size


def limits(folder: Path, own: str, files: dict[str, str]) -> list[int]:
    (folder / "own").write_text(own, encoding="utf-8")
    for name, text in files.items():
        file = folder / "fs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return sorted(group_limits(folder / "own", folder / "fs"))


def test_groups_of_version_2(tmp_path: Path) -> None:
    files = {"memory.max": "max\n", "slice/memory.max": "2000\n", "slice/job/memory.max": "3000\n"}
    assert limits(tmp_path, "0::/slice/job\n", files) == [2000, 3000]


def test_groups_of_version_1(tmp_path: Path) -> None:
    own = "5:cpu,cpuacct:/job\n4:memory:/job\n0::/\n"
    files = {"memory/memory.limit_in_bytes": "9000", "memory/job/memory.limit_in_bytes": "4000"}
    assert limits(tmp_path, own, files) == [4000, 9000]


def test_a_container_that_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    assert limits(tmp_path, "0::/docker/abc\n", {"memory.max": "5000"}) == [5000]


@pytest.mark.parametrize("own", ["", "nonsense\n", "0::/\n"])
def test_no_limit(tmp_path: Path, own: str) -> None:
    assert limits(tmp_path, own, {}) == []


def test_no_groups(tmp_path: Path) -> None:
    assert list(group_limits(tmp_path / "none", tmp_path)) == []


def test_this_machine() -> None:
    assert 2**28 < machine() < 2**50


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1234, "1.23 kB"),
        (25_274_793_984, "25.3 GB"),
        (3.136e15, "3.14 PB"),
        (4e21, "4,000 EB"),
    ],
)
def test_sizes_in_words(count: float, words: str) -> None:
    assert size(count) == words
