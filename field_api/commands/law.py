"""`./fieldpost law`: the rules of law as a document."""

from __future__ import annotations

from typing import IO

import click

from field_api.casework import rulebook
from field_api.casework.law import page


@click.command(name="law")
@click.option("--write", "output", type=click.File("w", "utf-8"), default="-", help="a file, not standard output")
def main(output: IO[str]) -> None:
    """Write the rules of law as a document (法律规则)."""
    output.write(page.rendered(rulebook.shipped()))
