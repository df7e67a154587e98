"""COPY: objects of S3 into a table, Parquet by position and CSV by its rules."""

import csv
import decimal
import gzip
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow
import pyarrow.parquet
from psycopg import sql as postgres

from .. import buckets
from ..witness import witness
from . import words
from .failure import StatementFailed
from .words import Word

# The options of COPY that the double knows, with how many values follow each.
_OPTIONS = {
    "IAM_ROLE": 1,
    "PARQUET": 0,
    "CSV": 0,
    "MANIFEST": 0,
    "GZIP": 0,
    "ROUNDEC": 0,
    "EMPTYASNULL": 0,
    "BLANKSASNULL": 0,
    "SERIALIZETOJSON": 0,
    "TRUNCATECOLUMNS": 0,
    "COMPUPDATE": 1,
    "STATUPDATE": 1,
    "DELIMITER": 1,
    "QUOTE": 1,
    "NULL": 1,
    "IGNOREHEADER": 1,
    "REGION": 1,
    "TIMEFORMAT": 1,
    "DATEFORMAT": 1,
    "ENCODING": 1,
}
# Options that only text has.
_NOT_WITH_PARQUET = {
    "CSV",
    "GZIP",
    "ROUNDEC",
    "EMPTYASNULL",
    "BLANKSASNULL",
    "DELIMITER",
    "QUOTE",
    "NULL",
    "IGNOREHEADER",
}
_FILLER = {"FORMAT", "AS", "WITH"}


@dataclass(frozen=True)
class Copy:
    """A COPY statement, understood."""

    table: str
    columns: list[str]
    source: str
    options: dict[str, str]


@dataclass(frozen=True)
class Column:
    """A column of the table that is copied into."""

    name: str
    kind: str
    scale: int | None


def parse(statement: str) -> Copy:
    """Reads a COPY statement."""
    found = words.split(statement)
    at = next((i for i, word in enumerate(found) if word.says("FROM")), None)
    if at is None or found[at + 1].kind != "text":
        raise StatementFailed("syntax error: COPY needs FROM 's3://…'")
    target = found[1:at]
    opening = next((i for i, word in enumerate(target) if word.text == "("), len(target))
    columns = [word.text.strip('"') for word in target[opening:] if word.kind in ("word", "name")]
    options = _options(found[at + 2 :])
    if "IAM_ROLE" not in options:
        raise StatementFailed("CREDENTIALS argument is required but not found")
    if "PARQUET" not in options and "CSV" not in options:
        raise StatementFailed("the emulator copies FORMAT PARQUET and CSV only")
    if "PARQUET" in options and (wrong := _NOT_WITH_PARQUET & options.keys()):
        raise StatementFailed(f"{sorted(wrong)[0]} is not supported for FORMAT PARQUET")
    return Copy(words.join(target[:opening]).replace(" ", ""), columns, _value(found[at + 1]), options)


def _options(rest: list[Word]) -> dict[str, str]:
    options: dict[str, str] = {}
    index = 0
    while index < len(rest):
        name = rest[index].text.upper()
        index += 1
        if name in _FILLER:
            continue
        if name not in _OPTIONS:
            raise StatementFailed(f"syntax error at or near `{name}`: the emulator knows no such option of COPY")
        options[name] = ""
        if _OPTIONS[name]:
            if rest[index].says("AS"):
                index += 1
            options[name] = _value(rest[index])
            index += 1
    return options


def _value(word: Word) -> str:
    return word.text[1:-1].replace("''", "'") if word.kind == "text" else word.text


def run(statement: str, cursor: psycopg.Cursor[Any]) -> int:
    """Copies; answers how many rows there were."""
    copy = parse(statement)
    role = copy.options["IAM_ROLE"]
    columns = _columns(copy, cursor)
    objects = list(_objects(copy, role))
    count = 0
    for url, body in objects:
        if "PARQUET" in copy.options:
            rows = _parquet(url, body, columns, copy)
        else:
            rows = _csv(url, body, columns, copy)
        names = postgres.SQL(", ").join(postgres.Identifier(column.name) for column in columns)
        target = postgres.SQL(copy.table)
        with cursor.copy(postgres.SQL("COPY {} ({}) FROM STDIN").format(target, names)) as into:
            for row in rows:
                into.write_row(row)
                count += 1
    return count


def _columns(copy: Copy, cursor: psycopg.Cursor[Any]) -> list[Column]:
    """The columns that are copied into, in their order."""
    found = cursor.execute(
        """
        SELECT a.attname, coalesce(b.typname, t.typname),
               CASE WHEN t.typname = 'numeric' THEN (a.atttypmod - 4) & 65535 END
        FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
        WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
        """,
        (copy.table,),
    ).fetchall()
    known = {name: Column(name, kind, scale) for name, kind, scale in found}
    missing = [name for name in copy.columns if name.lower() not in known]
    if missing:
        raise StatementFailed(f'column "{missing[0]}" of relation "{copy.table}" does not exist')
    return [known[name.lower()] for name in copy.columns] or list(known.values())


def _objects(copy: Copy, role: str) -> Iterator[tuple[str, bytes]]:
    """What is copied: the objects of a manifest, or all below a prefix."""
    seen = witness(f"role:{role}", via="redshift")
    bucket, key = buckets.split(copy.source)
    if "MANIFEST" not in copy.options:
        seen.saw("s3", "ListBucket", bucket)
        found = [f"s3://{bucket}/{key}" for key in buckets.keys(bucket, key)]
        if not found:
            raise StatementFailed(f"The specified S3 prefix '{key}' does not exist")
        entries = [{"url": url, "mandatory": True} for url in found]
    else:
        seen.saw("s3", "GetObject", f"{bucket}/{key}")
        entries = _manifest(copy, bucket, key)
    for entry in entries:
        bucket, key = buckets.split(entry["url"])
        seen.saw("s3", "GetObject", f"{bucket}/{key}")
        try:
            body = buckets.read(bucket, key)
        except buckets.NoSuchObject as none:
            if not entry.get("mandatory"):
                continue
            raise StatementFailed(f"Problem reading manifest file - S3ServiceException:{none}") from none
        length = (entry.get("meta") or {}).get("content_length")
        if length is not None and length != len(body):
            raise StatementFailed(f"Manifest file length mismatch: {entry['url']} has {len(body)} bytes, not {length}")
        yield entry["url"], body


def _manifest(copy: Copy, bucket: str, key: str) -> list[dict[str, Any]]:
    try:
        entries: list[dict[str, Any]] = json.loads(buckets.read(bucket, key))["entries"]
    except (buckets.NoSuchObject, ValueError, KeyError) as error:
        raise StatementFailed(f"Problem reading manifest file - {error}") from error
    if "PARQUET" in copy.options:
        without = [entry["url"] for entry in entries if "content_length" not in (entry.get("meta") or {})]
        if without:
            raise StatementFailed(
                f"COPY with MANIFEST parameter requires full path of an S3 object and content_length for PARQUET: {without[0]}"
            )
    return entries


# What a column of a file may be copied into.
_TAKEN = {
    "bool": {"bool"},
    "int8": {"int2"},
    "int16": {"int2"},
    "int32": {"int4", "int2"},
    "int64": {"int8"},
    "float": {"float4"},
    "double": {"float8"},
    "string": {"varchar", "bpchar", "text"},
    "large_string": {"varchar", "bpchar", "text"},
    "date32[day]": {"date"},
}


def _parquet(url: str, body: bytes, columns: list[Column], copy: Copy) -> Iterator[list[Any]]:
    """Rows of a Parquet file: columns go by their position, and a type must fit exactly."""
    rows = pyarrow.parquet.read_table(io.BytesIO(body))
    if rows.num_columns != len(columns):
        raise StatementFailed(
            f"Spectrum Scan Error: number of columns does not match: {url} has {rows.num_columns}, "
            f"the table {len(columns)}"
        )
    for column, field in zip(columns, rows.schema, strict=True):
        if not _fits(column, field.type, copy):
            raise StatementFailed(
                f"Spectrum Scan Error: File '{url}' has an incompatible Parquet schema for column "
                f"'{column.name}'. Column type: {column.kind.upper()}, Parquet schema: {field.type}"
            )
    values = [column.to_pylist() for column in rows.columns]
    for row in zip(*values, strict=True):
        yield [json.dumps(value, default=str) if isinstance(value, dict | list) else value for value in row]


def _fits(column: Column, kind: pyarrow.DataType, copy: Copy) -> bool:
    if pyarrow.types.is_nested(kind):
        return column.kind == "jsonb" and "SERIALIZETOJSON" in copy.options
    if column.kind == "jsonb":
        return pyarrow.types.is_string(kind)
    if pyarrow.types.is_decimal(kind):
        return column.kind == "numeric" and kind.scale == column.scale
    if pyarrow.types.is_timestamp(kind):
        return column.kind in ("timestamp", "timestamptz")
    return column.kind in _TAKEN.get(str(kind), set())


def _csv(url: str, body: bytes, columns: list[Column], copy: Copy) -> Iterator[list[Any]]:
    """Rows of a CSV file, each value as its column reads it."""
    text = (gzip.decompress(body) if "GZIP" in copy.options else body).decode()
    lines = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=copy.options.get("DELIMITER", ","),
        quotechar=copy.options.get("QUOTE", '"'),
        strict=True,
    )
    ignored = int(copy.options.get("IGNOREHEADER", "0"))
    for number, line in enumerate(lines, 1):
        if number <= ignored or not line:
            continue
        if len(line) != len(columns):
            raise StatementFailed(
                f"Load into table '{copy.table}' failed. {url} line {number}: "
                f"{'Extra column(s) found' if len(line) > len(columns) else 'Delimiter not found'}"
            )
        yield [_typed(value, column, copy) for value, column in zip(line, columns, strict=True)]


def _typed(value: str, column: Column, copy: Copy) -> str | decimal.Decimal | None:
    text = column.kind in ("varchar", "bpchar", "text")
    if value == copy.options.get("NULL", "\\N"):
        return None
    if not value and (not text or "EMPTYASNULL" in copy.options):
        return None
    if text and not value.strip() and "BLANKSASNULL" in copy.options:
        return None
    if column.kind == "numeric" and column.scale is not None:
        return _scaled(value, column.scale, "ROUNDEC" in copy.options)
    return value


def _scaled(value: str, scale: int, rounded: bool) -> decimal.Decimal:
    """Digits beyond the scale are cut off, and rounded only when ROUNDEC asks for it."""
    try:
        number = decimal.Decimal(value.strip())
    except decimal.InvalidOperation as error:
        raise StatementFailed(f"Invalid digit, Value '{value[:1]}', Type: Decimal") from error
    how = decimal.ROUND_HALF_UP if rounded else decimal.ROUND_DOWN
    return number.quantize(decimal.Decimal(1).scaleb(-scale), rounding=how)


def is_copy(statement: str) -> bool:
    """Whether a statement is a COPY."""
    return re.match(r"\s*COPY\b", statement, re.IGNORECASE) is not None
