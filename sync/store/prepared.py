"""Statements of the hot path: built and compiled once for each database, then only run.

SQLAlchemy builds, keys and binds a statement anew at each execution, which cost three times what SQLite took to
run it. Events, savepoints and the translation of errors stay SQLAlchemy's.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

from sync.store.base import Json

Values = Mapping[str, Any]
Bind = Callable[[Values], Any]
Read = Callable[[Sequence[Any]], Any]
_ROWS = "rows"


class Texts(TypeDecorator[list[str]]):
    """A list of texts as one value, however long: an array, or JSON where there are none."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.ARRAY(sa.String) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else orjson.dumps(list(value)).decode()


def among(column: Any, name: str, dialect: Dialect) -> sa.ColumnElement[bool]:
    """`column` is one of the texts that are given under `name` at execution."""
    given = sa.bindparam(name, type_=Texts())
    if dialect.name == "postgresql":
        found: sa.ColumnElement[bool] = sa.type_coerce(column, sa.String) == sa.any_(given)
        return found
    listed = sa.func.json_each(given).table_valued("value")
    return sa.type_coerce(column, sa.String).in_(sa.select(listed.c.value))


def inserting(insert: Any, table: sa.Table, names: Sequence[str], dialect: Dialect) -> Any:
    """Give `insert` its values: a row at a time, or all rows in one document, where `reads_rows`.

    A server that is spoken to in messages takes longer to begin a row than to write it.
    """
    types = {name: table.c[name].type for name in names}
    if not reads_rows(dialect):
        return insert.values({name: sa.bindparam(name, type_=types[name]) for name in names})
    columns = [sa.column(name, _unbounded(type_)) for name, type_ in types.items()]
    document = sa.cast(sa.bindparam(_ROWS, type_=sa.Text()), sa.JSON())
    given = sa.func.json_to_recordset(document).table_valued(*columns, name="given").render_derived(with_types=True)
    return insert.from_select(list(names), sa.select(*(given.c[name] for name in names)))


def reads_rows(dialect: Dialect) -> bool:
    """Say whether a database takes many rows as one value."""
    return dialect.name == "postgresql"


def _unbounded(type_: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """A type without a length: to that a cast would cut, where the column itself refuses."""
    text = type_.impl_instance if isinstance(type_, sa.types.TypeDecorator) else type_
    return sa.Text() if isinstance(text, sa.String) else text


def _document(table: sa.Table, rows: Sequence[Values]) -> str:
    """Rows as `inserting` reads them; JSON columns hold their text, times are written with their zone."""
    texts = [column.name for column in table.columns if isinstance(column.type, Json)]
    kept = [name for name in texts if name in rows[0]]
    if kept:
        rows = [{**row, **{name: _text(row[name]) for name in kept}} for row in rows]
    return orjson.dumps(rows).decode()


def _text(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


class Prepared:
    """One statement. `build`: dialect → the statement, with a `bindparam` for each value that changes.

    Rows come as the driver gives them, without the columns' own types, but for `typed`.
    rows_of: the table that `inserting` was asked to write.
    """

    def __init__(self, build: Callable[[Dialect], Any], *, rows_of: sa.Table | None = None) -> None:
        self._build = build
        self._rows_of = rows_of
        self._compiled: dict[str, tuple[str, Bind]] = {}
        self._readers: dict[str, Read] = {}

    def rows(self, session: Session, **values: Any) -> Sequence[Any]:
        """Run it once; returns its rows."""
        connection = session.connection()
        text, bind = self._ready(connection.dialect)
        return connection.exec_driver_sql(text, bind(values)).all()

    def typed(self, session: Session, **values: Any) -> list[Any]:
        """Run it once; returns its rows as named tuples of their columns' own types: JSON and times as values."""
        dialect = session.connection().dialect
        read = self._readers.get(dialect.name)
        if read is None:
            read = self._readers[dialect.name] = _reader(self._build(dialect), dialect)
        return [read(row) for row in self.rows(session, **values)]

    def run(self, session: Session, values: Values) -> None:
        """Run it once, for its effect."""
        connection = session.connection()
        text, bind = self._ready(connection.dialect)
        connection.exec_driver_sql(text, bind(values))

    def each(self, session: Session, rows: Iterable[Values]) -> None:
        """Run it for each row of values; for none, not at all."""
        wanted = list(rows)
        if not wanted:
            return
        connection = session.connection()
        text, bind = self._ready(connection.dialect)
        if self._rows_of is not None and reads_rows(connection.dialect):
            connection.exec_driver_sql(text, bind({_ROWS: _document(self._rows_of, wanted)}))
        else:
            connection.exec_driver_sql(text, [bind(row) for row in wanted])

    def _ready(self, dialect: Dialect) -> tuple[str, Bind]:
        ready = self._compiled.get(dialect.name)
        if ready is None:
            compiled = self._build(dialect).compile(dialect=dialect)
            bind = _by_place(compiled) if compiled.positional else _by_name(compiled)
            ready = self._compiled[dialect.name] = (compiled.string, bind)
        return ready


def _reader(select: Any, dialect: Dialect) -> Read:
    """A function from a row as the driver gives it to one of the selected columns' types."""
    columns = select.selected_columns
    made = namedtuple("Row", columns.keys())  # type: ignore[misc]  # its names are the statement's
    found = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    converts = [(place, convert) for place, convert in enumerate(found) if convert is not None]

    def read(row: Sequence[Any]) -> Any:
        values = list(row)
        for place, convert in converts:
            values[place] = convert(values[place])
        return made(*values)

    return read


def _by_place(compiled: Any) -> Bind:
    """Bind for drivers that count parameters."""
    names: list[str] = compiled.positiontup
    fixed, converts = _fixed(compiled), _converts(compiled)
    steps = [(place, converts[name]) for place, name in enumerate(names) if name in converts]
    pick = itemgetter(*names) if len(names) > 1 else lambda values: (values[names[0]],)

    def bind(values: Values) -> tuple[Any, ...]:
        picked = pick({**fixed, **values} if fixed else values)
        if not steps:
            return tuple(picked)
        bound = list(picked)
        for place, convert in steps:
            if bound[place] is not None:
                bound[place] = convert(bound[place])
        return tuple(bound)

    return bind if names else lambda _values: ()


def _by_name(compiled: Any) -> Bind:
    """Bind for drivers that name them; what else a row holds they leave alone."""
    fixed, converts = _fixed(compiled), _converts(compiled)

    def bind(values: Values) -> dict[str, Any]:
        bound = {**fixed, **values}
        for name, convert in converts.items():
            if bound[name] is not None:
                bound[name] = convert(bound[name])
        return bound

    return bind


def _fixed(compiled: Any) -> dict[str, Any]:
    """The values that stand in the statement itself."""
    return {name: bind.value for bind, name in compiled.bind_names.items() if bind.value is not None}


def _converts(compiled: Any) -> dict[str, Callable[[Any], Any]]:
    found = {
        name: bind.type.dialect_impl(compiled.dialect).bind_processor(compiled.dialect)
        for bind, name in compiled.bind_names.items()
    }
    return {name: convert for name, convert in found.items() if convert is not None}
