"""The same pages to the same Parquet columns with other tools, each as its documentation says it is done fast.

rivals.py ENGINE COLUMNS.json INPUT OUT PAGES   types INPUT (a directory of pages, of which the first PAGES are read,
                                                or a file with a record a line) into OUT/<table>.parquet
rivals.py curl|dlt_rest COLUMNS.json URL OUT PAGES   the same from a URL to which `&page=0` and so on is added
rivals.py same COLUMNS.json OUT OUT ...         tells whether the outputs hold the same rows

One thread, zstd at level 1. The last line on standard output is what the process used.
"""

import glob
import json
import os
import resource
import sys

TEXTS_FIRST = ("timestamp", "date", "decimal(18,2)")
# Top-level members besides the records; DuckDB is slower when some are left out.
BESIDES = {"page": "BIGINT", "per_page": "BIGINT", "total": "BIGINT", "next": "VARCHAR"}
# Of the one column that is raw JSON to us; polars reads it as what it is and writes it as JSON again.
FLAGS = {"beta": "bool", "ab": "string", "retries": "int64"}


def steps(column):
    return column["from"].split(".")[1:]


def own(table):
    return [c for c in table["columns"] if c["from"].startswith("$.")]


def of_parent(table):
    return [c for c in table["columns"] if c["from"].startswith("$parent.")]


def ordinals(table):
    return [c["name"] for c in table["columns"] if c["from"] == "$ordinal"]


def tree(table, leaf):
    """The nested members that a table takes, with `leaf(type)` at their ends."""
    root = {}
    for column in own(table):
        node = root
        *way, last = steps(column)
        for key in way:
            node = node.setdefault(key, {})
        node[last] = leaf(column["type"])
    return root


class Job:
    def __init__(self, columns, source, out, pages):
        plan = json.load(open(columns))
        self.root, self.tables = plan["root"], plan["tables"]
        self.source, self.out, self.pages = source, out, pages
        self.lines = source.endswith(".ndjson")
        self.files = [source] if self.lines else sorted(glob.glob(source + "/*.json"))[:pages]
        os.makedirs(out, exist_ok=True)

    def place(self, table):
        return f"{self.out}/{table['name']}.parquet"


def duckdb(job):
    import duckdb as engine

    kinds = {"int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN", "json": "JSON"}

    def declared(node):
        if isinstance(node, str):
            return node
        members = ", ".join(f'"{key}" {declared(inner)}' for key, inner in node.items())
        return f"STRUCT({members})"

    def taken(column, record):
        path = "".join(f'."{key}"' for key in steps(column))
        kind, value = column["type"], record + path
        if kind == "timestamp":
            value = f"CAST(CAST({value} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP)"
        elif kind == "date":
            value = f"CAST({value} AS DATE)"
        elif kind.startswith("decimal"):
            value = f"CAST({value} AS {kind})"
        elif kind == "json":
            value = f"CAST({value} AS VARCHAR)"
        return f'{value} AS "{column["name"]}"'

    parent, *children = job.tables
    record = tree(parent, lambda kind: kinds.get(kind, "VARCHAR"))
    fields = {key: declared(node) for key, node in record.items()}
    for child in children:
        inner = tree(child, lambda kind: kinds.get(kind, "VARCHAR"))
        fields[child["list"]] = declared(inner) + "[]"
    listing = ", ".join(f"'{path}'" for path in job.files)

    def read(shape, columns):
        told = ", ".join(f"'{key}': '{kind}'" for key, kind in columns.items())
        return f"read_json([{listing}], format='{shape}', columns={{{told}}}, maximum_object_size=67108864)"

    if job.lines:
        rows = f"SELECT j AS r FROM {read('newline_delimited', fields)} j"
    elif job.root is None:
        rows = f"SELECT j AS r FROM {read('array', fields)} j"
    else:
        whole = ", ".join(f'"{key}" {kind}' for key, kind in fields.items())
        page = {job.root: f"STRUCT({whole})[]", **BESIDES}
        rows = f'SELECT unnest("{job.root}") AS r FROM {read("unstructured", page)}'
    con = engine.connect()
    for setting in ("threads=1", "preserve_insertion_order=false", "TimeZone='UTC'"):
        con.execute("SET " + setting)
    options = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    if children:
        # The JSON is read once for all tables.
        con.execute(f"CREATE TEMP TABLE pages AS {rows}")
        rows = "SELECT r FROM pages"
    wanted = ", ".join(taken(c, "r") for c in own(parent))
    con.execute(f"COPY (SELECT {wanted} FROM ({rows})) TO '{job.place(parent)}' {options}")
    for child in children:
        lead = [taken(c, "r") for c in of_parent(child)] + [f'place AS "{name}"' for name in ordinals(child)]
        wanted = ", ".join(lead + [taken(c, "e") for c in own(child)])
        items = f'r."{child["list"]}"'
        inner = f"SELECT r, unnest({items}) AS e, generate_subscripts({items}, 1) - 1 AS place FROM ({rows}) WHERE len({items}) > 0"
        con.execute(f"COPY (SELECT {wanted} FROM ({inner})) TO '{job.place(child)}' {options}")


def polars(job):
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars as pl

    kinds = {"int64": pl.Int64, "float64": pl.Float64, "bool": pl.Boolean, "string": pl.String}
    flags = pl.Struct({key: kinds[kind] for key, kind in FLAGS.items()})

    def declared(node):
        return pl.Struct({k: declared(v) for k, v in node.items()}) if isinstance(node, dict) else node

    def leaf(kind):
        return flags if kind == "json" else kinds.get(kind, pl.String)

    def taken(column, start=None):
        first, *rest = steps(column)
        value = pl.col(first) if start is None else pl.col(start).struct.field(first)
        for key in rest:
            value = value.struct.field(key)
        kind = column["type"]
        if kind == "timestamp":
            value = value.str.to_datetime("%Y-%m-%dT%H:%M:%S%.3f%#z", time_unit="us", time_zone="UTC")
        elif kind == "date":
            value = value.str.to_date("%Y-%m-%d")
        elif kind.startswith("decimal"):
            value = value.cast(pl.Decimal(18, 2))
        elif kind == "json":
            value = value.struct.json_encode()
        return value.alias(column["name"])

    parent, *children = job.tables
    schema = {key: declared(node) for key, node in tree(parent, leaf).items()}
    for child in children:
        schema[child["list"]] = pl.List(declared(tree(child, leaf)))

    def rows_of(frame, child):
        items = pl.col(child["list"])
        lead = [pl.col(steps(c)[0]).alias(c["name"]) for c in of_parent(child)]
        places = [pl.int_ranges(0, items.list.len()).alias(name) for name in ordinals(child)]
        frame = frame.filter(items.list.len() > 0).select(lead + places + [items.alias("_")])
        frame = frame.explode(["_"] + ordinals(child))
        return frame.select([c["name"] for c in of_parent(child)] + ordinals(child) + [taken(c, "_") for c in own(child)])

    parts = [[] for _ in job.tables]
    for path in job.files:
        if job.lines:
            frame = pl.read_ndjson(path, schema=schema)
        elif job.root:
            frame = pl.read_json(path, schema={job.root: pl.List(pl.Struct(schema))})
            frame = frame.explode(job.root).select(pl.col(job.root).struct.unnest())
        else:
            frame = pl.read_json(path, schema=schema)
        parts[0].append(frame.select([taken(c) for c in own(parent)]))
        for part, child in zip(parts[1:], children):
            part.append(rows_of(frame, child))
    for part, table in zip(parts, job.tables):
        pl.concat(part).write_parquet(job.place(table), compression="zstd", compression_level=1)


class Arrow:
    """What the engines share that end in pyarrow."""

    def __init__(self, job):
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        pa.set_cpu_count(1)
        self.pa, self.pc, self.pq, self.job, self.writers = pa, pc, pq, job, {}
        self.kinds = {
            "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "date": pa.date32(),
            "timestamp": pa.timestamp("us", "UTC"), "decimal(18,2)": pa.decimal128(18, 2),
        }

    def raw(self, kind):
        return self.pa.string() if kind in TEXTS_FIRST else self.kinds.get(kind, self.pa.string())

    def typed(self, values, kind):
        return self.pc.cast(values, self.kinds[kind]) if kind in TEXTS_FIRST else values

    def write(self, table, names, arrays):
        batch = self.pa.Table.from_arrays(arrays, names=names)
        name = table["name"]
        if name not in self.writers:
            place = self.job.place(table)
            self.writers[name] = self.pq.ParquetWriter(place, batch.schema, compression="zstd", compression_level=1)
        self.writers[name].write_table(batch)

    def close(self):
        for writer in self.writers.values():
            writer.close()


def pyarrow(job):
    import io

    import numpy as np
    import pyarrow.json as reader

    arrow = Arrow(job)
    pa, pc = arrow.pa, arrow.pc
    parent, *children = job.tables

    def declared(node):
        if not isinstance(node, dict):
            return node
        # It knows no raw JSON: the column is left out, which saves it some work.
        return pa.struct([(k, declared(v)) for k, v in node.items() if v != "json"])

    def leaf(kind):
        return kind if kind == "json" else arrow.raw(kind)

    fields = [(key, declared(node)) for key, node in tree(parent, leaf).items()]
    fields += [(child["list"], pa.list_(declared(tree(child, leaf)))) for child in children]

    def at(value, column):
        for key in steps(column):
            value = pc.struct_field(value, key)
        return value

    def emit(records):
        plain = [c for c in own(parent) if c["type"] != "json"]
        arrow.write(parent, [c["name"] for c in plain], [arrow.typed(at(records, c), c["type"]) for c in plain])
        for child in children:
            lists = pc.struct_field(records, child["list"])
            items, holders = pc.list_flatten(lists), pc.list_parent_indices(lists)
            holder = np.asarray(holders)
            starts = np.flatnonzero(np.r_[True, holder[1:] != holder[:-1]])
            places = np.arange(len(holder)) - np.repeat(starts, np.diff(np.r_[starts, len(holder)]))
            arrays = [pc.take(at(records, c), holders) for c in of_parent(child)]
            arrays += [pa.array(places) for _ in ordinals(child)]
            arrays += [arrow.typed(at(items, c), c["type"]) for c in own(child)]
            names = [c["name"] for c in of_parent(child)] + ordinals(child) + [c["name"] for c in own(child)]
            arrow.write(child, names, arrays)

    def options(schema):
        return {
            "read_options": reader.ReadOptions(use_threads=False, block_size=64 << 20),
            "parse_options": reader.ParseOptions(explicit_schema=pa.schema(schema), unexpected_field_behavior="ignore"),
        }

    if job.lines:
        for batch in reader.open_json(job.files[0], **options(fields)):
            emit(batch.to_struct_array())
    else:
        held = []
        for number, path in enumerate(job.files):
            body = open(path, "rb").read()
            root = job.root or "list"
            body = body if job.root else b'{"list":' + body + b"}"
            page = reader.read_json(io.BytesIO(body), **options([(root, pa.list_(pa.struct(fields)))]))
            held.append(page.column(0).chunk(0).flatten())
            if len(held) == 100 or number + 1 == len(job.files):
                emit(pa.concat_arrays(held))
                held = []
    arrow.close()


def orjson(job):
    import orjson as reader

    arrow = Arrow(job)

    def at(record, way):
        for key in way:
            if record is None:
                return None
            record = record.get(key)
        return record

    def column(values, kind):
        if kind == "json":
            values = [None if value is None else reader.dumps(value).decode() for value in values]
        return arrow.typed(arrow.pa.array(values, arrow.raw(kind)), kind)

    parent, *children = job.tables
    held = []
    for number, path in enumerate(job.files):
        page = reader.loads(open(path, "rb").read())
        held.extend(page[job.root] if job.root else page)
        if (number + 1) % 100 and number + 1 < len(job.files):
            continue
        arrays = [column([at(r, steps(c)) for r in held], c["type"]) for c in own(parent)]
        arrow.write(parent, [c["name"] for c in own(parent)], arrays)
        for child in children:
            rows = [(r, place, item) for r in held for place, item in enumerate(r[child["list"]])]
            arrays = [column([at(r, steps(c)) for r, _, _ in rows], c["type"]) for c in of_parent(child)]
            arrays += [column([place for _, place, _ in rows], "int64") for _ in ordinals(child)]
            arrays += [column([at(item, steps(c)) for _, _, item in rows], c["type"]) for c in own(child)]
            names = [c["name"] for c in of_parent(child)] + ordinals(child) + [c["name"] for c in own(child)]
            arrow.write(child, names, arrays)
        held = []
    arrow.close()


def pandas(job):
    import pandas as pd

    arrow = Arrow(job)
    parent, *children = job.tables
    records = []
    for path in job.files:
        page = json.load(open(path))
        records.extend(page[job.root] if job.root else page)
    for column in own(parent):
        if column["type"] == "json":
            *way, last = steps(column)
            for record in records:
                for key in way:
                    record = record[key]
                record[last] = json.dumps(record[last])

    def typed(series, kind):
        if kind == "timestamp":
            series = pd.to_datetime(series, format="ISO8601", utc=True)
            return arrow.pa.Array.from_pandas(series, type=arrow.kinds[kind], safe=False)
        if kind in TEXTS_FIRST:
            return arrow.typed(arrow.pa.Array.from_pandas(series, type=arrow.pa.string()), kind)
        if kind == "int64":
            series = pd.to_numeric(series).astype("Int64")
        return arrow.pa.Array.from_pandas(series, type=arrow.raw(kind))

    def emit(table, frame, lead):
        columns = own(table)
        names = [name for name, _ in lead] + [c["name"] for c in columns]
        arrays = [array for _, array in lead] + [typed(frame[".".join(steps(c))], c["type"]) for c in columns]
        arrow.write(table, names, arrays)

    emit(parent, pd.json_normalize(records), [])
    for child in children:
        keys = [steps(c)[0] for c in of_parent(child)]
        frame = pd.json_normalize(records, record_path=child["list"], meta=keys, meta_prefix="of.")
        lead = [(c["name"], typed(frame["of." + steps(c)[0]], c["type"])) for c in of_parent(child)]
        places = frame.groupby("of." + keys[0], sort=False).cumcount()
        lead += [(name, typed(places, "int64")) for name in ordinals(child)]
        emit(child, frame, lead)
    arrow.close()


def dlt(job):
    out = os.path.abspath(job.out)
    os.environ.update({
        "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR",
        "DESTINATION__FILESYSTEM__BUCKET_URL": "file://" + out, "NORMALIZE__WORKERS": "1", "LOAD__WORKERS": "1",
    })
    import dlt as engine
    import orjson as reader

    @engine.resource(name=job.tables[0]["name"])
    def records():
        for path in job.files:
            page = reader.loads(open(path, "rb").read())
            yield page[job.root] if job.root else page

    # It finds columns and child tables by itself, and takes all that there is.
    pipeline = engine.pipeline("bench", destination="filesystem", dataset_name="bench", pipelines_dir=out + "/.dlt")
    pipeline.run(records(), loader_file_format="parquet")


def curl(job):
    """All pages to the disk over one connection, then one DuckDB script."""
    import shutil
    import subprocess

    shutil.rmtree(job.out, ignore_errors=True)
    pages = job.out + "/pages"
    os.makedirs(pages)
    url = f"{job.source}&page=[0-{job.pages - 1}]"
    subprocess.run(["curl", "-sS", "--fail", url, "-o", pages + "/#1.json"], check=True)
    job.files = sorted(glob.glob(pages + "/*.json"))
    job.source = pages
    duckdb(job)
    shutil.rmtree(pages)


def dlt_rest(job):
    """As its documentation says it is done: the generic REST source, Parquet files on the disk."""
    import urllib.parse

    out = os.path.abspath(job.out)
    os.environ.update({
        "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR",
        "DESTINATION__FILESYSTEM__BUCKET_URL": "file://" + out, "NORMALIZE__WORKERS": "1", "LOAD__WORKERS": "1",
    })
    import dlt as engine
    from dlt.sources.rest_api import rest_api_source

    url = urllib.parse.urlsplit(job.source)
    resource = {
        "name": "bookings", "primary_key": "id", "write_disposition": "replace", "file_format": "parquet",
        "endpoint": {
            "path": url.path.lstrip("/"), "params": dict(urllib.parse.parse_qsl(url.query)),
            "data_selector": job.root,
            "paginator": {"type": "page_number", "base_page": 0, "page_param": "page", "total_path": None,
                          "maximum_page": job.pages},
        },
    }
    client = {"base_url": f"{url.scheme}://{url.netloc}/"}
    source = rest_api_source({"client": client, "resources": [resource]}, name="api")
    pipeline = engine.pipeline("bench", destination="filesystem", dataset_name="bench", pipelines_dir=out + "/.dlt")
    pipeline.run(source)


def same_sums(columns, outs):
    """What can be compared with a tool that names tables and columns its own way: rows and keys."""
    import duckdb as engine

    con = engine.connect()
    ours, theirs = outs
    agree = True
    for table, other in (("bookings", "bookings"), ("attendees", "bookings__attendees")):
        asked = "SELECT count(*), sum(id), count(DISTINCT id) FROM "
        found = [con.execute(f"{asked}'{place}'").fetchone()
                 for place in (f"{ours}/{table}-*.parquet", f"{theirs}/bench/{other}/*.parquet")]
        if found[0] != found[1]:
            print(f"{table}: {found[0]} in {ours} and {found[1]} in {theirs}", file=sys.stderr)
            agree = False
    return agree


def same(columns, outs):
    """One fingerprint a column, whatever the order of rows; JSON columns are written in ways of their own."""
    import duckdb as engine

    con = engine.connect()
    con.execute("SET TimeZone='UTC'")
    agree = True
    for table in json.load(open(columns))["tables"]:
        asked = ["count(*)"]
        for column in table["columns"]:
            name = '"' + column["name"] + '"'
            of = {
                "timestamp": f"sum(epoch_us({name}))", "date": f"sum(epoch({name}))", "string": f"sum(hash({name}))",
                "float64": f"round(sum({name}), 2)", "bool": f"sum({name}::INT)", "json": "1",
            }.get(column["type"], f"sum({name})")
            # Values are tied to the row they stand in by the table's first column.
            key = '"' + table["columns"][0]["name"] + '"'
            tie = "1" if column["type"] in ("json", "float64") else f"sum(hash({key}::VARCHAR, {name}::VARCHAR)::HUGEINT)" if column["type"] in ("string", "int64", "date", "bool") else "1"
            asked += [f"count({name})" if column["type"] != "json" else "1", of, tie]
        prints = []
        for out in outs:
            found = con.execute(f"SELECT {', '.join(asked)} FROM '{out}/{table['name']}*.parquet'").fetchone()
            prints.append(found)
        for out, found in zip(outs[1:], prints[1:]):
            for what, ours, theirs in zip(asked, prints[0], found):
                if ours != theirs:
                    print(f"{table['name']}: {what} is {ours} in {outs[0]} and {theirs} in {out}", file=sys.stderr)
                    agree = False
    return agree


def main():
    engine, columns, *rest = sys.argv[1:]
    if engine.startswith("same"):
        sys.exit(0 if globals()[engine](columns, rest) else 1)
    source, out, pages = rest
    globals()[engine](Job(columns, source, out, int(pages)))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    print(json.dumps({"cpu_seconds": cpu, "peak_bytes": max(one.ru_maxrss for one in used) * 1024}))


main()
