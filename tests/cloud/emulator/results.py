"""Results in pieces: a page of rows with the token of the next, and the file of all."""

from typing import Any


def page(rows: list[Any], token: str | None, size: int) -> tuple[list[Any], str | None]:
    """The rows after a token and the token after them."""
    start = int(token or 0)
    end = start + size
    return rows[start:end], str(end) if end < len(rows) else None


def csv(columns: list[tuple[str, str]], rows: list[list[str | None]]) -> bytes:
    """A result as Athena leaves it in S3: every value quoted, null empty."""

    def line(values: list[str | None]) -> str:
        return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in values) + "\n"

    return (line([name for name, _ in columns]) + "".join(line(row) for row in rows)).encode()
