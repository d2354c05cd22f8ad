"""Takes the console's pictures from running pages.

`python -m tests.browser.pictures` renews the documentation's, in docs/images; with a folder it takes every page
in every width, scheme and language there, whole, for somebody to look at.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from launcher.installation import ROOT
from tests.browser.chromium import launch, new_page, sign_in
from tests.browser.fined import PLATE
from tests.browser.site import Site, running_site

# `wait_for_function` would need eval, which the pages' policy forbids.
EVERY_IMAGE = """() => Promise.all([...document.images].filter((one) => one.getAttribute('src')).map((one) => {
  one.loading = 'eager';
  return one.decode().catch(() => null);
}))"""
DESK, PHONE = (1280, 900), (360, 780)
LIMIT_BYTES = 300_000
LOOKS = (
    (DESK, "desk", "light", "zh-CN"),
    (DESK, "desk-dark", "dark", "en-US"),
    (PHONE, "phone", "light", "en-US"),
    (PHONE, "phone-dark", "dark", "zh-CN"),
)
DOCUMENTED = (
    ("cases", "cases", DESK, "light", "zh-CN"),
    ("case", "case", (1280, 1100), "light", "en-US"),
    ("conflict", "conflict", DESK, "light", "en-US"),
    ("delivery", "delivery", DESK, "dark", "zh-CN"),
    ("violation", "violation", (1280, 1100), "light", "zh-CN"),
    ("phone", "case", PHONE, "light", "zh-CN"),
    ("morning", "morning", DESK, "light", "zh-CN"),
    ("story", "told", (1280, 1500), "light", "zh-CN"),
    ("ledger", "ledger", DESK, "light", "en-US"),
    ("morning-phone", "morning", PHONE, "light", "en-US"),
)


def views(site: Site) -> dict[str, str]:
    """The pages to take, by name."""
    return {
        "cases": "/console/",
        "case": f"/console/cases/{site.case}",
        "own": f"/console/cases/{site.own_case}",
        "conflicts": "/console/conflicts",
        "conflict": f"/console/conflicts/{site.conflict}",
        "delivery": "/console/delivery",
        "quarantine": "/console/quarantine",
        "kept": f"/console/quarantine/{site.quarantined}",
        "health": "/console/health",
        "alerts": "/console/alerts",
        "violations": "/console/violations",
        "violation": "/console/violations/item/DQ-116-1?party=org&date=2026-11-22&amount=1000&factor=remedied",
        "morning": "/console/morning",
        "story": f"/console/cases/{site.fined}",
        "told": f"/console/cases/{site.fined}#told",
        "defects": "/console/defects",
        "vehicle": f"/console/vehicles?plate={PLATE}",
        "parties": "/console/parties",
        "ledger": "/console/ledger",
        "audits": "/console/audits",
        "trail": f"/console/cases/{site.fined}/trail",
        "problems": "/problems/",
        "problem": "/problems/own_case",
        "missing": "/console/nowhere",
    }


def take(page: Page, path: Path, *, whole: bool = True) -> None:
    """Write one picture, once every image on the page has come."""
    page.evaluate(EVERY_IMAGE)
    page.screenshot(path=path, full_page=whole)


def shrink(path: Path) -> None:
    """Keep a picture small enough for a repository: 192 colours do for pages."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(192, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    if path.stat().st_size > LIMIT_BYTES:
        raise RuntimeError(f"{path.name} has {path.stat().st_size} bytes")


def take_all(browser: Browser, site: Site, folder: Path) -> None:
    """Every page, whole, as one looks at them to find fault."""
    for size, width, scheme, language in LOOKS:
        page = new_page(browser, site.url, size, scheme=scheme, language=language)
        page.goto("/console/login")
        take(page, folder / f"console-login-{width}.png")
        sign_in(page, "shenhe")
        for view, path in views(site).items():
            page.goto(path)
            take(page, folder / f"console-{view}-{width}.png")
        page.goto(f"/console/cases/{site.case}")
        for view, keys in (("viewer", ("j", "Enter")), ("return", ("r",))):
            for key in keys:
                page.keyboard.press(key)
            take(page, folder / f"console-{view}-{width}.png", whole=False)
        page.context.close()


def take_documented(browser: Browser, site: Site, folder: Path) -> None:
    """The few that the documentation shows, one screen each."""
    for name, view, size, scheme, language in DOCUMENTED:
        page = new_page(browser, site.url, size, scheme=scheme, language=language)
        sign_in(page, "shenhe")
        page.goto(views(site)[view])
        path = folder / f"console-{name}.png"
        take(page, path, whole=False)
        shrink(path)
        page.context.close()


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0]) if arguments else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, running_site(Path(name)) as site, sync_playwright() as playwright:
        browser = launch(playwright)
        (take_all if arguments else take_documented)(browser, site, folder)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
