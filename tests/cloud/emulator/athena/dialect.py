"""Athena's SQL in the words of DuckDB, and nothing that Athena would not know."""

import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from .. import complaint
from .failure import QueryFailed

# Functions that sqlglot has no name of its own for and that Trino has, with what DuckDB calls them.
_FUNCTIONS = {
    "chr": "chr",
    "codepoint": "unicode",
    "date_parse": "strptime",
    "format": "format",
    "format_datetime": "strftime",
    "from_iso8601_timestamp": "strptime",
    "from_utf8": "decode",
    "normalize": "nfc_normalize",
    "to_utf8": "encode",
    "typeof": "typeof",
}


# The statements that Athena hands to Hive, which quotes names with backticks; all others go to Trino.
_HIVE = re.compile(r"\s*(DROP\s+TABLE|CREATE\s+EXTERNAL|ALTER|MSCK|(CREATE|DROP)\s+(DATABASE|SCHEMA))\b", re.IGNORECASE)
_TEXT = re.compile(r"'(?:[^']|'')*'|--[^\n]*")


def parse(sql: str) -> exp.Expression:
    """One statement."""
    bare = _TEXT.sub("", sql)
    wrong = '"' if _HIVE.match(bare) else "`"
    if wrong in bare:
        raise QueryFailed("SYNTAX_ERROR", f"mismatched input '{wrong}': names are not quoted so in this statement")
    try:
        found = [tree for tree in sqlglot.parse(sql, dialect="athena") if tree is not None]
    except sqlglot.errors.SqlglotError as error:
        raise QueryFailed("SYNTAX_ERROR", complaint.plain(error)) from error
    if len(found) != 1:
        raise QueryFailed("SYNTAX_ERROR", f"Only one sql statement is allowed; {len(found)} were given")
    return found[0]


def tables(query: exp.Expression) -> Iterator[exp.Table]:
    """The tables that a query reads; its own common tables are none."""
    common = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        named = isinstance(table.this, exp.Identifier) and table.name
        if named and (table.db or table.name.lower() not in common):
            yield table


def qualified(query: exp.Expression, database: str) -> exp.Expression:
    """The query with every table's database written out."""
    query = query.copy()
    for table in list(tables(query)):
        table.set("catalog", None)
        table.set("db", exp.to_identifier((table.db or database).lower(), quoted=True))
        table.set("this", exp.to_identifier(table.name.lower(), quoted=True))
    return query


def to_duckdb(query: exp.Expression) -> str:
    """The text that DuckDB runs."""
    query = query.copy()
    for function in list(query.find_all(exp.Anonymous)):
        name = str(function.this).lower()
        if name not in _FUNCTIONS:
            raise QueryFailed("FUNCTION_NOT_FOUND", f"Function '{name}' not registered")
        function.set("this", _FUNCTIONS[name])
    return query.sql(dialect="duckdb")


def check_names(query: exp.Query) -> None:
    """What a new table or view is made from has a name for every column, each once."""
    seen: set[str] = set()
    for position, column in enumerate(query.selects, 1):
        if isinstance(column, exp.Star):
            continue
        name = column.alias_or_name.lower()
        if not isinstance(column, exp.Alias | exp.Column):
            raise QueryFailed("MISSING_COLUMN_NAME", f"Column name not specified at position {position}")
        if name == "*":
            continue
        if name in seen:
            raise QueryFailed("DUPLICATE_COLUMN_NAME", f"Column name '{name}' specified more than once")
        seen.add(name)
