#!/usr/bin/env python3
"""Builds the SQLite file that a test's Datasette serves, from data sets that ship inside vega_datasets.

    tests/datasette/build.py DB

| table | rows | primary key | from |
| --- | --- | --- | --- |
| airports | 3,376 | iata | airports.csv: text and reals; some values are the text `NA` |
| seattle_weather | 1,461 | date | seattle-weather.csv |
| seattle_temps | 8,759 | none | seattle-temps.csv |
| stocks | 560 | symbol, date | stocks.csv: a compound key |
| cars | 406 | none | cars.json: integers and reals, some null |
| us_employment | 120 | month | us-employment.csv: 24 columns |

An existing file is replaced. The same package gives the same rows.
"""

import csv
import json
import pathlib
import sqlite3
import sys

from vega_datasets import local_data

# Table, data set, its columns as SQL, and the key. A column's place is its place in the file.
TABLES = [
    ("airports", "airports", "iata text, name text, city text, state text, country text, latitude real, longitude real",
     "iata"),
    ("seattle_weather", "seattle_weather",
     "date text, precipitation real, temp_max real, temp_min real, wind real, weather text", "date"),
    ("seattle_temps", "seattle_temps", "date text, temp real", None),
    ("stocks", "stocks", "symbol text, date text, price real", "symbol, date"),
    ("cars", "cars",
     "Name text, Miles_per_Gallon real, Cylinders integer, Displacement real, Horsepower integer, "
     "Weight_in_lbs integer, Acceleration real, Year text, Origin text", None),
    ("us_employment", "us_employment",
     "month text, nonfarm integer, private integer, goods_producing integer, service_providing integer, "
     "private_service_providing integer, mining_and_logging integer, construction integer, manufacturing integer, "
     "durable_goods integer, nondurable_goods integer, trade_transportation_utilties integer, wholesale_trade real, "
     "retail_trade real, transportation_and_warehousing real, utilities real, information integer, "
     "financial_activities integer, professional_and_business_services integer, education_and_health_services integer, "
     "leisure_and_hospitality integer, other_services integer, government integer, nonfarm_change integer", "month"),
]


def main(arguments):
    if len(arguments) != 1:
        return __doc__
    path = pathlib.Path(arguments[0])
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    with database:
        for table, data_set, columns, key in TABLES:
            fill(database, table, columns, key, records(pathlib.Path(getattr(local_data, data_set).filepath)))
    for (table, *_) in TABLES:
        print(table, *database.execute(f"select count(*) from {table}").fetchone())
    database.close()
    return 0


def records(path):
    """The file's own values: pandas would turn whole numbers beside a gap into fractions."""
    if path.suffix == ".json":
        return [list(record.values()) for record in json.loads(path.read_text())]
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return [[value if value != "" else None for value in row] for row in rows]


def fill(database, table, columns, key, rows):
    constraint = f", primary key ({key})" if key else ""
    database.execute(f"create table {table} ({columns}{constraint})")
    places = ", ".join("?" * len(columns.split(",")))
    database.executemany(f"insert into {table} values ({places})", rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
