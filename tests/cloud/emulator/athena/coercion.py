"""What Trino does not coerce: DuckDB compares a text with a number or a date, Athena says TYPE_MISMATCH."""

from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from .failure import QueryFailed

Columns = dict[str, dict[str, dict[str, str]]]

_FAMILIES = {
    "text": exp.DataType.TEXT_TYPES,
    "number": exp.DataType.NUMERIC_TYPES,
    "moment": exp.DataType.TEMPORAL_TYPES,
    "boolean": {exp.DataType.Type.BOOLEAN},
}
_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ)


def check(query: exp.Expression, columns: Columns) -> None:
    """Refuses comparisons and joins of text that Athena would refuse, as far as the types are known."""
    try:
        typed: Any = annotate_types(
            qualify(
                query.copy(),
                schema=MappingSchema(columns, dialect="duckdb"),
                dialect="athena",
                validate_qualify_columns=False,
                quote_identifiers=False,
            ),
            schema=MappingSchema(columns, dialect="duckdb"),
            dialect="athena",
        )
    except sqlglot.errors.SqlglotError:
        # DuckDB says better what is wrong with it.
        return
    for node in typed.find_all(*_COMPARED):
        _same(node.left, node.right, node)
    for node in typed.find_all(exp.In):
        for value in node.expressions:
            _same(node.this, value, node)
    for node in typed.find_all(exp.Between):
        _same(node.this, node.args["low"], node)
        _same(node.this, node.args["high"], node)
    for node in typed.find_all(exp.DPipe):
        for side in (node.left, node.right):
            if _family(side) not in (None, "text"):
                raise QueryFailed("FUNCTION_NOT_FOUND", f"Unexpected parameters ({side.type}) for function concat")


def _same(left: exp.Expression, right: exp.Expression, node: exp.Expression) -> None:
    mine, other = _family(left), _family(right)
    if mine is not None and other is not None and mine != other:
        raise QueryFailed(
            "TYPE_MISMATCH", f"Cannot apply operator: {left.type} and {right.type} in `{node.sql(dialect='athena')}`"
        )


def _family(value: exp.Expression) -> str | None:
    kind = value.type.this if value.type is not None else None
    return next((name for name, kinds in _FAMILIES.items() if kind in kinds), None)
