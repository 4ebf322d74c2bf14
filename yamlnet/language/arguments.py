"""A function of the catalogue and the terms that it is given in an expression -> its call, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat, takewhile
from typing import Any

from yamlnet.catalog import ranges, types
from yamlnet.catalog.entry import Entry, Parameter
from yamlnet.diagnostics import did_you_mean, plural
from yamlnet.language.expressions import Wrong
from yamlnet.language.terms import Call, Constant, Items, Term, is_number, is_size, is_tensor, subterms

_ORDERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "max": (("input", "dim", "keepdim"), ("input", "other")),
    "min": (("input", "dim", "keepdim"), ("input", "other")),
    "tensor_split": (("input", "sections", "dim"), ("input", "indices", "dim")),
    "gumbel_softmax": (("logits", "tau", "hard"),),  # then `eps`, which the catalogue hides
    "scaled_dot_product_attention": (("query", "key", "value", "attn_mask"),),  # then `dropout_p`
}
"""What goes by its place, where that isn't the catalogue's order; the first order that fits holds."""

_NUMBER_TOO = {("where", "input"), ("pow", "input"), ("remainder", "input")}
"""Tensors that may be a number in torch although its first overload says a tensor."""

_ALIASES = {"axis": "dim", "keepdims": "keepdim", "axes": "dims"}
"""What NumPy calls a parameter."""


@dataclass(frozen=True)
class Named:
    """A term that is given by name; `start` is where the name stands."""

    name: str
    start: int
    term: Term


def bind(
    entry: Entry, text: str, place: tuple[int, int], positional: tuple[Term, ...], named: Sequence[Named]
) -> Call:
    """The call of a function that stands at this place of the text. Raises Wrong."""
    return _Binding(entry, text, place, positional, named).call()


@dataclass(frozen=True)
class _Binding:
    entry: Entry
    text: str
    place: tuple[int, int]
    positional: tuple[Term, ...]
    named: Sequence[Named]

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def varies(self) -> bool:
        """Whether the last by place may be there many times: `einsum(equation, *operands)`."""
        return self.name == "einsum"

    def call(self) -> Call:
        order = self.order()
        self.check_count(order)
        parameters = self.entry.parameters
        by_place = [
            (parameters[name], term) for name, term in zip(self.places(order), self.positional, strict=False)
        ]
        self.check_names({parameter.name for parameter, _ in by_place})
        by_name = [(parameters[given.name], given.term) for given in self.named]
        for parameter, term in (*by_place, *by_name):
            if wrong := self.misfit(parameter, term):
                raise wrong
        said = {parameter.name for parameter, _ in (*by_place, *by_name)}
        missing = [f"`{name}`" for name, p in parameters.items() if _must_be_said(p) and name not in said]
        if missing:
            raise self.wrong(f"`{self.name}` needs {' and '.join(missing)}", help=self.form())
        return Call(
            *self.place,
            self.entry.target,
            tuple(_settled(parameter, term) for parameter, term in by_place),
            tuple((parameter.name, _settled(parameter, term)) for parameter, term in by_name),
        )

    def order(self) -> tuple[str, ...]:
        """The names of what goes by its place."""
        orders = orders_of(self.entry)
        return next((order for order in orders if self.fits(order)), orders[0])

    def fits(self, order: tuple[str, ...]) -> bool:
        pairs = zip(order, self.positional, strict=False)
        fitting = all(self.misfit(self.entry.parameters[name], term) is None for name, term in pairs)
        return fitting and len(self.positional) <= len(order)

    def places(self, order: tuple[str, ...]) -> chain[str]:
        return chain(order, repeat(order[-1]) if self.varies else ())

    def check_count(self, order: tuple[str, ...]) -> None:
        if self.varies or len(self.positional) <= len(order):
            return
        extra = self.positional[len(order)]
        count = plural(len(order), "argument")
        message = f"`{self.name}` takes {count} by place, and gets {len(self.positional)}"
        raise self.wrong(message, extra, self.listed(order) or self.by_name(order))

    def listed(self, order: tuple[str, ...]) -> str | None:
        """`permute(x, 0, 2, 1)` with one list for the numbers, or `cat(a, b)` with one for the tensors."""
        if self.entry.parameters[order[0]].role == "tensors":
            num_before = 0
        elif self.entry.parameters[order[-1]].type.startswith("tuple"):
            num_before = len(order) - 1
        else:
            return None
        texts = list(map(self.source, self.positional))
        texts[num_before:] = [f"[{', '.join(texts[num_before:])}]"]
        return f"write `{self.name}({', '.join(texts)})`"

    def by_name(self, order: tuple[str, ...]) -> str | None:
        names = [name for name in self.entry.parameters if name not in order]
        return "by name it takes " + ", ".join(f"`{name}`" for name in names) if names else None

    def form(self) -> str:
        """How the function is called."""
        shown = [n if _must_be_said(p) else f"{n}=..." for n, p in self.entry.parameters.items()]
        return f"`{self.name}({', '.join(shown)})`"

    def check_names(self, placed: set[str]) -> None:
        taken = set(placed)
        known = [] if self.varies else list(self.entry.parameters)
        for given in self.named:
            end = given.start + len(given.name)
            if given.name not in known:
                meant = _ALIASES.get(given.name)
                help = did_you_mean(given.name, [name for name in known if name not in taken])[0]
                help = f"did you mean `{meant}`?" if meant in known else help
                message = f"unknown parameter `{given.name}` in `{self.name}`"
                raise Wrong(message, given.start, end, help or self.form())
            if given.name in taken:
                raise Wrong(f"`{given.name}` of `{self.name}` is given twice", given.start, end)
            taken.add(given.name)

    def misfit(self, parameter: Parameter, term: Term) -> Wrong | None:
        """What is wrong with a term for this parameter."""
        if parameter.role == "tensors":
            return self.no_tensors(parameter, term)
        number_too = (self.name, parameter.name) in _NUMBER_TOO
        if any(map(is_tensor, subterms(term))):
            if is_tensor(term) and parameter.role != "option":
                return None
            help = "an option is written out; no tensor decides it" if parameter.role == "option" else None
            if all(map(is_tensor, self.positional)):
                help = self.listed(tuple(self.entry.parameters)) or help
            return self.mistyped(parameter, parameter.type, term, help)
        if parameter.role == "tensor" and not number_too:
            if "none" in parameter.type and term == Constant(term.start, term.end, None):
                return None
            help = f"`full_like(x, {self.source(term)})` is a tensor of it" if is_number(term) else None
            return self.mistyped(parameter, "tensor", term, help)
        wanted, value = "float" if number_too else parameter.type, _plain(term)
        if not types.accepts(wanted, value):
            alone = is_number(term) and types.accepts(wanted, [value])
            return self.mistyped(parameter, wanted, term, f"write `[{self.source(term)}]`" if alone else None)
        if not ranges.within(parameter, value):
            bounds = ranges.describe_bounds(parameter)
            message = f"`{parameter.name}` of `{self.name}` must be {bounds}, not {self.source(term)}"
            return self.wrong(message, term)
        return None

    def no_tensors(self, parameter: Parameter, term: Term) -> Wrong | None:
        """A term that is neither a list of tensors nor a value that holds them."""
        if is_tensor(term) or (isinstance(term, Items) and term.items and all(map(is_tensor, term.items))):
            return None
        message = f"`{parameter.name}` of `{self.name}` takes a list of tensors, not `{self.source(term)}`"
        return self.wrong(message, term)

    def mistyped(self, parameter: Parameter, wanted: str, term: Term, help: str | None) -> Wrong:
        choices = types.choices(wanted)
        written = self.source(term)
        if choices and isinstance(term, Constant) and isinstance(term.value, str):
            message = f"`{parameter.name}` of `{self.name}` can't be `{term.value}`"
            return self.wrong(message, term, did_you_mean(term.value, choices)[0])
        takes = "a tensor" if parameter.role == "tensor" and wanted != "float" else types.describe(wanted)
        either = " or a tensor" if parameter.role == "either" else ""
        return self.wrong(
            f"`{parameter.name}` of `{self.name}` takes {takes}{either}, not `{written}`", term, help
        )

    def source(self, term: Term) -> str:
        return self.text[term.start : term.end]

    def wrong(self, message: str, term: Term | None = None, help: str | None = None) -> Wrong:
        if term is None:
            return Wrong(message, self.place[0], self.place[0] + len(self.name), help)
        return Wrong(message, term.start, term.end, help)


def orders_of(entry: Entry) -> tuple[tuple[str, ...], ...]:
    """The orders in which a function takes what goes by its place.

    Behind the tensors of what has a `reduction`, torch has deprecated parameters that the catalogue hides.
    """
    if entry.name in _ORDERS:
        return _ORDERS[entry.name]
    parameters = [p for p in entry.parameters.values() if not p.keyword_only]
    if "reduction" in entry.parameters:
        parameters = list(takewhile(lambda p: p.role != "option", parameters))
    return (tuple(p.name for p in parameters),)


def _plain(term: Term) -> Any:
    """The value of a term without tensors, the batch's size being 1."""
    if isinstance(term, Items):
        return [_plain(item) for item in term.items]
    if isinstance(term, Constant):
        return term.value
    return 1 if is_size(term) else 0.5


def _must_be_said(parameter: Parameter) -> bool:
    """In an expression nothing is inferred."""
    return parameter.required or parameter.inferred is not None


def _settled(parameter: Parameter, term: Term) -> Term:
    """The term as torch takes it: tuples where it wants them, whole floats as integers."""
    constant = all(isinstance(part, Constant | Items) for part in subterms(term))
    if not constant or parameter.role in ("tensor", "tensors"):
        return term
    return Constant(term.start, term.end, types.to_python(parameter.type, _plain(term)))
