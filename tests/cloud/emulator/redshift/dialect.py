"""Redshift's SQL in the words of PostgreSQL, and nothing that Redshift would not take.

Lengths of text are bytes, keys are not enforced, what PostgreSQL has beyond Redshift is refused.
"""

import re

import sqlglot

from .. import complaint
from . import words
from .failure import StatementFailed
from .words import Word

# What PostgreSQL would take and Redshift does not.
_FOREIGN = {
    r"\bON\s+CONFLICT\b": "ON CONFLICT",
    r"\bRETURNING\b": "RETURNING",
    r"\bDISTINCT\s+ON\b": "DISTINCT ON",
    r"\bFILTER\s*\(\s*WHERE\b": "FILTER",
    r"\bLATERAL\b": "LATERAL",
    r"\bCREATE\s+(UNIQUE\s+)?INDEX\b": "CREATE INDEX",
    r"\bADD\s+COLUMN\s+IF\b": "ADD COLUMN IF NOT EXISTS",
    r"\bINCLUDING\s+(ALL|CONSTRAINTS|INDEXES|IDENTITY)\b": "INCLUDING",
    r"\bON\s+COMMIT\b": "ON COMMIT",
    r"\bMATERIALIZED\s*\(": "AS MATERIALIZED",
    r"\b(EXCEPT|INTERSECT)\s+ALL\b": "EXCEPT ALL, INTERSECT ALL",
    r"\bSTRING_AGG\s*\(": "STRING_AGG",
    r"\bGENERATE_SERIES\s*\(": "GENERATE_SERIES",
    r"\b(JSONB|BYTEA|SERIAL|BIGSERIAL|UUID)\b": "this type",
    r"\bDELETE\s+FROM\s+[\w.]+\s+(AS\s+)?(?!WHERE\b|USING\b)[A-Za-z_]\w*": "an alias in DELETE",
}
_TEXTS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.DOTALL)
# What is PostgreSQL's own or is not to be touched.
_AS_IT_IS = re.compile(
    r"\s*(DROP|CALL|COMMENT|LOCK|TRUNCATE|SHOW|SET|ALTER|"
    r"CREATE\s+(OR\s+REPLACE\s+)?(PROCEDURE|FUNCTION)|CREATE\s+SCHEMA)\b",
    re.IGNORECASE,
)
_NOTHING_TO_DO = re.compile(r"\s*(ANALYZE|GRANT|REVOKE)\b", re.IGNORECASE)
# What commits by itself, so it cannot be a part of a transaction.
_ALONE = re.compile(
    r"\s*(TRUNCATE|VACUUM|BEGIN|COMMIT|END|ROLLBACK|ABORT|START\s+TRANSACTION|CREATE\s+DATABASE|"
    r"ALTER\s+TABLE\s+\S+\s+(APPEND|ALTER\s+COLUMN))\b",
    re.IGNORECASE,
)


def alone(sql: str) -> str | None:
    """The statement's name if it ends or cannot be part of a transaction."""
    found = _ALONE.match(sql)
    return found.group(1).upper() if found else None


def to_postgres(sql: str) -> str:
    """The statement that PostgreSQL runs."""
    bare = _TEXTS.sub("''", sql)
    for pattern, name in _FOREIGN.items():
        if re.search(pattern, bare, re.IGNORECASE):
            raise StatementFailed(f"syntax error: Redshift does not know {name}")
    if _NOTHING_TO_DO.match(sql):
        return "SELECT 1 WHERE false"
    if re.match(r"\s*ALTER\s+TABLE\b.*\bADD\b", sql, re.IGNORECASE | re.DOTALL):
        return _add_column(sql)
    if _AS_IT_IS.match(sql):
        return sql
    if re.match(r"\s*CREATE\s+(LOCAL\s+)?(TEMP\w*\s+)?TABLE\b", sql, re.IGNORECASE):
        return _create_table(sql)
    if view := re.match(r"(.*)\bWITH\s+NO\s+SCHEMA\s+BINDING\s*$", sql, re.IGNORECASE | re.DOTALL):
        sql = view.group(1)
    return _query(sql)


def _query(sql: str) -> str:
    try:
        return sqlglot.transpile(sql, read="redshift", write="postgres", unsupported_level=sqlglot.ErrorLevel.IGNORE)[0]
    except sqlglot.errors.SqlglotError as error:
        raise StatementFailed(f"syntax error: {complaint.plain(error)}") from error


def _create_table(sql: str) -> str:
    """A table without what only a cluster has: distribution, sort keys, encodings, and keys that nobody enforces."""
    found = words.split(sql)
    query = next((i for i, word in enumerate(found) if word.says("AS") and _begins_query(found, i + 1)), None)
    head = found if query is None else found[:query]
    opening = next((i for i, word in enumerate(head) if word.text == "("), None)
    if opening is not None and not _is_attribute(head[opening - 1]):
        end = words.closing(head, opening)
        columns = words.parts(head[opening + 1 : end])
        made = words.join(head[:opening]) + " (" + ", ".join(_columns(columns)) + ")"
    else:
        first = next((i for i, word in enumerate(head) if _is_attribute(word)), len(head))
        made = words.join(head[:first])
    if query is None:
        return made
    # The query as it is written: its spacing may be within a text.
    at = re.search(r"\bAS\s*(?=\(|SELECT\b|WITH\b)", sql, re.IGNORECASE)
    assert at is not None
    return f"{made} AS {_query(sql[at.end() :])}"


def _begins_query(found: list[Word], index: int) -> bool:
    return index < len(found) and (found[index].says("SELECT", "WITH") or found[index].text == "(")


def _is_attribute(word: Word) -> bool:
    return word.says("DISTKEY", "SORTKEY", "COMPOUND", "INTERLEAVED", "DISTSTYLE", "BACKUP", "ENCODE")


def _columns(columns: list[list[Word]]) -> list[str]:
    """The columns as PostgreSQL has them; those of a primary key are never null, and that is all it means."""
    never_null: set[str] = set()
    made = []
    for column in columns:
        if column[0].says("CONSTRAINT"):
            column = column[2:]
        if column[0].says("PRIMARY"):
            never_null.update(word.text.strip('"').lower() for word in column if word.kind in ("word", "name"))
        elif column[0].says("LIKE"):
            made.append((None, words.join(column)))
        elif not column[0].says("UNIQUE", "FOREIGN"):
            made.append((column[0].text.strip('"').lower(), _column(column)))
    return [text + (" NOT NULL" if name in never_null and " NOT NULL" not in text else "") for name, text in made]


def _column(column: list[Word]) -> str:
    """One column: its name, its type, and of its attributes those that PostgreSQL shares."""
    kind, rest = _type(column[1:])
    kept: list[str] = []
    index = 0
    while index < len(rest):
        word = rest[index]
        if word.says("ENCODE"):
            index += 2
        elif word.says("DISTKEY", "SORTKEY", "UNIQUE"):
            index += 1
        elif word.says("PRIMARY"):
            kept.append("NOT NULL")
            index += 2
        elif word.says("REFERENCES"):
            raise StatementFailed("the emulator does not know REFERENCES in a column")
        elif word.says("IDENTITY"):
            end = words.closing(rest, index + 1)
            start, step = (word.text for word in rest[index + 2 : end] if word.kind == "number")
            kept.append(f"GENERATED BY DEFAULT AS IDENTITY (START {start} INCREMENT {step})")
            index = end + 1
        elif word.says("NOT", "NULL", "DEFAULT"):
            kept.append(word.text)
            index += 1
        else:
            kept.append(word.text)
            index += 1
    return " ".join([column[0].text, kind, *kept]).replace("NOT NULL NOT NULL", "NOT NULL")


# Types whose length counts bytes: the length that they have where none is told, and the longest.
_TEXT_TYPES = {
    "VARCHAR": (256, 65535),
    "NVARCHAR": (256, 65535),
    "TEXT": (256, 256),
    "CHAR": (1, 4096),
    "BPCHAR": (256, 256),
}


def _type(column: list[Word]) -> tuple[str, list[Word]]:
    """The type at the start of these words as PostgreSQL writes it, and the words after it."""
    first, rest = column[0], column[1:]
    if first.says("CHARACTER"):
        varying = bool(rest) and rest[0].says("VARYING")
        first, rest = Word("VARCHAR" if varying else "CHAR", "word"), rest[1:] if varying else rest
    if first.says("DOUBLE"):
        return "double precision", rest[1:]
    if first.says("SUPER"):
        return "jsonb", rest
    if first.says("VARBYTE"):
        return "bytea", rest
    length: list[Word] = []
    if rest and rest[0].text == "(":
        end = words.closing(rest, 0)
        length, rest = rest[1:end], rest[end + 1 :]
    if first.says(*_TEXT_TYPES):
        default, most = _TEXT_TYPES[first.text.upper()]
        size = default if not length else most if length[0].says("MAX") else int(length[0].text)
        if not 1 <= size <= most:
            raise StatementFailed(f"length for type {first.text.lower()} cannot exceed {most}")
        # A domain of the emulator's own schema, which counts bytes.
        return f"_redshift.text_{size}", rest
    if first.says("TIMESTAMP", "TIME") and rest and rest[0].says("WITH", "WITHOUT"):
        return words.join([first, *rest[:3]]), rest[3:]
    return first.text + (f"({words.join(length)})" if length else ""), rest


def _add_column(sql: str) -> str:
    found = words.split(sql)
    at = next(i for i, word in enumerate(found) if word.says("ADD"))
    column = found[at + 2 :] if found[at + 1].says("COLUMN") else found[at + 1 :]
    if column[0].says("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN"):
        return "SELECT 1 WHERE false"
    if len(words.parts(column)) > 1:
        raise StatementFailed("syntax error: Redshift adds one column a statement")
    return words.join(found[:at]) + " ADD COLUMN " + _column(column)


def text_sizes(sql: str) -> set[int]:
    """The lengths of text that a statement of PostgreSQL needs domains for."""
    return {int(size) for size in re.findall(r"\b_redshift\.text_(\d+)\b", sql)}
