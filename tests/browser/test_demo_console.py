"""The demo left running: its console in a real browser, and Ctrl-C that ends every child."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.demo.test_demo import demo
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("FIELDPOST_PICTURES")


def processes_of(data: Path) -> list[int]:
    """Every process of an installation, by the data folder in its environment."""
    mark = f"FIELDPOST_DATA={data}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def test_the_console_shows_the_scenario_and_ctrl_c_ends_it(browser: Browser, tmp_path: Path) -> None:
    """A reviewer finds the demo's cases, their photos and task numbers; Ctrl-C leaves no process behind."""
    data = tmp_path / "demo"
    with demo(data) as process:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if "Ctrl-C" in line:
                break
        address, password = re.search(r"(http://\S+/console/)", shown), re.search(r"reviewer / (\S+),", shown)
        assert address, shown
        assert password, shown
        look(browser, address[1], password[1])
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    wait_until(lambda: not processes_of(data), "every child has ended")


def look(browser: Browser, address: str, password: str) -> None:
    """Walk the pages as a reviewer does; with FIELDPOST_PICTURES, keep what was seen."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, locale="zh-CN")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.fill("input[name=username]", "reviewer")
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/console/")
    text = page.inner_text("main")
    assert "占道经营" in text or "0406" in text
    assert "演示数据" in text
    page.wait_for_load_state("networkidle")
    keep(page, "console-cases")
    advised = page.locator("main li", has_text="演示路 15 号门前")
    advised.get_by_role("link", name="占道经营").first.click()
    page.wait_for_load_state("networkidle")
    case = page.inner_text("main")
    assert "演示路 15 号门前" in case
    assert re.search(r"RC\d{8}", case), "the centre's task number"
    widths = page.eval_on_selector_all("main img", "images => images.map(image => image.naturalWidth)")
    assert len(widths) >= 3
    assert all(widths), "every photo is drawn"
    keep(page, "console-case")
    page.set_viewport_size({"width": 360, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth <= 360")
    keep(page, "console-phone")
    assert faults == []
    context.close()


def keep(page: Page, name: str) -> None:
    """Save a picture for the documentation, when it is being made."""
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))
