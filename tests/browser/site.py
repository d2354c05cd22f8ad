"""A real server process with the story that the browser tests and the pictures look at."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from field_api.casework import server
from field_api.config import Config
from launcher.installation import HOST, ROOT, answers_http, free_port
from tests.browser.fined import fined_case
from tests.browser.world import World
from tests.integration.people import Bureau, now, running
from tests.support.guarded import GuardedProgram, plain_environment

SPILL, SHOP = "0114", "0405"


@dataclass(frozen=True)
class Site:
    """Where the server answers, and the ids that tests open."""

    url: str
    world: World
    case: str
    photos: list[str]
    own_case: str
    conflict: str
    quarantined: str
    fined: str


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Tell the story into a new database in `folder`, and serve it."""
    config = Config(data=folder / "data", database_url=f"sqlite:///{folder / 'data' / 'fieldpost.sqlite3'}")
    config.data.mkdir(parents=True)
    with running(config) as app, app.app_context():
        site = tell(World(Bureau(app)), f"http://{HOST}:{free_port()}")
        with serving(config, folder, int(site.url.rpartition(":")[2])):
            yield site


@contextmanager
def serving(config: Config, folder: Path, port: int) -> Iterator[None]:
    """Run granian as an installation does."""
    environment = plain_environment(folder) | {
        "FIELDPOST_DATA": str(config.data),
        "FIELDPOST_DATABASE_URL": config.database_url,
        "PYTHONPATH": str(ROOT),
    }
    argv = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(port)]
    argv += ["--workers", "1", "--blocking-threads", "8", "--no-ws", "wsgi:app"]
    program = GuardedProgram(argv, cwd=ROOT, env=environment, log_path=folder / "web.log")
    try:
        program.wait_until(lambda: answers_http(port, "/healthz"))
        yield
    finally:
        program.stop()


def tell(world: World, url: str) -> Site:
    """Cases in every state that a supervisor meets."""
    shenhe = world.author("shenhe", "supervisor", "officer")
    world.author("admin", "admin")
    for end, words in (("done", "演示数据-2026-000117"), ("held", "中心一天没有应答：connection timed out"),
                       ("refused", "演示数据：地址不清，请补充门牌号")):
        passed, photos = world.closed_case(photos=2, category=SHOP, address=f"演示数据：解放街 {len(end)} 号")
        world.judge(passed, photos, shenhe)
        world.deliver(passed, end, words)
    joint_case(world)
    conflicting, _ = world.closed_case(photos=1)
    conflict = world.conflict(conflicting)
    world.conflict(world.case(address="演示数据：滨河路 7 号"), "party",
                   {"name": "演示当事人甲"}, {"name": "演示当事人乙"})
    quarantined = world.quarantined()
    world.parked(behind=quarantined)
    world.reported("officer1", hours=40, pending=12, oldest_pending_at="2026-11-20T01:00:00+00:00")
    world.reported("officer2", hours=1, clock_offset_ms=-372_000, pending=0, storage_free_bytes=64_200_000_000)
    world.alerted()
    own, _ = world.closed_case(photos=1, address="演示数据：学府路 3 号")
    world.append(own, "timeline", shenhe, step="educate")
    fined = fined_case(world)
    case, photos = reviewed_case(world)
    return Site(url, world, case, photos, own, conflict, quarantined, fined)


def reviewed_case(world: World) -> tuple[str, list[str]]:
    """A case under review with photos of every kind."""
    case, photos = world.closed_case(photos=4, shop_name="演示水果店", plates=["川A12345"],
                                     party={"kind": "个体工商户", "name": "演示当事人", "phone": "13800000000"})
    world.photo(case, "plate", seed=91, arrives=False)
    world.photo(case, "document", seed=92, derived=False)
    world.photo(case, "handle_after", seed=93, authentic=False)
    world.append(case, "notes", world.other, text="演示数据：当事人承诺当日撤离，已拍处置后照片。")
    world.append(case, "documents", type="D05", number="演示-0042", served_to="演示当事人")
    return case, photos


def joint_case(world: World) -> str:
    """A spill on which the traffic police checked the vehicle."""
    liaison = world.author("jiaojing", "liaison", unit="traffic")
    place = "演示数据：环城路与工业大道路口"
    incident = world.create("incident", {"category": SPILL, "address": place, "description": "演示数据：渣土抛撒",
                                         "occurred_at": server.moment(world.at)})
    case, _ = world.closed_case(photos=2, category=SPILL, incident=incident, address=place,
                                description="演示数据：渣土车沿途抛撒约四十米")
    check = {"incident": incident, "checked_at": server.moment(now()), "plate": "川Z00000", "plate_state": "covered",
             "vehicle_type": "重型自卸货车", "cargo": "渣土", "sealed": False, "spill_length_m": 40,
             "result": "transferred_city"}
    world.create("vehicle_check", check, liaison)
    return case
