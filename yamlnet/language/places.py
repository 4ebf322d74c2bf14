"""Where a node is read, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from yamlnet.diagnostics import Path
from yamlnet.language.nodes import Member, Node, Tensors
from yamlnet.language.substitution import Scope
from yamlnet.language.vocabulary import CONTAINER_SIDES, OWN_SIDES


def beside_call(name: str, sides: Collection[str], is_module: bool) -> tuple[str, ...]:
    """Those of `sides` that can stand beside the call of this name."""
    refused = {key for key, owners in CONTAINER_SIDES.items() if name not in owners}
    refused |= set() if is_module else set(OWN_SIDES)
    refused |= {"from"} if name == "expr" else set()
    return tuple(key for key in sides if key not in refused)


@dataclass(frozen=True)
class Place:
    """Where a node is read: the names that `$` may use, and the modules above, which may be called again.

    `later` are the names below, `broken` those of nodes with mistakes.

    Inside a graph that only declares, `declared` is the way from the graph to here, and `called` what its
    `forward` calls.
    """

    scope: Scope
    modules: Mapping[str, Member] = field(default_factory=dict)
    later: Collection[str] = frozenset()
    broken: Collection[str] = frozenset()
    declared: tuple[str, ...] | None = None
    called: frozenset[str] = frozenset()

    def inside(self) -> Place:
        """The place of a node within this one: it sees nothing of what stands around."""
        return Place(self.scope)


@dataclass(frozen=True)
class Read:
    """A node as it was read: what it is, what stood beside it, and its text with everything worked out.

    `node` is the name of a module that is called again (`times` in a row), and None where it has a mistake or
    isn't there.
    """

    node: Node | Tensors | str | None
    sides: Mapping[str, Any] = field(default_factory=dict)
    plain: Any = None
    absent: bool = False
    times: int = 1


@dataclass(frozen=True)
class Entry:
    """One entry of a container: a node under its key, one of `count` copies where it is repeated.

    Copies are `alike` where nothing is worked out in them.
    """

    key: str
    value: Any
    path: Path
    place: Place
    copy: int = 0
    count: int | None = None
    alike: bool = False
