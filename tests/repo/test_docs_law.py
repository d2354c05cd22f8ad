"""What docs/law.md says: what the rules' own data say."""

from __future__ import annotations

from click.testing import CliRunner

from field_api.casework import rulebook
from field_api.commands.law import main
from launcher.installation import ROOT


def test_the_document_is_made_from_the_rules() -> None:
    """The page that lawyers read is the data that terminals judge by: `./fieldpost law --write docs/law.md`."""
    done = CliRunner().invoke(main, [], catch_exceptions=False)
    written = (ROOT / "docs" / "law.md").read_text(encoding="utf-8")
    assert done.output == written
    assert all(f"### {check}" in written for check in {one.id for one in rulebook.shipped().rules})
