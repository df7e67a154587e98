"""The tables of the cloud beside those of a local run: equal, to the last value."""

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

    def equal_in_redshift(self, root: Path, schema: str, database: str, warehouse: str) -> None:
        """Every published table of a database is in Redshift too."""
        with psycopg.connect(self._cloud.postgres.dsn, dbname=warehouse) as connection:
            for table in (table for table in local.tables(root) if table["database"] == database):
                names = [column["name"] for column in table["columns"]]
                query = sql.SQL("SELECT {} FROM {}").format(
                    sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(schema, table["table"])
                )
                rows = [dict(zip(names, row, strict=True)) for row in connection.execute(query).fetchall()]
                here, there = _here(table), checksums.of_rows(rows, names)
                print(f"  redshift {schema}.{table['table']}: {there}" + (" =" if here == there else f" ≠ {here}"))
                self._test.assertEqual(here, there, f"redshift {schema}.{table['table']}")

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
    columns = [column["name"] for column in table["columns"]]
    return checksums.of_parquet((Path(file).read_bytes() for file in table["files"]), columns)
