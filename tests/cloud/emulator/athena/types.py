"""The types of a column in its four spellings: Hive's in Glue, DuckDB's, Trino's in a result, and a result's text."""

import datetime
import decimal
import math
from typing import Any

from sqlglot import exp

from .failure import QueryFailed

# What DuckDB calls a type -> what Glue and a result of Athena call it.
_NAMES = {
    "BIGINT": ("bigint", "bigint"),
    "HUGEINT": ("bigint", "bigint"),
    "INTEGER": ("int", "integer"),
    "SMALLINT": ("smallint", "smallint"),
    "TINYINT": ("tinyint", "tinyint"),
    "DOUBLE": ("double", "double"),
    "FLOAT": ("float", "float"),
    "BOOLEAN": ("boolean", "boolean"),
    "VARCHAR": ("string", "varchar"),
    "DATE": ("date", "date"),
    "TIMESTAMP": ("timestamp", "timestamp"),
    "BLOB": ("binary", "varbinary"),
}


def to_duckdb(hive: str) -> str:
    """A type of Glue as DuckDB writes it."""
    return exp.DataType.build(hive, dialect="hive").sql("duckdb")


def in_result(duckdb: str) -> str:
    """A type as the metadata of a result names it."""
    if duckdb in _NAMES:
        return _NAMES[duckdb][1]
    if duckdb.startswith("TIMESTAMP WITH TIME ZONE"):
        return "timestamp with time zone"
    if duckdb.startswith("TIMESTAMP"):
        return "timestamp"
    if duckdb.startswith("DECIMAL"):
        return "decimal"
    if duckdb.endswith("[]"):
        return "array"
    if duckdb.startswith("STRUCT"):
        return "row"
    if duckdb.startswith("MAP"):
        return "map"
    return "unknown" if duckdb == '"NULL"' else "varchar"


def to_hive(column: str, duckdb: str) -> str:
    """A type of a new table; some types a table of Hive cannot have."""
    if duckdb in _NAMES:
        return _NAMES[duckdb][0]
    if duckdb.startswith("DECIMAL"):
        return duckdb.lower().replace(" ", "")
    if duckdb.startswith("TIMESTAMP_"):
        return "timestamp"
    if duckdb == '"NULL"':
        raise QueryFailed("COLUMN_TYPE_UNKNOWN", f"Column type is unknown: {column}")
    if duckdb.endswith("[]"):
        return f"array<{to_hive(column, duckdb.removesuffix('[]'))}>"
    raise QueryFailed("NOT_SUPPORTED", f"Unsupported Hive type: {in_result(duckdb)} ({column})")


def text(value: Any) -> str | None:
    """A value as a result of Athena writes it; none is null."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return _double(value)
        case datetime.datetime():
            zone = " UTC" if value.tzinfo else ""
            return value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + zone
        case decimal.Decimal():
            return format(value, "f")
        case bytes():
            return value.hex(" ")
        case list():
            return "[" + ", ".join("null" if item is None else str(text(item)) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{name}={text(item)}" for name, item in value.items()) + "}"
        case _:
            return str(value)


def _double(value: float) -> str:
    """A double as Java writes it: plain between a thousandth and ten million."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        plain = format(decimal.Decimal(repr(value)), "f")
        return plain if "." in plain else plain + ".0"
    digits, _, exponent = f"{decimal.Decimal(repr(value)).normalize():E}".partition("E")
    digits = digits if "." in digits else digits + ".0"
    return f"{digits}E{int(exponent)}"
