"""Which names a module or value of a network may have."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Collection

MODULE_ATTRIBUTES = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half
    ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty train training type xpu zero_grad
    """.split()
)
GRAPH_ATTRIBUTES = frozenset(
    "add_submodule code delete_all_unused_submodules delete_submodule graph meta print_readable recompile "
    "shape_env to_folder".split()
)
SEQUENTIAL_ATTRIBUTES = frozenset("append extend insert pop".split())
DICT_ATTRIBUTES = frozenset("clear items keys pop update values".split())
PRIVATE_ATTRIBUTES = frozenset(
    """
    _apply _backward_hooks _backward_pre_hooks _boxed_call _buffers _call_impl _code _compiled_call_impl
    _create_node_hooks _deepcopy_hooks _deepcopy_init _erase_node_hooks _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks
    _forward_pre_hooks_with_kwargs _get_backward_hooks _get_backward_pre_hooks _get_item_by_idx _get_name
    _graph _is_full_backward_hook _lineno_map _load_from_state_dict _load_state_dict_post_hooks
    _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules _named_members
    _non_persistent_buffers_set _parameters _prologue_start _recompile_submodules
    _register_create_node_hook _register_deepcopy_hook _register_erase_node_hook
    _register_load_state_dict_pre_hook _register_replace_node_hook _register_state_dict_hook
    _replace_hooks _replicate_for_data_parallel _save_to_state_dict _set_replace_hook _slow_forward
    _state_dict_hooks _state_dict_pre_hooks _tracer_cls _tracer_extras _unregister_create_node_hook
    _unregister_deepcopy_hook _unregister_erase_node_hook _unregister_replace_node_hook _version
    _wrapped_call _wrapped_call_impl
    """.split()
)
TAKEN = MODULE_ATTRIBUTES | GRAPH_ATTRIBUTES | SEQUENTIAL_ATTRIBUTES | DICT_ATTRIBUTES | PRIVATE_ATTRIBUTES
GENERATED = frozenset("getattr inf nan torch".split())
"""What the generated code of a graph calls by these names: an input of the same name would hide it."""


_POSITION = re.compile("-?[0-9]{1,9}")


def is_position(part: str) -> bool:
    """Whether a part of a name counts: `0`, `-1`."""
    return _POSITION.fullmatch(part) is not None


def refused(name: str) -> str | None:
    """Why a node can't have this name, or None where it can."""
    if not name.isidentifier():
        return "names are letters, digits and `_`, and don't begin with a digit"
    if unicodedata.normalize("NFKC", name) != name:
        return f"Python reads it as `{unicodedata.normalize('NFKC', name)}`"
    if keyword.iskeyword(name):
        return "it is a keyword of Python, in which the network's code is written"
    if name in TAKEN or name.startswith("__"):
        return "PyTorch's modules use it themselves"
    if name in ("self", "input"):
        return "it has a meaning of its own in a network"
    return None


PARAMETER_DICT_ATTRIBUTES = frozenset("copy fromkeys get popitem setdefault".split())


def refused_parameter(name: str) -> str | None:
    """Why a member of a `ParameterDict` can't have this name, or None where it can."""
    if name in PARAMETER_DICT_ATTRIBUTES:
        return "PyTorch's modules use it themselves"
    return refused(name)


def refused_beside(name: str, others: Collection[str]) -> str | None:
    """Why an input can't have this name beside these: the code calls `max` `max_1`, when it is loaded too."""
    base, _, number = name.rpartition("_")
    if number.isdigit() and base in others and hasattr(builtins, base):
        return f"the network's code calls `{base}` so"
    return None


def refused_input(name: str) -> str | None:
    """Why an input can't have this name, or None where it can."""
    if name in GENERATED:
        return "the network's code needs it"
    return refused(name)
