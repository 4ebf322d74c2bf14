"""Edits and an empty network -> the changes that they come to, sizes inferred; a real network -> it changed.

The network that is judged and the one that is built are changed by the same function, `apply`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain, count

from torch import nn

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake, did_you_mean
from yamlnet.language.nodes import (
    Edit,
    Expression,
    Function,
    Graph,
    Layer,
    Member,
    Model,
    Node,
    Residual,
    walk,
)
from yamlnet.language.patterns import matches
from yamlnet.network import words
from yamlnet.network.build import adds_outside, assemble, build
from yamlnet.network.changes import Change, apply, is_chain
from yamlnet.network.complaints import said
from yamlnet.network.construct import Construction
from yamlnet.network.failures import without_batch
from yamlnet.network.found import Shapes
from yamlnet.network.probe import SECOND, Probe
from yamlnet.network.redraw import redrawn
from yamlnet.network.seen import Seen, see
from yamlnet.network.shapes import empty_inputs, judge, judge_part
from yamlnet.network.ties import Tie, ties
from yamlnet.network.weights import Loading


@dataclass(frozen=True)
class Plan:
    """What the edits of a model come to.

    `model` is the network as the file would have drawn it, `inner` the nodes that went into layers of it,
    `shapes` what the judge found after the last change, `ties` what is tied, `frozen` what edits froze.
    """

    changes: tuple[Change, ...]
    model: Model
    inner: tuple[tuple[str, Node], ...]
    shapes: Shapes
    ties: tuple[Tie, ...]
    frozen: tuple[str, ...]
    notes: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    made: bool = True

    @property
    def complete(self) -> bool:
        """Whether all edits are made, and everything that they need is known."""
        wrong = any(mistake.severity == "error" for mistake in self.mistakes)
        return self.made and self.shapes.complete and not wrong

    def nodes(self) -> Iterator[tuple[str, Node | Member]]:
        """Every node that is in the network after the edits, by its name there."""
        yield from walk(self.model.root)
        for name, node in self.inner:
            yield from walk(node, name)


def plan(model: Model, found: Shapes, network: nn.Module, loading: Loading | None = None) -> Plan:
    """Makes the edits on a network without storage to speak of, one after another, until one is wrong."""
    if not model.edits:
        return Plan((), model, (), found, ties(model.root), (), (), ())
    editor = _Editor(model, found.probe, network.eval(), loading or Loading())
    made = editor.editable() and all(editor.edit(edit) for edit in model.edits)
    after = found
    if made and editor.changes:
        after = editor.judged()
        errors = [wrong for wrong in after.mistakes if wrong.severity == "error"]
        if errors:
            editor.mistakes.append(_moved(editor.last, errors[0]))
        editor.mistakes += [wrong for wrong in after.mistakes if wrong not in (*found.mistakes, *errors)]
    return Plan(
        tuple(editor.changes),
        editor.model,
        tuple(editor.inner),
        after,
        tuple(editor.ties),
        tuple(editor.frozen),
        tuple(editor.notes),
        tuple(editor.mistakes),
        made,
    )


def make(network: nn.Module, changes: Sequence[Change], seed: int, loading: Loading | None) -> None:
    """Makes the changes on a network with storage; without `loading` no weights are loaded."""
    for change in changes:
        new = build(change.model(), change.constructions, seed, change.name, downloads=loading is not None)
        if loading is not None:
            loading.load(new, change.node)
        apply(network, change, new)


class _Editor:
    """Edits one network; `last` is the edit under way."""

    def __init__(self, model: Model, probe: Probe, network: nn.Module, loading: Loading) -> None:
        self.model, self.probe, self.network, self.loading = model, probe, network, loading
        self.inputs = empty_inputs(model)
        self.changes: list[Change] = []
        self.inner: list[tuple[str, Node]] = []
        self.ties = list(ties(model.root))
        self.frozen: list[str] = []
        self.notes: list[str] = []
        self.mistakes: list[Mistake] = []
        self.wraps: set[str] = set()
        self.last = model.edits[0]

    def wrong(self, code: str, message: str, help: str | None = None, suggestion: str | None = None) -> bool:
        """Notes what is wrong with the target of the edit under way."""
        self.mistakes.append(Mistake(code, self.last.place, message, help, suggestion))
        return False

    def editable(self) -> bool:
        """Whether modules have the names that they have in the file."""
        if not adds_outside(self.model.root):
            return True
        message = "a `Residual` of one layer has nothing to edit"
        self.mistakes.append(Mistake("wrong-value", (*self.model.path, "edit"), message, at="key"))
        return False

    def names(self) -> list[str]:
        return [name for name, _ in self.network.named_modules(remove_duplicate=False) if name]

    def edit(self, edit: Edit) -> bool:
        """Makes an edit; false where something is wrong with it, or not known yet."""
        self.last = edit
        if edit.verb == "freeze":
            return self.freeze(edit.target)
        targets = self.targets(edit)
        if not targets:
            return False
        if edit.verb == "remove":
            entry = lookup.find("Identity", "module")
            assert entry is not None
            node = Layer(path=edit.path, call=Call(entry, {}, edit.place))
            return self.change(
                Change(
                    "replace", edit.target, edit.target, node, {edit.target: Construction(entry.target, {})}
                ),
                Shapes(modules={edit.target: nn.Identity()}),
                fits=False,
            )
        seen, error = see(self.network, self.inputs, self.probe, targets)
        if error is not None:
            return self.wrong(
                "shape-mismatch", f"the network can't run: {said(without_batch(str(error))).words}"
            )
        places = self.places(edit, [target for target in targets if target in seen])
        num_notes = len(self.notes)
        # the last first: to wrap a module changes no name but those in it
        made = bool(places) and all(
            self.come_in(edit, place, target, seen[target]) for target, place in reversed(places.items())
        )
        others = len(self.notes) - num_notes - 1
        if others > 0:
            self.notes[num_notes:] = [f"{self.notes[-1]}; {others} more `{edit.target}` likewise"]
        return made

    def targets(self, edit: Edit) -> list[str]:
        """The names of the modules that an edit is about."""
        modules = dict(self.network.named_modules(remove_duplicate=False))
        if edit.verb == "after_every":
            found = [n for n, m in modules.items() if n and fnmatchcase(type(m).__name__, edit.target)]
            if not found:
                known = {type(module).__name__ for name, module in modules.items() if name}
                help, suggestion = did_you_mean(edit.target, known)
                self.wrong("no-match", f"the network has no `{edit.target}`", help, suggestion)
            return found
        if edit.target in modules and edit.target:
            return [edit.target]
        help, suggestion = did_you_mean(edit.target, self.names())
        help = help or "`yamlnet summary` shows the names"
        self.wrong("unknown-reference", f"the network has no module `{edit.target}`", help, suggestion)
        return []

    def freeze(self, pattern: str) -> bool:
        """Notes the layers and parameters that a pattern matches."""
        found = [
            name
            for name, module in self.network.named_modules(remove_duplicate=False)
            if name and matches(pattern, name) and (module._parameters or module._buffers)
        ]
        parameters = [name for name, _ in self.network.named_parameters(remove_duplicate=False)]
        found += [name for name in parameters if matches(pattern, name)]
        if not found:
            help, suggestion = did_you_mean(pattern, self.names())
            return self.wrong("no-match", f"no module with parameters matches `{pattern}`", help, suggestion)
        self.frozen += found
        return True

    # -- where a node comes in --------------------------------------------------------------------

    def places(self, edit: Edit, targets: Sequence[str]) -> dict[str, tuple[str, str, str]]:
        """For each target what is done, at which module, and the new one's name; none where it can't be."""
        if not targets:
            help = "the module around it leaves it out, or uses its weights without it"
            self.wrong("wrong-value", f"`{edit.target}` is never called, so nothing can come in there", help)
            return {}
        if edit.verb == "replace":
            return {target: ("replace", target, target) for target in targets}
        if edit.verb == "append":
            return {target: self.end_of(target, None) for target in targets}
        if edit.verb == "insert":
            place = self.after(targets[0], edit)
            return {} if place is None else {targets[0]: place}
        taken: dict[str, set[str]] = {}
        places = {}
        for target in targets:
            above = target.rpartition(".")[0]
            inside = above if is_chain(self.network.get_submodule(above)) else target
            in_use = taken.setdefault(inside, set(self.network.get_submodule(inside)._modules))
            key = _free(_word(edit.node), in_use if inside == above else {"0"})
            in_use.add(key)
            op = "add" if inside == above else "wrap"
            places[target] = (op, target, f"{inside}.{key}" if inside else key)
        return places

    def after(self, target: str, edit: Edit) -> tuple[str, str, str] | None:
        """Where `insert` puts a node: in the chain of its neighbour, or in one around it."""
        above, _, key = edit.name.rpartition(".")
        around = target.rpartition(".")[0]
        if above != around:
            meant = f"{around}.{key}" if around else key
            message = f"`{edit.name}` can't come after `{target}`, which stands elsewhere"
            path = (*edit.path, "insert")
            self.mistakes.append(Mistake("wrong-value", path, message, f"did you mean `{meant}`?", meant))
            return None
        parent = self.network.get_submodule(around)
        if is_chain(parent):
            place, taken = ("add", target, edit.name), set(parent._modules)
        elif target in self.wraps:
            place, taken = self.end_of(target, key), set(self.network.get_submodule(target)._modules)
        else:
            place, taken = ("wrap", target, f"{target}.{key}"), {"0"}
        if key in taken:
            message = f"there is a `{key}` already"
            self.mistakes.append(Mistake("wrong-value", (*edit.path, "insert"), message))
            return None
        return place

    def end_of(self, target: str, key: str | None) -> tuple[str, str, str]:
        """The end of a chain, or of one around another module; a key that isn't said is the next number."""
        module = self.network.get_submodule(target)
        if not is_chain(module):
            return "wrap", target, f"{target}.{key or 1}"
        keys = list(module._modules)
        number = len(keys)
        while str(number) in keys:
            number += 1
        return "add", f"{target}.{keys[-1]}" if keys else "", f"{target}.{key or number}"

    # -- what comes in ----------------------------------------------------------------------------

    def come_in(self, edit: Edit, place: tuple[str, str, str], target: str, seen: Seen) -> bool:
        """Judges the node on what arrives where it comes in, and puts it there."""
        op, neighbour, name = place
        assert edit.node is not None
        if op == "wrap" and len(seen.inputs) + len(seen.keywords) != 1:
            number = len(seen.inputs) + len(seen.keywords)
            return self.wrong(
                "wrong-value", f"`{target}` takes {number} inputs, and a `Sequential` around it one"
            )
        inputs, keywords = ((seen.output,), {}) if edit.verb != "replace" else (seen.inputs, seen.keywords)
        part = judge_part(edit.node, name, inputs, keywords, (*edit.path, "with"), self.probe)
        self.mistakes += [wrong for wrong in part.mistakes if wrong not in self.mistakes]
        if not part.complete:
            return False
        names = (*(f"input_{i}" if i else "input" for i in range(len(inputs))), *keywords)
        change = Change(op, neighbour, name, edit.node, part.constructions, names)  # type: ignore[arg-type]
        if op == "wrap":
            self.notes.append(f"`{target}` is now a `Sequential` of `{target}.0`, which it was, and `{name}`")
        same = seen.is_result or words.shape(part.output) == words.shape(seen.output)
        return self.change(change, part, fits=same)

    def change(self, change: Change, part: Shapes, fits: bool) -> bool:
        """Makes a change, and holds that the network still runs: on a real batch where sizes may not fit."""
        new = assemble(change.model(), lambda inner: part.modules[_join(change.name, inner)]).eval()
        before = self.loading.num_errors
        self.loading.judge(new, change.node)
        apply(self.network, change, new)
        self.follow(change)
        error = self.probe.at(0, self.network, self.inputs, {}).error
        if error is not None or not fits:
            error = self.probe.at(SECOND, self.network, self.inputs, {}).error
        if error is not None:
            self.mistakes.append(self.misfit(error))
        return error is None and self.loading.num_errors == before

    def follow(self, change: Change) -> None:
        """Keeps the file's picture of the network, and the names noted of it, as the change leaves them."""
        self.changes.append(change)
        self.inner = [(moved, node) for name, node in self.inner if (moved := change.moved(name))]
        self.frozen = [moved for name in self.frozen if (moved := change.moved(name))]
        self.ties = [*change.moved_ties(self.ties), *ties(change.node, change.name)]
        self.wraps = {moved for name in self.wraps if (moved := change.moved(name))}
        if change.op == "wrap":
            self.wraps.add(change.target)
        root = redrawn(self.model.root, change)
        if root is None:
            self.inner.append((change.name, change.node))
        else:
            self.model = replace(self.model, root=root)

    def judged(self) -> Shapes:
        """What the judge finds of the network as it is now, its layers the ones that are there."""
        layers = [name for name, node in walk(self.model.root) if isinstance(node, Layer)]
        return judge(self.model, {name: self.network.get_submodule(name) for name in layers})

    def misfit(self, error: BaseException) -> Mistake:
        """What doesn't fit any more, in the judge's words where it sees it too."""
        found = [wrong for wrong in self.judged().mistakes if wrong.severity == "error"]
        if found:
            return _moved(self.last, found[0])
        message = f"with this edit the network can't run: {said(without_batch(str(error))).words}"
        return Mistake("shape-mismatch", self.last.place, message)


def _moved(edit: Edit, mistake: Mistake) -> Mistake:
    """A mistake elsewhere, told at the edit that makes it one."""
    related = ((mistake.path, "here"),)
    return Mistake(mistake.code, edit.place, f"with this edit {mistake.message}", related=related)


def _word(node: Node | None) -> str:
    """What the name of a node that is given none says of it."""
    if isinstance(node, Layer | Function):
        return node.call.name.rpartition(".")[2].lower()
    if isinstance(node, Graph):
        return node.word.lower()
    return "expr" if isinstance(node, Expression) else "residual" if isinstance(node, Residual) else "chain"


def _free(word: str, taken: Container[str]) -> str:
    """`dropout2d`, `dropout2d_2`, ...: the first that is free."""
    numbered = (f"{word}_{number}" for number in count(2))
    return next(name for name in chain([word], numbered) if name not in taken)


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if key else name
