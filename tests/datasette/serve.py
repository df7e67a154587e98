#!/usr/bin/env python3
"""Serves a SQLite file with the Datasette of this Python's environment, on 127.0.0.1.

    tests/datasette/serve.py DB PORT

PORT 0 takes any free port; the line `Uvicorn running on http://127.0.0.1:PORT` on standard error tells which.
The settings are Datasette's own defaults where a public instance would have them: 100 rows a page unless asked
otherwise, at most 1,000. A page is `/{database}/{table}.json?_shape=objects&_size=100`: the rows are in `$.rows`,
the next page is at `$.next_url`, an absolute address made from the request's Host header, null on the last one.
`query_ms` differs from answer to answer, so two answers of the same page are not the same bytes.
"""

import os
import sys

SETTINGS = {
    "default_page_size": "100",
    "max_returned_rows": "1000",
    # A look at each column for every page, for suggestions that no program reads.
    "suggest_facets": "off",
}


def main(arguments):
    if len(arguments) != 2:
        return __doc__
    database, port = arguments
    settings = [word for name, value in SETTINGS.items() for word in ("--setting", name, value)]
    command = ["-m", "datasette", "serve", "--immutable", database, "--host", "127.0.0.1", "--port", port, *settings]
    # The process becomes Datasette, so that ending it ends the server.
    os.execv(sys.executable, [sys.executable, *command])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
