"""The tables of the cloud beside those of a local run: equal, to the last value."""

import decimal
import unittest
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from world import checksums, local
from world.checksums import Content

from .cloud import Cloud

STAGING = "lakehead_staging"


class Comparison:
    """Compares a cloud with local roots, and prints what it saw."""

    def __init__(self, test: unittest.TestCase, cloud: Cloud):
        self._test = test
        self._cloud = cloud
        self._count = 0

    def equal(self, root: Path) -> None:
        """Every table below a root is in the catalogue and holds the same; nothing else is there."""
        tables = local.tables(root)
        for table in tables:
            here = _here(table)
            there = self._there(table)
            print(f"  {table['database']}.{table['table']}: {here}" + (" =" if here == there else f" ≠ {there}"))
            self._test.assertEqual(here, there, f"{table['database']}.{table['table']}")
        known = {(table["database"], table["table"]) for table in tables}
        found = {(database, name) for database in {database for database, _ in known} for name in self._names(database)}
        self._test.assertEqual(found, known, "the tables of the catalogue")
        self._test.assertEqual(self._names(STAGING), [], "staged tables that were left")

    def equal_in_redshift(self, root: Path, schema: str, database: str, warehouse: str, wanted: set[str]) -> None:
        """What is published in Redshift is what a local run has, in the columns and digits that the warehouse takes."""
        tables = {table["table"]: table for table in local.tables(root) if table["database"] == database}
        with psycopg.connect(self._cloud.postgres.dsn, dbname=warehouse) as connection:
            found = connection.execute(_COLUMNS, (schema,)).fetchall()
            names = {table for table, _, _ in found if not table.startswith("_")}
            self._test.assertLessEqual(wanted, names, "the tables of Redshift")
            for name in sorted(names):
                scales = {column: scale for table, column, scale in found if table == name}
                query = sql.SQL("SELECT {} FROM {}").format(
                    sql.SQL(", ").join(map(sql.Identifier, scales)), sql.Identifier(schema, name)
                )
                rows = [dict(zip(scales, row, strict=True)) for row in connection.execute(query).fetchall()]
                here = checksums.of_rows(_in_digits(checksums.rows_of(_files(tables[name])), scales), scales)
                there = checksums.of_rows(rows, scales)
                print(f"  redshift {schema}.{name}: {there}" + (" =" if here == there else f" ≠ {here}"))
                self._test.assertEqual(here, there, f"redshift {schema}.{name}")

    def _there(self, table: dict[str, Any]) -> Content:
        """A table as an analyst sees it: unloaded by Athena."""
        self._count += 1
        prefix = f"athena/compared/{self._test.id()}/{self._count}/"
        columns = [column["name"] for column in table["columns"]]
        listed = ", ".join(f'"{name}"' for name in columns)
        self._cloud.query(
            f'UNLOAD (SELECT {listed} FROM "{table["database"]}"."{table["table"]}") '
            f"TO 's3://{self._cloud.bucket}/{prefix}' WITH (format = 'PARQUET')"
        )
        return checksums.of_parquet(self._cloud.objects(prefix).values(), columns)

    def _names(self, database: str) -> list[str]:
        try:
            pages = self._cloud.glue.get_paginator("get_tables").paginate(DatabaseName=database)
            return [table["Name"] for page in pages for table in page["TableList"]]
        except self._cloud.glue.exceptions.EntityNotFoundException:
            return []


def _here(table: dict[str, Any]) -> Content:
    return checksums.of_parquet(_files(table), [column["name"] for column in table["columns"]])


def _files(table: dict[str, Any]) -> list[bytes]:
    return [Path(file).read_bytes() for file in table["files"]]


# The columns of a schema, with the digits after the point of those that have a fixed number of them.
_COLUMNS = """
    SELECT table_name, column_name, CASE WHEN data_type = 'numeric' THEN numeric_scale END
    FROM information_schema.columns WHERE table_schema = %s ORDER BY table_name, ordinal_position
"""


def _in_digits(rows: list[dict[str, Any]], scales: dict[str, int | None]) -> list[dict[str, Any]]:
    """Rows with their numbers rounded as the warehouse has them."""

    def rounded(value: Any, scale: int | None) -> Any:
        if value is None or scale is None:
            return value
        one = decimal.Decimal(1).scaleb(-scale)
        return decimal.Decimal(str(value)).quantize(one, rounding=decimal.ROUND_HALF_UP)

    return [{name: rounded(row[name], scale) for name, scale in scales.items()} for row in rows]
