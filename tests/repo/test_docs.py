"""What must hold of the documents: they agree with the code and with each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from field_api.app import create_app
from field_api.config import Config
from field_api.problems import CATALOGUE
from launcher.installation import ROOT
from sync.store.base import Base

DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
VARIABLE = re.compile(r"\bFIELDPOST_[A-Z_]*[A-Z]\b")
SERVER = ("field_api", "sync", "media", "worker", "migrations")
PACKAGES = (*SERVER, "launcher", "reference", "demo", "benchmarks", "simulation")


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def anchors(document: str) -> set[str]:
    """Return the names under which a document's headings can be linked to."""
    headings = re.findall(r"^#+ +(.+?) *$", document, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    """A link inside the repository names a file that is there, and a heading that this file has."""
    broken = []
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = path.parent / target if target else path
        if not there.exists() or (anchor and anchor not in anchors(there.read_text(encoding="utf-8"))):
            broken.append(link)
    assert broken == []


def house() -> list[str]:
    """Return every path that the architecture's tree of the house names."""
    tree = text_of("architecture.md").split("## The house", 1)[1].split("```", 2)[1]
    paths, folders = [], [""]
    for line in filter(str.strip, tree.splitlines()):
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r" {2,}", line.strip())[0].split()
        folders[depth + 1 :] = [folders[depth] + names[0]]
        paths += [folders[depth] + name for name in names]
    return paths


def test_the_house_of_the_architecture_stands() -> None:
    """Every package, folder and module that its tree names exists."""
    paths = house()
    assert len(paths) > 30
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_house_leaves_no_package_out() -> None:
    """Every module at the top of field_api, every package and every top-level package stands in the tree."""
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "field_api").glob("*.py")}
    found |= {f"{name}/" for name in PACKAGES if (ROOT / name / "__init__.py").exists()}
    found -= {"field_api/__init__.py"}
    assert sorted(found - set(house())) == []


def variables_in_code() -> set[str]:
    """Return the variables that our programs read or set."""
    sources = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    sources += [ROOT / "wsgi.py", ROOT / "fieldpost"]
    return {name for path in sources for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}


def test_the_configuration_lists_every_variable_and_no_other() -> None:
    """What docs/configuration.md has in its tables is what the programs know."""
    listed = set(re.findall(r"^\| `(FIELDPOST_[A-Z_]+)`", text_of("configuration.md"), re.MULTILINE))
    assert listed == variables_in_code()


def test_documents_name_no_variable_that_does_not_exist() -> None:
    """No document tells to set what nothing reads."""
    named = {name for path in DOCUMENTS for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert named - variables_in_code() == set()


def test_the_protocol_lists_every_problem_code_and_no_other() -> None:
    """The tables of codes in docs/protocol.md are the catalogue, each with its status and its retry."""
    listed = re.findall(r"^\| `(\w+)` \| (\d{3}) \| `(\w+)` \|", text_of("protocol.md"), re.MULTILINE)
    assert sorted(listed) == sorted((kind.code, str(kind.status), kind.retry) for kind in CATALOGUE.values())


def test_the_database_document_lists_every_table_and_no_other() -> None:
    """docs/database.md has one row for each table."""
    listed = re.findall(r"^\| `(\w+)` \|", text_of("database.md"), re.MULTILINE)
    assert sorted(listed) == sorted(Base.metadata.tables)


def routes(tmp_path: Path) -> set[str]:
    """Return method and path of every route of the API, as the documents write them."""
    app = create_app(Config(data=tmp_path, database_url="sqlite://"))
    found = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", "{}", rule.rule).removeprefix("/api/v1")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            found.add(f"{method} {path}")
    return found


def test_the_protocol_names_every_route_of_the_api(tmp_path: Path) -> None:
    """No call is served that docs/protocol.md does not describe."""
    calls = re.findall(r"`((?:GET|POST|PATCH|DELETE) /[^`]*)`", text_of("protocol.md"))
    described = {re.sub(r"{[^}]*}", "{}", call) for call in calls}
    served = {route for route in routes(tmp_path) if not route.split(" ", 1)[1].startswith("/console")}
    assert sorted(served - described) == []
