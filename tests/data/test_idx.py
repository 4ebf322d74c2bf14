"""IDX files, sound and damaged."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from pathlib import Path

import pytest
import torch

from yamlnet.data import idx
from yamlnet.data.idx import read_idx
from yamlnet.diagnostics import YamlnetError

from .idx_files import idx_bytes

SOUND = idx_bytes((4, 3, 2), bytes(range(24)))


def write(folder: Path, content: bytes, name: str = "values-idx3-ubyte") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def failure(path: Path) -> str:
    """What is wrong with the file: one line that names it."""
    with pytest.raises(YamlnetError) as caught:
        read_idx(path)
    assert f"`{path}`" in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("name", ["values", "values.gz"])
def test_values_come_back_in_shape(tmp_path: Path, name: str) -> None:
    content = gzip.compress(SOUND) if name.endswith(".gz") else SOUND
    values = read_idx(write(tmp_path, content, name))
    assert values.dtype == torch.uint8
    assert torch.equal(values, torch.arange(24, dtype=torch.uint8).view(4, 3, 2))


@pytest.mark.parametrize(
    ("code", "letter", "dtype"),
    [
        (0x09, "b", torch.int8),
        (0x0B, "h", torch.int16),
        (0x0C, "i", torch.int32),
        (0x0D, "f", torch.float32),
        (0x0E, "d", torch.float64),
    ],
)
def test_values_are_big_endian(tmp_path: Path, code: int, letter: str, dtype: torch.dtype) -> None:
    numbers = [1, -2, 100, -128]
    values = read_idx(write(tmp_path, idx_bytes((4,), struct.pack(f">4{letter}", *numbers), code)))
    assert values.dtype == dtype
    assert values.tolist() == numbers


def test_every_truncation_is_found(tmp_path: Path) -> None:
    for length in range(len(SOUND)):
        failure(write(tmp_path, SOUND[:length]))
    assert "expected 24 bytes of values, found 20" in failure(write(tmp_path, SOUND[:-4]))


def test_every_truncation_of_a_gzip_file_is_found(tmp_path: Path) -> None:
    content = gzip.compress(SOUND)
    for length in range(len(content)):
        failure(write(tmp_path, content[:length], "values.gz"))


def test_every_flipped_byte_of_a_gzip_file_is_found(tmp_path: Path) -> None:
    content = gzip.compress(SOUND)
    expected = torch.arange(24, dtype=torch.uint8).view(4, 3, 2)
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        path = write(tmp_path, bytes(damaged), "values.gz")
        # the time and the system in its header can differ without a difference in what it holds
        if position in (4, 5, 6, 7, 8, 9):
            assert torch.equal(read_idx(path), expected)
        else:
            failure(path)


def test_every_flipped_bit_of_a_header_is_found(tmp_path: Path) -> None:
    for position in range(16):
        for bit in range(8):
            damaged = bytearray(SOUND)
            damaged[position] ^= 1 << bit
            path = write(tmp_path, bytes(damaged))
            # signed bytes instead of unsigned ones fill the same space
            if (position, bit) == (2, 0):
                assert read_idx(path).dtype == torch.int8
            else:
                failure(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "isn't an IDX file"),
        (b"\x89PNG\r\n", "isn't an IDX file"),
        (b"\0\0\x08\0", "isn't an IDX file"),
        (idx_bytes((24,), bytes(24), 0x0A), "unknown type"),
        (idx_bytes((4, 3), bytes(12))[:9], "truncated in its header"),
        (SOUND + b"\0", "goes on after its values"),
        (idx_bytes((0, 28, 28), b""), "is empty"),
        (idx_bytes((2**32 - 1, 2**32 - 1), b"12"), "truncated"),
    ],
)
def test_malformations_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in failure(write(tmp_path, content))
    assert words in failure(write(tmp_path, gzip.compress(content), "values.gz"))


def test_more_is_found_at_the_end_of_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "CHUNK", 8)
    assert torch.equal(read_idx(write(tmp_path, SOUND)), torch.arange(24, dtype=torch.uint8).view(4, 3, 2))
    assert "goes on after its values" in failure(write(tmp_path, SOUND + b"\0"))


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    assert "no such file" in failure(tmp_path / "absent")
    assert "no such file" in failure(tmp_path / "absent" / "values.gz")
    assert "is a directory" in failure(tmp_path)


def test_a_plain_file_called_gz_is_named(tmp_path: Path) -> None:
    assert "damaged gzip file" in failure(write(tmp_path, SOUND, "values.gz"))


@pytest.mark.parametrize("says", [24, 2**32 - 1])
def test_memory_follows_neither_the_header_nor_a_bomb(tmp_path: Path, says: int) -> None:
    path = write(tmp_path, gzip.compress(idx_bytes((says,), bytes(8 << 20))), "values.gz")
    tracemalloc.start()
    try:
        failure(path)
        assert tracemalloc.get_traced_memory()[1] < (1 << 20 if says == 24 else 24 << 20)
    finally:
        tracemalloc.stop()
