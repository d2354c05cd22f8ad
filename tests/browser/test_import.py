"""A sealed export, in a real Chromium: the file is chosen, the outcomes are read, the answer is taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from reference.terminal import Terminal, Verdict
from reference.terminal.export import read_answer
from tests.browser.chromium import new_page, sign_in
from tests.browser.conftest import Watched
from tests.browser.sights import CONTRAST, OVERFLOW, SMALL_TARGETS
from tests.browser.site import Site
from tests.integration.people import PASSWORD

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "script"), [(1280, True), (360, False)])
def test_a_dead_radios_work_is_brought_in_and_answered(
    browser: Browser, site: Site, watched: Watched, tmp_path: Path, width: int, script: bool
) -> None:
    """From the page of the terminals' sync to an empty queue, wide with script and narrow without."""
    with Terminal(tmp_path, site.url) as handset:
        assert handset.enrol(site.world.bureau.code(), "演示机").verdict is Verdict.OK
        assert handset.sign_in("officer1", PASSWORD).verdict is Verdict.OK
        handset.create("case", {"category": "0406", "description": "演示数据"})
        handset.create("case", {"category": "0406", "amount_fen": "演示"})
        handset.export(tmp_path / "export.jws")
        page = watched.watch(new_page(browser, site.url, (width, 800), script=script))
        sign_in(page, "shenhe")
        page.goto("/console/health")
        page.get_by_role("link", name="导入离线包").click()
        page.set_input_files("#file", tmp_path / "export.jws")
        page.get_by_role("button", name="导入").click()
        page.wait_for_url("**/console/import/**")
        expect(page.locator(".rows .badge")).to_have_text(["生效", "隔离"])
        expect(page.locator("#said")).to_contain_text("已导入")
        if script:
            assert [page.evaluate(look) for look in (OVERFLOW, SMALL_TARGETS, CONTRAST)] == [[], [], []]
        with page.expect_download() as awaited:
            page.get_by_role("link", name="下载回执文件").click()
        outcomes = handset.take_import_answer(read_answer(awaited.value.path()))
        assert sorted(outcomes.values()) == ["applied", "quarantined"]
        assert [one.state for one in handset.queue()] == ["quarantined"]
