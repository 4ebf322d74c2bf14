"""Texts that would steer a terminal, from wherever one may come: no command prints them as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.cli.calling import call

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\x08\x7f\u202eko"
QUOTED = r"\e[2J\e]0;owned\a\x9b31m\b\x7f\u202eko\rok"
"""As YAML writes it, and a carriage return too."""

FORMATS = ("text", "oneline", "json", "github", "sarif")
LINES = {
    "key": '"KEY": 1\nmodel: {input: [4], Linear: 2}',
    "name": 'name: "KEY"\nmodel: {input: [4], Linear: 2}',
    "layer": 'model: {input: [4], "KEY": 2}',
    "node": 'model: {input: [4], ModuleDict: {"KEY": {Linear: 2}}}',
    "parameter": 'model: {input: [4], Linear: {"KEY": 2}}',
    "value": 'model: {input: [4], Linear: "KEY"}',
    "source": 'model: {input: [4], ModuleDict: {a: {Linear: 2, from: "KEY"}}}',
    "expression": 'model: {input: [4], Linear: "$(KEY)"}',
    "formula": 'model: {input: [4], ModuleDict: {a: {expr: "KEY"}}}',
    "pattern": 'model: {input: [4], Linear: 2}\ninit: [{name: "KEY", weight: zeros}]',
    "base": 'extends: "KEY"\nmodel: {input: [4], Linear: 2}',
    "weights": 'model: {input: [4], Linear: 2, weights: "KEY"}',
    "path": 'data: {dataset: {Csv: {path: "/KEY"}}, fields: {a: number}, target: a}\nmodel: {Linear: 2}',
    "target": 'data: {dataset: {Csv: {path: x}}, fields: {a: number}, target: "KEY"}\nmodel: {Linear: 2}',
    "comment": "# RAW\nmodel: {input: [4], Linear: }",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def quiet(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command prints, once it is known to steer nothing."""
    ended = call(capsys, *arguments)
    said = ended.out + ended.err
    assert ended.code in (0, 1, 2, 3, 4), said
    assert not STEERING.search(said), (arguments, STEERING.findall(said), said)
    return said


def test_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    for place, line in LINES.items():
        text = line.replace("KEY", QUOTED).replace("RAW", EVIL)
        Path("net.yaml").write_text(text + "\n", encoding="utf-8", newline="")
        for format in FORMATS:
            assert quiet(capsys, "check", "net.yaml", "--format", format), place
        quiet(capsys, "summary", "net.yaml")
        quiet(capsys, "config", "net.yaml")


def test_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.yaml").write_text("model: {input: [4], Linear: 2}\n")
    file = Path(f"{EVIL}.yaml")
    file.write_text("model: {input: [4], Lin: 2}\n")
    for format in FORMATS:
        quiet(capsys, "check", str(file), "--format", format)
        quiet(capsys, "check", "net.yaml", "--set", f"model.{EVIL}={EVIL}", "--format", format)
    for words in (
        ("check", f"no{EVIL}.yaml"),
        ("check", "net.yaml", "--allow", EVIL),
        ("check", "net.yaml", "--data-root", EVIL),
        ("config", "net.yaml", "--explain", EVIL),
        ("explain", EVIL),
        ("list", EVIL),
        ("new", EVIL),
        ("evaluate", EVIL),
        ("predict", EVIL, EVIL),
        ("reproduce", EVIL),
        ("train", "--resume", EVIL),
        ("train", EVIL, f"--{EVIL}"),
        (EVIL,),
    ):
        quiet(capsys, *words)


TABLE = """\
data:
  dataset: {Csv: {path: rows.csv}}
  fields: {size: {number: [a]}, town: {category: {column: c}}}
  target: town
model: {Sequential: [{Linear: $num_classes}]}
loss: CrossEntropyLoss
optimizer: {SGD: 0.1}
train: {epochs: 1, device: cpu}
"""


def test_of_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.yaml").write_text(TABLE)
    for rows in (f"{EVIL},b\n1,2\n", f"a,c\n{EVIL},x\n", f"a,c\n1,{EVIL}\n1,2,3{EVIL}\n"):
        Path("rows.csv").write_text(rows, encoding="utf-8")
        quiet(capsys, "train", "net.yaml")
    Path("rows.csv").write_text("a,c\n" + f"1,{EVIL}x\n2,y\n" * 5, encoding="utf-8")
    assert "runs" in quiet(capsys, "train", "net.yaml")
    log = Path("runs/net/1/log.txt").read_text(encoding="utf-8")
    assert not STEERING.search(log)
    Path("new.csv").write_text(f"a,{EVIL}\n1,2\n2,3\n", encoding="utf-8")
    for words in (("evaluate", "--split", "train"), ("evaluate",), ("predict", "new.csv"), ("reproduce",)):
        for format in ("text", "json"):
            quiet(capsys, words[0], "runs/net/1", *words[1:], "--format", format)


def test_of_names_in_folders_and_weights(capsys: pytest.CaptureFixture[str]) -> None:
    save_file({EVIL: torch.ones(2), "weight": torch.ones(1, 4)}, "w.safetensors")
    torch.save({EVIL: torch.ones(2), "weight": torch.ones(1, 4)}, "w.pth")
    for file in ("w.safetensors", "w.pth"):
        for weights in (file, f"{{file: {file}, strict: false}}"):
            Path("net.yaml").write_text(f"model: {{input: [4], Linear: 2, weights: {weights}}}\n")
            for format in FORMATS:
                quiet(capsys, "check", "net.yaml", "--format", format)
            quiet(capsys, "summary", "net.yaml")
    for name in ("cat", EVIL):
        Path("pictures", name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(Path("pictures", name, "0.png"))
    Path("pictures", EVIL, "1.png").write_bytes(b"")
    text = TABLE[TABLE.index("model") :].replace("[{", "[Flatten, {")
    Path("net.yaml").write_text(f"data: {{dataset: {{ImageFolder: {{root: pictures}}}}}}\n{text}")
    quiet(capsys, "train", "net.yaml")
    Path("pictures", EVIL, "1.png").unlink()
    quiet(capsys, "train", "net.yaml")
    quiet(capsys, "predict", "runs/net/1", f"pictures/{EVIL}/0.png")
