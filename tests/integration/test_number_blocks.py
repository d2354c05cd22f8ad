"""Blocks of document numbers: leased once, accounted for to the last number, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from field_api.alerts import Alert
from field_api.casework.block_accounts import series_accounts
from field_api.casework.block_tables import NumberBlock
from field_api.casework.series import SHANGHAI
from sync.store.ids import new_id
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau, now, problem
from tests.support.numbers import ask, decide, give_back, leased, text


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "zhang")


def alerts(bureau: Bureau) -> list[tuple[str, list[str]]]:
    """Why there are alerts about document numbers, and which numbers they name."""
    query = sa.select(Alert.detail).where(Alert.kind == "document_number").order_by(Alert.raised_at)
    return [(one["why"], one["names"]) for one in bureau.change(lambda session: list(session.scalars(query)))]


def test_a_block_is_the_next_numbers_of_its_series(bureau: Bureau, own: Terminal) -> None:
    """Blocks follow each other without a gap; each kind counts for itself, and no agency's word is invented."""
    year = now().astimezone(SHANGHAI).year
    first, second, other = leased(own, 3), leased(own, 2), leased(own, 4, "D03.city_bureau")
    assert [(one["from"], one["to"]) for one in (first, second, other)] == [(1, 3), (4, 5), (1, 4)]
    assert first["prefix"] == second["prefix"] == f"城管（代字待配置）D07〔{year}〕第"
    assert other["prefix"] != first["prefix"]
    assert now() < datetime.fromisoformat(first["expires_at"]) <= now() + timedelta(days=90)
    assert text(first, 2) == f"{first['prefix']}0002号"


def test_the_same_request_gives_the_same_block(own: Terminal) -> None:
    """201 first and 200 after; another count, kind or store under the id is refused and takes no number."""
    request = new_id()
    first = ask(own, 3, id=request)
    again = ask(own, 3, id=request)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    for changed in ({"count": 4}, {"kind": "D17.city_bureau"}, {"store": new_id()}):
        assert problem(ask(own, **({"count": 3, "id": request} | changed))) == (409, "operation_id_reused")
    assert leased(own, 1)["from"] == 4


def test_another_terminal_gets_no_block_by_anothers_request(bureau: Bureau, own: Terminal) -> None:
    """An id that one terminal used is of no use to another."""
    request = new_id()
    leased(own, 3, id=request)
    assert problem(ask(terminal(bureau, "wang"), 3, id=request)) == (409, "operation_id_reused")


@pytest.mark.parametrize(
    "kind",
    [
        "D07", "D99.city_bureau", "D05.city_bureau", "D07.nobody", "D38.city_bureau", "D07.city_bureau.2019",
        "D07.city_bureau.2099", "penalty",
    ],
)  # fmt: skip
def test_a_series_that_there_is_not_is_refused(own: Terminal, kind: str) -> None:
    """Unknown documents, subjects and years, and the police's documents by the city's bureau."""
    answer = ask(own, 1, kind)
    assert problem(answer) == (422, "invalid_field")
    assert answer.json["errors"][0]["pointer"] == "/kind"


@pytest.mark.parametrize("body", [{"count": 0}, {"count": 101}, {"count": True}, {"id": "x"}, {"kind": 7}, {"more": 1}])
def test_a_malformed_request_is_refused(own: Terminal, body: dict[str, object]) -> None:
    """Bounds and shapes, before any number is taken."""
    assert problem(ask(own, **({"count": 1} | body))) == (422, "envelope_invalid")


def test_who_may_not_decide_gets_no_numbers(bureau: Bureau) -> None:
    """Auxiliary staff lease nothing; the city's officers none of the police's, the police none of the city's."""
    helper, officer = terminal(bureau, "helper", "auxiliary"), terminal(bureau, "zhang")
    police = terminal(bureau, "police", "liaison")
    assert problem(ask(helper)) == (403, "not_permitted")
    assert problem(ask(officer, kind="D37.traffic_police")) == (403, "not_permitted")
    assert problem(ask(police)) == (403, "not_permitted")
    assert leased(police, 2, "D37.traffic_police")["from"] == 1


def test_a_terminal_holds_no_more_than_it_accounts_for(own: Terminal) -> None:
    """The fifth hundred is refused until a block comes back; the refusal takes no number."""
    blocks = [leased(own, 100) for _ in range(4)]
    assert problem(ask(own, 1)) == (409, "numbers_unaccounted")
    assert give_back(own, blocks[0]["block"], []).status_code == 200
    assert leased(own, 1)["from"] == 401


def test_a_returned_block_is_accounted_for_to_the_last_number(own: Terminal) -> None:
    """Each number has one fate; the same account again gives the same answer, another one is refused."""
    block = leased(own, 6)
    first = give_back(own, block["block"], [1, 2], n3="打印损坏")
    assert first.status_code == 200
    told = first.json
    assert (told["state"], told["used"], told["free"], told["open"], told["missing"]) == (
        "closed", [[1, 2]], [[4, 6]], [], [],
    )  # fmt: skip
    assert told["voided"] == [{"number": 3, "reason": "打印损坏"}]
    assert give_back(own, block["block"], [2, 1], n3="打印损坏").json == told
    assert problem(give_back(own, block["block"], [1], n3="打印损坏")) == (409, "block_closed")


def test_an_account_of_other_numbers_is_refused(bureau: Bureau, own: Terminal) -> None:
    """A number outside the block, or in the account twice; and another's block is not found."""
    block = leased(own, 3)
    for used, voided in (([4], {}), ([0], {}), ([1, 1], {}), ([1], {"n1": "重复"}), ([], {"n9": "不是"})):
        assert give_back(own, block["block"], used, **voided).status_code == 422
    assert problem(give_back(terminal(bureau, "wang"), block["block"], [])) == (404, "not_found")
    assert problem(give_back(own, new_id(), [])) == (404, "not_found")
    assert give_back(own, block["block"], [1]).status_code == 200


def test_free_numbers_are_never_given_out_again(own: Terminal) -> None:
    """What came back unused stays a gap that is explained."""
    block = leased(own, 5)
    give_back(own, block["block"], [])
    assert leased(own, 1)["from"] == 6


def test_a_number_on_a_document_is_noted_with_whose_it_is(bureau: Bureau, own: Terminal) -> None:
    """Case, document and terminal; a document that came outranks what its terminal says of the number."""
    block = leased(own, 3)
    case, _ = decide(own, text(block, 2))
    told = give_back(own, block["block"], [], n2="写坏").json
    assert (told["used"], told["free"], told["voided"]) == ([[2, 2]], [[1, 1], [3, 3]], [])
    assert [(one["number"], one["case"], one["finding"]) for one in told["documents"]] == [(2, case, None)]
    assert alerts(bureau) == []


def test_a_wrong_number_is_taken_in_and_told(bureau: Bureau, own: Terminal) -> None:
    """Another's block, a number twice, beyond every block, of nobody, void, or returned: applied, and an alert."""
    other = terminal(bureau, "wang")
    mine, his, closed = leased(own, 3), leased(other, 3), leased(own, 3)
    give_back(own, closed["block"], [], n7="写坏")
    case, _ = decide(own, text(mine, 1))
    for number in (text(his, 4), text(mine, 1), text(mine, 99), text(closed, 7), text(closed, 8)):
        decide(own, number, "D03", case)
    [(why, names)] = alerts(bureau)
    assert why in {"other_terminal", "reused", "beyond_block", "voided", "returned"}
    assert names == [text(his, 4), text(mine, 1), text(mine, 99), text(closed, 7), text(closed, 8)]
    rows = bureau.change(lambda session: series_accounts(session, now()))
    [series] = rows
    found = {one["number"]: one["finding"] for account in series.blocks for one in account.documents if one["finding"]}
    assert found == {4: "other_terminal", 1: "reused", 7: "voided", 8: "returned"}
    assert series.strays == (99,)


def test_a_number_of_another_store_of_the_terminal_is_told(bureau: Bureau, own: Terminal) -> None:
    """A block is its store's alone: a new store of the same terminal leases anew."""
    block = leased(own, 3)
    own.store, own.number = new_id(), 0
    decide(own, text(block, 1))
    assert [why for why, _ in alerts(bureau)] == ["other_store"]


def test_a_slip_may_bear_what_its_writer_likes(bureau: Bureau, own: Terminal) -> None:
    """Only documents that must bear a number of ours are judged for one that is none."""
    decide(own, "演示-0042", "D05")
    assert alerts(bureau) == []
    decide(own, "演示-0042", "D03")
    assert [why for why, _ in alerts(bureau)] == ["unknown"]


def test_a_push_that_comes_again_notes_nothing_twice(bureau: Bureau, own: Terminal) -> None:
    """A repeated operation is a duplicate: no second use, no alert."""
    block = leased(own, 2)
    case = own.create("case")
    document = own.append("case", case["record"], "documents", type="D03", number=text(block, 1))
    own.done(case, document)
    assert [one["duplicate"] for one in own.send(case, document)] == [True, True]
    assert alerts(bureau) == []


def test_supervisors_see_every_block_of_their_units(bureau: Bureau, own: Terminal) -> None:
    """To the last number; an officer sees none, another unit's supervisor not these."""
    block = leased(own, 3)
    decide(own, text(block, 1))
    supervisor, officer = bureau.console("chief", "supervisor"), bureau.console("clerk", "dispatcher")
    [seen] = supervisor.client.get("/api/v1/number-blocks").json
    assert (seen["block"], seen["state"], seen["used"], seen["open"]) == (block["block"], "open", [[1, 1]], [[2, 3]])
    assert problem(officer.client.get("/api/v1/number-blocks")) == (403, "not_permitted")
    answer = own.handheld.client.get("/api/v1/number-blocks", headers=own.handheld.bearer)
    assert problem(answer) == (403, "not_permitted")


def test_nobody_speaks_for_an_expired_block_any_more(bureau: Bureau, own: Terminal) -> None:
    """Its silent numbers are missing, and its terminal may lease again; a late account still counts."""
    block = leased(own, 3)
    old = sa.update(NumberBlock).values(expires_at=now() - timedelta(seconds=1))
    bureau.change(lambda session: session.execute(old))
    [series] = bureau.change(lambda session: series_accounts(session, now()))
    [account] = series.blocks
    assert (account.state, account.fates["missing"], account.fates["open"]) == ("expired", ((1, 3),), ())
    assert give_back(own, block["block"], [1, 2, 3]).json["used"] == [[1, 3]]
