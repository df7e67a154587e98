"""Athena: DuckDB answers the SQL, over the emulator's own Glue and S3."""

from . import api


def install(polls: int) -> None:
    """Puts the double in the place of moto's Athena; `polls` is how often a query is seen waiting and running."""
    api.install(polls)
