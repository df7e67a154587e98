#!/usr/bin/env python3
"""What is in a table, as one JSON object: asked of SQLite, or of DuckDB over Parquet files.

    tests/datasette/figures.py sqlite DB TABLE
    tests/datasette/figures.py parquet FILE…

`rows` counts the rows. `columns` has for each column its name, how many values it has, and for numbers their sum,
else the smallest and the largest text, as the engine gives them; engines round sums of fractions in the last
places. `digest` is a hash over all values of all rows,
whatever their order: it is the same only if every value is. A table without a key has `rowid` first, as Datasette
gives it; `_extra` is left out where it has no values.
"""

import hashlib
import json
import sqlite3
import sys

import duckdb


def main(arguments):
    match arguments:
        case ["sqlite", path, table]:
            database = sqlite3.connect(path)
            has_key = any(key for *_, key in database.execute(f'pragma table_info("{table}")'))
            every = "*" if has_key else "rowid, *"
            source = f'(select {every} from "{table}")'
            found = figures(database.execute, source, "sum")
        case ["parquet", *paths] if paths:
            database = duckdb.connect()
            # Hive directories would become columns.
            source = f"read_parquet({paths!r}, hive_partitioning = false)"
            # The plain `sum` of fractions depends on how DuckDB divides the work.
            found = figures(database.execute, source, "fsum")
        case _:
            return __doc__
    print(json.dumps(found))
    return 0


def figures(execute, source, total):
    cursor = execute(f"select * from {source}")
    names = [name for name, *_ in cursor.description]
    rows = cursor.fetchall()
    if "_extra" in names and not any(row[names.index("_extra")] for row in rows):
        rows = [row[: names.index("_extra")] for row in rows]
        names.remove("_extra")
    columns = [column(execute, source, total, name, [row[at] for row in rows]) for at, name in enumerate(names)]
    [count] = execute(f"select count(*) from {source}").fetchone()
    digest = hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest()
    return {"rows": count, "columns": columns, "digest": digest}


def column(execute, source, total, name, values):
    is_number = all(isinstance(value, (int, float)) for value in values if value is not None)
    total = "sum" if all(isinstance(value, int) for value in values if value is not None) else total
    wanted = f'{total}("{name}")' if is_number else f'min("{name}"), max("{name}")'
    count, *asked = execute(f'select count("{name}"), {wanted} from {source}').fetchone()
    keys = ["sum"] if is_number else ["min", "max"]
    return {"name": name, "count": count, **dict(zip(keys, asked))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
