"""SARIF 2.1.0: a rule for every code, and a result with its region for each diagnostic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from yamlnet.diagnostics import CODES, Diagnostic, Related, Span
from yamlnet.language.sarif import as_sarif


def log(*diagnostics: Diagnostic) -> Any:
    return json.loads(as_sarif(diagnostics, "1.2.3"))


def wrong(file: str = "net.yaml", **more: Any) -> Diagnostic:
    return Diagnostic(Span(file, 3, 5, 4, 9), "unknown-key", "unknown key `form`", **more)


def test_a_log_of_nothing_has_its_rules() -> None:
    found = log()
    assert found["version"] == "2.1.0"
    assert found["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = found["runs"]
    assert run["results"] == []
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("yamlnet", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == list(CODES)
    for rule in driver["rules"]:
        assert rule["shortDescription"] == {"text": CODES[rule["id"]]}
        assert rule["fullDescription"]["text"] in rule["help"]["text"]
        assert rule["help"]["markdown"].count("```yaml\n") == 2


def test_results_point_to_their_rule_and_place() -> None:
    related = (
        Related(Span("base.yaml", 1, 2, 1, 4), "said here"),
        Related(Span("net.yaml", 1, 1, 1, 2), "b"),
    )
    found = log(wrong(help="did you mean `from`?", related=related), wrong(severity="warning"))["runs"][0]
    first, second = found["results"]
    assert first == {
        "ruleId": "unknown-key",
        "ruleIndex": list(CODES).index("unknown-key"),
        "level": "error",
        "message": {"text": "unknown key `form`\ndid you mean `from`?"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "net.yaml"},
                    "region": {"startLine": 3, "startColumn": 5, "endLine": 4, "endColumn": 9},
                }
            }
        ],
        "relatedLocations": [
            {
                "id": 0,
                "physicalLocation": {
                    "artifactLocation": {"uri": "base.yaml"},
                    "region": {"startLine": 1, "startColumn": 2, "endLine": 1, "endColumn": 4},
                },
                "message": {"text": "said here"},
            },
            {
                "id": 1,
                "physicalLocation": {
                    "artifactLocation": {"uri": "net.yaml"},
                    "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2},
                },
                "message": {"text": "b"},
            },
        ],
    }
    assert second["level"] == "warning"
    assert "relatedLocations" not in second


def test_files_are_uris(tmp_path: Path) -> None:
    for file, uri in (
        ("a b/100%.yaml", "a%20b/100%25.yaml"),
        ("値.yaml", "%E5%80%A4.yaml"),
        ("<stdin>", "%3Cstdin%3E"),
        (str(tmp_path / "net.yaml"), (tmp_path / "net.yaml").as_uri()),
    ):
        place = log(wrong(file))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == uri
