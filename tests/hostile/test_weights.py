"""Files of weights that somebody else wrote: none runs anything, hangs, or takes memory that isn't there."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.hostile.confined import bugs, run

GOOD = {"weight": torch.ones(2, 4), "bias": torch.ones(2)}
NET = "model: {input: [4], Linear: 2, weights: NAME}\n"
SEED, NUM_DAMAGED = 0, int(os.environ.get("YAMLNET_HOSTILE", "1")) * 60

BUILD = """
import torch
torch.save({"a": torch.ones(2)}, "warm.pt")
for warm in ("warm.pt", "good.safetensors"):
    attempt(lambda: yamlnet.build(f"model: {{input: [4], Linear: 2, weights: {warm}}}\\n"))
ran = []
sys.addaudithook(lambda event, args: ran.append(event) if event in
    ("os.system", "subprocess.Popen", "socket.connect", "os.exec", "os.remove") else None)
limit(1500)
endings = {}
for name in given:
    file = f"model: {{input: [4], Linear: 2, weights: {name}}}\\n"
    ran.clear()
    for act in (yamlnet.check, yamlnet.build):
        endings[f"{name} {act.__name__}"] = attempt(lambda: act(file))
    if ran:
        endings[f"{name} ran"] = ["bug", 70, str(ran)]
print(json.dumps(endings))
"""


class Runs:
    """An object whose pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def saved(value: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def rezipped(content: bytes, compress: bool = False, **members: bytes) -> bytes:
    """A zip file of torch with other members (`data.pkl` is `pickle`)."""
    stream = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", kind) as new:
        for name in old.namelist():
            replaced = members.get("pickle") if name.endswith("data.pkl") else None
            new.writestr(name, replaced or old.read(name))
        for name, value in members.items():
            if name != "pickle":
                new.writestr(f"archive/{name}", value)
    return stream.getvalue()


def pickled(opcodes: bytes) -> bytes:
    """A zip file of torch whose pickle is of these opcodes."""
    return rezipped(saved(GOOD), pickle=b"\x80\x02" + opcodes + b".")


def sized(content: bytes, before: bytes, after: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        names = archive.read(name)
    assert before in names
    return rezipped(content, pickle=names.replace(before, after))


def overlapping() -> bytes:
    """A zip file whose directory lists one large member many times."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as new:
        new.writestr("archive/data.pkl", pickle.dumps({}, 2))
        new.writestr("archive/data/0", b"\0" * 2**20)
        for number in range(1, 3000):
            info = zipfile.ZipInfo(f"archive/data/{number}")
            info.file_size = info.compress_size = 2**20
            info.CRC = new.getinfo("archive/data/0").CRC
            info.header_offset = new.getinfo("archive/data/0").header_offset
            new.filelist.append(info)
    return stream.getvalue()


def header(value: Any, numbers: bytes = b"") -> bytes:
    """A safetensors file with this header."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def tensor(dtype: str, shape: list[int], end: int, start: int = 0) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


TUPLES = (
    b"("
    + b")q\x00"
    + b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(60))
)

PTH: dict[str, Callable[[], bytes]] = {
    "system": lambda: saved({"weight": Runs(os.system, "touch ran")}),
    "eval": lambda: saved({"weight": Runs(eval, "open('ran', 'w')")}),
    "bare-system": lambda: pickle.dumps(Runs(os.system, "touch ran"), 2),
    "nested-load": lambda: saved({"weight": Runs(torch.load, "good.pth")}),
    "bytearray": lambda: saved({"weight": Runs(bytearray, 10**12)}),
    "encode": lambda: saved({"weight": Runs(__import__("codecs").encode, "x" * 100, "latin1")}),
    "counter": lambda: saved({"weight": Runs(__import__("collections").Counter, "x" * 10)}),
    "module": lambda: saved(torch.nn.Linear(4, 2)),
    "list": lambda: saved([torch.ones(2)]),
    "nested": lambda: saved({"state_dict": GOOD, "epoch": 3}),
    "tensor": lambda: saved(torch.ones(2)),
    "number-as-name": lambda: saved({1: torch.ones(2)}),
    "numpy": lambda: saved({"weight": np.ones((2, 4))}),
    "sparse": lambda: saved({**GOOD, "weight": torch.eye(2, 4).to_sparse()}),
    "meta": lambda: saved({**GOOD, "weight": torch.empty(2, 4, device="meta")}),
    "whole": lambda: saved({**GOOD, "weight": torch.ones(2, 4, dtype=torch.int64)}),
    "complex": lambda: saved({**GOOD, "weight": torch.ones(2, 4, dtype=torch.complex64)}),
    "shape": lambda: saved({**GOOD, "weight": torch.ones(4, 2)}),
    "wide": lambda: saved({**GOOD, "weight": torch.ones(1).expand(2**20, 2**20)}),
    "long-name": lambda: saved({**GOOD, "x" * 2_000_000: torch.ones(1)}),
    "huge-record": lambda: sized(saved({"bias": torch.ones(7)}), b"K\x07t", b"J\xff\xff\xff\x7ft"),
    "huge-stride": lambda: sized(
        saved({"bias": torch.ones(7)}), b"K\x07\x85", b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85"
    ),
    "negative-offset": lambda: sized(saved({"bias": torch.ones(7)}), b"QK\x00", b"QJ\xff\xff\xff\xff"),
    "tuples": lambda: pickled(TUPLES[1:] + b"}" + b"h<" + b"Ns"),
    "shadowed-items": lambda: pickled(b"ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsK\x05sb"),
    "dup": lambda: pickled(b"}2"),
    "stack-global": lambda: pickled(b"\x8c\x02os\x8c\x06system\x93"),
    "extension": lambda: pickled(b"\x82\x01"),
    "endless": lambda: pickled(b"}X\xff\xff\xff\x7fabc"),
    "unfinished": lambda: pickled(b"}((((("),
    "zip-bomb": lambda: rezipped(saved(GOOD), compress=True, **{"data/9": b"\0" * 2**28}),
    "zip-of-names": lambda: rezipped(saved(GOOD), compress=True, pickle=b"\x80\x02" + b"N0" * 2**24 + b"}."),
    "overlapping": overlapping,
    "no-pickle": lambda: rezipped(saved(GOOD))[:200] + b"PK\x05\x06" + b"\0" * 18,
    "two-pickles": lambda: rezipped(saved(GOOD), **{"DATA.PKL": b"\x80\x02}."}),
    "up": lambda: rezipped(saved(GOOD), **{"../../ran": b"x"}),
    "old": lambda: saved(GOOD, _use_new_zipfile_serialization=False).replace(b"K\x08", b"J\xff\xff\xff\x7f"),
    "old-code": lambda: (
        pickle.dumps(0x1950A86A20F9469CFC6C, 2)
        + pickle.dumps(1001, 2)
        + pickle.dumps({}, 2)
        + pickle.dumps(Runs(os.system, "touch ran"), 2)
    ),
    "script": lambda: script(),
    "empty": lambda: b"",
    "text": lambda: b"no weights",
    "tar": lambda: b"ustar" * 300,
    "safetensors-in-disguise": lambda: header({"weight": tensor("F32", [2, 4], 32)}, b"\0" * 32),
}
SAFETENSORS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "long-header": lambda: struct.pack("<Q", 2**63) + b"{}",
    "header-to-the-end": lambda: struct.pack("<Q", 99) + b"{}",
    "no-json": lambda: header(b"\xff\xfe{"),
    "deep": lambda: header(b"[" * 100_000),
    "deep-metadata": lambda: header(b'{"__metadata__": ' + b'{"a":' * 50_000),
    "list": lambda: header([1]),
    "past-the-end": lambda: header({"weight": tensor("F32", [2, 4], 32)}),
    "overlap": lambda: header(
        {"weight": tensor("F32", [2, 4], 32), "bias": tensor("F32", [2], 8)}, b"\0" * 32
    ),
    "hole": lambda: header({"weight": tensor("F32", [2, 4], 64, 32)}, b"\0" * 64),
    "backwards": lambda: header({"weight": tensor("F32", [2, 4], 0, 32)}, b"\0" * 32),
    "wrong-size": lambda: header({"weight": tensor("F32", [2, 4], 16)}, b"\0" * 16),
    "overflow": lambda: header({"weight": tensor("F32", [2**62, 4], 16)}, b"\0" * 16),
    "huge-dimension": lambda: header({"weight": tensor("F32", [2**70], 16)}, b"\0" * 16),
    "negative": lambda: header({"weight": tensor("F32", [-2, 4], 32)}, b"\0" * 32),
    "nothing-by-much": lambda: header({"weight": tensor("F32", [0, 2**60, 2**60], 0)}),
    "unknown-dtype": lambda: header({"weight": tensor("Q7", [2, 4], 32)}, b"\0" * 32),
    "four-bits": lambda: header({"weight": tensor("F4", [2, 4], 4)}, b"\0" * 4),
    "whole": lambda: header(
        {"weight": tensor("I32", [2, 4], 32), "bias": tensor("F32", [2], 40, 32)}, b"\0" * 40
    ),
    "twice": lambda: header(
        b'{"weight": {"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},'
        b'"weight": {"dtype":"F32","shape":[2],"data_offsets":[32,40]}}',
        b"\0" * 40,
    ),
    "escapes": lambda: header({"\x1b]0;owned\x07\r\n::error::x": tensor("F32", [2], 8)}, b"\0" * 8),
    "long-name": lambda: header({"x" * 5_000_000: tensor("F32", [2], 8)}, b"\0" * 8),
    "zip": lambda: saved(GOOD),
}


def script() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as new:
        new.writestr("m/constants.pkl", b"\x80\x02).")
        new.writestr("m/code/__torch__.py", "import os\n")
        new.writestr("m/data.pkl", pickle.dumps(OrderedDict(), 2))
    return stream.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    save_file(GOOD, folder / "good.safetensors")
    torch.save(GOOD, folder / "good.pth")
    (folder / "old.pt").write_bytes(saved(GOOD, _use_new_zipfile_serialization=False))
    for kind, files in (("pth", PTH), ("safetensors", SAFETENSORS)):
        for name, make in files.items():
            (folder / f"{name}.{kind}").write_bytes(make())
    with (folder / "sparse-file.pth").open("wb") as file:  # a file of 5 GiB that takes no place
        file.truncate(5 * 2**30)
    return folder


def test_each_is_refused_in_a_line(folder: Path) -> None:
    names = [f"{name}.pth" for name in (*PTH, "sparse-file")] + [
        f"{name}.safetensors" for name in SAFETENSORS
    ]
    endings = run(BUILD, names, folder)
    assert bugs(endings) == {}
    fine = {name for name, ending in endings.items() if name.endswith("build") and ending[0] == "fine"}
    assert fine == {"up.pth build"}  # which has one file more that nothing unpacks
    for name, (_, code, message) in endings.items():
        if name.endswith("build") and name not in fine:
            assert code == 1, (name, message)
            assert len(message) < 3000, (name, message[:500])
    assert not (folder / "ran").exists()


def test_good_ones_are_loaded(folder: Path) -> None:
    endings = run(BUILD, ["good.pth", "good.safetensors", "old.pt"], folder)
    assert {ending[0] for ending in endings.values()} == {"fine"}


def test_damage_never_comes_as_a_traceback(folder: Path) -> None:
    """Seeded truncations, flips and zeroed pages of good files; YAMLNET_HOSTILE=20 tries 20 times as many."""
    rng = np.random.default_rng(SEED)
    originals = [(name, (folder / name).read_bytes()) for name in ("good.pth", "good.safetensors", "old.pt")]
    names = []
    for number in range(NUM_DAMAGED):
        name, content = originals[number % 3]
        damaged = bytearray(content)
        where, kind = int(rng.integers(len(damaged))), number // 3 % 3
        if kind == 0:
            del damaged[where:]
        elif kind == 1:
            for position in rng.integers(0, len(damaged), rng.integers(1, 5)):
                damaged[position] ^= 1 << int(rng.integers(8))
        else:
            damaged[where : where + 64] = bytes(min(64, len(damaged) - where))
        names.append(f"{number}-{name}")
        (folder / names[-1]).write_bytes(damaged)
    assert bugs(run(BUILD, names, folder)) == {}
