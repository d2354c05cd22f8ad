"""What must hold of the words: every code that the server gives out has them, in the code and in the protocol."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from field_api.casework import schema, words
from field_api.console.words import WORDS, name_of
from field_api.problems import CATALOGUE
from launcher.installation import ROOT
from sync.engine import merge
from sync.engine.values import Flag, MergeClass, Outcome
from sync.service import decode

PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
SOURCES = [path for name in ("sync", "field_api", "media", "worker") for path in (ROOT / name).rglob("*.py")]
# Whose argument (by position) is the code of a fault: the constructors of what `errors` holds.
FAULT_MAKERS = {"Fault": 0, "_error": 1, "_fault": 1, "_at": 1, "_refuse": 1}
PROBLEM_MAKERS = {"Problem": 0, "refuse": 1}
SHORTEST, LONGEST = 1, 90


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _literal(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _argument(call: ast.Call, makers: dict[str, int]) -> str | None:
    place = makers.get(_name(call))
    return _literal(call.args[place]) if place is not None and place < len(call.args) else None


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call, but those inside a problem that says what is not there yet: its code says all."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call):
            yield node
            if _argument(node, PROBLEM_MAKERS) == "not_implemented":
                continue
        yield from _calls(node)


def _shown_faults(tree: ast.AST) -> Iterator[str | None]:
    """Codes in an `errors` entry written out, and in the triples (problem, pointer, fault) of a generator."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            entry = {_literal(key): _literal(value) for key, value in zip(node.keys, node.values, strict=True)}
            if {"pointer", "code"} <= entry.keys():
                yield entry["code"]
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 3:
            yield _literal(node.value.elts[2])


def given_out(makers: dict[str, int]) -> set[str]:
    """The codes that the sources give to any of these constructors."""
    found: set[str | None] = set()
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {_argument(call, makers) for call in _calls(tree)}
        if makers is FAULT_MAKERS:
            found |= set(_shown_faults(tree))
    return {code for code in found if code is not None}


def test_the_scan_of_the_sources_finds_what_it_looks_for() -> None:
    """It sees each way in which a code is given out; else every comparison below would hold of nothing."""
    assert {"not_text", "required", "text_not_storable", "write_once_changed", "constraint"} <= given_out(FAULT_MAKERS)
    assert {"record_exists", "body_damaged", "unknown_schema", "cycle"} <= given_out(PROBLEM_MAKERS)


def test_every_fault_that_is_given_out_has_words_and_no_other() -> None:
    """What `errors[].code` can be is what officers can read."""
    assert given_out(FAULT_MAKERS) == set(words.FAULTS)


def test_every_problem_that_is_raised_has_words() -> None:
    """A code that stands anywhere in the sources is in the catalogue, and so in the schema's words."""
    assert given_out(PROBLEM_MAKERS) - set(CATALOGUE) == set()
    assert set(schema.describe()["words"]["problems"]) == set(CATALOGUE)


@pytest.mark.parametrize(
    ("family", "codes"),
    [
        ("outcomes", {str(one) for one in Outcome}),
        ("flags", {str(one) for one in Flag}),
        ("fields", {merge.APPLIED, merge.UNCHANGED, merge.KEPT, merge.PROPOSED, merge.IGNORED}),
        ("classes", {str(one) for one in MergeClass}),
        ("actions", {*decode.ACTIONS, *getattr(decode, "NOT_YET", ())}),
    ],
)
def test_every_member_of_an_enumeration_has_words_and_no_other(family: str, codes: set[str]) -> None:
    """Each code of the engine can be read by an officer, and no word is of a code that nobody gives."""
    assert set(words.families()[family]) == codes


def _flag_texts(tree: ast.AST) -> Iterator[str]:
    """Literal texts that are put into something called flags."""
    for node in ast.walk(tree):
        values: list[ast.expr] = []
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(getattr(target, "id", "") == "flags" for target in targets):
                values = [node.value]
        elif isinstance(node, ast.keyword) and node.arg == "flags":
            values = [node.value]
        elif isinstance(node, ast.Call) and getattr(getattr(node.func, "value", None), "id", "") == "flags":
            values = node.args
        for value in values:
            # A key that is looked up, as in `row.get("flags")`, is no flag.
            inside = {id(part) for call in ast.walk(value) if isinstance(call, ast.Call) for part in call.args}
            yield from (text for part in ast.walk(value) if id(part) not in inside and (text := _literal(part)))


def test_flags_come_from_their_enumeration() -> None:
    """Nobody flags a result with a text of his own, which would have no words."""
    probe = ast.parse('flags = ("own",) if x else ()\nflags.append("two")\nf(flags=["three"])\nflags = g("flags")')
    assert sorted(_flag_texts(probe)) == ["own", "three", "two"]
    found = {path.name: list(_flag_texts(ast.parse(path.read_text(encoding="utf-8")))) for path in _in("sync")}
    assert {name: texts for name, texts in found.items() if texts} == {}


def _in(package: str) -> Iterator[Path]:
    return (ROOT / package).rglob("*.py")


def _table(title: str) -> dict[str, tuple[str, str]]:
    """The rows under a heading of the protocol: code → (words, what to do)."""
    section = PROTOCOL.split(f"\n### {title}\n", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    return {code: (said, todo) for code, said, todo in rows}


@pytest.mark.parametrize("family", ["outcomes", "flags", "fields", "faults", "classes", "actions"])
def test_the_protocol_has_the_same_words(family: str) -> None:
    """Every code with its words in both languages as the code has them, and no other."""
    known = words.families()[family]
    expected = {code: (f"{one.zh} · {one.en}", f"{one.do_zh} · {one.do_en}") for code, one in known.items()}
    assert _table(family.capitalize()) == expected


def test_the_protocol_has_the_problems_words() -> None:
    """The table of problems says what the catalogue says."""
    rows = dict(re.findall(r"^\| `(\w+)` \| \d{3} \| `\w+` \| (.+?) \|$", PROTOCOL, re.MULTILINE))
    assert rows == {one.code: f"{one.zh} · {one.en}" for one in CATALOGUE.values()}


def test_words_are_short_plain_and_in_both_languages() -> None:
    """What is read in the rain fits a line; Chinese is Chinese, English is not; none has a placeholder or a code."""
    for family, entries in words.families().items():
        for code, word in entries.items():
            for text, chinese in ((word.zh, True), (word.en, False), (word.do_zh, True), (word.do_en, False)):
                assert SHORTEST <= len(text) <= LONGEST, (family, code, text)
                assert bool(re.search("[一-鿿]", text)) is chinese, (family, code, text)
                assert "_" not in text.replace("Retry-After", ""), (family, code, text)
                assert "{" not in text, (family, code, text)


def test_the_console_says_the_same() -> None:
    """A supervisor and an officer who speak of one outcome speak the same words."""
    for family in ("outcome", "action"):
        for code, word in words.families()[f"{family}s"].items():
            assert (name_of("zh", family, code), name_of("en", family, code)) == (word.zh, word.en)
    assert words.advice("faults", "required", "zh") in {one.do_zh for one in words.FAULTS.values()}
    assert words.advice("faults", "never heard of", "en") == ""
    assert "outcome.applied" in WORDS
