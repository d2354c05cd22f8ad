"""One server, one story and one Chromium for the browser tests of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.browser import chromium
from tests.browser.site import Site, running_site
from tests.support import missing


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium; its absence is said loudly."""
    if chromium.find() is None:
        missing.need("Chromium", "apt-get install chromium")
    with sync_playwright() as playwright:
        opened = chromium.launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running server with the story."""
    folder: Path = tmp_path_factory.mktemp("site")
    with running_site(folder) as told:
        yield told


class Watched:
    """What a page complained of; asked at the end of every test."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def watch(self, page: Page) -> Page:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", self._miss)
        return page

    def _miss(self, request: Request) -> None:
        # Going on to the next page ends what the last one still loads.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url} {request.failure}")

    def _hear(self, message: ConsoleMessage) -> None:
        # A refused form or a page that is not there is told on the page; the browser notes its status as well.
        if message.type in ("error", "warning") and "the server responded with a status of 40" not in message.text:
            self.complaints.append(message.text)


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Pages on which no error, no failed request and no breach of the content security policy may appear."""
    seen = Watched()
    yield seen
    assert seen.complaints == []
