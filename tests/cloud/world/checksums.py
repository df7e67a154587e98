"""What a table holds, in one line: its rows and a sum over them in no order.

The two sides are read by different readers, so values are compared as text: a timestamp to its millisecond, which is
what Athena keeps, and whole numbers whatever their width.
"""

import datetime
import decimal
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet

# When a run began: two runs never agree on it.
MOMENTS = frozenset({"ingestion_timestamp"})


@dataclass(frozen=True)
class Content:
    """A table's content."""

    rows: int
    columns: tuple[str, ...]
    sum: str

    def __str__(self) -> str:
        return f"{self.rows} rows, {len(self.columns)} columns, {self.sum[:16]}"


def of_rows(rows: Iterable[dict[str, Any]], columns: Iterable[str]) -> Content:
    """The content of rows."""
    names = tuple(sorted(name for name in columns if name not in MOMENTS))
    lines = sorted("\x1f".join(_text(row[name]) for name in names) for row in rows)
    digest = hashlib.sha256("\x1e".join([*names, *lines]).encode()).hexdigest()
    return Content(len(lines), names, digest)


def of_parquet(files: Iterable[bytes], columns: Iterable[str]) -> Content:
    """The content of Parquet files together; files without rows may be missing."""
    return of_rows(rows_of(files), columns)


def rows_of(files: Iterable[bytes]) -> list[dict[str, Any]]:
    """All rows of Parquet files."""
    return [row for body in files for row in pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()]


def _text(value: Any) -> str:
    match value:
        case None:
            return "\x00"
        case bool():
            return "true" if value else "false"
        case datetime.datetime():
            moment = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
            return moment.isoformat(timespec="milliseconds")
        case float():
            return repr(value + 0.0)
        case decimal.Decimal():
            return format(value.normalize(), "f")
        case list():
            return "[" + ",".join(_text(item) for item in value) + "]"
        case _:
            return str(value)
