"""A real Chromium, kept from speaking to anybody but the server under test."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Page, Playwright

from launcher.testing import BROWSERS
from tests.integration.people import PASSWORD

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """The path of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=find(), args=FLAGS)


def new_page(
    browser: Browser,
    url: str,
    size: tuple[int, int] = (1280, 900),
    *,
    scheme: str = "light",
    language: str = "zh-CN",
    script: bool = True,
) -> Page:
    """A page of its own, without anybody signed in."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        locale=language,
        java_script_enabled=script,
    )
    context.set_default_timeout(15_000)
    return context.new_page()


def sign_in(page: Page, username: str) -> None:
    """Sign in through the form."""
    page.goto("/console/login")
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.click("form[action='/console/login'] button")
    page.wait_for_url("**/console/")
