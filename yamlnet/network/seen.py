"""A network and names of its modules -> what each takes and gives when the network runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from yamlnet.network.probe import BATCH, SECOND, Probe


@dataclass(frozen=True)
class Seen:
    """A module's first call; `is_result` tells that what it gave is what the network gives."""

    inputs: tuple[Any, ...]
    keywords: Mapping[str, Any]
    output: Any
    is_result: bool = False


def see(
    network: nn.Module, inputs: Sequence[Any], probe: Probe, names: Iterable[str]
) -> tuple[dict[str, Seen], BaseException | None]:
    """The calls of these modules by name, with values of batch 0; or torch's reason why there are none.

    A module that isn't called isn't there. Where a batch of nothing has no answer, two real ones are run.
    """
    wanted = tuple(names)
    seen, error = _run(network, inputs, probe, wanted, 0)
    if error is None and all(
        probe.plain(leaf)
        for call in seen.values()
        for leaf in tree_leaves([call.inputs, call.keywords, call.output])
        if isinstance(leaf, Tensor)
    ):
        return seen, None
    first, error = _run(network, inputs, probe, wanted, BATCH)
    second, other_error = _run(network, inputs, probe, wanted, SECOND)
    if error is not None or other_error is not None:
        return {}, error or other_error
    joined = {}
    for name, call in first.items():
        other = second[name]
        answer = probe.joined(
            (call.inputs, dict(call.keywords), call.output),
            (other.inputs, dict(other.keywords), other.output),
            (),
        )
        if answer.error is not None:
            return {}, answer.error
        given, keywords, output = answer.value
        joined[name] = Seen(given, keywords, output, call.is_result)
    return joined, None


def _run(
    network: nn.Module, inputs: Sequence[Any], probe: Probe, names: Sequence[str], size: int
) -> tuple[dict[str, Seen], BaseException | None]:
    seen: dict[str, Seen] = {}

    def hook(name: str) -> Any:
        def note(module: nn.Module, inputs: Any, keywords: Any, output: Any) -> None:
            seen.setdefault(name, Seen(inputs, keywords, output))

        return note

    handles = [
        network.get_submodule(name).register_forward_hook(hook(name), with_kwargs=True) for name in names
    ]
    try:
        answer = probe.at(size, network, inputs, {})
    finally:
        for handle in handles:
            handle.remove()
    if answer.error is not None:
        return {}, answer.error
    found = {
        name: Seen(call.inputs, call.keywords, call.output, call.output is answer.value)
        for name, call in seen.items()
    }
    return found, None
