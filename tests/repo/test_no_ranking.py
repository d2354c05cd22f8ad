"""Nobody ranks officers by fines, cases or counts (R47): no query, no page, no interface; and the rule forbids it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from field_api.app import create_app
from field_api.casework import rulebook
from field_api.casework.law.judge import judge
from field_api.config import Config
from launcher.installation import ROOT

SOURCES = sorted(path for name in ("field_api", "worker", "media") for path in (ROOT / name).rglob("*.py"))
TEMPLATES = sorted((ROOT / "field_api").rglob("*.html"))
# What would make an order a ranking: money, scores, and anything that counts or adds up.
MEASURED = re.compile(r"amount|balance|total|score|fen\b|func\.(sum|count|avg|max|rank|dense_rank)|\.count\b|fines")
PEOPLE = re.compile(r"\b(officer|author|collected_by|noted_by|username)\b", re.IGNORECASE)
RANKS = re.compile(r"rank|league|leader_?board|top_officers|排名|排行", re.IGNORECASE)


def orderings(tree: ast.AST) -> Iterator[str]:
    """What a statement of SQL, or Python, is ordered by, as text; with the whole function around it."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    yield from (f"{said}\n{ast.unparse(function)}" for said in _keys(node))


def _keys(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "order_by":
        yield from (ast.unparse(one) for one in call.args)
    elif name in ("sorted", "sort", "nlargest", "nsmallest", "most_common"):
        yield from (ast.unparse(one.value) for one in call.keywords if one.arg == "key")
        if name == "most_common":
            yield "func.count()"


def ranks_people(said: str) -> bool:
    """Say whether an order is by what is measured, in a place that groups by a person."""
    key, _, function = said.partition("\n")
    groups = re.findall(r"group_by\((.*?)\)\n?", function) + re.findall(r"partition_by=(.*?)[,)]", function)
    grouped = any(PEOPLE.search(one) for one in groups) or "most_common" in function
    return bool(MEASURED.search(key)) and (grouped or bool(PEOPLE.search(key)))


def test_the_search_finds_what_it_looks_for() -> None:
    """Each way to rank people is seen; else the search below would hold of nothing."""
    probes = (
        "def f(s):\n return select(x).group_by(Case.author).order_by(func.sum(Case.amount_fen).desc())",
        "def f(s):\n return select(x).group_by(CashReceipt.officer).order_by(func.count())",
        "def f(rows):\n return sorted(rows, key=lambda one: (one.officer.total_fen, one.name))",
    )
    for probe in probes:
        assert any(ranks_people(said) for said in orderings(ast.parse(probe))), probe
    harmless = "def f(s):\n return select(x).group_by(Case.author).order_by(Officer.name)"
    assert not any(ranks_people(said) for said in orderings(ast.parse(harmless)))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_orders_people_by_what_is_measured(path: Path) -> None:
    """Neither SQL nor Python puts officers into an order of money, scores or counts."""
    found = [said.partition("\n")[0] for said in orderings(ast.parse(path.read_text(encoding="utf-8")))
             if ranks_people(said)]  # fmt: skip
    assert found == []


def test_no_page_sorts_by_what_is_measured() -> None:
    """Templates sort by nothing but times."""
    keys = [key for path in TEMPLATES for key in re.findall(r"sort\(attribute='([^']+)'", path.read_text("utf-8"))]
    assert {key for key in keys if MEASURED.search(key)} == set()
    assert not any(re.search(r"\|\s*dictsort", path.read_text("utf-8")) for path in TEMPLATES)


def test_no_address_is_a_ranking(tmp_path: Path) -> None:
    """No route and no answer is named after one."""
    app = create_app(Config(data=tmp_path, database_url=f"sqlite:///{tmp_path / 'fieldpost.sqlite3'}"))
    assert [rule.rule for rule in app.url_map.iter_rules() if RANKS.search(rule.rule)] == []


@pytest.mark.parametrize(("asked", "blocked"), [(True, True), (False, False), (None, False)])
def test_the_law_forbids_the_question_itself(asked: bool | None, blocked: bool) -> None:
    """At the stage `view` the rules answer a query that would rank officers by fines with `block`, naming R47."""
    facts = {"act": {"date": "2026-11-02"}, "query": {"ranks_officers_by_fines": asked}}
    found = judge(rulebook.shipped(), facts, "view")
    assert [one.rule for one in found if one.consequence == "block"] == (["R47"] if blocked else [])
