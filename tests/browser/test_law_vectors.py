"""The rules of law in a real Chromium, by a JavaScript library: the same facts, the same findings as on the server."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from field_api.casework import rulebook
from field_api.casework.law.judge import judge
from launcher.installation import ROOT
from tests.support import missing
from tests.support.law import VECTORS, facts_of

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent / "law"
HOST = "http://law.invalid/"
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".html": "text/html"}
JUDGED = "([bundle, cases]) => { const judge = new Judge(bundle); return cases.map((one) => judge.judge(one)); }"


def library() -> Path:
    """The library's files, installed by the machine's npm, once for each lock, beside what else is kept in `var`."""
    lock = (HERE / "package-lock.json").read_bytes()
    kept = ROOT / "var" / "law-vectors" / hashlib.sha256(lock).hexdigest()[:16]
    if not kept.exists():
        npm = shutil.which("npm")
        if npm is None:
            missing.need("npm", "apt-get install nodejs npm")
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
            _keep(Path(folder) / "node_modules", kept)
    return kept / "@marcbachmann" / "cel-js" / "lib"


def _keep(installed: Path, kept: Path) -> None:
    """Put the folder in its place; another test run may have been first."""
    try:
        installed.rename(kept)
    except OSError:
        assert kept.exists()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that has loaded the judge; it can reach nothing but these files."""
    found = library()

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(HOST)
        file = found / path.removeprefix("cel/") if path.startswith("cel/") else HERE / path
        route.fulfill(body=file.read_text(encoding="utf-8"), content_type=TYPES[file.suffix])

    context = browser.new_context()
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.route("**/*", answer)
    opened.goto(HOST + "page.html")
    opened.wait_for_function("() => Boolean(window.Judge)", timeout=15_000)
    yield opened
    assert faults == []
    context.close()


def judged(page: Page, cases: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    bundle = dict(rulebook.shipped().document)
    found: list[list[dict[str, Any]]] = page.evaluate(JUDGED, [bundle, cases])
    return found


def test_the_browser_answers_every_vector(page: Page) -> None:
    """Each check fires, is silent, and changes at its boundary and date exactly as the vectors say."""
    vectors = VECTORS["vectors"]
    for vector, findings in zip(vectors, judged(page, [facts_of(one) for one in vectors]), strict=True):
        finding = next((one for one in findings if one["check"] == vector["check"]), None)
        assert (finding["consequence"] if finding else None) == vector["expect"], vector
        for name, expected in vector.get("values", {}).items():
            assert finding is not None
            assert finding["values"][name] == expected, vector


def test_the_browser_and_the_server_find_the_same(page: Page) -> None:
    """Of all checks, not only the vector's own, and with every section of the facts missing in turn."""
    cases = [facts_of(one) for one in VECTORS["vectors"]]
    cases += [{**base, name: None} for base in VECTORS["bases"].values() for name in base]
    cases += [{}, {"officers": 5, "party": {"age": 1.5, "kind": 3}, "act": {"date": "2026-1-1"}}]
    for case, findings in zip(cases, judged(page, cases), strict=True):
        ours = [(one.check, one.consequence, dict(one.values)) for one in judge(rulebook.shipped(), case)]
        assert [(one["check"], one["consequence"], one["values"]) for one in findings] == ours, case
