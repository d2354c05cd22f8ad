"""What a terminal receives: everything in its scope, once, in order, with sums that it can check."""

from __future__ import annotations

from field_api.auth import officers
from tests.integration.field import terminal
from tests.integration.people import Bureau


def _second_unit(bureau: Bureau) -> None:
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))


def test_a_record_created_without_fields_counts_once_in_every_checkpoint(bureau: Bureau) -> None:
    """A create that sets nothing still leaves its version in the history that checkpoints are made of."""
    own = terminal(bureau, "zhang")
    incident = own.create("incident")
    own.done(incident)
    own.pull()
    own.done(own.patch("incident", incident["record"], 1, description="x"))
    own.pull()
    assert own.version(incident["record"]) == 2
