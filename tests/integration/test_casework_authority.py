"""Who may say what of a case and its photos: nobody can put another's name, or a place, under them."""

from __future__ import annotations

from tests.integration.field import new_id, terminal
from tests.integration.people import Bureau


def test_an_author_is_who_pushed(bureau: Bureau) -> None:
    """Another's name as author quarantines the create; one's own is taken; none can change it later."""
    own = terminal(bureau, "zhang")
    forged, honest = own.create("case", author=new_id()), own.create("case", author=own.officer)
    results = own.send(forged, honest, own.patch("case", honest["record"], 1, author=new_id()))
    assert [one["outcome"] for one in results] == ["quarantined", "applied", "quarantined"]
    assert {results[0]["problem"]["code"], results[2]["problem"]["code"]} == {"write_once_changed"}
    own.pull()
    assert own.body(honest["record"])["author"] == own.officer
    assert forged["record"] not in own.held


def test_a_photo_keeps_the_place_that_was_signed_also_when_it_was_none(bureau: Bureau) -> None:
    """A position cannot be added to evidence afterwards, nor any other signed field be changed."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    photo = own.photo(case["record"], own.officer, position=None)
    own.done(case, photo)
    place = {"lng": 104.0, "lat": 30.0, "coord_sys": "wgs84"}
    changes = {"position": place, "role": "near", "sha256": "cd" * 32, "captured_at": "2026-01-01T00:00:00.000Z"}
    results = own.send(*(own.patch("evidence", photo["record"], 1, **{name: changes[name]}) for name in changes))
    assert {(one["outcome"], one["problem"]["code"]) for one in results} == {("quarantined", "write_once_changed")}
    own.pull()
    assert own.version(photo["record"]) == 1
    assert own.body(photo["record"])["authentic"] is True
