"""Which names a module or value of a network may have."""

from __future__ import annotations

import keyword

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
TAKEN = MODULE_ATTRIBUTES | GRAPH_ATTRIBUTES | SEQUENTIAL_ATTRIBUTES | DICT_ATTRIBUTES


def refused(name: str) -> str | None:
    """Why a node can't have this name, or None where it can."""
    if not name.isidentifier():
        return "names are letters, digits and `_`, and don't begin with a digit"
    if keyword.iskeyword(name):
        return "it is a keyword of Python, in which the network's code is written"
    if name in TAKEN or name.startswith("__"):
        return "PyTorch's modules use it themselves"
    if name in ("self", "input"):
        return "it has a meaning of its own in a network"
    return None
