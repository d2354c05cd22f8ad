"""The console in a real Chromium, on a real server: by keyboard, by mouse, without script, narrow and wide."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import new_page, sign_in
from tests.browser.conftest import Watched
from tests.browser.fined import PLATE
from tests.browser.sights import CONTRAST, OVERFLOW, SMALL_TARGETS
from tests.browser.site import Site

pytestmark = pytest.mark.browser
NARROW, WIDE = (360, 780), (1280, 900)


def paths(site: Site) -> list[str]:
    return [
        "/console/",
        f"/console/cases/{site.case}",
        f"/console/cases/{site.own_case}",
        "/console/conflicts",
        f"/console/conflicts/{site.conflict}",
        "/console/delivery",
        "/console/quarantine",
        f"/console/quarantine/{site.quarantined}",
        "/console/health",
        "/console/alerts",
        "/console/import",
        "/console/violations",
        "/console/morning",
        f"/console/cases/{site.fined}",
        f"/console/cases/{site.fined}/trail",
        "/console/defects",
        f"/console/vehicles?plate={PLATE}",
        "/console/parties",
        "/console/ledger",
        "/console/numbers",
        "/console/audits",
        "/console/violations/item/DJ-090-1?party=citizen&date=2026-11-22&amount=300&factor=remedied",
        "/problems/",
        "/problems/own_case",
        "/console/nowhere",
    ]


@pytest.fixture
def page(browser: Browser, site: Site, watched: Watched) -> Page:
    """A supervisor's page, signed in."""
    opened = watched.watch(new_page(browser, site.url))
    sign_in(opened, "shenhe")
    return opened


def badge(page: Page, photo: str) -> str:
    return page.locator(f"#photo-{photo} .title .badge").inner_text()


def test_photos_are_judged_by_keyboard_alone(page: Page, site: Site) -> None:
    """j chooses, p passes and moves on, r asks for a reason, ? helps, Enter enlarges; the page never reloads."""
    page.goto(f"/console/cases/{site.case}")
    page.evaluate("window.stayed = true")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator(f"#photo-{site.photos[0]} .large")).to_be_focused()
    page.keyboard.press("p")
    expect(page.locator(f"#photo-{site.photos[0]} .title .badge")).to_have_text("采用")
    expect(page.locator("#said")).to_contain_text("已通过")
    expect(page.locator(f"#photo-{site.photos[1]} .large")).to_be_focused()
    page.keyboard.press("r")
    expect(page.locator("#returning-reason")).to_be_focused()
    page.keyboard.type("演示数据：模糊 pjk?")
    page.locator("#returning button[value=returned]").press("Enter")
    expect(page.locator(f"#photo-{site.photos[1]} .title .badge")).to_have_text("退回重拍")
    expect(page.locator(f"#photo-{site.photos[1]} .words")).to_have_text("演示数据：模糊 pjk?")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer")).to_be_visible()
    expect(page.locator("#viewer-caption")).to_contain_text("第 3 张")
    page.keyboard.press("p")
    expect(page.locator("#viewer-caption")).to_contain_text("第 4 张")
    page.keyboard.press("k")
    expect(page.locator("#viewer-caption")).to_contain_text("采用")
    assert page.evaluate("window.stayed") is True
    page.reload()
    assert [badge(page, photo) for photo in site.photos[:3]] == ["采用", "退回重拍", "采用"]


def test_photos_are_judged_by_mouse(page: Page, site: Site) -> None:
    """A click enlarges, the buttons judge, and a preset reason saves typing."""
    page.goto(f"/console/cases/{site.case}")
    photo = page.locator(f"#photo-{site.photos[3]}")
    photo.locator(".large").click()
    page.locator("#viewer [data-judge=return]").click()
    page.locator("[data-reason]").first.click()
    page.locator("#returning button[value=rejected]").click()
    expect(photo.locator(".title .badge")).to_have_text("不采用")
    page.locator("#viewer [data-close]").click()
    photo.locator("form.pass button").click()
    expect(photo.locator(".title .badge")).to_have_text("采用")


def test_a_verdict_needs_no_script(browser: Browser, site: Site, watched: Watched) -> None:
    """The same forms work in a browser that runs no script at all."""
    page = watched.watch(new_page(browser, site.url, script=False))
    sign_in(page, "shenhe")
    page.goto(f"/console/cases/{site.case}")
    photo = page.locator(f"#photo-{site.photos[2]}")
    photo.locator("details.return summary").click()
    photo.locator("input[name=reason]").fill("演示数据：角度不对")
    photo.locator("button[value=returned]").click()
    expect(photo.locator(".title .badge")).to_have_text("退回重拍")
    page.locator("#case-reason").fill("演示数据：请补拍")
    page.locator(".verdict form.return button").click()
    expect(page.locator(".verdict .badge")).to_have_text("退回")


def test_ones_own_case_shows_why_and_no_button(page: Page, site: Site) -> None:
    """Keys do nothing there but say why."""
    page.goto(f"/console/cases/{site.own_case}")
    expect(page.locator("form[action$=verdict]")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("p")
    expect(page.locator("#said")).to_contain_text("须由其他审核人员审核")


def test_a_conflict_is_settled(page: Page, site: Site) -> None:
    """The reader compares, chooses, says why, and sees what stands."""
    page.goto("/console/conflicts")
    page.locator(f"a[href='/console/conflicts/{site.conflict}']").first.click()
    assert page.locator("mark").count() >= 2
    expect(page.locator("#value")).to_be_hidden()
    page.get_by_label("后到的值").check()
    page.get_by_label("理由").fill("演示数据：依照片为准")
    page.get_by_role("button", name="处理").click()
    expect(page.locator("#said")).to_contain_text("冲突已处理")
    expect(page.locator(".stands")).to_contain_text("人行道约三米")


@pytest.mark.parametrize(("language", "title"), [("zh-CN", "登录审核台"), ("en-US", "Sign in to the console")])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_every_page_fits_and_can_be_read(
    browser: Browser,
    site: Site,
    watched: Watched,
    size: tuple[int, int],
    scheme: str,
    language: str,
    title: str,
) -> None:
    """No page scrolls sideways; every text has 4.5:1; every target is 44 px; nothing is complained of."""
    page = watched.watch(new_page(browser, site.url, size, scheme=scheme, language=language))
    page.goto("/console/login")
    expect(page.locator("h1")).to_have_text(title)
    faults = {"/console/login": look(page)}
    sign_in(page, "shenhe")
    for path in paths(site):
        page.goto(path)
        faults[path] = look(page)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        faults[f"{path} opened"] = look(page)
    assert {path: found for path, found in faults.items() if found} == {}
    page.context.close()


def look(page: Page) -> list[str]:
    """What a reader would stumble over on this page."""
    found: list[str] = [*page.evaluate(OVERFLOW), *page.evaluate(CONTRAST), *page.evaluate(SMALL_TARGETS)]
    return found


def test_the_language_is_chosen_by_a_link(page: Page) -> None:
    """One click changes every word of the same page, and the choice stays."""
    page.goto("/console/delivery?state=held")
    page.locator("a.language").click()
    expect(page.locator("h1")).to_have_text("Delivery to the centre")
    assert page.url.endswith("/console/delivery?state=held")
    page.goto("/console/")
    expect(page.locator("h1")).to_contain_text("Cases")


def test_a_quarantined_operation_is_corrected_without_script(browser: Browser, site: Site, watched: Watched) -> None:
    """The reader opens it, corrects the value, says why, and reads what became of it."""
    broken = site.world.quarantined()
    page = watched.watch(new_page(browser, site.url, script=False))
    sign_in(page, "shenhe")
    page.goto("/console/quarantine")
    page.locator(f"a.button[href='/console/quarantine/{broken}']").click()
    page.get_by_label("优先级").fill("5")
    page.locator("#reason").fill("演示数据：与执法人员核对过")
    page.get_by_role("button", name="再试一次").click()
    expect(page.locator("#said")).to_contain_text("已执行")
    expect(page.locator("main")).to_contain_text("优先级")


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_a_terminal_is_revoked_only_with_a_confirmation(
    browser: Browser, site: Site, watched: Watched, size: tuple[int, int]
) -> None:
    """Without the tick the browser keeps the form; with it the terminal is marked as revoked."""
    site.world.reported("officer2", hours=1, pending=0)
    page = watched.watch(new_page(browser, site.url, size))
    sign_in(page, "admin")
    page.goto("/console/health")
    card = page.locator(".rows .card", has=page.locator("form[action$=revocation]")).last
    number = card.locator("h2 .no").inner_text()
    card.locator("summary", has_text="吊销").click()
    assert look(page) == []
    card.get_by_role("button", name="吊销终端").click()
    expect(page).to_have_url(f"{site.url}/console/health")
    card.get_by_label(f"我确认吊销终端 {number}").check()
    card.get_by_role("button", name="吊销终端").click()
    expect(page.locator("#said")).to_contain_text("终端已吊销")
    revoked = page.locator(".rows .card", has=page.get_by_text(number, exact=True))
    expect(revoked.locator("h2")).to_contain_text("已吊销")


def test_a_wipe_is_ordered_only_with_a_confirmation(browser: Browser, site: Site, watched: Watched) -> None:
    """Without the tick the browser keeps the form; with it the terminal is marked until it has obeyed."""
    site.world.reported("officer2", hours=1, pending=0)
    page = watched.watch(new_page(browser, site.url, NARROW))
    sign_in(page, "admin")
    page.goto("/console/health")
    card = page.locator(".rows .card", has=page.locator("form[action$=wipe]")).last
    number = card.locator("h2 .no").inner_text()
    card.locator("summary", has_text="清空").click()
    assert look(page) == []
    card.get_by_role("button", name="清空终端").click()
    expect(page).to_have_url(f"{site.url}/console/health")
    card.get_by_label(f"我确认清空终端 {number}").check()
    card.get_by_role("button", name="清空终端").click()
    expect(page.locator("#said")).to_contain_text("已下达清空命令")
    ordered = page.locator(".rows .card", has=page.get_by_text(number, exact=True))
    expect(ordered.locator("h2")).to_contain_text("待终端清空")


def test_an_alert_is_noted_by_keyboard(browser: Browser, site: Site, watched: Watched) -> None:
    """The unread stand first; noting one, without script, says so and lowers the count beside the link."""
    page = watched.watch(new_page(browser, site.url, script=False))
    sign_in(page, "shenhe")
    page.goto("/console/alerts")
    count = page.locator("nav a[aria-current] .count")
    before = int(count.inner_text())
    assert before >= 3
    page.get_by_role("button", name="已知悉", exact=True).first.press("Enter")
    expect(page.locator("#said")).to_contain_text("已记下")
    expect(count).to_have_text(str(before - 1))
    expect(page.locator("main")).to_contain_text("已知悉：")
