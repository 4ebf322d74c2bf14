"""Tensor expressions as text: what is in their trees, the words of what is refused, and nothing but Wrong."""

from __future__ import annotations

import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from yamlnet.catalog import lookup
from yamlnet.catalog.stubs import read
from yamlnet.language.arguments import orders_of
from yamlnet.language.expressions import Wrong
from yamlnet.language.formula import parse
from yamlnet.language.terms import Call, Constant, Formula, Items, subterms


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("mu + exp(0.5 * logvar) * randn_like(mu)", ("mu", "logvar")),
        ("output.mu - output . mu * (a.b).c", ("output.mu", "a.b.c")),
        ("lstm.1.0 + lstm.0[0] + heads.10x", ("lstm.1.0", "lstm.0", "heads.10x")),
        ("exp(exp)", ("exp",)),
        ("expand(token, [batch, -1, -1])", ("token",)),
        ("clamp(x, max=y, min=null) * true", ("x", "y")),
        ("µ + é.ä1 + 名", ("µ", "é.ä1", "名")),
        ("class + output.class + output.if + from.1", ("class", "output.class", "output.if", "from.1")),
        ("x\n  + y\r\n- z", ("x", "y", "z")),
        ("\t x[1.5 > z] ", ("x", "z")),
    ],
)
def test_names_are_in_order_of_first_use(text: str, names: tuple[str, ...]) -> None:
    assert parse(text).names == names
    assert parse(text).text == text


def test_every_term_knows_its_characters() -> None:
    text = "é.1 +\n(exp(名) * mean(x, [1, 2], keepdim=true))[:, -1, batch // 2:] @ µ"
    found = {(type(term).__name__, text[term.start : term.end]) for term in subterms(parse(text).tree)}
    assert found == {
        ("Operation", text),
        ("Name", "é.1"),
        ("Operation", "(exp(名) * mean(x, [1, 2], keepdim=true))[:, -1, batch // 2:] @ µ"),
        ("Operation", "(exp(名) * mean(x, [1, 2], keepdim=true))[:, -1, batch // 2:]"),
        ("Operation", "exp(名) * mean(x, [1, 2], keepdim=true)"),
        ("Call", "exp(名)"),
        ("Name", "名"),
        ("Call", "mean(x, [1, 2], keepdim=true)"),
        ("Name", "x"),
        ("Constant", "[1, 2]"),
        ("Constant", "true"),
        ("Items", ":, -1, batch // 2:"),
        ("Slice", ":"),
        ("Constant", "-1"),
        ("Slice", "batch // 2:"),
        ("Operation", "batch // 2"),
        ("Batch", "batch"),
        ("Constant", "2"),
        ("Name", "µ"),
    }


def test_options_are_what_torch_takes() -> None:
    call = parse("mean(x, [1.0, 2 - 4], keepdim=true)").tree
    assert isinstance(call, Call)
    assert call.target == "torch.mean"
    (_, dims), ((name, keepdim),) = call.positional, call.keywords
    assert isinstance(dims, Constant)
    assert repr(dims.value) == "(1, -2)"
    assert (name, keepdim) == ("keepdim", Constant(30, 34, True))
    sized = parse("reshape(x, [batch, 3])").tree
    assert isinstance(sized, Call)
    assert isinstance(sized.positional[1], Items)


def test_a_formula_is_a_value() -> None:
    text = "cat([a[0, :], b], dim=1) > 2"
    assert parse(text) == parse(text)
    assert hash(parse(text)) == hash(parse(text))


REFUSED = [
    # text, message, what is underlined, help
    ("", "`` isn't an expression", "", None),
    ("x +", "`x +` isn't an expression", "x +", None),
    ("lstm.1 +", "`lstm.1 +` isn't an expression", "lstm.1 +", None),
    ("y = x", "isn't an expression", "y = x", None),
    ("x # y", "no comments", "# y", None),
    ("x" * 1001, "more than 1,000 characters", "x" * 1001, None),
    ("-" * 300 + "x", "nested too deeply", "-" * 300 + "x", "its own name"),
    ("x and y > 2", "has no `and`", "x and y > 2", "write `logical_and(x, y > 2)`"),
    ("x or y", "has no `or`", "x or y", "write `logical_or(x, y)`"),
    ("not x", "has no `not`", "not x", "write `logical_not(x)`"),
    ("(x > 0) & y", "has no `&`", "(x > 0) & y", "write `logical_and(x > 0, y)`"),
    ("~x", "has no `~`", "~x", "write `logical_not(x)`"),
    ("a + (x if c else y)", "has no `if`", "x if c else y", "write `where(c, x, y)`"),
    ("0 < x <= 1", "two values at a time", "0 < x <= 1", "write `logical_and(0 < x, x <= 1)`"),
    ("x in y", "compares by", "x in y", None),
    ("x ^ 2", "`+ - * / // % ** @` only", "x ^ 2", "`**` is the power"),
    ("x << 2", "`+ - * / // % ** @` only", "x << 2", None),
    ("x @ 2", "`@` is for tensors", "x @ 2", None),
    ("1 + x.mean(1)", "not `x.mean`", "x.mean(1)", "write `mean(x, 1)`"),
    ("(a + b).abs()", "not `(a + b).abs`", "(a + b).abs()", "write `abs(a + b)`"),
    ("x.permute(0, 2, 1)", "not `x.permute`", "x.permute(0, 2, 1)", "write `permute(x, [0, 2, 1])`"),
    ("x.repeat(2, 1)", "not `x.repeat`", "x.repeat(2, 1)", "write `tile(x, [2, 1])`"),
    ("torch.exp(x)", "not `torch.exp`", "torch.exp(x)", "write `exp(x)`"),
    ("x.size(0)", "unknown function `size`", "x.size", "`batch` is the batch's size"),
    ("x.numpy()", "unknown function `numpy`", "x.numpy", None),
    ("y * x.shape", "no attributes such as `.shape`", "x.shape", "`batch` is the batch's size"),
    ("x.T", "no attributes such as `.T`", "x.T", "write `transpose(x, 1, 2)`"),
    ("max(x, 1).values", "no attributes such as `.values`", "max(x, 1).values", "`max(x, 1)[0]`"),
    ("batch.x", "`batch` has no parts", "batch.x", None),
    ("lambda: x", "can't do this", "lambda: x", "it has names"),
    ("[y for y in x]", "can't do this", "[y for y in x]", "it has names"),
    ("{1: x}", "can't do this", "{1: x}", None),
    ("f'{x}'", "can't do this", "f'{x}'", None),
    ("mean(*x)", "can't do this", "*x", None),
    ("(y := x)", "can't do this", "y := x", None),
    ("x[0](1)", "calls functions by their name", "x[0]", None),
    ("True", "can't hold this", "True", "write `true`"),
    ("mean(x, 1, True)", "can't hold this", "True", "write `true`"),
    ("x * None", "can't hold this", "None", "write `null`"),
    ("x + 1j", "can't hold this", "1j", None),
    ("x * ...", "can't hold this", "...", None),
    ("2 ** 10 ** 10 * x", "would be too large", "2 ** 10 ** 10", None),
    ("x + 2 ** 70", "too large for a tensor", "2 ** 70", None),
    ("x ** 2 ** batch", "no power of the batch's size", "2 ** batch", None),
    ("x + 1 / 0", "a division by zero", "1 / 0", None),
    ("x * 1e999", "isn't a finite number", "1e999", None),
    ("'a' + x", "not `'a'`", "'a'", None),
    ("[1] * x", "not `[1]`", "[1]", None),
    ("null + x", "not `null`", "null", None),
    ("1 + 2", "gives a tensor, and here is none", "1 + 2", None),
    ("batch", "gives a tensor", "batch", None),
    ("[x, y]", "gives a tensor", "[x, y]", None),
    ("x['mu']", "an index is", "'mu'", "`output.mu`"),
    ("x[:, 0.5]", "an index is", "0.5", None),
    ("x[true]", "an index is", "true", None),
    ("x[::-1]", "steps forward", "-1", "`flip(x, [1])`"),
    ("x[:y]", "from one integer to another, not `y`", "y", None),
    ("[x, y][0]", "`[x, y]` is no tensor", "[x, y][0]", None),
    ("ex(x)", "unknown function `ex`", "ex", "did you mean `exp`?"),
    ("concat([x, y])", "unknown function `concat`", "concat", "did you mean `cat`?"),
    ("f(x)", "unknown function `f`", "f", "`yamlnet list function`"),
    ("dropout(x)", "isn't in the catalogue: takes `training`", "dropout", "the module `Dropout`"),
    ("batch_norm(x)", "isn't in the catalogue: takes `training`", "batch_norm", None),
    ("ReLU(x)", "`ReLU` is a module", "ReLU", "there is the function `relu`"),
    ("LSTM(x)", "`LSTM` is a module", "LSTM", "a node of its own"),
    ("mean(x, keepdims=true)", "unknown parameter `keepdims` in `mean`", "keepdims", "mean `keepdim`?"),
    ("mean(x, axis=1)", "unknown parameter `axis` in `mean`", "axis", "did you mean `dim`?"),
    ("exp(x, from=1)", "unknown parameter `from` in `exp`", "from", None),
    ("mean(**x)", "unknown parameter `**` in `mean`", "**", None),
    ("mean(x, dim=1, dim=2)", "`dim` of `mean` is given twice", "dim", None),
    ("mean(x, input=y)", "`input` of `mean` is given twice", "input", None),
    ("mean(x, 1, true, 3)", "takes 3 arguments by place, and gets 4", "3", None),
    ("relu(x, true)", "takes 1 argument by place, and gets 2", "true", None),
    ("add(x, y, 2)", "takes 2 arguments by place", "2", "by name it takes `alpha`"),
    ("permute(x, 0, 2, 1)", "takes 2 arguments by place", "2", "write `permute(x, [0, 2, 1])`"),
    ("cat(a, b)", "`dim` of `cat` takes an integer, not `b`", "b", "write `cat([a, b])`"),
    ("cat(a, b, c)", "takes 2 arguments by place", "c", "write `cat([a, b, c])`"),
    ("cat([a, 0])", "takes a list of tensors, not `[a, 0]`", "[a, 0]", None),
    ("cat([])", "takes a list of tensors, not `[]`", "[]", None),
    ("sqrt()", "`sqrt` needs `input`", "sqrt", "`sqrt(input)`"),
    ("1 + where(x)", "`where` needs `input` and `other`", "where", "`where(condition, input, other)`"),
    ("one_hot(x)", "`one_hot` needs `num_classes`", "one_hot", None),
    ("mean(x, 'a')", "takes an integer, a list of integers or `null`, not `'a'`", "'a'", None),
    ("mean(x, 0.5)", "takes an integer, a list of integers or `null`, not `0.5`", "0.5", None),
    ("mean(x, y)", "not `y`", "y", "no tensor decides it"),
    ("mean(x, [0, y])", "not `[0, y]`", "[0, y]", "no tensor decides it"),
    ("reshape(x, -1)", "not `-1`", "-1", "write `[-1]`"),
    ("reshape(x, [batch / 2])", "not `[batch / 2]`", "[batch / 2]", None),
    ("exp(2)", "`input` of `exp` takes a tensor, not `2`", "2", "`full_like(x, 2)`"),
    ("mul(x, 'a')", "takes a number or a tensor, not `'a'`", "'a'", None),
    ("mse_loss(x, y, reduction='men')", "can't be `men`", "'men'", "did you mean `mean`?"),
    ("mse_loss(x, y, 'sum')", "takes 2 arguments by place", "'sum'", "`reduction`"),
    ("scaled_dot_product_attention(q, k, v, m, true)", "takes 4 arguments", "true", "`is_causal`"),
    ("gumbel_softmax(x, tau=0)", "`tau` of `gumbel_softmax` must be above 0, not 0", "0", None),
    ("einsum(equation='ij', operands=x)", "unknown parameter `equation`", "equation", None),
    ("einsum(x, y)", "`equation` of `einsum` takes a text, not `x`", "x", None),
]


@pytest.mark.parametrize(("text", "words", "part", "help"), REFUSED, ids=[row[0][:40] for row in REFUSED])
def test_refusals_say_what_where_and_what_instead(text: str, words: str, part: str, help: str | None) -> None:
    with pytest.raises(Wrong) as caught:
        parse(text)
    wrong = caught.value
    assert words in str(wrong)
    assert text[wrong.start : wrong.end] == part
    if help is not None:
        assert help in (wrong.help or "")


def test_what_a_help_says_to_write_is_an_expression() -> None:
    meant = [text.partition("write `")[2].rpartition("`")[0] for *_, text in REFUSED if text]
    meant = [text for text in meant if text and text not in ("true", "null", "[-1]")]
    assert len(meant) > 10
    assert [text for text in meant if parse(text).text != text] == []


def test_what_goes_by_place_is_in_the_order_of_torch() -> None:
    spec = find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    stubs = read(Path(spec.origin).parent)
    wrong, looked_at = [], 0
    for name in lookup.names("function"):
        entry = lookup.find(name, "function")
        assert entry is not None
        if entry.target.startswith("torch.nn.functional."):
            declared = stubs.functional.get(name) or stubs.functional.get(f"{name}_with_indices")
        else:
            declared = (stubs.methods if "Tensor" in entry.target else stubs.compiled).get(name)
        overloads = [[p.name for p in overload if not p.keyword_only] for overload in declared or []]
        for order in orders_of(entry) if declared else ():
            looked_at += 1
            if not any(overload[: len(order)] == list(order) for overload in overloads):
                wrong.append((name, order))
    assert looked_at > 150
    assert wrong == []


PIECES = [
    *"[](){},:.*/%@+-<>=!'\"`#$&|^~;\\ \n\t\r\0\x0cé名µ\ud800\ufeff\u2028x10",
    *("x", "lstm.1.0", "output.mu", "batch", "true", "null", "None", "...", "1e999", "0x1f", "1j", "9" * 30),
    *("exp(", "mean(x, ", "cat([", "where(", "einsum('ij', ", "keepdim=", "dim=", "-1", "[:, ", "::", "**"),
    *(" if ", " else ", " and ", "not ", "lambda ", " for ", " in ", "class", "from", "f'{x}'", "b'x'", ".T"),
]


def parsed(text: str) -> Formula | Wrong:
    try:
        return parse(text)
    except Wrong as wrong:
        return wrong


def test_no_text_raises_anything_but_wrong() -> None:
    chance = random.Random(0)
    texts = [row[0] for row in REFUSED] + [
        "mu + exp(0.5 * logvar) * randn_like(mu)",
        "cat([a, b[:, 0]], dim=1)",
    ]
    fine = 0
    for _ in range(6_000):
        text = chance.choice((*texts, ""))
        for _ in range(chance.choice((1, 2, 3, 9))):
            start = chance.randrange(len(text) + 1)
            text = text[:start] + chance.choice(PIECES) + text[start + chance.choice((0, 0, 1, 4)) :]
        found = parsed(text)
        parts = [found] if isinstance(found, Wrong) else list(subterms(found.tree))
        assert all(0 <= part.start <= part.end <= len(text) for part in parts)
        fine += isinstance(found, Formula)
    assert fine > 100


@pytest.mark.parametrize(
    "text",
    [
        *("x+" * 499 + "x", "exp(" * 240 + "x", "(" * 400 + "x", "x[" * 300, "2**batch**" * 90 + "x"),
        *("9" * 999, "[" * 90 + "]" * 90, "x * (" + "9 ** 9 ** " * 40 + "9)", "cat([" + "x," * 400 + "x])"),
        "(" * 8 + "1 + 1)" * 8 + " * x" * 80,
    ],
)
def test_nothing_large_is_worked_out(text: str) -> None:
    found = parsed(text)
    assert isinstance(found, Wrong) or len(found.names) == 1


def test_parsing_needs_no_torch() -> None:
    program = """import sys
from yamlnet.language.formula import parse
parse("exp(x) + 1")
sys.exit("torch" in sys.modules)"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
