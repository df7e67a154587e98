"""Reads statements, one JSON object a line, and tells those that their dialect does not know.

    {"place": "gins totals", "dialect": "athena", "sql": "SELECT …"}    →    gins totals: Expected …

sqlglot is somebody else's reading of every dialect. What it takes for granted although the engine has no such function
is found by the emulator of tests/cloud, which runs the statements.
"""

import json
import sys

import sqlglot
from sqlglot import errors, exp

# The engines of our lake count rows and cells; what changes or removes them has no place in a definition.
CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Drop, exp.Merge)


def main() -> int:
    """Reads all, and ends with 1 if any was wrong."""
    wrong = 0
    for line in sys.stdin:
        statement = json.loads(line)
        for mistake in mistakes(statement["sql"], statement["dialect"]):
            print(f"{statement['place']} ({statement['dialect']}): {mistake}")
            wrong += 1
    return 1 if wrong else 0


def mistakes(sql: str, dialect: str) -> list[str]:
    """What is wrong with a statement."""
    try:
        found = sqlglot.parse(sql, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    except errors.SqlglotError as error:
        return [str(error).splitlines()[0]]
    trees = [tree for tree in found if tree is not None]
    if len(trees) != 1:
        return [f"{len(trees)} statements where one is expected"]
    if isinstance(trees[0], (exp.Command, *CHANGES)):
        return ["it is no query, and makes no table or view"]
    return []


if __name__ == "__main__":
    sys.exit(main())
