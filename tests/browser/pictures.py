"""Takes the console's pictures for the documentation from running pages: `python -m tests.browser.pictures FOLDER`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.chromium import launch, new_page, sign_in
from tests.browser.site import Site, running_site

# `wait_for_function` would need eval, which the pages' policy forbids.
EVERY_IMAGE = """() => Promise.all([...document.images].filter((one) => one.getAttribute('src')).map((one) => {
  one.loading = 'eager';
  return one.decode().catch(() => null);
}))"""
DESK, PHONE = (1280, 900), (360, 780)


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
        "problems": "/problems/",
        "problem": "/problems/own_case",
        "missing": "/console/nowhere",
    }


def take(page: Page, path: Path, *, whole: bool) -> None:
    """Write one picture, once every image on the page has come."""
    page.evaluate(EVERY_IMAGE)
    page.screenshot(path=path, full_page=whole)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, running_site(Path(name)) as site, sync_playwright() as playwright:
        browser = launch(playwright)
        for size, width, scheme, language in (
            (DESK, "desk", "light", "zh-CN"),
            (DESK, "desk-dark", "dark", "en-US"),
            (PHONE, "phone", "light", "en-US"),
            (PHONE, "phone-dark", "dark", "zh-CN"),
        ):
            page = new_page(browser, site.url, size, scheme=scheme, language=language)
            page.goto("/console/login")
            take(page, folder / f"console-login-{width}.png", whole=True)
            sign_in(page, "shenhe")
            for view, path in views(site).items():
                page.goto(path)
                take(page, folder / f"console-{view}-{width}.png", whole=True)
            page.goto(f"/console/cases/{site.case}")
            page.keyboard.press("j")
            page.keyboard.press("Enter")
            take(page, folder / f"console-viewer-{width}.png", whole=False)
            page.keyboard.press("r")
            take(page, folder / f"console-return-{width}.png", whole=False)
            page.context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
