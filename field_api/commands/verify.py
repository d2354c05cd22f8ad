"""`verify`: receipts checked without a server."""

from __future__ import annotations

import http.client
import os
import sys
import urllib.request
from pathlib import Path
from typing import IO, Any

import click
import orjson

from field_api.auth import receipts
from field_api.auth.keys import KeyFileError, Keys
from field_api.config import Config


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--keys", "source", help="a JWKS file or its http(s) address; else the data folder's keys")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="else as LANG says")
@click.pass_obj
def verify(config: Config, file: IO[bytes], source: str | None, lang: str | None) -> None:
    """Check receipts without a server (核验): FILE holds one on each line, or a JSON list; - is standard input.

    Exit code 0 when every signature and every store's chain holds, 1 when not, 2 when that cannot be said.
    """
    try:
        keys = receipts.read_keys(_jwks(config, source))
        report = receipts.verify(receipts.read_receipts(file.read(receipts.MAX_BYTES + 1)), keys)
    except receipts.Unreadable as error:
        raise click.UsageError(str(error)) from None
    language = lang or ("en" if os.environ.get("LANG", "").startswith("en") else "zh")
    for line in report.lines(language):
        click.echo(line)
    sys.exit(0 if report.holds else 1)


def _jwks(config: Config, source: str | None) -> Any:
    """The key set to check with. Raises: receipts.Unreadable."""
    try:
        if source is None:
            if not (config.data / "keys" / "receipts.key").exists():
                # Opening would make one, which has signed nothing.
                raise receipts.Unreadable("数据目录里没有密钥，请用 --keys · no key in the data folder: give --keys")
            return Keys.open(config.data / "keys").public_jwks()
        if source.startswith(("http://", "https://")):
            with urllib.request.urlopen(source, timeout=10) as answer:  # noqa: S310 - the scheme is checked above
                return orjson.loads(answer.read(1024 * 1024))
        return orjson.loads(Path(source).read_bytes())
    except (OSError, http.client.HTTPException, KeyFileError, orjson.JSONDecodeError) as error:
        raise receipts.Unreadable(f"密钥读不到 · the keys cannot be read: {error}") from None
