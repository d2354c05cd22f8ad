"""The public page of a paper in a real browser: on a phone, in both schemes and languages, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Browser, expect

from field_api.casework.documents.tables import RenderedCopy, RenderedDocument
from field_api.config import Config
from field_api.extensions import db
from field_api.transactions import write
from launcher.installation import HOST, free_port
from sync.store.ids import new_id
from sync.store.tables import RecordRow
from tests.browser.chromium import new_page
from tests.browser.conftest import Watched
from tests.browser.sights import CONTRAST, OVERFLOW, SMALL_TARGETS
from tests.browser.site import serving
from tests.browser.world import World
from tests.integration.people import Bureau, running

pytestmark = pytest.mark.browser
MADE_AT = datetime(2026, 11, 22, 7, 10, tzinfo=UTC)
VALID, VOIDED, REPLACED = "V" * 24, "W" * 24, "R" * 24


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a paper that stands, one that was replaced, and one of a record that was voided."""
    folder = tmp_path_factory.mktemp("papers")
    config = Config(data=folder / "data", database_url=f"sqlite:///{folder / 'data' / 'fieldpost.sqlite3'}")
    config.data.mkdir(parents=True)
    port = free_port()
    with running(config) as app, app.app_context():
        tell(app)
        with serving(config, folder, port):
            yield f"http://{HOST}:{port}"


def tell(app: Flask) -> None:
    world = World(Bureau(app))
    replaced = new_id()
    standing, beside, voided = (world.case() for _ in range(3))
    world.append(beside, "documents", type="D07", number="演城执当罚字〔2026〕第0002号", replaces=replaced)

    def put() -> None:
        session = db.session()
        session.execute(sa.update(RecordRow).where(RecordRow.id == voided).values(void="演示"))
        papers = ((VALID, new_id(), standing), (REPLACED, replaced, beside), (VOIDED, new_id(), voided))
        for token, element, record in papers:
            session.add(paper(token, element, record))
            session.flush()
            session.add(RenderedCopy(element=element, copy="party", sha256="c" * 64, pdf=b"%PDF", at=MADE_AT))

    write(db.session(), put)


def paper(token: str, element: str, record: str) -> RenderedDocument:
    return RenderedDocument(
        element=element,
        record=record,
        token=token,
        type="D07",
        template="D07.2",
        number="演城执当罚字〔2026〕第0001号",
        authority="演示市城市管理行政执法局",
        made_at=MADE_AT,
        context=b"",
        sha256="0123456789abcdef" * 4,
        at=MADE_AT,
    )


@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(360, 780), (1280, 900)], ids=["phone", "desk"])
def test_the_page_fits_and_can_be_read(
    browser: Browser, url: str, watched: Watched, size: tuple[int, int], scheme: str, language: str
) -> None:
    """Whatever became of the paper: nothing scrolls sideways, every text has 4.5:1, every target is 44 px."""
    page = watched.watch(new_page(browser, url, size, scheme=scheme, language=language))
    faults = {}
    for token in (VALID, REPLACED, VOIDED):
        page.goto(f"/d/{token}")
        expect(page.locator("dl")).to_contain_text("第0001号")
        faults[token] = [*page.evaluate(OVERFLOW), *page.evaluate(CONTRAST), *page.evaluate(SMALL_TARGETS)]
    assert {token: found for token, found in faults.items() if found} == {}
    page.context.close()


def test_the_page_leads_nowhere_but_to_the_other_language(browser: Browser, url: str, watched: Watched) -> None:
    """By keyboard: past the skip link the only stop is the language, and it comes back to the same paper."""
    page = watched.watch(new_page(browser, url, script=False))
    page.goto(f"/d/{VALID}")
    assert page.locator("a").count() == 2
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Check a document")
    expect(page.locator(".notice b")).to_have_text("Valid")
    page.context.close()


def test_a_replaced_paper_names_the_one_that_counts(browser: Browser, url: str, watched: Watched) -> None:
    """The number of the correction stands there, and the standing says so in words, not by colour alone."""
    page = watched.watch(new_page(browser, url))
    page.goto(f"/d/{REPLACED}")
    expect(page.locator(".notice b")).to_have_text("已被更正文书替代")
    expect(page.locator("dl")).to_contain_text("第0002号")
    page.goto(f"/d/{VOIDED}")
    expect(page.locator(".notice b")).to_have_text("已作废")
    page.context.close()
