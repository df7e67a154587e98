"""A query that fails, with the reason as Athena words it."""


class QueryFailed(Exception):
    """Why a query failed: the code that Trino gives, and a sentence."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
