"""Plain data -> YAML text that reads back as the same data by the language's own rules."""

from __future__ import annotations

from typing import Any

import yaml

from yamlnet.language.source import plain_scalar


class _Dumper(yaml.SafeDumper):
    """Writes mappings in their order, short lists of scalars on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    breaks = any(character in value for character in "\x85\u2028\u2029")
    quoted = '"' if breaks or not isinstance(plain_scalar(value), str) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=quoted)


def _list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.SequenceNode:
    flow = all(not isinstance(item, dict | list) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flow)


def _mapping(dumper: yaml.SafeDumper, value: dict[Any, Any]) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=not value)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(dict, _mapping)


def dump(data: Any) -> str:
    """The text; keys keep their order."""
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    assert isinstance(text, str)
    return text
