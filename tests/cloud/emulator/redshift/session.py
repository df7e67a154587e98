"""A transaction of the Data API in PostgreSQL: one statement or a batch, all of it or nothing."""

import threading
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql as postgres

from . import copying, dialect, words
from .failure import StatementFailed

# How the Data API names the types of PostgreSQL.
_TYPES = {
    16: "bool",
    20: "int8",
    21: "int2",
    23: "int4",
    25: "varchar",
    700: "float4",
    701: "float8",
    1042: "bpchar",
    1043: "varchar",
    1082: "date",
    1114: "timestamp",
    1184: "timestamptz",
    1700: "numeric",
    3802: "super",
}

# What Redshift has and PostgreSQL lacks, in a schema that is looked into before the others.
_HELPERS = """
CREATE SCHEMA IF NOT EXISTS _redshift;
CREATE OR REPLACE FUNCTION _redshift.getdate() RETURNS timestamp LANGUAGE sql
    AS $$ SELECT date_trunc('second', now() AT TIME ZONE 'UTC') $$;
CREATE OR REPLACE FUNCTION _redshift.format_type(kind oid, modifier integer) RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod)
                      ELSE pg_catalog.format_type(kind, modifier) END FROM pg_catalog.pg_type AS t WHERE t.oid = kind $$;
CREATE OR REPLACE FUNCTION _redshift.json_parse(text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT $1::jsonb $$;
CREATE OR REPLACE FUNCTION _redshift.json_serialize(jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1::text $$;
CREATE OR REPLACE FUNCTION _redshift.len(text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT length($1) $$;
CREATE OR REPLACE FUNCTION _redshift.sha2(text, integer) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT encode(CASE $2 WHEN 224 THEN sha224($1::bytea) WHEN 384 THEN sha384($1::bytea)
                        WHEN 512 THEN sha512($1::bytea) ELSE sha256($1::bytea) END, 'hex') $$;
"""


@dataclass
class Result:
    """What one statement answered."""

    sql: str
    has_rows: bool = False
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    count: int = 0


class Databases:
    """The databases of the warehouse: each is made when it is first used."""

    def __init__(self, dsn: str):
        self._dsn = dsn
        self._ready: set[str] = set()
        self._lock = threading.Lock()

    def connect(self, name: str) -> psycopg.Connection[Any]:
        """A connection to a database."""
        with self._lock:
            if name not in self._ready:
                self._make(name)
                self._ready.add(name)
        connection = psycopg.connect(self._dsn, dbname=name)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SET search_path = public, _redshift, pg_catalog; SET timezone = 'UTC'")
        connection.commit()
        return connection

    def _make(self, name: str) -> None:
        with psycopg.connect(self._dsn, dbname="postgres", autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                connection.execute(postgres.SQL("CREATE DATABASE {}").format(postgres.Identifier(name)))
        with psycopg.connect(self._dsn, dbname=name) as connection:
            connection.execute(_HELPERS)

    def ready_types(self, name: str, sizes: set[int]) -> None:
        """Makes the types of text whose length is counted in bytes, outside of any transaction that may fail."""
        if not sizes:
            return
        with self._lock, psycopg.connect(self._dsn, dbname=name) as connection:
            for size in sizes:
                known = connection.execute("SELECT to_regtype(%s)", (f"_redshift.text_{size}",)).fetchone()
                if known is None or known[0] is None:
                    connection.execute(
                        f"CREATE DOMAIN _redshift.text_{size} AS varchar({size}) "
                        f"CONSTRAINT longer_than_{size}_bytes CHECK (octet_length(VALUE) <= {size})"
                    )


class Transaction:
    """One transaction; it can be cancelled from another thread."""

    def __init__(self, databases: Databases, database: str, statements: list[str], parameters: dict[str, str]):
        self._databases = databases
        self._database = database
        self._statements = statements
        self._parameters = parameters
        self._connection: psycopg.Connection[Any] | None = None
        self._cancelled = threading.Event()
        self.results: list[Result] = []

    def run(self) -> None:
        """Runs every statement and commits; whatever fails undoes them all."""
        translated = [self._translated(sql) for sql in self._statements]
        self._databases.ready_types(self._database, set().union(*(dialect.text_sizes(sql) for sql in translated)))
        with self._databases.connect(self._database) as connection, connection.cursor() as cursor:
            self._connection = connection
            try:
                for sql, text in zip(self._statements, translated, strict=True):
                    if self._cancelled.is_set():
                        raise StatementFailed("Query cancelled on user's request")
                    self.results.append(self._one(sql, text, cursor))
                connection.commit()
            except psycopg.Error as error:
                detail = error.diag.message_primary or str(error).strip()
                raise StatementFailed(detail) from error

    def cancel(self) -> None:
        """Breaks it off, also before it has begun."""
        self._cancelled.set()
        if self._connection is not None:
            self._connection.cancel()

    def _translated(self, sql: str) -> str:
        if len(words.statements(sql)) != 1:
            raise StatementFailed("cannot insert multiple commands into a prepared statement")
        if len(self._statements) > 1 and (name := dialect.alone(sql)):
            raise StatementFailed(
                f"{name} commits or cannot run inside a transaction block; a batch is one transaction"
            )
        if copying.is_copy(sql):
            return sql
        return dialect.to_postgres(self._with_parameters(sql.strip().rstrip(";")))

    def _one(self, sql: str, text: str, cursor: psycopg.Cursor[Any]) -> Result:
        if copying.is_copy(sql):
            return Result(sql, count=copying.run(sql, cursor))
        cursor.execute(text)
        if cursor.description is None:
            return Result(sql, count=max(cursor.rowcount, 0))
        columns = [(column.name, _TYPES.get(column.type_code, "varchar")) for column in cursor.description]
        rows = cursor.fetchall()
        return Result(sql, has_rows=True, columns=columns, rows=rows, count=len(rows))

    def _with_parameters(self, sql: str) -> str:
        """`:name` outside of texts becomes the value of that parameter, as a text."""
        if not self._parameters:
            return sql
        found = words.split(sql)
        out: list[str] = []
        for before, word in zip([None, *found], found, strict=False):
            named = before is not None and before.text == ":" and word.text in self._parameters
            if named:
                out[-1] = postgres.Literal(self._parameters[word.text]).as_string(None)
            else:
                out.append(word.text)
        return " ".join(out)
