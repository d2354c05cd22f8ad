"""Reading and writing whole rows of either database beside the application, for seeding: big and fast."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

import psycopg
import sqlalchemy as sa
from psycopg import sql

from benchmarks.site import Site
from sync.store.base import Base

Row = dict[str, Any]
Pour = Callable[[Sequence[Sequence[str]]], None]
_TEXTUAL = (sa.String, sa.types.TypeDecorator)


@dataclass(frozen=True, slots=True)
class Text:
    """A text with holes: `values` of the holes are picked from a case's values."""

    form: str
    picked: tuple[int, ...]

    def filler(self) -> Callable[[Sequence[str]], str]:
        """A function from a case's values to the text."""
        form, get = self.form, itemgetter(*self.picked)
        return (lambda values: form % get(values)) if form != "%s" else get


class Tables(Protocol):
    """A connection of our own. One statement for each of the rows of a mould, thousands of cases at once."""

    def rows_naming(self, table: str, ids: set[str]) -> list[tuple[str, Row]]:
        """The rows of a table in which some column is one of these ids."""

    def take_numbers(self, count: int) -> int:
        """Take change sequences, in the open transaction; returns the last one before them."""

    def pourer(self, rows: Sequence[tuple[str, Row]]) -> Pour:
        """A function that writes rows for each case's values that it is given."""

    def commit(self) -> None:
        """End the transaction."""

    def settle(self) -> None:
        """Do what the database would do by itself within minutes."""

    def close(self) -> None:
        """Hang up."""


@contextmanager
def tables_of(site: Site) -> Iterator[Tables]:
    """Connect to a site's database."""
    url = site.installation.database_url
    tables: Tables
    if url is None:
        tables = Sqlite(str(site.installation.data / "fieldpost.sqlite3"))
    else:
        tables = Postgres(url.replace("postgresql+psycopg:", "postgresql:", 1))
    try:
        yield tables
    finally:
        tables.close()


def _texts(table: str) -> list[str]:
    return [column.name for column in Base.metadata.tables[table].columns if isinstance(column.type, _TEXTUAL)]


class Sqlite:
    """SQLite by its own module. Seeding may be lost by a power cut; what is measured afterwards may not."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        self.connection.row_factory = sqlite3.Row
        for pragma in ("synchronous = OFF", "foreign_keys = OFF", "cache_size = -400000", "wal_autocheckpoint = 50000"):
            self.connection.execute(f"PRAGMA {pragma}")

    def rows_naming(self, table: str, ids: set[str]) -> list[tuple[str, Row]]:
        marks = ",".join("?" * len(ids))
        where = " OR ".join(f'"{name}" IN ({marks})' for name in _texts(table))
        if not where:
            return []
        found = self.connection.execute(f'SELECT * FROM "{table}" WHERE {where}', [*ids] * len(_texts(table)))
        return [(table, dict(row)) for row in found]

    def take_numbers(self, count: int) -> int:
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute("UPDATE sync_sequence SET value = value + ?", [count])
        return int(self.connection.execute("SELECT value FROM sync_sequence").fetchone()[0]) - count

    def pourer(self, rows: Sequence[tuple[str, Row]]) -> Pour:
        made = [self._statement(table, row) for table, row in rows]

        def pour(cases: Sequence[Sequence[str]]) -> None:
            for statement, fillers in made:
                self.connection.executemany(statement, ([fill(case) for fill in fillers] for case in cases))

        return pour

    def _statement(self, table: str, row: Mapping[str, Any]) -> tuple[str, list[Callable[[Sequence[str]], str]]]:
        # What is the same in all cases stands in the statement; only the rest is handed over.
        texts: dict[str, Text] = {name: value for name, value in row.items() if isinstance(value, Text)}
        marks = ["?" if name in texts else _literal(value) for name, value in row.items()]
        names = ",".join(f'"{name}"' for name in row)
        return f'INSERT INTO "{table}" ({names}) VALUES ({",".join(marks)})', [t.filler() for t in texts.values()]

    def commit(self) -> None:
        self.connection.execute("COMMIT")

    def settle(self) -> None:
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.connection.close()


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


class Postgres:
    """PostgreSQL by COPY; afterwards VACUUM and ANALYZE, as its own daemon would within the minute."""

    def __init__(self, conninfo: str) -> None:
        self.connection = psycopg.connect(conninfo)
        self.connection.execute("SET synchronous_commit = off")
        # What is multiplied was accepted once; who is no superuser has every reference looked up again.
        if self.connection.execute("SELECT current_setting('is_superuser')").fetchone() == ("on",):
            self.connection.execute("SET session_replication_role = replica")
        self.connection.commit()

    def rows_naming(self, table: str, ids: set[str]) -> list[tuple[str, Row]]:
        names = [column.name for column in Base.metadata.tables[table].columns]
        texts = _texts(table)
        if not texts:
            return []
        query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
            sql.SQL(",").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names),
            sql.Identifier(table),
            sql.SQL(" OR ").join(sql.SQL("{}::text = ANY(%(ids)s)").format(sql.Identifier(name)) for name in texts),
        )
        found = self.connection.execute(query, {"ids": list(ids)}).fetchall()
        return [(table, dict(zip(names, row, strict=True))) for row in found]

    def take_numbers(self, count: int) -> int:
        row = self.connection.execute("UPDATE sync_sequence SET value = value + %s RETURNING value", [count]).fetchone()
        assert row is not None
        return int(row[0]) - count

    def pourer(self, rows: Sequence[tuple[str, Row]]) -> Pour:
        made = [self._copy(table, row) for table, row in rows]

        def pour(cases: Sequence[Sequence[str]]) -> None:
            for statement, fill in made:
                with self.connection.cursor().copy(statement) as copy:
                    copy.write("".join([fill(case) for case in cases]))

        return pour

    def _copy(self, table: str, row: Mapping[str, Any]) -> tuple[sql.Composed, Callable[[Sequence[str]], str]]:
        forms: list[str] = []
        picked: list[int] = []
        for value in row.values():
            if isinstance(value, Text):
                forms.append(_escaped(value.form))
                picked += value.picked
            else:
                forms.append(r"\N" if value is None else _escaped(str(value)).replace("%", "%%"))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(",").join(map(sql.Identifier, row))
        )
        return statement, Text("\t".join(forms) + "\n", tuple(picked)).filler()

    def commit(self) -> None:
        self.connection.commit()

    def settle(self) -> None:
        self.connection.autocommit = True
        self.connection.execute("VACUUM (ANALYZE)")
        self.connection.execute("CHECKPOINT")

    def close(self) -> None:
        self.connection.close()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
