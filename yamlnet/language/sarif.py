"""Diagnostics -> a SARIF 2.1.0 log, which code scanning shows beside the lines of a change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from yamlnet.diagnostics import CODES, Diagnostic, Span
from yamlnet.language.codes import EXPLANATIONS

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RULES = tuple(CODES)


def as_sarif(diagnostics: Sequence[Diagnostic], version: str) -> str:
    """One run with a rule for every code, and a result for each diagnostic."""
    driver = {"name": "yamlnet", "version": version, "rules": [_rule(code) for code in RULES]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic) for diagnostic in diagnostics],
    }
    return (
        json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
        + "\n"
    )


def _rule(code: str) -> dict[str, Any]:
    known = EXPLANATIONS[code]
    blocks = f"Wrong:\n\n```yaml\n{known.wrong}```\n\nRight:\n\n```yaml\n{known.right}```\n"
    return {
        "id": code,
        "shortDescription": {"text": CODES[code]},
        "fullDescription": {"text": known.why},
        "help": {
            "text": f"{known.why}\n\nWrong:\n\n{known.wrong}\nRight:\n\n{known.right}",
            "markdown": f"{known.why}\n\n{blocks}",
        },
    }


def _result(diagnostic: Diagnostic) -> dict[str, Any]:
    advice = f"\n{diagnostic.help}" if diagnostic.help else ""
    found: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": RULES.index(diagnostic.code),
        "level": diagnostic.severity,
        "message": {"text": diagnostic.message + advice},
        "locations": [{"physicalLocation": _place(diagnostic.span)}],
    }
    if diagnostic.related:
        found["relatedLocations"] = [
            {"id": number, "physicalLocation": _place(related.span), "message": {"text": related.message}}
            for number, related in enumerate(diagnostic.related)
        ]
    return found


def _place(span: Span) -> dict[str, Any]:
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    return {"artifactLocation": {"uri": _uri(span.file)}, "region": region}


def _uri(file: str) -> str:
    """The file as a URI: relative ones stay relative, to the folder that the check ran in."""
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
