"""Receipts checked offline: what was signed in a row holds, and nothing else does."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from field_api.auth.keys import Keys, _Signer, encode_base64url
from field_api.auth.receipts import Unreadable, read_keys, read_receipts, verify
from field_api.cli import cli
from field_api.config import Config

NOWHERE, LONG_AGO = Path("/nowhere"), datetime(2026, 1, 1, tzinfo=UTC)
KEYS, STRANGER = (Keys(NOWHERE, (_Signer(seed * 32, LONG_AGO),), b"s" * 32) for seed in (b"k", b"x"))
PUBLIC = read_keys(KEYS.public_jwks())


def signed(store: str, number: int, previous: str | None, keys: Keys = KEYS, **changed: Any) -> str:
    payload = {
        "terminal": "t", "store": store, "batch": f"b{number}", "epoch": "e", "time": "2026-11-22T02:00:00.000+00:00",
        "previous": previous, "results": [[number, "o", "0" * 64, "applied", 1]],
    }  # fmt: skip
    return keys.sign_jws({**payload, **changed})


def digest(receipt: str) -> str:
    return hashlib.sha256(receipt.encode()).hexdigest()


def chain(store: str, length: int) -> list[str]:
    receipts: list[str] = []
    for number in range(1, length + 1):
        receipts.append(signed(store, number, digest(receipts[-1]) if receipts else None))
    return receipts


def codes(receipts: list[str]) -> list[tuple[int, str]]:
    return sorted((finding.place, finding.code) for finding in verify(receipts, PUBLIC).findings)


@given(st.permutations([*chain("a", 4), *chain("b", 3)]), st.data())
def test_whole_chains_hold_in_any_order_and_with_repetitions(receipts: list[str], data: st.DataObject) -> None:
    """However the receipts of two stores are shuffled and repeated, all holds and each chain is in its order."""
    again = data.draw(st.lists(st.sampled_from(receipts), max_size=3))
    report = verify([*receipts, *again], PUBLIC)
    assert report.holds
    assert {store: [one.batch for one in members] for store, members in report.chains.items()} == {
        "a": ["b1", "b2", "b3", "b4"],
        "b": ["b1", "b2", "b3"],
    }


@given(st.integers(0, 3), st.data())
def test_a_changed_character_is_found(place: int, data: st.DataObject) -> None:
    """No receipt can be changed in a single character of its payload or signature."""
    receipts = chain("a", 4)
    text = receipts[place]
    at = data.draw(st.integers(text.index("."), len(text) - 1))
    other = data.draw(st.sampled_from("ABab01-_.").filter(lambda one: one != text[at]))
    receipts[place] = text[:at] + other + text[at + 1 :]
    assert place + 1 in {where for where, _ in codes(receipts)}


def test_a_receipt_left_out_is_a_gap() -> None:
    """Without the first, or one in the middle, the next one says so; the last one nobody can miss."""
    receipts = chain("a", 4)
    assert codes(receipts[1:]) == [(1, "previous_missing")]
    assert codes([receipts[0], *receipts[2:]]) == [(2, "previous_missing")]
    assert codes(receipts[:3]) == []


def test_two_receipts_after_the_same_one_are_a_fork() -> None:
    """A chain goes on in one way only, at its beginning too."""
    receipts = chain("a", 2)
    assert codes([*receipts, signed("a", 9, digest(receipts[0]))]) == [(3, "forked")]
    assert codes([*receipts, signed("a", 9, None)]) == [(3, "forked")]


def test_a_chain_belongs_to_one_terminal() -> None:
    """Another terminal cannot go on where this one's store stopped."""
    [first] = chain("a", 1)
    assert codes([first, signed("a", 2, digest(first), terminal="other")]) == [(2, "terminal_changed")]


def test_another_key_or_algorithm_does_not_count() -> None:
    """A key that is not in the set, a kid that lies, and a header without a signature are all found."""
    [good] = chain("a", 1)
    _, payload, signature = good.split(".")
    lying = encode_base64url(orjson.dumps({"alg": "EdDSA", "kid": KEYS.kid}))
    foreign = signed("a", 1, None, STRANGER).split(".")
    none = encode_base64url(orjson.dumps({"alg": "none", "kid": KEYS.kid}))
    assert codes([signed("a", 1, None, STRANGER)]) == [(1, "key_unknown")]
    assert codes([f"{lying}.{foreign[1]}.{foreign[2]}"]) == [(1, "signature_wrong")]
    assert codes([f"{lying}.{payload}."]) == [(1, "signature_wrong")]
    assert codes([f"{none}.{payload}."]) == [(1, "not_a_receipt")]
    assert codes([f"{none}.{payload}.{signature}"]) == [(1, "not_a_receipt")]


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a.b.c", "a.b", "e30.e30.", "e30.W10.AA", "\u0000.\u0000.\u0000", "é.é.é", f"{'W' * 9}.e30.AA",
     KEYS.sign_jws([]), KEYS.sign_jws({"store": "a"}), KEYS.sign_jws({"nonce": 1}),
     signed("a", 1, None, results={}), signed("a", 1, None, batch=5), f"e30.{'A' * 5_000_000}.AA"],
    ids=lambda text: ascii(text[-30:]),
)  # fmt: skip
def test_what_is_no_receipt_is_called_so(text: str) -> None:
    """Whatever stands in the file, even signed by the right key for something else, is named and breaks nothing."""
    assert codes([text]) == [(1, "not_a_receipt")]


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reader(raw: bytes) -> None:
    """Any bytes are either read or called unreadable, and never hold."""
    try:
        receipts = read_receipts(raw)
    except Unreadable:
        return
    assert not verify(receipts, PUBLIC).holds


def test_lines_and_lists_are_the_same() -> None:
    """A line each, a line each with blanks and a byte order mark, and a JSON list say the same."""
    receipts = chain("a", 3)
    blanks = "\ufeff\n" + "\r\n\r\n".join(receipts) + "\n"
    for raw in ("\n".join(receipts).encode(), blanks.encode(), orjson.dumps(receipts)):
        assert read_receipts(raw) == receipts
    for raw in (b"[1]", b"[", b"\xff", orjson.dumps([receipts])):
        with pytest.raises(Unreadable):
            read_receipts(raw)


@pytest.mark.parametrize(
    "jwks",
    [None, [], {}, {"keys": None}, {"keys": [None, 5]}, {"keys": [{"kty": "RSA", "kid": "a"}]},
     {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "AA"}]},
     {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": 5, "x": base64.urlsafe_b64encode(bytes(32)).decode()}]}],
)  # fmt: skip
def test_a_set_without_a_usable_key_is_refused(jwks: Any) -> None:
    """Nothing is verified against nothing."""
    with pytest.raises(Unreadable):
        read_keys(jwks)


def run(tmp_path: Path, *words: str, receipts: list[str] | bytes) -> Result:
    file = tmp_path / "receipts.txt"
    file.write_bytes(receipts if isinstance(receipts, bytes) else "\n".join(receipts).encode())
    config = Config(data=tmp_path / "data", database_url="sqlite://")
    return CliRunner().invoke(cli, ["verify", str(file), *words], obj=config)


@pytest.mark.parametrize(("lang", "holds", "gap"), [("zh", "全部成立", "缺口"), ("en", "all of it holds", "gap")])
def test_the_command_says_what_holds_and_exits_by_it(tmp_path: Path, lang: str, holds: str, gap: str) -> None:
    """0 and the word for whole, 1 and the fault with its place, in either language."""
    keys = tmp_path / "keys.json"
    keys.write_bytes(orjson.dumps(KEYS.public_jwks()))
    receipts = chain("a", 3)
    good = run(tmp_path, "--keys", str(keys), "--lang", lang, receipts=receipts)
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, holds)
    bad = run(tmp_path, "--keys", str(keys), "--lang", lang, receipts=receipts[1:])
    assert bad.exit_code == 1
    assert gap in bad.output
    assert holds not in bad.output.splitlines()


def test_the_command_takes_the_data_folders_key_and_makes_none(tmp_path: Path) -> None:
    """Without `--keys` it is the installation's own key; where there is none, none is made, and nothing holds."""
    receipts = chain("a", 2)
    without = run(tmp_path, receipts=receipts)
    assert without.exit_code == 2
    assert not (tmp_path / "data").exists()
    own = Keys.open(tmp_path / "data" / "keys")
    assert run(tmp_path, receipts=[signed("a", 1, None, own)]).exit_code == 0
    assert run(tmp_path, receipts=receipts).exit_code == 1


@pytest.mark.parametrize("source", ["nothing.json", "http://127.0.0.1:9/jwks.json", "broken.json", "ftp://host/keys"])
def test_keys_that_cannot_be_read_are_a_usage_error(tmp_path: Path, source: str) -> None:
    """A missing file, a closed port, no JSON: exit code 2 and one line, no traceback."""
    (tmp_path / "broken.json").write_text("{")
    path = source if "://" in source else str(tmp_path / source)
    done = run(tmp_path, "--keys", path, receipts=chain("a", 1))
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_a_file_that_is_no_list_is_a_usage_error(tmp_path: Path) -> None:
    """What is not text at all is not judged."""
    Keys.open(tmp_path / "data" / "keys")
    assert run(tmp_path, receipts=b"\xff\xfe").exit_code == 2
    assert run(tmp_path, receipts=b"").exit_code == 1


def test_the_document_is_written_without_touching_the_installation(tmp_path: Path) -> None:
    """`openapi` prints the document, or writes it to a file, and leaves no data folder behind."""
    config = Config(data=tmp_path / "data", database_url="postgresql+psycopg://nobody@127.0.0.1:9/none")
    shown = CliRunner().invoke(cli, ["openapi"], obj=config)
    assert orjson.loads(shown.output)["openapi"] == "3.1.0"
    written = CliRunner().invoke(cli, ["openapi", "--output", str(tmp_path / "openapi.json")], obj=config)
    assert (written.exit_code, written.output) == (0, "")
    assert (tmp_path / "openapi.json").read_text() == shown.output
    assert not (tmp_path / "data").exists()
