"""What hypothesis draws: bytes, documents of the language's words, and shipped files with damaged bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import KINDS
from yamlnet.language.experiment import Data, Experiment, Train
from yamlnet.language.vocabulary import CONTAINERS, MODEL_SIDES, NODE_SIDES, STEP_SIDES, TENSORS

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = [path.read_bytes() for path in sorted(CONFIGS.rglob("*.yaml"))]

NAMES = [name for kind in KINDS for name in lookup.names(kind)]
SECTIONS = [*Experiment.model_fields, "blocks", "extends"]
KEYS = sorted(
    {*Data.model_fields, *Train.model_fields, *CONTAINERS, *TENSORS, *NODE_SIDES, *STEP_SIDES, *MODEL_SIDES}
    | {"expr", "params", "lr", "out_channels", "kernel_size", "groups", "match", "metric", "shape", "dtype"}
)
TEXTS = ["$width", "$(1 + 1)", "$(9**9**9)", "$i", "$$", "$(", "output", "input", "a.b.--1", "cpu", "*", ""]


def scalars() -> st.SearchStrategy[Any]:
    """Values of every type, and the words of the language."""
    numbers = st.one_of(st.integers(-3, 64), st.integers(), st.floats(), st.sampled_from([1e300, 10**30]))
    words = st.sampled_from([*TEXTS, *KEYS, "required", "float32", "int64"])
    return st.one_of(numbers, words, st.sampled_from(NAMES), st.booleans(), st.none(), st.text(max_size=8))


def values() -> st.SearchStrategy[Any]:
    """Nested lists and mappings of them."""
    keys = st.one_of(st.sampled_from(KEYS), st.sampled_from(NAMES), st.text("ab$1.é", max_size=3))
    return st.recursive(
        scalars(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


def documents() -> st.SearchStrategy[bytes]:
    """A document of the language's sections; most have a model of nodes that may be right."""
    node = st.one_of(
        st.sampled_from(NAMES),
        st.builds(lambda name, value: {name: value}, st.sampled_from(NAMES), values()),
        st.builds(lambda key, value: {key: value}, st.sampled_from(sorted(CONTAINERS)), values()),
    )
    chain = st.builds(
        lambda shape, nodes, more: {"input": shape, "Sequential": nodes, **more},
        st.lists(st.integers(1, 9), min_size=1, max_size=3),
        st.lists(node, min_size=1, max_size=4),
        st.dictionaries(st.sampled_from(["edit", "init", "weights", "freeze"]), values(), max_size=1),
    )
    sections = st.dictionaries(st.sampled_from(SECTIONS), values(), max_size=4)
    written = st.builds(lambda model, others: {"model": model, **others}, chain, sections) | sections
    # JSON's `Infinity` and `NaN` are words in YAML, and `.inf` is what it writes for them
    return written.map(lambda document: json.dumps(document).replace("Infinity", ".inf").encode())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A shipped file: bytes changed, taken out, doubled, or brought in from another file."""
    content = bytearray(draw(st.sampled_from(SHIPPED)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 1, 2, 5, 20, 200])))
        other = draw(st.sampled_from(SHIPPED))
        begin = draw(st.integers(0, len(other)))
        new = draw(
            st.one_of(
                st.just(b""),
                st.binary(min_size=1, max_size=3),
                st.sampled_from([c.encode() for c in "[]{}:,-#&*!|>'\"%@ \n\t$~?"]),
                st.just(bytes(content[start:end]) * 2),
                st.just(other[begin : begin + 40]),
                st.just(other[begin : begin + 400]),
                scalars().map(lambda value: str(value).encode("utf-8", "surrogatepass")),
            )
        )
        content[start:end] = new
    return bytes(content)


KINDS_OF_FILES = {"bytes": st.binary(max_size=300), "documents": documents(), "damaged": damaged()}
"""The sorts of files, by name."""
