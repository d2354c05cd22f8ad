"""The reference terminal's document numbers: given out once, whatever crashes, is copied or put back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reference.terminal import EditRefusedError, NumbersError, NumbersExhaustedError, NumbersExpiredError, Verdict
from tests.support.wire_terminal import Bench

KIND = "D07.city_bureau"
CASE = "0192f000-0000-7000-8000-00000000c001"
ELEMENT = {"type": "D03", "at": "2026-11-22T10:00:00.000+08:00"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "t")
    bench.ready().create("case", {"description": "a"}, record=CASE)
    bench.terminal.sync()
    return bench


def asked(bench: Bench) -> list[bytes]:
    """The requests for blocks, as they were sent."""
    return [raw for _method, path, raw in bench.line.seen if path.endswith("/number-blocks")]


def test_a_terminal_that_uses_no_numbers_has_no_ledger(bench: Bench) -> None:
    """Nothing is written and nothing asked until numbers are wanted."""
    assert not bench.terminal.numbers.is_begun
    assert bench.terminal.numbers.accounts() == []
    assert bench.terminal.numbers.left(KIND) == 0
    assert asked(bench) == []


def test_numbers_are_held_ahead_of_need(bench: Bench) -> None:
    """A sync leases anew when fewer are left than are to be kept, and returns a block that is at its end."""
    terminal = bench.terminal
    assert terminal.numbers.keep(KIND, at_least=3, count=5).verdict is Verdict.OK
    texts = [terminal.append_numbered(CASE, KIND, ELEMENT)[1] for _ in range(3)]
    assert texts == [f"演示{KIND}〔2026〕第000{number}号" for number in (1, 2, 3)]
    assert terminal.sync().verdict is Verdict.OK
    assert terminal.numbers.left(KIND) == 7
    for _ in range(2):
        terminal.append_numbered(CASE, KIND, ELEMENT)
    terminal.sync()
    assert list(bench.server.numbers.accounts.values()) == [{"used": [1, 2, 3, 4, 5], "voided": []}]


def test_without_numbers_it_says_why(bench: Bench) -> None:
    """Exhausted and expired are told apart; an expired block is returned whole."""
    numbers = bench.terminal.numbers
    with pytest.raises(NumbersExhaustedError):
        numbers.next_number(KIND)
    numbers.keep(KIND, at_least=1, count=1)
    numbers.used(numbers.next_number(KIND))
    with pytest.raises(NumbersExhaustedError):
        numbers.next_number(KIND)
    bench.server.numbers.expires_at = "2026-11-22T02:30:00.000Z"
    numbers.keep(KIND, at_least=1, count=2)
    bench.clock.advance(3600)
    with pytest.raises(NumbersExpiredError):
        numbers.next_number(KIND)
    bench.server.numbers.expires_at = "2026-12-31T16:00:00.000Z"
    bench.terminal.sync()
    assert [one["used"] for one in bench.server.numbers.accounts.values()] == [[1], []]
    assert numbers.next_number(KIND).number == 4


@pytest.mark.parametrize("fault", ["lost_request", "lost_answer", "cut", "503", "portal"])
def test_a_lost_answer_costs_no_number(bench: Bench, fault: str) -> None:
    """The same request is sent again, and its block is taken once."""
    bench.line.plan("/number-blocks", fault)
    assert bench.terminal.numbers.keep(KIND, at_least=1, count=5).verdict is Verdict.LATER
    assert bench.terminal.sync().verdict is Verdict.OK
    first, second = asked(bench)
    assert first == second
    assert bench.terminal.numbers.left(KIND) == 5
    assert len(bench.server.numbers.ever) == 1


def test_a_lease_that_nobody_signed_is_not_used(bench: Bench) -> None:
    """An answer that the server's key does not stand for leases nothing."""
    bench.server.sign = lambda _payload: "x.y.z"  # type: ignore[method-assign]  # a server that cannot sign
    assert bench.terminal.numbers.keep(KIND, count=5).code == "answer_invalid"
    assert bench.terminal.numbers.left(KIND) == 0


def test_a_refused_edit_leaves_its_number_void(bench: Bench) -> None:
    """No operation bears it, and the account says so."""
    terminal = bench.terminal
    terminal.numbers.keep(KIND, count=5)
    with pytest.raises(EditRefusedError):
        terminal.append_numbered(CASE, KIND, {**ELEMENT, "facts": "x" * 2_000_000})
    _, text = terminal.append_numbered(CASE, KIND, ELEMENT)
    assert text.endswith("第0002号")
    [account] = terminal.numbers.accounts()
    assert (account["used"], account["voided"]) == ([2], [{"number": 1, "reason": "not written"}])


def test_a_number_is_settled_once(bench: Bench) -> None:
    """What became of it is said once; a reason is one line that the server takes."""
    numbers = bench.terminal.numbers
    numbers.keep(KIND, count=5)
    number = numbers.next_number(KIND)
    numbers.void(number, "写\n坏" + "x" * 300)
    with pytest.raises(NumbersError):
        numbers.used(number)
    [account] = numbers.accounts()
    assert account["voided"][0]["reason"] == "写 坏" + "x" * 197


def test_a_block_with_a_number_in_hand_is_not_returned(bench: Bench) -> None:
    """Its account is not final before somebody says what became of that number."""
    numbers = bench.terminal.numbers
    numbers.keep(KIND, count=5)
    number = numbers.next_number(KIND)
    numbers.give_back()
    assert bench.server.numbers.accounts == {}
    numbers.used(number)
    numbers.give_back()
    assert list(bench.server.numbers.accounts.values()) == [{"used": [1], "voided": []}]


def test_a_copy_of_the_store_gives_out_nothing_of_the_originals(bench: Bench, tmp_path: Path) -> None:
    """Without the ledger, and with a copied one: both lease anew."""
    bench.terminal.numbers.keep(KIND, at_least=1, count=5)
    mine = bench.terminal.append_numbered(CASE, KIND, ELEMENT)[1]
    bench.terminal.close()
    shutil.copytree(tmp_path / "t", tmp_path / "bare")
    shutil.copytree(tmp_path / "t", tmp_path / "whole")
    shutil.copyfile(tmp_path / "t.numbers", tmp_path / "whole.numbers")
    texts = {mine}
    for name in ("t", "bare", "whole"):
        other = Bench(tmp_path / name, bench.server)
        other.terminal.numbers.keep(KIND, at_least=1, count=5)
        texts.add(other.terminal.append_numbered(CASE, KIND, ELEMENT)[1])
        other.terminal.close()
    assert texts == {f"演示{KIND}〔2026〕第{number:04d}号" for number in (1, 2, 6, 11)}


def test_a_new_store_closes_the_old_ones_blocks(bench: Bench) -> None:
    """Whoever reinstalls finds the ledger, returns what was left and leases anew."""
    bench.terminal.numbers.keep(KIND, at_least=1, count=5)
    bench.terminal.append_numbered(CASE, KIND, ELEMENT)
    bench.terminal.store.set("store", "0192f000-0000-7000-8000-0000000000ff")
    with pytest.raises(NumbersExhaustedError):
        bench.terminal.numbers.next_number(KIND)
    bench.terminal.sync()
    assert list(bench.server.numbers.accounts.values()) == [{"used": [1], "voided": []}]
    assert bench.terminal.numbers.next_number(KIND).number == 6


def test_a_restored_server_hears_of_its_blocks_again(bench: Bench) -> None:
    """What it leased since its backup is presented before the push, what was returned is returned again."""
    backup = bench.server.backup()
    snapshot = {name: part.copy() for name, part in backup["numbers"].items()}
    numbers = bench.terminal.numbers
    numbers.keep(KIND, at_least=1, count=2)
    for _ in range(2):
        bench.terminal.append_numbered(CASE, KIND, ELEMENT)
    bench.terminal.sync()
    accounts = dict(bench.server.numbers.accounts)
    assert len(accounts) == 1
    bench.server.restore({**backup, "numbers": snapshot})
    assert bench.server.numbers.blocks == {}
    assert bench.terminal.sync().verdict is Verdict.OK
    assert len(bench.server.numbers.blocks) == 2
    assert bench.server.numbers.accounts == accounts
    assert numbers.next_number(KIND).number == 3


def test_a_wiped_terminal_returns_its_numbers(bench: Bench) -> None:
    """An order to wipe ends the block with the work."""
    bench.terminal.numbers.keep(KIND, at_least=1, count=5)
    bench.server.control = {"wipe": {"id": "0192f000-0000-7000-8000-0000000000aa", "after_push": True}}
    bench.terminal.sync()
    assert list(bench.server.numbers.accounts.values()) == [{"used": [], "voided": []}]
