"""What an installation may set for the clocks: read exactly, refused plainly."""

from __future__ import annotations

from pathlib import Path

import pytest

from field_api.casework.law.deadlines import Terms
from field_api.casework.terms import terms_of
from field_api.config import Config, ConfigError


def terms(**environ: str) -> Terms:
    return terms_of(Config.from_env({"FIELDPOST_DATA": str(Path.cwd())} | environ))


def test_terms_are_read() -> None:
    """Nothing set is the law's and the field's own; lengths by name; the roll-over by party."""
    assert terms() == Terms({}, citizen_rolls=True, agency_rolls=False)
    assert terms(FIELDPOST_CLOCKS=" file_city=2, clue_check=20,").lengths == {"file_city": 2, "clue_check": 20}
    assert terms(FIELDPOST_ROLL_OVER="nobody") == Terms({}, citizen_rolls=False, agency_rolls=False)
    assert terms(FIELDPOST_ROLL_OVER="agency,citizen") == Terms({}, citizen_rolls=True, agency_rolls=True)


@pytest.mark.parametrize(
    "wrong",
    ["file_city", "file_city=", "file_city=0", "file_city=1000", "file_city=-1", "file_city=٣", "nothing=3", "pay=30"],
)
def test_lengths_that_cannot_be_are_refused(wrong: str) -> None:
    """No length, none of a number, no such clock, or one whose length the law says."""
    with pytest.raises(ConfigError, match="FIELDPOST_CLOCKS"):
        terms(FIELDPOST_CLOCKS=wrong)


def test_only_parties_get_the_roll_over() -> None:
    """Anybody else is a mistake."""
    with pytest.raises(ConfigError, match="FIELDPOST_ROLL_OVER"):
        terms(FIELDPOST_ROLL_OVER="everybody")
