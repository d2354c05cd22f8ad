"""A fine on the spot with everything that a reviewer reads of it, for the browser tests and the pictures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from field_api.casework import server
from field_api.casework.vehicles import register
from sync.store.ids import new_id
from tests.browser.world import World
from tests.integration.people import now

PLATE = "川Z00000"
VEHICLES = f"号牌号码,企业名称,车辆类型,品牌\n{PLATE},演示运输公司,重型自卸货车,演示牌\n"


def fined_case(world: World) -> str:
    """A summary penalty whose party refused to sign, its cash not handed in, goods seized, one rule broken."""
    began = now() - timedelta(days=27)
    officers = [world.officer.officer, world.other.officer]

    def at(minutes: int) -> str:
        return server.moment(began + timedelta(minutes=minutes))

    case = world.case(
        address="演示数据：示范路 20 号门前", procedure="summary", subject="city_bureau", amount_fen=10_000,
        penalty_kinds=["fine"], legal_basis=["演示数据：《市容和环境卫生管理条例》"], officers=officers,
        occurred_at=at(0), party={"kind": "citizen", "name": "演示当事人甲", "phone": "13800000000"},
    )  # fmt: skip
    world.photo(case, "far", seed=41)
    world.append(case, "timeline", step="ids_shown", at=at(1), officers=officers)
    world.append(case, "timeline", step="correction_ordered", at=at(2))
    _said(world, case, kind="notice", at=at(3), facts="演示数据：占用盲道经营", rights=True)
    _said(world, case, kind="statement", at=at(4), facts="演示数据：称不知情", response="已复核", accepted=False)
    world.step(case, "register", "investigate", "notify")
    paper = new_id()
    served = {"mode": "refused_on_site", "at": at(8), "refused": True, "note": "演示数据：见证人在场"}
    world.append(case, "documents", id=paper, type="D07", at=at(6), number="演示〔2026〕第0001号", served=served)
    world.step(case, "decide")
    for officer in officers:
        world.append(case, "signatures", signer="officer", officer=officer, document=paper, at=at(7), method="stroke")
    refused = {"signer": "party", "method": "refused", "note": "演示数据：当事人拒签"}
    world.append(case, "signatures", document=paper, at=at(7), **refused)
    world.step(case, "serve")
    world.append(case, "payments", mode="on_spot", at=at(9), amount_fen=10_000, receipt_no="演示-0001",
                 receipt_issuer="演示财政", ground="within_limit", collected_by=officers[0])  # fmt: skip
    world.create("measure", {"case": case, "kind": "seize", "ground": "S1", "imposed_at": at(10),
                             "officers": officers, "storage": "演示仓库", "term_days": 30})  # fmt: skip
    world.create("call", {"kind": "obstruction", "called_at": server.moment(now()), "case": case,
                          "address": "演示数据：示范路 20 号门前"})  # fmt: skip
    report, rows = register.take_vehicles(VEHICLES.encode())
    assert report.bad_count == 0
    world.bureau.change(lambda session: register.write_vehicles(session, rows, now()))
    return case


def _said(world: World, case: str, **parts: Any) -> None:
    item = {"id": new_id(), **parts}
    [result] = world.apply(world.operation(world.officer, "append", "case", case, list="statements", item=item))
    assert result["outcome"] == "applied", result
