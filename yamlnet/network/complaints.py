"""What torch says of a call -> the same in the user's words, and which argument it is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.language.plain import show
from yamlnet.network.probe import MANY

Match = re.Match[str]


@dataclass(frozen=True)
class Complaint:
    """What torch says, as a pattern, and the same in fewer words: a part of a sentence.

    `about` are parameters that it may be about: the first that the file says is pointed at.
    """

    pattern: str
    words: str | Callable[[Match], str]
    about: tuple[str, ...] = ()
    help: str | None = None


def _axis(match: Match) -> str:
    return f"it has dimensions from 0, the batch, to {match[2]}, and no {match[3]}"


def _operands(match: Match) -> str:
    letter, size, number, seen = match.groups()
    return f"`{letter}` is {size} in input {int(number) + 1}, and {seen} before"


def _letters(match: Match) -> str:
    letters, axes, number = match.groups()
    return f"input {int(number) + 1} has {axes} axes with the batch, and {letters} letters"


def _product(match: Match) -> str:
    sizes = [int(size) for size in re.findall(r"-?\d+", match[1])]
    return f"{match[1]} holds {prod(sizes)} numbers, and dimension {match[2]} has {match[3]}"


def _added(match: Match) -> str:
    total = sum(int(size) for size in re.findall(r"\d+", match[3]))
    return f"{match[3]} add up to {total}, and dimension {match[2]} has {match[1]}"


_DIMS = ("dim", "dims", "dim0", "dim1", "start_dim", "end_dim", "axis", "source", "destination")
_LAYOUT = {
    "3": "[channels, length]",
    "4": "[channels, height, width]",
    "5": "[channels, depth, height, width]",
}

COMPLAINTS: tuple[Complaint, ...] = (
    Complaint(
        r"padded input size per channel: \(([^)]*)\)\. Kernel size: \(([^)]*)\)",
        "a kernel of {1} is larger than the padded input of {0}",
        ("kernel_size",),
    ),
    Complaint(
        r"mat1 and mat2 shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)",
        "{0} features arrive, and {1} are taken",
    ),
    Complaint(
        r"Calculated output size: \(([^)]*)\)",
        lambda match: f"its output would be [{match[1].replace('x', ', ')}]",
    ),
    Complaint(r"shape '(\[[^]]*\])' is invalid for input of size", "it doesn't fill the shape {0}"),
    Complaint(
        r"first two dimensions of batch2 tensor to be: \[(?:\d+, )?(\d+)\] but got: \[(?:\d+, )?(\d+)\]",
        "the second needs {0} rows, and has {1}",
    ),
    Complaint(
        r"key shape torch\.Size\(\[(\d+), .* value shape torch\.Size\(\[(\d+), ",
        "there are {0} keys and {1} values",
    ),
    Complaint(r"parameter '(\w+)' expected value (.*) but got .* instead", "its weights need `{0}: {1}`"),
    Complaint(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", "`{0}` takes no `{1}`"),
    Complaint(
        r"Couldn't load custom C\+\+ ops",
        "torchvision was built for another release of torch than the installed one",
    ),
    Complaint(
        r"expected input\[.*\] to have (\d+) channels, but got (\d+) channels instead",
        "it takes {0} channels, and gets {1}",
    ),
    Complaint(
        r"subscript (\w+) has size (\d+) for operand (\d+) which does not .* size (\d+)",
        _operands,
        ("equation",),
    ),
    Complaint(
        r"number of subscripts in the equation \((\d+)\) does not match the number of dimensions \((\d+)\) "
        r"for operand (\d+)",
        _letters,
        ("equation",),
    ),
    Complaint(
        r"pixel_shuffle expects .*input\.size\(-3\)=(\d+) is not divisible by (\d+)",
        "{1} channels become one, and {0} arrive",
        ("upscale_factor",),
    ),
    Complaint(
        r"pixel_unshuffle expects (\w+) to be divisible by .*\.size\(-\d\)=(\d+) is not divisible by (\d+)",
        "a {0} of {1} can't be divided by {2}",
        ("downscale_factor",),
    ),
    Complaint(
        r"desired ordering of dimensions i\.e\. input\.dim\(\) = (\d+) is not equal to len\(dims\) = (\d+)",
        "it has {0} axes with the batch, and {1} are listed",
        ("dims",),
        "dimensions count the batch as 0",
    ),
    Complaint(
        r"[Dd]imension out of range \(expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)\)",
        _axis,
        _DIMS,
    ),
    Complaint(
        r"sum exactly to \d+ \(input tensor's size at dimension 0\)",
        "it would cut the batch, which is dimension 0",
        help="`dim: 1` cuts the first axis after the batch",
    ),
    Complaint(
        r"sum exactly to (\d+) \(input tensor's size at dimension (-?\d+)\), but got split_sizes=(\[[^]]*\])",
        _added,
        ("split_size_or_sections", "split_size", "sections"),
    ),
    Complaint(r"stack expects each tensor to be equal size", "a stack is of equal shapes"),
    Complaint(
        r"Got (\d)D input, but (\w+) mode needs (\d)D input",
        lambda match: f"`{match[2]}` is for {_LAYOUT.get(match[3], match[3] + ' axes')}",
        ("mode",),
    ),
    Complaint(
        r"Expected more than 1 spatial element when training",
        "one number of each channel can't be normalised",
    ),
    Complaint(
        r"Expected more than 1 value per channel when training",
        "one number of each channel can't be normalised",
    ),
    Complaint(
        r"[Hh]alving dimension must be even, but dimension (-?\d+) is size (\d+)",
        "dimension {0} has {1} numbers, which can't be halved",
        ("dim",),
    ),
    Complaint(
        r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton .* (\d+)",
        "in dimension {2} they have {0} and {1}",
    ),
    Complaint(
        r"Provided sizes (\[[^]]*\]) don't multiply up to the size of dim (-?\d+) \((\d+)\)",
        _product,
        ("unflattened_size", "sizes"),
    ),
    Complaint(
        r"pad should be at most half of effective kernel size",
        "padding is at most half of the kernel",
        ("padding",),
    ),
    Complaint(
        r"start_dim cannot come after end_dim", "`start_dim` comes before `end_dim`", ("end_dim", "start_dim")
    ),
    Complaint(
        r"weight tensor should be defined either for all (\d+) classes .* of shape: \[(\d+)\]",
        "`weight` has {1} numbers, and there are {0} classes",
        ("weight",),
    ),
    Complaint(
        r"0D or 1D target tensor expected, multi-target not supported",
        "the target is one number for each sample",
    ),
    Complaint(
        r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)",
        "there is no {0} in dimension {1}, which has {2}",
    ),
    Complaint(
        r"select\(\): index (-?\d+) out of range for tensor of size (\[[^]]*\]) at dimension (-?\d+)",
        "there is no {0} in dimension {2} of {1}",
        ("index",),
    ),
    Complaint(
        r"start \((-?\d+)\) \+ length \((\d+)\) exceeds dimension size \((\d+)\)",
        "{1} from {0} on are asked for, and there are {2} in all",
        ("length",),
    ),
    Complaint(
        r"expanded size of the tensor \((\d+)\) must match the existing size \((\d+)\) at non-singleton "
        r"dimension (\d+)",
        "dimension {2} is {1}, which can't become {0}: only an axis of one is stretched",
        ("size", "sizes"),
    ),
    Complaint(
        r"same number of spatial dimensions, but got input with spatial dimensions of \[([^]]*)\] and output "
        r"size of [\[(](\d+(?:, \d+)*)",
        "the image is [{0}], and `size` is [{1}]",
        ("size",),
    ),
    Complaint(
        r"Index tensor must have the same number of dimensions as input tensor",
        "the index has as many axes as what it chooses from",
    ),
    Complaint(
        r"view size is not compatible with input tensor's size and stride",
        "what arrives isn't in memory in that order",
        (),
        "`reshape` does the same for any order",
    ),
    Complaint(
        r"running_mean should contain (\d+) elements not (\d+)",
        "a norm in it was made for {1} channels, and gets {0}",
    ),
    Complaint(r"Wrong image (\w+)! Expected (\d+) but got (\d+)", "it takes images of {0} {1}, and not {2}"),
    Complaint(
        r"padding='same' is not supported for strided convolutions",
        "`padding: same` keeps the size, and a stride doesn't",
        ("padding",),
        "`padding: 1` with `kernel_size: 3` and `stride: 2` halves it",
    ),
)


@dataclass(frozen=True)
class Said:
    """A complaint in the user's words, the parameter that it is about, and advice."""

    words: str
    parameter: str | None = None
    help: str | None = None


def said(text: str, call: Call | None = None) -> Said:
    """What torch's text says, of a call where there is one; numbers that are the batch's are called so."""
    for complaint in COMPLAINTS:
        match = re.search(complaint.pattern, text)
        if match:
            words = complaint.words
            told = words.format(*match.groups()) if isinstance(words, str) else words(match)
            return Said(_with_batch(told), _about(complaint, call, match), complaint.help)
    text = re.sub(r"torch\.Size\((\[[^]]*\])\)", r"\1", text).rstrip(".!")
    return Said(_with_batch(text[:1].lower() + text[1:] if text[1:2].islower() else text))


def _with_batch(text: str) -> str:
    """The words `batch` and `3 batch` for a batch of `MANY`, and three of them."""

    def word(match: Match) -> str:
        times, rest = divmod(int(match[0]), MANY)
        return match[0] if times == 0 or rest else "batch" if times == 1 else f"{times} batch"

    return re.sub(r"\d{10,}", word, text)


def _about(complaint: Complaint, call: Call | None, match: Match) -> str | None:
    arguments: Mapping[str, Any] = {} if call is None else call.arguments
    spoken = [name for name in complaint.about if name in arguments]
    if complaint.words is _axis:
        spoken = [name for name in spoken if int(match[3]) in _listed(arguments[name])]
    return spoken[0] if spoken else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def unfilled(value: Tensor, asked: Any) -> Said:
    """A shape that what arrives doesn't fill, and how it would."""
    numbers = prod(value.shape[1:])
    first, *others = _listed(asked)
    sizes = [size for size in others if isinstance(size, int)]
    rest, open_ended = prod(size for size in sizes if size != -1), -1 in sizes
    fits = rest != 0 and (numbers % rest == 0 if open_ended else numbers == rest)
    if isinstance(first, int) and first > 0 and fits:
        help = f"write `{show(['batch', *others])}`"
        return Said(f"its first axis is the batch, of which the size isn't always {first}", None, help)
    takes = f"{rest:,}" if not open_ended else f"a multiple of {rest:,}"
    all_of_them = f"`{show([first, numbers])}` takes them all"
    words = f"a sample has {numbers:,} numbers, and {show(asked)} takes {takes}"
    return Said(words, None, all_of_them if len(others) == 1 and not open_ended else None)


DIVISORS: Mapping[str, tuple[str, ...]] = {
    "groups": ("in_channels", "out_channels"),
    "num_groups": ("num_channels",),
    "num_heads": ("embed_dim",),
    "nhead": ("d_model",),
}
"""The parameters that have to divide others."""


def undivided(call: Call, arguments: Mapping[str, Any]) -> Said | None:
    """A parameter that doesn't divide another one, and the numbers that do."""
    for divisor, others in DIVISORS.items():
        count = arguments.get(divisor)
        if not isinstance(count, int) or count < 1:
            continue
        for other in others:
            size = arguments.get(other)
            if isinstance(size, int) and size % count:
                known = [number for number in range(1, size + 1) if size % number == 0]
                fits = ", ".join(map(str, known if len(known) <= 8 else [*known[:4], "...", *known[-3:]]))
                words = f"`{divisor}` of `{call.name}` must divide `{other}`"
                words += f", and {count} doesn't divide {size}"
                return Said(words, divisor, f"the divisors of {size} are {fits}")
    return None
