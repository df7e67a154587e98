"""One statement carried out: a query, a table or view made or dropped, rows unloaded."""

import base64
import io
import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import duckdb
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from moto.core.exceptions import JsonRESTError
from sqlglot import exp

from .. import buckets, catalogue
from ..witness import Witness
from . import coercion, dialect, types
from .failure import QueryFailed
from .lake import VIEW_MARK, Copies, Lake, quoted

T = TypeVar("T")
OPEN_WRITERS = 100
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
_UNLOAD = re.compile(
    r"\s*UNLOAD\s*\((?P<query>.*)\)\s*TO\s*'(?P<to>[^']+)'\s*(?:WITH\s*\((?P<with>.*)\))?\s*;?\s*$",
    re.DOTALL | re.IGNORECASE,
)
_DATABASE = re.compile(
    r"\s*CREATE\s+(?:DATABASE|SCHEMA)\s+(?P<absent>IF\s+NOT\s+EXISTS\s+)?[`\"]?(?P<name>\w+)[`\"]?\s*;?\s*$",
    re.IGNORECASE,
)


@dataclass
class Outcome:
    """What a statement left."""

    kind: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    changed: int = 0
    scanned: int = 0


@dataclass(frozen=True)
class Setting:
    """Where a statement runs."""

    database: str
    region: str
    output: str
    enforced: bool
    copies: Copies
    witness: Witness


def kind(sql: str) -> str:
    """Whether a statement defines or works on data, as Athena tells."""
    ddl = re.match(r"\s*(CREATE|DROP|ALTER|DESCRIBE|SHOW|MSCK)\b", sql, re.IGNORECASE)
    made_from = re.match(r"\s*CREATE\s+TABLE\b.*\bAS\s*(\(|SELECT|WITH)", sql, re.IGNORECASE | re.DOTALL)
    return "DDL" if ddl and not made_from else "DML"


def run(sql: str, setting: Setting) -> Outcome:
    """Carries one statement out."""
    if unload := _UNLOAD.match(sql):
        return _unload(unload["query"], unload["to"], unload["with"] or "", setting)
    if database := _DATABASE.match(sql):
        return _create_database(database["name"].lower(), bool(database["absent"]), setting)
    tree = dialect.parse(sql)
    match tree:
        case exp.Create(kind="VIEW"):
            return _create_view(tree, setting)
        case exp.Create(kind="TABLE") if tree.expression is not None:
            return _create_table(tree, setting)
        case exp.Drop(kind="TABLE" | "VIEW"):
            return _drop(tree, setting)
        case exp.Query():
            return _select(tree, setting)
        case _:
            raise QueryFailed("NOT_SUPPORTED", f"the emulator does not know this statement: {sql[:200]}")


class _Session:
    """A connection of DuckDB that speaks as Athena does."""

    def __init__(self, setting: Setting):
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("SET TimeZone = 'UTC'; SET integer_division = true")
        self.lake = Lake(self.connection, setting.region, setting.copies, setting.witness)
        self._database = setting.database

    def query(self, tree: exp.Expression) -> str:
        """The text of a query whose tables can be read now."""
        self.lake.show(tree, self._database)
        qualified = dialect.qualified(tree, self._database)
        coercion.check(qualified, self._columns())
        return dialect.to_duckdb(qualified)

    def _columns(self) -> coercion.Columns:
        """The columns of every table that is shown, with their types."""
        found: coercion.Columns = {}
        listed = self.rows("SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns")
        for database, table, column, kind in listed:
            found.setdefault(database, {}).setdefault(table, {})[column] = kind
        return found

    def describe(self, text: str) -> list[tuple[str, str]]:
        """The columns of a query with DuckDB's types."""
        return [(row[0], row[1]) for row in self._execute(f"DESCRIBE {text}").fetchall()]

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self._execute(text).fetchall()

    def arrow(self, text: str) -> pyarrow.Table:
        """The rows of a query as a table in memory."""
        return self._guarded(lambda: self.connection.sql(text).to_arrow_table())

    def _execute(self, text: str) -> duckdb.DuckDBPyConnection:
        return self._guarded(lambda: self.connection.execute(text))

    def _guarded(self, action: Callable[[], T]) -> T:
        """What DuckDB refuses fails as it would in Athena."""
        try:
            return action()
        except duckdb.BinderException as error:
            code = "COLUMN_NOT_FOUND" if "not found in FROM" in str(error) else "TYPE_MISMATCH"
            raise QueryFailed(code, str(error)) from error
        except duckdb.ConversionException as error:
            raise QueryFailed("INVALID_CAST_ARGUMENT", str(error)) from error
        except duckdb.Error as error:
            raise QueryFailed("GENERIC_USER_ERROR", str(error)) from error


def _select(tree: exp.Expression, setting: Setting) -> Outcome:
    session = _Session(setting)
    text = session.query(tree)
    columns = [(name, types.in_result(kind)) for name, kind in session.describe(text)]
    rows = [[types.text(value) for value in row] for row in session.rows(text)]
    return Outcome("select", columns, rows, scanned=session.lake.scanned)


def _unload(query: str, to: str, options: str, setting: Setting) -> Outcome:
    if not re.search(r"format\s*=\s*'PARQUET'", options, re.IGNORECASE):
        raise QueryFailed("NOT_SUPPORTED", "the emulator unloads PARQUET only")
    session = _Session(setting)
    text = session.query(dialect.parse(query))
    columns = session.describe(text)
    location = _fresh(to, setting)
    written = _write(session.arrow(_as_hive(text, columns)), location, setting)
    return Outcome("unload", written=written, scanned=session.lake.scanned)


def _create_table(tree: exp.Create, setting: Setting) -> Outcome:
    """CTAS: the rows go to a fresh place, then the catalogue learns of the table."""
    database, name = _named(tree.this, setting)
    properties = _properties(tree)
    if str(properties.get("format", "parquet")).lower() != "parquet":
        raise QueryFailed("NOT_SUPPORTED", "the emulator makes tables of format PARQUET only")
    if "external_location" in properties and setting.enforced:
        raise QueryFailed(
            "INVALID_TABLE_PROPERTY",
            "The Create Table As Select query failed because it was submitted with an 'external_location' property to "
            "an Athena Workgroup that enforces a centralized output location for all queries. Please remove the "
            "'external_location' property and resubmit the query.",
        )
    _absent(database, name, "exists" in tree.args and bool(tree.args["exists"]), setting)
    session = _Session(setting)
    dialect.check_names(tree.expression)
    text = session.query(tree.expression)
    columns = session.describe(text)
    hive = {column: types.to_hive(column, kind) for column, kind in columns}
    partitioned = [str(column).lower() for column in properties.get("partitioned_by", [])]
    if partitioned and [column for column, _ in columns][-len(partitioned) :] != partitioned:
        raise QueryFailed("INVALID_TABLE_PROPERTY", "Partition keys must be the last columns in the table")
    default = f"{setting.output.rstrip('/')}/tables/{uuid.uuid4()}/"
    location = _fresh(str(properties.get("external_location", default)), setting)
    rows = session.arrow(_as_hive(text, columns))
    groups = _groups(rows, partitioned)
    written = [key for folder, group in groups for key in _write(group, location + folder, setting)]
    table = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "has_encrypted_data": "false"},
        "PartitionKeys": [{"Name": column, "Type": hive[column]} for column in partitioned],
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": kind} for column, kind in hive.items() if column not in partitioned],
            "Location": location,
            **PARQUET,
        },
    }
    _register(database, name, table, setting)
    for folder, _ in groups if partitioned else []:
        values = [part.partition("=")[2] for part in folder.strip("/").split("/")]
        storage = {**table["StorageDescriptor"], "Location": location + folder}
        setting.witness.saw("glue", "BatchCreatePartition", f"{database}/{name}")
        with catalogue.lock:
            catalogue.backend(setting.region).create_partition(
                database, name, {"Values": values, "StorageDescriptor": storage}
            )
    return Outcome("create", written=written, changed=rows.num_rows, scanned=session.lake.scanned)


def _groups(rows: pyarrow.Table, partitioned: list[str]) -> list[tuple[str, pyarrow.Table]]:
    """The rows of each partition with the folder that they go to."""
    if not partitioned:
        return [("", rows)]
    found = sorted(
        {tuple(row[column] for column in partitioned) for row in rows.select(partitioned).to_pylist()}, key=str
    )
    if len(found) > OPEN_WRITERS:
        raise QueryFailed(
            "HIVE_TOO_MANY_OPEN_PARTITIONS", f"Exceeded limit of {OPEN_WRITERS} open writers for partitions/buckets"
        )
    groups = []
    for values in found:
        group = rows
        for column, value in zip(partitioned, values, strict=True):
            group = group.filter(pyarrow.compute.equal(group[column], value))
        folder = "".join(f"{column}={value}/" for column, value in zip(partitioned, values, strict=True))
        groups.append((folder, group.drop_columns(partitioned)))
    return groups


def _create_view(tree: exp.Create, setting: Setting) -> Outcome:
    """A view is a table of the catalogue that holds its statement."""
    database, name = _named(tree.this, setting)
    session = _Session(setting)
    dialect.check_names(tree.expression)
    columns = session.describe(session.query(tree.expression))
    view = {
        "originalSql": tree.expression.sql(dialect="athena"),
        "catalog": "awsdatacatalog",
        "schema": setting.database,
        "columns": [{"name": column, "type": types.in_result(kind)} for column, kind in columns],
    }
    text = base64.b64encode(json.dumps(view).encode()).decode()
    table = {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "ViewOriginalText": f"{VIEW_MARK}{text} */",
        "ViewExpandedText": "/* Presto View */",
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": types.to_hive(column, kind)} for column, kind in columns],
            "Location": "",
            "SerdeInfo": {},
        },
    }
    before = _find(database, name, setting)
    if before is None:
        _register(database, name, table, setting)
    elif not tree.args.get("replace") or before.get("TableType") != "VIRTUAL_VIEW":
        raise QueryFailed("TABLE_ALREADY_EXISTS", f"Table 'awsdatacatalog.{database}.{name}' already exists")
    else:
        setting.witness.saw("glue", "UpdateTable", f"{database}/{name}")
        with catalogue.lock:
            catalogue.backend(setting.region).update_table(database, name, table)
    return Outcome("create view")


def _drop(tree: exp.Drop, setting: Setting) -> Outcome:
    database, name = _named(tree.args["tables"][0], setting)
    found = _find(database, name, setting)
    if found is None:
        if tree.args.get("exists"):
            return Outcome("drop")
        raise QueryFailed("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{database}.{name}' does not exist")
    if (found.get("TableType") == "VIRTUAL_VIEW") != (tree.kind == "VIEW"):
        raise QueryFailed("GENERIC_USER_ERROR", f"{database}.{name} is not a {tree.kind}")
    setting.witness.saw("glue", "DeleteTable", f"{database}/{name}")
    with catalogue.lock:
        catalogue.backend(setting.region).delete_table(database, name)
    return Outcome("drop")


def _create_database(name: str, may_exist: bool, setting: Setting) -> Outcome:
    setting.witness.saw("glue", "CreateDatabase", name)
    with catalogue.lock:
        try:
            catalogue.backend(setting.region).create_database(name, {"Name": name})
        except JsonRESTError as error:
            if not may_exist:
                raise QueryFailed("SCHEMA_ALREADY_EXISTS", f"Schema '{name}' already exists") from error
    return Outcome("create database")


def _named(target: exp.Expression, setting: Setting) -> tuple[str, str]:
    table = target.this if isinstance(target, exp.Schema) else target
    return (table.db or setting.database).lower(), table.name.lower()


def _properties(tree: exp.Create) -> dict[str, Any]:
    """The properties of CTAS by their names."""
    found: dict[str, Any] = {}
    given = tree.args.get("properties")
    for entry in given.expressions if given else []:
        match entry:
            case exp.FileFormatProperty():
                found["format"] = entry.name
            case exp.PartitionedByProperty():
                found["partitioned_by"] = [column.name for column in entry.this.expressions]
            case exp.LocationProperty():
                found["external_location"] = entry.name
            case exp.Property():
                found[entry.name.lower()] = entry.args["value"].name
    return found


def _find(database: str, name: str, setting: Setting) -> dict[str, Any] | None:
    setting.witness.saw("glue", "GetTable", f"{database}/{name}")
    with catalogue.lock:
        backend = catalogue.backend(setting.region)
        if database not in backend.databases:
            raise QueryFailed("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist")
        table = backend.databases[database].tables.get(name)
        return None if table is None else catalogue.newest(table)


def _absent(database: str, name: str, may_exist: bool, setting: Setting) -> None:
    if _find(database, name, setting) is not None and not may_exist:
        raise QueryFailed("TABLE_ALREADY_EXISTS", f"Table 'awsdatacatalog.{database}.{name}' already exists")


def _register(database: str, name: str, table: dict[str, Any], setting: Setting) -> None:
    setting.witness.saw("glue", "CreateTable", f"{database}/{name}")
    with catalogue.lock:
        catalogue.backend(setting.region).create_table(database, name, table)


def _fresh(location: str, setting: Setting) -> str:
    """A place that nothing lies in yet."""
    location = location if location.endswith("/") else location + "/"
    bucket, prefix = buckets.split(location)
    setting.witness.saw("s3", "GetBucketLocation", bucket)
    setting.witness.saw("s3", "ListBucket", bucket)
    if next(buckets.keys(bucket, prefix), None) is not None:
        raise QueryFailed("HIVE_PATH_ALREADY_EXISTS", f"Target directory for table already exists: {location}")
    return location


def _as_hive(text: str, columns: list[tuple[str, str]]) -> str:
    """The query with every column in a type that a file of Athena has."""
    narrowed = {"HUGEINT": "BIGINT"}
    shown = (f"CAST({quoted(name)} AS {narrowed.get(kind, kind)}) AS {quoted(name)}" for name, kind in columns)
    return f"SELECT {', '.join(shown)} FROM ({text})"


def _write(rows: pyarrow.Table, location: str, setting: Setting) -> list[str]:
    """Writes rows as Athena's workers would: in two files where there are two rows, none where there is none.

    Whoever relies on the order of rows or on one file is found out by it.
    """
    parts = [
        part
        for part in (rows.take(pyarrow.array(range(start, rows.num_rows, 2), pyarrow.int64())) for start in (1, 0))
        if part.num_rows
    ]
    written = []
    for part in parts:
        body = io.BytesIO()
        # As Athena writes timestamps: the old 96 bits of Impala.
        pyarrow.parquet.write_table(part, body, compression="gzip", use_deprecated_int96_timestamps=True)
        stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime())
        url = f"{location}{stamp}_00001_emul8_{uuid.uuid4()}"
        setting.witness.saw("s3", "PutObject", url.removeprefix("s3://"))
        buckets.write(url, body.getvalue())
        written.append(url)
    return written
