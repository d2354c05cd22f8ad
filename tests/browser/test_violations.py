"""The violation catalogue in a real Chromium: found, worked out, and brought in, by keyboard and on a telephone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from field_api.casework.catalogue_import.columns import written
from field_api.casework.violations import demonstration
from tests.browser.chromium import new_page, sign_in
from tests.browser.conftest import Watched
from tests.browser.sights import CONTRAST, OVERFLOW, SMALL_TARGETS
from tests.browser.site import Site

pytestmark = pytest.mark.browser
ITEM = replace(demonstration()[0], code="YS-0406", demo=False)


@pytest.mark.parametrize(("width", "script", "language"), [(1280, True, "zh-CN"), (360, True, "en-US")])
def test_a_penalty_is_worked_out_by_keyboard(
    browser: Browser, site: Site, watched: Watched, width: int, script: bool, language: str
) -> None:
    """From the search to an explained figure without a mouse; every page fits, can be hit and can be read."""
    page = watched.watch(new_page(browser, site.url, (width, 800), script=script, language=language))
    sign_in(page, "shenhe")
    page.goto("/console/violations")
    assert [page.evaluate(look) for look in (OVERFLOW, SMALL_TARGETS, CONTRAST)] == [[], [], []]
    page.locator("#q").focus()
    page.keyboard.type("DQ-116")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=DQ-116**")
    page.locator(".rows h2 a").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/item/DQ-116-1")
    page.locator("#party").select_option("org")
    page.locator("#amount").fill("1000")
    page.keyboard.press("Enter")
    page.wait_for_url("**amount=1000**")
    expect(page.locator("#calculator .badge.bad")).to_have_count(1)
    expect(page.locator("#calculator .why li").first).to_be_visible()
    page.locator("#calculator summary").press("Enter")
    assert [page.evaluate(look) for look in (OVERFLOW, SMALL_TARGETS, CONTRAST)] == [[], [], []]


@pytest.mark.parametrize(("width", "script"), [(1280, True), (360, False)])
def test_a_table_is_checked_and_brought_in(
    browser: Browser, site: Site, watched: Watched, tmp_path: Path, width: int, script: bool
) -> None:
    """A bad table is explained line by line, the corrected one taken in and found."""
    code, name = f"{ITEM.code}-{width}", f"fazhi{width}"
    site.world.bureau.officer(name, "legal")
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_bytes(written([replace(ITEM, code=code, subject="other")], "zh"))
    good.write_bytes(written([replace(ITEM, code=code)], "zh"))
    page = watched.watch(new_page(browser, site.url, (width, 800), script=script))
    sign_in(page, name)
    page.goto("/console/violations")
    page.get_by_role("link", name="导入").click()
    for file, words in ((bad, "须写明部门"), (good, "导入 1 项")):
        page.set_input_files("#file", file)
        page.get_by_label("全部正确才导入").check()
        page.get_by_role("button", name="提交").click()
        expect(page.locator("main [role=status]")).to_contain_text(words)
        if script:
            assert [page.evaluate(look) for look in (OVERFLOW, SMALL_TARGETS, CONTRAST)] == [[], [], []]
    page.goto(f"/console/violations?q={code}")
    expect(page.locator(".rows .card")).to_have_count(1)
