"""The statements of pull, as text, built once for each number of scopes.

A terminal that asks for nothing new costs little more than its statements, and building them anew took longer
than running them.
"""

# ruff: noqa: S608 - put together from names and numbers of our own; every value is bound

from __future__ import annotations

from functools import cache

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from sync.store.prepared import Prepared, Texts

_RECORD = "r.id, r.type, r.version, r.body, r.void, r.parent"
_ALONE = f"SELECT '' AS lane, r.seq, r.seq AS last, r.seq AS since, {_RECORD} FROM sync_record AS r"


def _list(prefix: str, count: int) -> str:
    return "(" + ", ".join(f":{prefix}_{index}" for index in range(count)) + ")"


def _text(statement: str) -> Prepared:
    """A statement; `IN :ids` in it means one of a list of any length."""

    def build(dialect: Dialect) -> sa.TextClause:
        if ":ids" not in statement:
            return sa.text(statement)
        listed = "= ANY(:ids)" if dialect.name == "postgresql" else "IN (SELECT value FROM json_each(:ids))"
        return sa.text(statement.replace("IN :ids", listed)).bindparams(sa.bindparam("ids", type_=Texts()))

    return Prepared(build)


def _lane(name: str, count: int, beyond: str = "") -> str:
    """The records of one lane: a range of the index for each scope, and of all these the first."""
    ranges = [
        f"SELECT a.record, a.seq, a.since FROM sync_audience AS a WHERE a.scope = :{name}_{index}"
        f" AND a.seq > :{name}_after{beyond} ORDER BY a.seq LIMIT :limit"
        for index in range(count)
    ]
    last, since = "t.seq", "t.since"
    found = ranges[0]
    if count > 1:
        every = " UNION ALL ".join(f"SELECT * FROM ({one}) AS o{index}" for index, one in enumerate(ranges))
        first = "SELECT record, MIN(seq) AS seq, MAX(seq) AS last"
        found = f"{first} FROM ({every}) AS u GROUP BY record ORDER BY 2 LIMIT :limit"
        last = "t.last"
        since = (
            "(SELECT MIN(b.since) FROM sync_audience AS b"
            f" WHERE b.record = t.record AND b.scope IN {_list(name, count)})"
        )
    return (
        f"SELECT '{name}' AS lane, t.seq, {last} AS last, {since} AS since, {_RECORD}"
        f" FROM ({found}) AS t JOIN sync_record AS r ON r.id = t.record"
    )


@cache
def pages(asked: tuple[tuple[str, int], ...]) -> Prepared:
    return _text(" UNION ALL ".join(_lane(name, count) for name, count in asked))


def _not_in(prefix: str, count: int) -> str:
    """Leave out what other scopes have."""
    if not count:
        return ""
    other = f"b.record = a.record AND b.scope IN {_list(prefix, count)}"
    return f" AND NOT EXISTS (SELECT 1 FROM sync_audience AS b WHERE {other})"


@cache
def gained(count: int, kept: int) -> Prepared:
    return _text(_lane("gained", count, " AND a.seq <= :bound" + _not_in("kept", kept)) + " ORDER BY 2")


@cache
def lost(count: int, kept: int) -> Prepared:
    every = " UNION ".join(
        f"SELECT * FROM (SELECT a.record FROM sync_audience AS a WHERE a.scope = :lost_{index} AND a.record > :after"
        f" AND a.since <= :bound{_not_in('kept', kept)} ORDER BY a.record LIMIT :limit) AS o{index}"
        for index in range(count)
    )
    return _text(
        f"SELECT t.record, r.type FROM ({every}) AS t JOIN sync_record AS r ON r.id = t.record"
        " ORDER BY t.record LIMIT :limit"
    )


@cache
def lost_parents(count: int) -> Prepared:
    return _text(
        "WITH RECURSIVE up (id) AS (SELECT parent FROM sync_record WHERE id IN :ids AND parent IS NOT NULL"
        " UNION SELECT p.parent FROM sync_record AS p JOIN up ON p.id = up.id WHERE p.parent IS NOT NULL)"
        " SELECT r.id, r.type FROM up JOIN sync_record AS r ON r.id = up.id WHERE NOT EXISTS"
        f" (SELECT 1 FROM sync_audience AS a WHERE a.record = up.id AND a.scope IN {_list('lost', count)}"
        " AND a.since <= :bound) ORDER BY r.id"
    )


@cache
def parents(count: int) -> Prepared:
    received = f"b.record = r.id AND b.scope IN {_list('scope', count)} AND b.seq <= :after"
    return _text(
        f"{_ALONE} WHERE r.id IN :ids"
        f" AND NOT EXISTS (SELECT 1 FROM sync_audience AS b WHERE {received})"
    )


@cache
def changed(index: int, count: int) -> Prepared:
    """What one scope had changed after a position, but for what an earlier scope had changed too."""
    since, again = "a.since", ""
    if count > 1:
        own = f"s.record = a.record AND s.scope IN {_list('scope', count)}"
        since = f"(SELECT MIN(s.since) FROM sync_audience AS s WHERE {own})"
    if index:
        other = f"b.record = a.record AND b.scope IN {_list('scope', index)} AND b.seq > :origin"
        again = f" AND NOT EXISTS (SELECT 1 FROM sync_audience AS b WHERE {other})"
    return _text(
        f"SELECT a.record, {since} AS since, r.type, r.version, a.seq FROM sync_audience AS a"
        " JOIN sync_record AS r ON r.id = a.record"
        f" WHERE a.scope = :own AND a.seq > :after{again} ORDER BY a.seq LIMIT :limit"
    )


NEWEST = _text(
    f"SELECT '' AS lane, a.seq, a.seq AS last, a.since, {_RECORD} FROM sync_audience AS a"
    " JOIN sync_record AS r ON r.id = a.record"
    " WHERE a.scope = :scope AND a.seq > :after AND r.type = :type AND r.void IS NULL ORDER BY a.seq DESC LIMIT :limit"
)
RECORDS = _text(f"{_ALONE} WHERE r.id IN :ids")
OF_SCOPE = _text(
    "SELECT a.record, a.since, r.type, r.version, r.seq FROM sync_audience AS a"
    " JOIN sync_record AS r ON r.id = a.record"
    " WHERE a.scope = :scope AND a.record > :after ORDER BY a.record LIMIT :limit"
)
