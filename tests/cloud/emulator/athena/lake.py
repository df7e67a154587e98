"""Tables of Glue as views of DuckDB: only what is registered is seen, and only files that Athena would read."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from moto.glue.exceptions import DatabaseNotFoundException, TableNotFoundException
from sqlglot import exp

from .. import buckets, catalogue
from ..witness import Witness
from . import dialect, types
from .failure import QueryFailed

SYMLINKS = "SymlinkTextInputFormat"
VIEW_MARK = "/* Presto View: "

# Where a type of a file may be read as another: whole numbers widen, and so do floats.
_WIDER = {
    "TINYINT": {"TINYINT", "SMALLINT", "INT", "BIGINT"},
    "SMALLINT": {"SMALLINT", "INT", "BIGINT"},
    "INTEGER": {"INT", "INTEGER", "BIGINT"},
    "BIGINT": {"BIGINT"},
    "FLOAT": {"FLOAT", "REAL", "DOUBLE"},
    "TIMESTAMP WITH TIME ZONE": {"TIMESTAMP"},
    "TIMESTAMP_NS": {"TIMESTAMP"},
    "TIMESTAMP_MS": {"TIMESTAMP"},
    "VARCHAR": {"TEXT", "VARCHAR"},
}


def quoted(name: str) -> str:
    """A name within SQL."""
    return '"' + name.replace('"', '""') + '"'


class Copies:
    """The objects that queries read, each copied once to where DuckDB can open it."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._lock = threading.Lock()

    def path(self, bucket: str, key: str) -> tuple[Path, int]:
        """Where the copy of an object is, and how many bytes it has."""
        with self._lock:
            name = hashlib.sha256(f"{bucket}/{key}/{buckets.etag(bucket, key)}".encode()).hexdigest()
            copy = self._folder / f"{name}.parquet"
            if not copy.exists():
                copy.write_bytes(buckets.read(bucket, key))
            return copy, copy.stat().st_size


class Lake:
    """What one query sees of the lake."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, region: str, copies: Copies, witness: Witness):
        self._connection = connection
        self._catalogue = catalogue.backend(region)
        self._copies = copies
        self._witness = witness
        self._shown: set[tuple[str, str]] = set()
        self.scanned = 0

    def show(self, query: exp.Expression, database: str) -> None:
        """Makes every table that a query names a view of DuckDB."""
        for table in dialect.tables(query):
            self._show(table.db.lower() or database, table.name.lower())

    def table(self, database: str, name: str) -> dict[str, Any]:
        """A table as Glue has it now."""
        self._witness.saw("glue", "GetTable", f"{database}/{name}")
        try:
            with catalogue.lock:
                return catalogue.newest(self._catalogue.get_table(database, name))
        except DatabaseNotFoundException as none:
            raise QueryFailed("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist") from none
        except TableNotFoundException as none:
            raise QueryFailed("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{database}.{name}' does not exist") from none

    def _show(self, database: str, name: str) -> None:
        if (database, name) in self._shown:
            return
        self._shown.add((database, name))
        table = self.table(database, name)
        made = self._view(table) if table.get("TableType") == "VIRTUAL_VIEW" else self._files(database, name, table)
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(database)}")
        self._connection.execute(f"CREATE VIEW {quoted(database)}.{quoted(name)} AS {made}")

    def _view(self, table: dict[str, Any]) -> str:
        """A view is its statement, read in the database that it was made in."""
        text = table["ViewOriginalText"].removeprefix(VIEW_MARK).removesuffix(" */").strip()
        view = json.loads(base64.b64decode(text))
        query = sqlglot.parse_one(view["originalSql"], dialect="athena")
        self.show(query, view["schema"])
        return dialect.to_duckdb(dialect.qualified(query, view["schema"]))

    def _files(self, database: str, name: str, table: dict[str, Any]) -> str:
        """A table is the union of its partitions, each with the values of its keys beside its files."""
        keys = table.get("PartitionKeys") or []
        columns = table["StorageDescriptor"]["Columns"]
        places = [([], table["StorageDescriptor"])]
        if keys:
            self._witness.saw("glue", "GetPartitions", f"{database}/{name}")
            with catalogue.lock:
                found = self._catalogue.get_partitions(database, name, None)
            places = [(part.values, part.partition_input["StorageDescriptor"]) for part in found]
        selects = []
        for values, storage in places:
            files = [str(path) for path in self._paths(storage)]
            if files:
                selects.append(self._select(f"{database}.{name}", files, columns, keys, values))
        if not selects:
            nulls = (
                f"CAST(NULL AS {types.to_duckdb(column['Type'])}) AS {quoted(column['Name'])}"
                for column in columns + keys
            )
            selects = [f"SELECT {', '.join(nulls)} WHERE false"]
        return " UNION ALL ".join(selects)

    def _paths(self, storage: dict[str, Any]) -> Iterator[Path]:
        """Copies of the files of a table or partition."""
        location = storage["Location"]
        bucket, prefix = buckets.split(location if location.endswith("/") else location + "/")
        self._witness.saw("s3", "ListBucket", bucket)
        seen = [key for key in buckets.keys(bucket, prefix) if not _hidden(key.removeprefix(prefix))]
        if SYMLINKS not in storage.get("InputFormat", ""):
            targets = [(bucket, key) for key in seen]
        else:
            targets = []
            for key in seen:
                self._witness.saw("s3", "GetObject", f"{bucket}/{key}")
                lines = buckets.read(bucket, key).decode().splitlines()
                targets += [buckets.split(line.strip()) for line in lines if line.strip()]
        for bucket, key in targets:
            self._witness.saw("s3", "GetObject", f"{bucket}/{key}")
            try:
                path, size = self._copies.path(bucket, key)
            except buckets.NoSuchObject as none:
                raise QueryFailed("HIVE_CANNOT_OPEN_SPLIT", f"{none} (s3://{bucket}/{key})") from none
            self.scanned += size
            yield path

    def _select(
        self,
        table: str,
        files: list[str],
        columns: list[dict[str, Any]],
        keys: list[dict[str, Any]],
        values: list[str],
    ) -> str:
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        source = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        found = {row[0].lower(): row[1] for row in described}
        shown = [self._column(table, column, found.get(column["Name"].lower())) for column in columns]
        for key, value in zip(keys, values, strict=True):
            literal = "'" + value.replace("'", "''") + "'"
            shown.append(f"CAST({literal} AS {types.to_duckdb(key['Type'])}) AS {quoted(key['Name'])}")
        return f"SELECT {', '.join(shown)} FROM {source}"

    def _column(self, table: str, column: dict[str, Any], found: str | None) -> str:
        """A column read by its name: null where a file has none, an error where it has another type."""
        name, wanted = column["Name"], types.to_duckdb(column["Type"])
        if found is None:
            return f"CAST(NULL AS {wanted}) AS {quoted(name)}"
        nested = found.endswith("]") or found.startswith(("STRUCT", "MAP"))
        same = found.replace(" ", "") == wanted.replace(" ", "")
        if not nested and not same and wanted not in _WIDER.get(found, set()):
            raise QueryFailed(
                "HIVE_BAD_DATA",
                f"Field {name}'s type {found} in parquet file is incompatible with type "
                f"{column['Type']} defined in table schema ({table})",
            )
        if wanted == "TIMESTAMP":
            # Athena's tables keep milliseconds.
            return f"date_trunc('millisecond', CAST({quoted(name)} AS TIMESTAMP)) AS {quoted(name)}"
        return f"CAST({quoted(name)} AS {wanted}) AS {quoted(name)}"


def _hidden(key: str) -> bool:
    """Files that begin with `_` or `.` are invisible, and so is what lies in such a folder."""
    return any(part.startswith(("_", ".")) for part in key.split("/"))
